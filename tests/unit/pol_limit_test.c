/* pol_limit_test.c - limits: amounts, windows, all or nothing, several processes, and a process that dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "policy/pol_limit.h"
#include "policy/quota_table.h"

#define SECOND 1000000000ll
#define NOON 1767268800ll /* 2026-01-01T12:00:00Z */

static struct bench {
	void *mem;
	struct pol_limits *l;
	struct pol *p;
	struct pol_decision d;
	struct pol_charge charge;
	uint32_t worker;
} B;

static int fresh_table(void **state)
{
	(void)state;
	B.mem = mmap(NULL, pol_limits_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(B.mem != MAP_FAILED);
	return pol_limits_open(B.mem, pol_limits_size(), &B.l);
}

static int drop_table(void **state)
{
	(void)state;
	pol_free(&B.p);
	pol_limits_close(&B.l);
	assert_null(B.l);
	return munmap(B.mem, pol_limits_size());
}

static void use(const char *tools, const char *all)
{
	char doc[4096];
	pol_free(&B.p);
	snprintf(doc, sizeof(doc), "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{%s},\"all_tools\":{\"limits\":[%s]}}", tools, all);
	assert_int_equal(pol_load(view_str(doc), NULL, NULL, &B.p), 0);
}

#define L(counter, window, max, rest) "{\"counter\":\"" counter "\",\"window\":\"" window "\",\"max\":" max rest "}"
#define FROM ",\"increment_from\":\"args.n\""

/* One call at ${at} seconds; the charge stays in B.charge.  True when it was allowed. */
static bool call_by(const char *grant, const char *tool, const char *args, int64_t at)
{
	struct json_node nodes[32];
	struct json_doc doc = {0};
	if (args)
		assert_int_equal(json_scan(&doc, view_str(args), nodes, 32, NULL), 0);
	pol_judge(B.p, view_str(tool), &doc, args ? doc.node : NULL, &B.d);
	assert_int_equal(B.d.verdict, POL_ALLOW);
	memset(&B.charge, 0xa5, sizeof(B.charge));
	struct pol_who who = {.grant = grant, .server = "s", .uid = 1000, .worker = B.worker, .now = {at * SECOND}};
	pol_reserve(B.l, B.p, &who, view_str(tool), &doc, args ? doc.node : NULL, &B.d, &B.charge);
	assert_true(B.d.verdict == POL_ALLOW || (B.charge.n == 0 && B.charge.text[0] == '\0' && B.d.rule[0] == '/'));
	return B.d.verdict == POL_ALLOW;
}

static bool call(const char *tool, int64_t at)
{
	return call_by("g", tool, NULL, at);
}

static bool pay(const char *amount, int64_t at)
{
	char args[2048];
	snprintf(args, sizeof(args), "{\"n\":%s}", amount);
	return call_by("g", "t", args, at);
}

static void max_is_inclusive_and_refusals_are_free(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "hour", "3", "") "]}", "");
	for (int i = 0; i < 3; i++)
		assert_true(call("t", NOON));
	for (int i = 0; i < 3; i++)
		assert_false(call("t", NOON + 3599));
	assert_string_equal(B.d.rule, "/tools/t/limits/c");
	assert_int_equal(B.d.rule_index, 0);
	assert_string_equal(B.d.text, "Rate limit exceeded for /tools/t/limits/c: it starts again at 2026-01-01T13:00:00Z");
	assert_true(call("t", NOON + 3600));
}

static void windows_follow_the_calendar(void **state)
{
	static const struct {
		const char *window, *name;
		int64_t last, next;
	} t[] = {{"minute", "2026-01-01T12:00", NOON + 59, NOON + 60}, {"hour", "2026-01-01T12", NOON + 3599, NOON + 3600},
	    {"day", "2026-01-01", NOON + 43199, NOON + 43200}};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char tools[256], text[64];
		snprintf(tools, sizeof(tools), "\"t\":{\"limits\":[" L("c", "%s", "1", "") "]}", t[i].window);
		use(tools, "");
		assert_true(call("t", t[i].last));
		snprintf(text, sizeof(text), "c=1@%s", t[i].name);
		assert_string_equal(B.charge.text, text);
		assert_false(call("t", t[i].last));
		assert_true(call("t", t[i].next));
		assert_false(call("t", t[i].next));
	}
}

static void grants_and_tools_count_apart(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "1", "") "]},\"u\":{\"limits\":[" L("c", "day", "1", "") "]},\"tc\":{},\"v\":{}", L("c", "day", "5", ""));
	assert_true(call_by("g", "t", NULL, NOON));
	assert_false(call_by("g", "t", NULL, NOON));
	assert_string_equal(B.d.rule, "/tools/t/limits/c");
	assert_true(call_by("g", "u", NULL, NOON));
	assert_true(call_by("gt", "t", NULL, NOON));
	assert_true(call_by("", "t", NULL, NOON));
	for (int i = 0; i < 3; i++)
		assert_true(call_by("g", i ? "v" : "tc", NULL, NOON));
	assert_false(call_by("g", "v", NULL, NOON));
	assert_string_equal(B.d.rule, "/all_tools/limits/c");
	assert_true(call_by("gt", "v", NULL, NOON));
}

static void all_or_nothing(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("a", "day", "9", "") "," L("b", "hour", "2", "") "]},\"v\":{}", L("all", "day", "3", ""));
	assert_true(call("t", NOON));
	assert_string_equal(B.charge.text, "a=1@2026-01-01\x1f" "b=1@2026-01-01T12\x1f" "all_tools/all=1@2026-01-01");
	assert_true(call("t", NOON));
	for (int i = 0; i < 20; i++)
		assert_false(call("t", NOON)); /* b is full: neither a nor all may fill up */
	assert_string_equal(B.d.rule, "/tools/t/limits/b");
	assert_int_equal(B.d.rule_index, 1);
	assert_true(call("v", NOON));
	assert_false(call("v", NOON));
	assert_false(call("t", NOON + 3600));
	assert_string_equal(B.d.rule, "/all_tools/limits/all");
	assert_true(call("t", NOON + 86400));
}

static void amounts_are_exact(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "1", FROM) "]}", "");
	for (int i = 0; i < 10; i++)
		assert_true(pay("0.1", NOON));
	assert_false(pay("0.00000000001", NOON));
	assert_true(pay("0", NOON));
	assert_true(pay("-0.0", NOON));
	use("\"t\":{\"limits\":[" L("d", "day", "1000", FROM) "]}", "");
	assert_true(pay("600", NOON));
	assert_false(pay("400.00000000000000000001", NOON)); /* finer than a unit: rounded up, not cut */
	assert_false(pay("401", NOON));
	assert_true(pay("399.99", NOON));
	assert_string_equal(B.charge.text, "d=399.99@2026-01-01");
	assert_true(pay("1e-2", NOON));
	assert_false(pay("1e-2", NOON));
	use("\"t\":{\"limits\":[" L("e", "day", "9223372036854775807", FROM) "]}", "");
	assert_true(pay("9223372036854775806", NOON));
	assert_true(pay("1", NOON));
	assert_false(pay("1e-11", NOON));
}

static void amounts_that_cannot_be_told_deny(void **state)
{
	static const char *const bad[] = {"{}", "null", "{\"n\":null}", "{\"n\":\"250\"}", "{\"n\":-1}", "{\"n\":-1e-300}", "{\"n\":1e300}", "{\"n\":true}", "{\"n\":[1]}", "{\"N\":1}",
	    "{\"n\":9223372036854775808}", "{\"n\":100000000000000000000000000000000000000000000000000}"};
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "9223372036854775807", FROM) "]}", "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (call_by("g", "t", bad[i], NOON))
			fail_msg("%s was allowed", bad[i]);
		assert_string_equal(B.d.rule, "/tools/t/limits/c");
	}
	assert_false(call_by("g", "t", NULL, NOON));
	assert_true(pay("9223372036854775807", NOON)); /* none of them counted */
}

static void increments_and_texts(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "10", ",\"increment\":4,\"on_deny\":\"Enough.\",\"scope\":\"grant\"") "]}", "");
	assert_true(call("t", NOON));
	assert_string_equal(B.charge.text, "c=4@2026-01-01");
	assert_true(call("t", NOON));
	assert_false(call("t", NOON));
	assert_string_equal(B.d.text, "Enough.");
	assert_false(B.d.unknown_tool);
}

static void settling_gives_back_only_to_its_own_window(void **state)
{
	struct pol_charge old;
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "hour", "2", "") "]}", "");
	assert_true(call("t", NOON));
	old = B.charge;
	assert_true(call("t", NOON));
	pol_settle(B.l, &B.charge, POL_COMMIT);
	assert_int_equal(B.charge.n, 0);
	assert_false(call("t", NOON));
	pol_settle(B.l, &old, POL_REFUND);
	assert_true(call("t", NOON));
	pol_settle(B.l, &old, POL_REFUND); /* a second time does nothing */
	assert_false(call("t", NOON));
	assert_true(call("t", NOON + 3600));
	old = B.charge;
	assert_true(call("t", NOON + 3600));
	assert_true(call("t", NOON + 7200));
	assert_true(call("t", NOON + 7200));
	pol_settle(B.l, &old, POL_REFUND);
	assert_false(call("t", NOON + 7200));
}

/* A clock that is set back must not refill anything. */
static void a_clock_may_jump(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "hour", "1", "") "]}", "");
	assert_true(call("t", NOON + 3600));
	assert_false(call("t", NOON + 3599));
	assert_false(call("t", NOON + 3600));
	assert_true(call("t", NOON + 90000000));
	assert_false(call("t", NOON)); /* the window that it knows is full, and no other may begin */
	assert_false(call("t", -5));
	assert_true(call("t", NOON + 90003600));
}

static void counters_survive_a_new_policy_and_a_restart(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "2", "") "]}", "");
	assert_true(call("t", NOON));
	assert_true(call("t", NOON));
	use("\"t\":{\"deny_if\":[],\"limits\":[" L("c", "day", "3", "") "]}", "");
	assert_true(call("t", NOON));
	assert_false(call("t", NOON));
	pol_limits_close(&B.l);
	assert_int_equal(pol_limits_open(B.mem, pol_limits_size(), &B.l), 0);
	assert_false(call("t", NOON));
	use("\"t\":{\"limits\":[" L("c", "day", "2", "") "]}", "");
	assert_false(call("t", NOON));
}

static void refuses_other_memory(void **state)
{
	struct pol_limits *l;
	(void)state;
	assert_int_equal(pol_limits_open(B.mem, pol_limits_size() - 1, &l), -ERR_CORRUPT);
	assert_null(l);
	memset(B.mem, 0x5a, 64);
	assert_int_equal(pol_limits_open(B.mem, pol_limits_size(), &l), -ERR_CORRUPT);
}

static void a_denied_call_reserves_nothing(void **state)
{
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "1", "") "]}", "");
	B.d = (struct pol_decision){.verdict = POL_DENY};
	pol_reserve(B.l, B.p, &(struct pol_who){.grant = "g", .server = "s", .now = {NOON * SECOND}}, VIEW_LIT("t"), &(struct json_doc){0}, NULL, &B.d, &B.charge);
	assert_int_equal(B.charge.n, 0);
	assert_true(call("t", NOON));
}

enum { PROCS = 4, TRIES = 20000 };

/* Counters under load from several processes: exactly max calls get through, and what is given back can be had again. */
static void processes_share_counters(void **state)
{
	unsigned *allowed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[PROCS];
	unsigned sum = 0;
	(void)state;
	assert_true((void *)allowed != MAP_FAILED);
	use("\"t\":{\"limits\":[" L("c", "day", "30000", "") "]},\"u\":{\"limits\":[" L("x", "day", "3", "") "]}", L("all", "day", "9000000", ""));
	for (int i = 0; i < PROCS; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i])
			continue;
		B.worker = (uint32_t)i;
		for (int k = 0; k < TRIES; k++) {
			allowed[i] += call("t", NOON);
			pol_settle(B.l, &B.charge, POL_COMMIT);
			if (call("u", NOON))
				pol_settle(B.l, &B.charge, POL_REFUND);
		}
		_exit(0);
	}
	for (int i = 0; i < PROCS; i++) {
		int status;
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
		sum += allowed[i];
	}
	assert_int_equal(sum, 30000);
	for (int i = 0; i < 3; i++)
		assert_true(call("u", NOON));
	assert_false(call("u", NOON));
	munmap(allowed, 4096);
}

/* Processes that are killed while they count and while they find places for new names. */
static void a_killed_process_blocks_nobody(void **state)
{
	char grant[32];
	(void)state;
	use("\"t\":{\"limits\":[" L("c", "day", "1000000000", "") "]},\"u\":{\"limits\":[" L("x", "day", "1", "") "]}", "");
	for (int round = 0; round < 30; round++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pid == 0)
			(void)pol_limits_claim(B.l, B.worker = 1);
		if (pid == 0)
			for (unsigned k = 0;; k++) {
				snprintf(grant, sizeof(grant), "child-%u", round % 5 * 700 + k % 700);
				call_by(grant, "t", NULL, NOON);
				pol_settle(B.l, &B.charge, POL_COMMIT);
			}
		for (int k = 0; k < 300; k++) {
			snprintf(grant, sizeof(grant), "parent-%d-%d", round, k);
			assert_true(call_by(grant, "u", NULL, NOON));
			pol_settle(B.l, &B.charge, POL_COMMIT);
			assert_false(call_by(grant, "u", NULL, NOON));
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		snprintf(grant, sizeof(grant), "after-%d", round);
		assert_true(call_by(grant, "u", NULL, NOON));
	}
}

static struct quota_claim claim(uint64_t n, unsigned kind, int64_t seconds)
{
	quota_hash_t name = quota_hash_sized(QUOTA_HASH_START, view_of(&n, sizeof(n)));
	return (struct quota_claim){.name = name, .kind = kind, .amount = 1, .max = 1, .window = quota_table_window(kind, seconds)};
}

/* A holder that died is robbed of the lock; places are used again when their window is long over; a full table refuses. */
static void the_table_fills_and_ages(void **state)
{
	struct quota_table *t = quota_table_open(B.mem, pol_limits_size());
	unsigned placed = 0, again = 0, n = 40000;
	(void)state;
	((uint64_t *)B.mem)[1] = 77; /* the lock: held by nobody who lives */
	for (unsigned i = 0; i < n; i++) {
		struct quota_claim q = claim(i, 0, NOON);
		enum quota_answer a = quota_table_add(t, &q, 1);
		assert_true(a == QUOTA_YES || (a == QUOTA_FULL && i > 10000));
		placed += a == QUOTA_YES;
		if (a == QUOTA_YES) {
			assert_int_equal(quota_table_add(t, &q, 1), QUOTA_NO);
			again++;
		}
	}
	assert_true(placed > 25000 && placed <= 1 << 15);
	assert_int_equal(again, placed);
	struct quota_claim q = claim(1u << 30, 0, NOON + 86400); /* not old enough yet */
	unsigned full = 0;
	for (unsigned i = 0; i < 200; i++) {
		q = claim((1u << 30) + i, 0, NOON + 86400);
		full += quota_table_add(t, &q, 1) == QUOTA_FULL;
	}
	assert_true(full > 100);
	for (unsigned i = 0; i < 20000; i++) {
		q = claim((1u << 29) + i, 2, NOON + 3 * 86400);
		assert_int_equal(quota_table_add(t, &q, 1), QUOTA_YES);
		struct quota_claim once_more = q;
		assert_int_equal(quota_table_add(t, &once_more, 1), QUOTA_NO);
	}
	quota_table_back(t, q.slot, quota_table_window(0, NOON), 1); /* who came too late gives back to nobody */
	assert_int_equal(quota_table_add(t, &q, 1), QUOTA_NO);
	quota_table_back(t, q.slot, q.window, 1);
	assert_int_equal(quota_table_add(t, &q, 1), QUOTA_YES);
}

/* A process that died in the middle of taking over a place has left it frozen; nobody may count there, everybody may go on. */
static void a_frozen_place_is_thawed(void **state)
{
	struct quota_table *t = quota_table_open(B.mem, pol_limits_size());
	struct quota_claim q = claim(7, 1, NOON);
	(void)state;
	assert_int_equal(quota_table_add(t, &q, 1), QUOTA_YES);
	unsigned __int128 *word = (unsigned __int128 *)(void *)((uint8_t *)B.mem + 64 + q.slot * 32 + 16);
	assert_true((uint64_t)(*word >> 100) == quota_table_window(1, NOON));
	*word = (unsigned __int128)((1u << 28) - 1) << 100;
	q = claim(7, 1, NOON);
	assert_int_equal(quota_table_look(t, &q, 1), QUOTA_YES);
	assert_int_equal(quota_table_add(t, &q, 1), QUOTA_YES);
	assert_int_equal(quota_table_add(t, &q, 1), QUOTA_NO);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh_table, drop_table)
	const struct CMUnitTest tests[] = {
	    TEST(max_is_inclusive_and_refusals_are_free),
	    TEST(windows_follow_the_calendar),
	    TEST(grants_and_tools_count_apart),
	    TEST(all_or_nothing),
	    TEST(amounts_are_exact),
	    TEST(amounts_that_cannot_be_told_deny),
	    TEST(increments_and_texts),
	    TEST(settling_gives_back_only_to_its_own_window),
	    TEST(a_clock_may_jump),
	    TEST(counters_survive_a_new_policy_and_a_restart),
	    TEST(refuses_other_memory),
	    TEST(a_denied_call_reserves_nothing),
	    TEST(processes_share_counters),
	    TEST(a_killed_process_blocks_nobody),
	    TEST(the_table_fills_and_ages),
	    TEST(a_frozen_place_is_thawed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
