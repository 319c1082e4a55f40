/*
 * limits_crash_test.c - money through crashes: eight processes reserve in one mapped file, some are killed at random moments, and at one
 * moment the power goes: what is left is an older copy of the file, taken while they counted, and the records.
 *
 * The oracle is what the processes wrote down before they would have forwarded a call, as a worker does: in no window more than its maximum
 * was let through, whatever the clock did; and nothing that was let through is missing from the counters, to the last place behind the point.
 * CALLS (each process), SEED, ROUNDS.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "audit/charges.h"
#include "base/fd.h"
#include "ipc/charge_row.h"
#include "policy/dec.h"
#include "policy/pol_limit.h"

enum { WORKERS = 8, KILLED = 2, KEYS = 512, HOUR = 3600 };
#define NOON 1767268800ll /* 2026-01-01T12:00:00Z */
#define SECOND 1000000000ll

static unsigned calls, rounds;
static uint64_t seed;
static char dir[64];
static struct pol *policy;
static struct shared { /* between the processes */
	_Atomic int64_t clock; /* seconds */
	_Atomic unsigned left[WORKERS];
	_Atomic unsigned floor; /* nobody begins a call while no more are left: the parent is slower than they are */
	_Atomic uint64_t denied[WORKERS];
} *S;

static uint64_t rnd(uint64_t *s)
{
	*s += 0x9e3779b97f4a7c15u;
	uint64_t z = (*s ^ (*s >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void path_of(const char *name, unsigned i, char out[96])
{
	snprintf(out, 96, "%s/%s%u", dir, name, i);
}

static struct pol_limits *counters(void **mem)
{
	struct pol_limits *l;
	char path[96];
	path_of("limits", 0, path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && ftruncate(fd, (off_t)pol_limits_size()) == 0);
	*mem = mmap(NULL, pol_limits_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(*mem != MAP_FAILED);
	close(fd);
	assert_int_equal(pol_limits_open(*mem, pol_limits_size(), &l), 0);
	return l;
}

/* The count is the tightest: it fills up some time after the power cut. */
static uint64_t max_count(void) { return (uint64_t)calls * WORKERS * 55 / 100; }
static uint64_t max_money(void) { return (uint64_t)calls * WORKERS * 65 / 100; }
static uint64_t max_sliding(void) { return (uint64_t)calls * WORKERS * 7 / 10; }
static uint64_t max_user(void) { return (uint64_t)calls * WORKERS * 8 / 10; }

static void make_policy(void)
{
	char doc[2048];
	snprintf(doc, sizeof(doc),
	    "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"t\":{\"limits\":[{\"counter\":\"c\",\"window\":\"hour\",\"max\":%llu},"
	    "{\"counter\":\"m\",\"window\":\"hour\",\"max\":%llu,\"increment_from\":\"args.n\"}]}},"
	    "\"x-callgate\":{\"version\":1,\"tools\":{\"t\":{\"limits\":[{\"counter\":\"s\",\"window\":\"sliding_hour\",\"max\":%llu,\"scope\":\"server\"},"
	    "{\"counter\":\"u\",\"window\":\"month\",\"max\":%llu,\"increment_from\":\"args.n\",\"scope\":\"user\"}]}}}}",
	    (unsigned long long)max_count(), (unsigned long long)max_money(), (unsigned long long)max_sliding(), (unsigned long long)max_user());
	assert_int_equal(pol_load(view_str(doc), NULL, NULL, &policy), 0);
}

/* The line that callgate-audit would write, whole or not at all. */
static void record(int log, const struct pol_charge *charge, int64_t now)
{
	char line[4096], ts[WALL_TEXT], list[2600];
	size_t n = 0;
	wall_text((struct wall){now * SECOND}, ts);
	for (const char *p = charge->text; *p; p++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, *p == 0x1f ? "\",\"" : "%c", *p);
	int len = snprintf(line, sizeof(line),
	    "{\"kind\":\"call\",\"seq\":1,\"ts\":\"%s\",\"host\":\"h\",\"boot\":\"b\",\"uid\":1000,\"server\":\"s\",\"tool\":\"t\",\"grant\":\"g\",\"charges\":[\"%s\"]}\n", ts, list);
	if (write(log, line, (size_t)len) != len)
		_exit(3);
}

/* A call that was certainly not sent: it says so before it gives its charge back. */
static void record_refund(int log, const struct pol_charge *charge)
{
	char line[POL_CHARGES_TEXT + 2];
	int len = snprintf(line, sizeof(line), "-%s\n", charge->text);
	if (write(log, line, (size_t)len) != len)
		_exit(3);
}

static unsigned left(void)
{
	unsigned n = 0;
	for (unsigned w = 0; w < WORKERS; w++)
		n += S->left[w];
	return n;
}

static void work(unsigned me, uint64_t s)
{
	char path[96];
	void *mem;
	struct pol_limits *l = counters(&mem);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	path_of("log", me, path);
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	(void)pol_limits_claim(l, me);
	for (; S->left[me]; S->left[me]--) {
		char args[64];
		struct json_node nodes[8];
		struct json_doc doc = {0};
		struct pol_charge charge;
		struct pol_decision d;
		uint64_t r = rnd(&s);
		while (left() <= S->floor && S->floor)
			usleep(50);
		int64_t now = S->clock;
		snprintf(args, sizeof(args), "{\"n\":%u.%02u}", (unsigned)(r & 1), (unsigned)(r >> 8) % 100);
		if (json_scan(&doc, view_str(args), nodes, 8, NULL))
			_exit(4);
		pol_judge(policy, VIEW_LIT("t"), &doc, doc.node, &d);
		struct pol_who who = {.grant = "g", .server = "s", .uid = 1000, .worker = me, .now = {now * SECOND}};
		pol_reserve(l, policy, &who, VIEW_LIT("t"), &doc, doc.node, &d, &charge);
		if (d.verdict != POL_ALLOW) {
			S->denied[me]++;
			continue;
		}
		record(log, &charge, now);
		bool refund = (r >> 32) % 50 == 0;
		if (refund)
			record_refund(log, &charge);
		pol_settle(l, &charge, refund ? POL_REFUND : (r >> 40) % 50 == 0 ? POL_UNCERTAIN : POL_COMMIT);
	}
	_exit(0);
}

/* A line that was being written when its process was killed was never acknowledged: its call was not forwarded. */
static void cut_torn(unsigned me)
{
	char path[96];
	struct buf b = {0};
	path_of("log", me, path);
	if (fd_slurp(AT_FDCWD, path, 1u << 30, &b))
		return;
	const uint8_t *end = b.len ? memrchr(buf_view(&b).p, '\n', b.len) : NULL;
	assert_int_equal(truncate(path, end ? end + 1 - buf_view(&b).p : 0), 0);
	buf_free(&b);
}

static pid_t start(unsigned me, uint64_t s)
{
	cut_torn(me);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		work(me, s);
	return pid;
}

/* ---- the oracle ---- */

static struct key {
	char text[96]; /* COUNTER@WINDOW */
	unsigned __int128 sum;
} key[KEYS];
static size_t keys;
static unsigned records;

static void tally(const char *p, int sign)
{
	while (*p) {
		struct dec d;
		dec_units_t amount;
		char name[96];
		size_t k = 0;
		const char *end = p + strcspn(p, "\x1f\""), *eq = memchr(p, '=', (size_t)(end - p)), *at = memchr(p, '@', (size_t)(end - p));
		assert_true(eq && at);
		assert_int_equal(dec_parse(view_of(eq + 1, (size_t)(at - eq) - 1), &d), 0);
		assert_int_equal(dec_units(&d, POL_LIMIT_SCALE, &amount), 0);
		snprintf(name, sizeof(name), "%.*s%.*s", (int)(eq - p), p, (int)(end - at), at);
		while (k < keys && strcmp(key[k].text, name) != 0)
			k++;
		assert_true(k < KEYS);
		if (k == keys)
			snprintf(key[keys++].text, sizeof(name), "%s", name);
		key[k].sum += sign > 0 ? amount : -amount;
		p = end + (*end == '"' && end[1] == ',' ? 3 : 1);
		if (*end != 0x1f && !(*end == '"' && end[1] == ','))
			break;
	}
}

static void read_logs(void)
{
	char line[8192], path[96];
	keys = records = 0;
	memset(key, 0, sizeof(key));
	for (unsigned w = 0; w < WORKERS; w++) {
		path_of("log", w, path);
		FILE *f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (line[0] != '-') {
				const char *c = strstr(line, "\"charges\":[\"");
				assert_non_null(c);
				tally(c + 12, 1);
				records++;
				continue;
			}
			line[strcspn(line, "\n")] = '\0';
			tally(line + 1, -1);
		}
		if (f)
			fclose(f);
	}
}

static unsigned __int128 units(uint64_t n)
{
	return (unsigned __int128)n * 100000000000u;
}

static struct wall start_of(const char *window)
{
	char text[WALL_TEXT];
	struct wall at;
	snprintf(text, sizeof(text), "%.19sZ", window);
	assert_int_equal(wall_parse(text, &at), 0);
	return at;
}

/* Never above: each calendar window by itself; of a sliding one every seven buckets in a row. */
static void check_maxima(void)
{
	for (size_t i = 0; i < keys; i++) {
		const char *at = strchr(key[i].text, '@') + 1;
		unsigned __int128 sum = key[i].sum;
		uint64_t max = strncmp(key[i].text, "c@", 2) == 0 ? max_count() : strncmp(key[i].text, "m@", 2) == 0 ? max_money() : max_user();
		if (strstr(key[i].text, "~")) {
			int64_t from = start_of(at).ns;
			max = max_sliding();
			for (size_t k = 0; k < keys; k++) {
				if (k == i || !strstr(key[k].text, "~"))
					continue;
				int64_t other = start_of(strchr(key[k].text, '@') + 1).ns;
				sum += other > from && other < from + 7 * 600 * SECOND ? key[k].sum : 0;
			}
		}
		if (sum > units(max))
			fail_msg("%s: %llu thousandths were let through, of %llu", key[i].text, (unsigned long long)(sum / 100000000), (unsigned long long)max * 1000);
	}
}

/* Nothing was charged twice either: what was asked for above the maximum has filled it, but for what was given back before the cut. */
static void check_filled(void)
{
	unsigned __int128 most = 0;
	for (size_t i = 0; i < keys; i++)
		if (strncmp(key[i].text, "c@", 2) == 0 && key[i].sum > most)
			most = key[i].sum;
	/* Or, when much fell into the hour before, the sliding one. */
	assert_true(most >= units(max_count() / 100 * 95) || records >= max_sliding() / 100 * 95);
}

/* ---- after the power cut ---- */

static void from_records(struct pol_limits *again, int64_t now)
{
	char line[8192], path[96];
	struct charges *sum;
	struct buf rows = {0};
	struct charge_row row;
	size_t n;
	assert_int_equal(charges_new((struct wall){now * SECOND}, &sum), 0);
	for (unsigned w = 0; w < WORKERS; w++) {
		path_of("log", w, path);
		FILE *f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f))
			assert_int_equal(charges_line(sum, view_of(line, strcspn(line, "\n"))), 0);
		if (f)
			fclose(f);
	}
	assert_int_equal(charges_unread(sum), 0);
	assert_int_equal(charges_rows(sum, &rows, &n), 0);
	charges_free(&sum);
	struct view in = buf_view(&rows);
	while (charge_row_take(&in, &row) > 0) {
		struct pol_who who = {.grant = "g", .server = "s", .uid = row.uid};
		assert_true(view_is(row.grant, "g") && view_is(row.server, "s"));
		assert_int_equal(pol_limits_replay(again, row.charge, &who, row.tool), 1);
		n--;
	}
	assert_int_equal(n, 0);
	buf_free(&rows);
}

/* The counters say at least what the records do: an independent reader asks each by charging nothing. */
static void check_counters(struct pol_limits *l, int64_t now)
{
	struct json_node nodes[8];
	struct json_doc doc = {0};
	struct pol_charge charge;
	struct pol_decision d;
	struct pol_sum s;
	assert_int_equal(json_scan(&doc, VIEW_LIT("{\"n\":0}"), nodes, 8, NULL), 0);
	pol_judge(policy, VIEW_LIT("t"), &doc, doc.node, &d);
	struct pol_who who = {.grant = "g", .server = "s", .uid = 1000, .worker = 20, .now = {now * SECOND}};
	pol_reserve(l, policy, &who, VIEW_LIT("t"), &doc, doc.node, &d, &charge);
	if (d.verdict != POL_ALLOW)
		return; /* one of them is full: nothing more can be let through there */
	const char *p = charge.text;
	for (uint32_t i = 0; i < charge.n; i++) {
		char name[96];
		const char *end = p + strcspn(p, "\x1f"), *eq = memchr(p, '=', (size_t)(end - p)), *at = memchr(p, '@', (size_t)(end - p));
		snprintf(name, sizeof(name), "%.*s%.*s", (int)(eq - p), p, (int)(end - at), at);
		pol_limits_sum(l, &charge, i, &s);
		for (size_t k = 0; k < keys; k++)
			if (strcmp(key[k].text, name) == 0 && s.used < key[k].sum)
				fail_msg("%s: lost: the counter says less than the records", name);
		p = end + 1;
	}
	pol_settle(l, &charge, POL_REFUND);
}

static void copy_counters(void)
{
	char from[96], to[96];
	struct buf b = {0};
	path_of("limits", 0, from);
	path_of("older", 0, to);
	assert_int_equal(fd_slurp(AT_FDCWD, from, 64 << 20, &b), 0);
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, buf_view(&b)), 0);
	close(fd);
	buf_free(&b);
}

static void kill_one(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	assert_int_equal(waitpid(*pid, NULL, 0), *pid);
	*pid = -1;
}

/* The clock goes on, and is set back and forth over the hour. */
static void set_clock(uint64_t *s)
{
	S->clock = NOON + HOUR + (int64_t)(rnd(s) % 4200) - 2100;
}

/* All processes until ${enough} calls are left, with kills on the way. */
static unsigned stretch(pid_t pid[WORKERS], unsigned enough, unsigned kills, uint64_t *s)
{
	unsigned begun = left(), killed = 0, set = 0;
	S->floor = enough - enough / 10;
	while (left() > enough || killed < kills) {
		usleep(100);
		if (set < 40 && begun - left() > (begun - enough) / 41 * (set + 1) && ++set)
			set_clock(s);
		if (killed < kills && (begun - left() > (begun - enough) / (kills + 1) * (killed + 1) || left() <= enough)) {
			unsigned w = (unsigned)(rnd(s) % WORKERS);
			kill_one(&pid[w]);
			pid[w] = start(w, rnd(s));
			killed++;
		}
	}
	return killed;
}

static void round_of(uint64_t s)
{
	pid_t pid[WORKERS];
	char path[96];
	void *mem;
	S->clock = NOON + HOUR - 5;
	for (unsigned w = 0; w < WORKERS; w++) {
		path_of("log", w, path);
		unlink(path);
		S->left[w] = calls;
		S->denied[w] = 0;
	}
	path_of("limits", 0, path);
	unlink(path);
	struct pol_limits *l = counters(&mem);
	for (unsigned w = 0; w < WORKERS; w++)
		pid[w] = start(w, rnd(&s));
	unsigned all = calls * WORKERS, copy_at = all / 10 * (7 + rnd(&s) % 3), cut_at = copy_at - all / 10 * (1 + rnd(&s) % 2);
	unsigned killed = stretch(pid, copy_at, 1, &s);
	copy_counters();
	killed += stretch(pid, cut_at, 1, &s);
	for (unsigned w = 0; w < WORKERS; w++) /* the power goes: wherever they are */
		kill(pid[w], SIGKILL);
	for (unsigned w = 0; w < WORKERS; w++) {
		kill_one(&pid[w]);
		cut_torn(w);
	}
	pol_limits_close(&l);
	munmap(mem, pol_limits_size());
	char older[96];
	path_of("older", 0, older);
	assert_int_equal(rename(older, path), 0);
	l = counters(&mem);
	struct pol_limits *again;
	assert_int_equal(pol_limits_again(&again), 0);
	from_records(again, S->clock);
	assert_true(pol_limits_raise(l, again, 0));
	read_logs();
	check_maxima();
	check_counters(l, S->clock);
	assert_true(pol_limits_raise(l, again, 1)); /* a second worker does the same, and nothing changes */
	pol_limits_close(&again);
	unsigned before = records;
	for (unsigned w = 0; w < WORKERS; w++)
		pid[w] = start(w, rnd(&s));
	killed += stretch(pid, 0, KILLED, &s);
	for (unsigned w = 0; w < WORKERS; w++)
		if (pid[w] > 0)
			assert_int_equal(waitpid(pid[w], NULL, 0), pid[w]);
	read_logs();
	check_maxima();
	check_counters(l, S->clock);
	check_filled();
	assert_true(killed >= KILLED && before && records > before);
	uint64_t denied = 0;
	for (unsigned w = 0; w < WORKERS; w++)
		denied += S->denied[w];
	assert_true(denied > 0);
	fprintf(stderr, "# %u let through, %u before the power cut, %llu refused, %u processes killed besides\n", records, before, (unsigned long long)denied, killed);
	pol_limits_close(&l);
	munmap(mem, pol_limits_size());
}

static void money_survives(void **state)
{
	(void)state;
	for (unsigned i = 0; i < rounds; i++)
		round_of(seed + i);
}

static int setup(void **state)
{
	const char *n = getenv("CALLS"), *s = getenv("SEED"), *r = getenv("ROUNDS");
	(void)state;
	calls = n ? (unsigned)strtoul(n, NULL, 10) : 4000;
	seed = s ? strtoull(s, NULL, 10) : 1;
	rounds = r ? (unsigned)strtoul(r, NULL, 10) : 2;
	snprintf(dir, sizeof(dir), "/tmp/limits-crash-XXXXXX");
	S = mmap(NULL, sizeof(*S), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_policy();
	return (void *)S == MAP_FAILED || !mkdtemp(dir);
}

static int teardown(void **state)
{
	char cmd[96];
	(void)state;
	pol_free(&policy);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(money_survives)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
