/* limits_again_test.c - what is reserved and what is uncertain; counters made up again from records, of every window and scope. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "audit/charges.h"
#include "base/err.h"
#include "ipc/charge_row.h"
#include "policy/dec.h"
#include "policy/pol_limit.h"

#define SECOND 1000000000ll
#define NOON 1767268800ll /* 2026-01-01T12:00:00Z */

static struct bench {
	struct pol_limits *l;
	struct pol *p;
	struct pol_decision d;
	struct pol_charge charge;
	uint32_t worker, uid;
	const char *grant, *server;
	struct buf lines; /* records, as the audit has them */
	unsigned n;
} B;

static int fresh(void **state)
{
	(void)state;
	memset(&B, 0, sizeof(B));
	B.grant = "g";
	B.server = "s";
	B.uid = 1000;
	return pol_limits_again(&B.l);
}

static int drop(void **state)
{
	(void)state;
	pol_free(&B.p);
	pol_limits_close(&B.l);
	buf_free(&B.lines);
	return 0;
}

static void use(const char *tool_limits, const char *all, const char *extra_tool, const char *extra_all)
{
	char doc[8192];
	snprintf(doc, sizeof(doc), "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"t\":{\"limits\":[%s]},\"u\":{}},\"all_tools\":{\"limits\":[%s]},"
	    "\"x-callgate\":{\"version\":1,\"tools\":{\"t\":{\"limits\":[%s]}},\"limits\":[%s]}}", tool_limits, all, extra_tool, extra_all);
	pol_free(&B.p);
	assert_int_equal(pol_load(view_str(doc), NULL, NULL, &B.p), 0);
}

static void line_of(const char *tool, int64_t at)
{
	char ts[WALL_TEXT];
	wall_text((struct wall){at * SECOND}, ts);
	assert_int_equal(buf_printf(&B.lines, "{\"kind\":\"call\",\"seq\":%u,\"ts\":\"%s\",\"host\":\"h\",\"boot\":\"b\",\"uid\":%u,\"server\":\"%s\",\"tool\":\"%s\","
	    "\"verdict\":\"allow\",\"grant\":\"%s\",\"charges\":[\"", ++B.n, ts, B.uid, B.server, tool, B.grant), 0);
	for (const char *p = B.charge.text; *p; p++)
		assert_int_equal(*p == 0x1f ? buf_puts(&B.lines, "\",\"") : *p == '"' || *p == '\\' ? buf_printf(&B.lines, "\\%c", *p) : buf_printf(&B.lines, "%c", *p), 0);
	assert_int_equal(buf_puts(&B.lines, "\"]}\n"), 0);
}

static bool call(const char *tool, const char *amount, int64_t at)
{
	struct json_node nodes[8];
	struct json_doc doc = {0};
	char args[256];
	snprintf(args, sizeof(args), "{\"n\":%s}", amount);
	assert_int_equal(json_scan(&doc, view_str(args), nodes, 8, NULL), 0);
	pol_judge(B.p, view_str(tool), &doc, doc.node, &B.d);
	struct pol_who who = {.grant = B.grant, .server = B.server, .uid = B.uid, .worker = B.worker, .now = {at * SECOND}};
	pol_reserve(B.l, B.p, &who, view_str(tool), &doc, doc.node, &B.d, &B.charge);
	if (B.d.verdict != POL_ALLOW)
		return false;
	line_of(tool, at);
	return true;
}

static void sum_is(uint32_t i, unsigned used, unsigned reserved, unsigned uncertain)
{
	struct pol_sum s;
	const unsigned __int128 unit = 100000000000u;
	pol_limits_sum(B.l, &B.charge, i, &s);
	assert_true(s.used == used * unit && s.reserved == reserved * unit && s.uncertain == uncertain * unit);
}

#define L(counter, window, max, rest) "{\"counter\":\"" counter "\",\"window\":\"" window "\",\"max\":" max rest "}"
#define FROM ",\"increment_from\":\"args.n\""

static void three_states(void **state)
{
	struct pol_charge first;
	(void)state;
	use(L("c", "hour", "100", FROM), "", "", "");
	assert_true(call("t", "5", NOON));
	sum_is(0, 5, 5, 0);
	first = B.charge;
	assert_true(call("t", "7", NOON));
	sum_is(0, 12, 12, 0);
	struct pol_charge second = B.charge;
	pol_settle(B.l, &first, POL_COMMIT);
	sum_is(0, 12, 7, 0);
	pol_settle(B.l, &second, POL_UNCERTAIN);
	sum_is(0, 12, 0, 7);
	assert_true(call("t", "11", NOON));
	sum_is(0, 23, 11, 7);
	first = B.charge;
	pol_settle(B.l, &first, POL_REFUND);
	sum_is(0, 12, 0, 7);
	assert_true(call("t", "1", NOON + 3600));
	sum_is(0, 1, 1, 0); /* another window */
}

/* A worker dies between reserve and settle, its slot's next one finds out. */
static void what_a_dead_worker_held_is_uncertain(void **state)
{
	(void)state;
	use(L("c", "hour", "100", FROM) "," L("d", "day", "100", ""), "", "", "");
	assert_int_equal(pol_limits_claim(B.l, 3), 0);
	B.worker = 3;
	assert_true(call("t", "20", NOON));
	assert_true(call("t", "30", NOON));
	B.worker = 4;
	assert_true(call("t", "2", NOON));
	sum_is(0, 52, 52, 0);
	assert_int_equal(pol_limits_claim(B.l, 3), 4); /* two calls of two limits */
	sum_is(0, 52, 2, 50);
	sum_is(1, 3, 1, 2);
	assert_int_equal(pol_limits_claim(B.l, 3), 0);
	B.worker = 3;
	assert_false(call("t", "49", NOON)); /* it stays counted */
	assert_true(call("t", "48", NOON));
}

static void a_sliding_window_knows_no_way_back(void **state)
{
	(void)state;
	use("", "", L("s", "sliding_hour", "10", FROM), "");
	assert_true(call("t", "10", NOON + 1500));
	assert_false(call("t", "1", NOON + 1500 + 3600));
	assert_true(call("t", "4", NOON + 1500 + 4200)); /* the bucket's place is its seventh successor's now */
	for (int64_t back = 0; back < 8000; back += 300)
		assert_false(call("t", "7", NOON + 1500 + 4200 - back));
	assert_true(call("t", "6", NOON - 90000)); /* what is left is counted in the newest bucket */
	assert_non_null(strstr(B.charge.text, "=6@2026-01-01T13:30:00~hour"));
	assert_false(call("t", "0.1", NOON + 5700 + 3600));
	assert_true(call("t", "10", NOON + 5700 + 4200));
}

/* ---- from the records ---- */

static unsigned unread;

static void made_up(struct pol_limits *again, int64_t now, size_t *rows)
{
	struct view in = buf_view(&B.lines);
	struct charges *sum;
	struct buf out = {0};
	struct charge_row row;
	assert_int_equal(charges_new((struct wall){now * SECOND}, &sum), 0);
	while (in.n) {
		const uint8_t *end = memchr(in.p, '\n', in.n);
		assert_int_equal(charges_line(sum, view_of(in.p, (size_t)(end - in.p))), 0);
		in = view_skip(in, (size_t)(end - in.p) + 1);
	}
	unread = (unsigned)charges_unread(sum);
	assert_int_equal(charges_rows(sum, &out, rows), 0);
	charges_free(&sum);
	in = buf_view(&out);
	while (charge_row_take(&in, &row) > 0) {
		char grant[64], server[64];
		snprintf(grant, sizeof(grant), "%.*s", (int)row.grant.n, (const char *)row.grant.p);
		snprintf(server, sizeof(server), "%.*s", (int)row.server.n, (const char *)row.server.p);
		struct pol_who who = {.grant = grant, .server = server, .uid = row.uid};
		assert_int_equal(pol_limits_replay(again, row.charge, &who, row.tool), 1);
	}
	buf_free(&out);
}

/* Every list, scope and window, names that are not written out: counters from the records alone refuse exactly what the old ones did. */
static void every_counter_comes_back(void **state)
{
	static const char *const windows[] = {"minute", "hour", "day", "month", "sliding_minute", "sliding_hour", "sliding_day"};
	static const char *const scopes[] = {"grant", "user", "server", "tool"};
	static const char *const names[] = {"c", "a longer name, with blanks = @ / ", "#x", "\xc3\xbc"};
	(void)state;
	for (unsigned w = 0; w < 7; w++)
		for (unsigned k = 0; k < 24; k++) {
			char limit[256];
			bool format = k >= 16; /* tools' and all_tools' limits */
			bool all = k & 4;
			if (format && w > 2)
				continue;
			snprintf(limit, sizeof(limit), "{\"counter\":\"%s\",\"window\":\"%s\",\"max\":10,\"scope\":\"%s\"%s}", names[(k + w) % 4], windows[w],
			    format ? "grant" : scopes[k % 4], all ? ",\"increment\":3" : FROM);
			buf_reset(&B.lines);
			pol_limits_close(&B.l);
			assert_int_equal(pol_limits_again(&B.l), 0);
			use(format && !all ? limit : "", format && all ? limit : "", !format && !all ? limit : "", !format && all ? limit : "");
			for (int i = 0; i < 3; i++)
				assert_true(call("t", "2.00000000001", NOON + i));
			struct pol_limits *again, *old = B.l;
			size_t rows;
			assert_int_equal(pol_limits_again(&again), 0);
			made_up(again, NOON + 5, &rows);
			assert_int_equal(rows, 1);
			assert_int_equal(unread, 0);
			/* Three ways: into nothing, into what is whole, twice. */
			B.l = again;
			bool third = all;
			assert_int_equal(call("t", third ? "0" : "3.99999999998", NOON + 6), false);
			B.l = old;
			assert_true(pol_limits_raise(old, again, 1) && pol_limits_raise(old, again, 1));
			assert_int_equal(call("t", third ? "0" : "3.99999999998", NOON + 6), false);
			if (!third)
				assert_true(call("t", "3.99999999997", NOON + 6));
			pol_limits_close(&again);
		}
}

static void an_older_file_is_raised(void **state)
{
	struct pol_limits *old, *again;
	size_t rows;
	(void)state;
	use(L("c", "day", "10", FROM) "," L("h", "hour", "8", FROM), L("all", "minute", "9", ""), L("srv", "month", "20", FROM ",\"scope\":\"server\""), "");
	assert_int_equal(pol_limits_again(&old), 0);
	struct pol_limits *live = B.l;
	B.l = old;
	assert_true(call("t", "3", NOON)); /* the copy and the live one both have it */
	B.l = live;
	buf_reset(&B.lines);
	assert_true(call("t", "3", NOON));
	assert_true(call("t", "2.5", NOON + 1));
	B.grant = "other";
	assert_true(call("t", "4", NOON + 2));
	B.grant = "g";
	assert_int_equal(pol_limits_again(&again), 0);
	made_up(again, NOON + 3, &rows);
	assert_int_equal(rows, 8); /* four counters' texts of two grants: the server's are put together by whoever counts */
	B.l = old;
	assert_true(pol_limits_raise(old, again, 1));
	assert_false(call("t", "2.51", NOON + 3));
	assert_string_equal(B.d.rule, "/tools/t/limits/h");
	assert_true(call("t", "2.5", NOON + 3));
	assert_false(call("t", "2.1", NOON + 3600));
	assert_string_equal(B.d.rule, "/tools/t/limits/c");
	B.grant = "third";
	assert_false(call("t", "8.1", NOON + 3600)); /* 3 + 2.5 + 4 + 2.5 are the server's */
	assert_true(call("t", "8", NOON + 3600));
	assert_string_equal(B.d.rule, "");
	B.l = live;
	pol_limits_close(&old);
	pol_limits_close(&again);
}

/* What is over needs no counting; a clock that is behind or ahead ends no window that the records are still in. */
static void windows_that_are_over(void **state)
{
	static const struct {
		const char *window;
		int64_t alive, over;
	} t[] = {{"minute", 59, 60}, {"hour", 3599, 3600}, {"day", 43199, 43200}, {"month", 2635199, 2635200}, {"sliding_minute", 69, 70}, {"sliding_hour", 4199, 4200},
	    {"sliding_day", 100799, 100800}};
	struct pol_limits *again;
	size_t rows;
	(void)state;
	assert_int_equal(pol_limits_again(&again), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char limit[128];
		snprintf(limit, sizeof(limit), "{\"counter\":\"c\",\"window\":\"%s\",\"max\":9}", t[i].window);
		use("", "", limit, "");
		buf_reset(&B.lines);
		assert_true(call("t", "0", NOON));
		/* A later record of another counter says that time went on. */
		snprintf(B.charge.text, sizeof(B.charge.text), "z=1@2027-01");
		line_of("t", NOON + t[i].alive);
		made_up(again, NOON + 10000000, &rows);
		assert_int_equal(rows, 2);
		made_up(again, NOON - 10000000, &rows); /* the machine's clock is behind */
		assert_int_equal(rows, 2);
		line_of("t", NOON + t[i].over);
		made_up(again, NOON + 10000000, &rows);
		assert_int_equal(rows, 1);
		made_up(again, NOON + t[i].alive, &rows); /* and here the records are ahead */
		assert_int_equal(rows, 2);
	}
	pol_limits_close(&again);
}

static void what_is_no_charge(void **state)
{
	static const char *const bad[] = {"", "c", "c=1", "=1@2026-01-01", "c=@2026-01-01", "c=-1@2026-01-01", "c=1e3@2026-01-01", "c=1.@2026-01-01",
	    "c=.5@2026-01-01", "c=1.000000000001@2026-01-01", "c=1@", "c=99999999999999999999999999999999@2026-01-01"};
	struct pol_limits *again;
	size_t rows;
	(void)state;
	assert_int_equal(pol_limits_again(&again), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_reset(&B.lines);
		snprintf(B.charge.text, sizeof(B.charge.text), "%s", bad[i]);
		line_of("t", NOON);
		made_up(again, NOON, &rows);
		if (rows || unread != 1)
			fail_msg("\"%s\": %zu rows, %u unread", bad[i], rows, unread);
	}
	struct charges *c;
	assert_int_equal(charges_new((struct wall){NOON * SECOND}, &c), 0);
	/* Only a call's own member counts. */
	const char *other[] = {"{\"kind\":\"result\",\"seq\":1,\"ts\":\"2026-01-01T12:00:00Z\",\"host\":\"h\",\"boot\":\"b\",\"charges\":[\"c=1@2026-01-01\"]}",
	    "{\"kind\":\"call\",\"seq\":1,\"ts\":\"2026-01-01T12:00:00Z\",\"host\":\"h\",\"boot\":\"b\",\"tool\":\"\\\"charges\\\":[c=1@2026-01-01]\"}", "", "{}"};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(charges_line(c, view_str(other[i])), 0);
	assert_int_equal(charges_calls(c), 0);
	assert_int_equal(charges_line(c, VIEW_LIT("{\"kind\":\"call\",\"seq\":1,\"ts\":\"x\",\"host\":\"h\",\"boot\":\"b\",\"charges\":[}")), -ERR_CORRUPT);
	charges_free(&c);
	struct charge_row row;
	struct view cut = VIEW_LIT("\1\0\0\0\5\0\0\0\0\0\0\0abcd");
	assert_int_equal(charge_row_take(&cut, &row), -ERR_MALFORMED);
	assert_int_equal(pol_limits_replay(again, VIEW_LIT("c=1@2026-13-01"), &(struct pol_who){.grant = "g", .server = "s"}, VIEW_LIT("t")), 0);
	pol_limits_close(&again);
}

/* An agent may call any number of tools by name; only the counters that there are may become rows. */
static void many_tools_and_counters(void **state)
{
	struct charges *c;
	struct buf out = {0};
	char line[512];
	size_t rows;
	int r = 0;
	(void)state;
	assert_int_equal(charges_new((struct wall){NOON * SECOND}, &c), 0);
	for (unsigned i = 0; i < 100000; i++) {
		int n = snprintf(line, sizeof(line), "{\"kind\":\"call\",\"seq\":1,\"ts\":\"2026-01-01T12:00:00.000000Z\",\"host\":\"h\",\"boot\":\"b\",\"tool\":\"t%u\",\"grant\":\"g\","
		    "\"charges\":[\"all_tools/c=1@2026-01-01\",\"x-callgate/all/server/d=0.5@2026-01\",\"x-callgate/tool/e=1@%04u-01\"]}", i, i % 2000);
		assert_int_equal(charges_line(c, view_of(line, (size_t)n)), 0);
	}
	assert_int_equal(charges_rows(c, &out, &rows), 0);
	assert_int_equal(rows, 2); /* windows of other years are over, and are forgotten on the way */
	assert_non_null(memmem(buf_view(&out).p, out.len, "all_tools/c=100000@2026-01-01", 29));
	assert_non_null(memmem(buf_view(&out).p, out.len, "x-callgate/all/server/d=50000@2026-01", 37));
	for (unsigned i = 0; i < 200000 && !r; i++) {
		int n = snprintf(line, sizeof(line), "{\"kind\":\"call\",\"seq\":1,\"ts\":\"2026-01-01T12:00:00.000000Z\",\"host\":\"h\",\"boot\":\"b\",\"tool\":\"t%u\",\"grant\":\"g\","
		    "\"charges\":[\"c=1@2026-01-01\"]}", i);
		r = charges_line(c, view_of(line, (size_t)n));
	}
	assert_int_equal(r, -ENOSPC); /* said, not left out */
	charges_free(&c);
	buf_free(&out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, drop)
	const struct CMUnitTest tests[] = {
	    TEST(three_states),
	    TEST(what_a_dead_worker_held_is_uncertain),
	    TEST(a_sliding_window_knows_no_way_back),
	    TEST(every_counter_comes_back),
	    TEST(an_older_file_is_raised),
	    TEST(windows_that_are_over),
	    TEST(what_is_no_charge),
	    TEST(many_tools_and_counters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
