/* pol_extra_test.c - x-callgate, edge by edge: the times of "when", repetitions, months, sliding windows, scopes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mtime.h"
#include "policy/pol_limit.h"

enum { NODES = 600 };

static struct pol_limits *L;
static struct pol *P;
static struct pol_decision D;
static struct pol_charge charge;
static struct pol_who who;

static int fresh(void **state)
{
	(void)state;
	who = (struct pol_who){.grant = "g", .server = "s", .uid = 1000};
	return pol_limits_again(&L);
}

static int drop(void **state)
{
	(void)state;
	pol_free(&P);
	pol_limits_close(&L);
	return 0;
}

static void use(const char *extra)
{
	char doc[2048];
	pol_free(&P);
	snprintf(doc, sizeof(doc), "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"t\":{},\"u\":{}},\"x-callgate\":{\"version\":1,%s}}", extra);
	assert_int_equal(pol_load(view_str(doc), NULL, NULL, &P), 0);
}

static int64_t seconds(const char *at)
{
	struct wall w;
	assert_int_equal(wall_parse(at, &w), 0);
	return w.ns / 1000000000;
}

static bool call_at(const char *tool, const char *args, int64_t at)
{
	static struct json_node nodes[NODES];
	struct json_doc doc = {0};
	assert_int_equal(json_scan(&doc, view_str(args), nodes, NODES, NULL), 0);
	pol_judge(P, view_str(tool), &doc, doc.node, &D);
	assert_int_equal(D.verdict, POL_ALLOW);
	who.now.ns = at * 1000000000;
	pol_reserve(L, P, &who, view_str(tool), &doc, doc.node, &D, &charge);
	return D.verdict == POL_ALLOW;
}

static bool call(const char *args, const char *at)
{
	return call_at("t", args, seconds(at));
}

/* 2026-11-27 is a Friday. */
static void when_a_call_may_be_made(void **state)
{
	static const struct {
		const char *when, *at;
		bool may;
	} t[] = {
	    {"\"from\":\"07:00\",\"to\":\"19:00\"", "2026-11-27T06:59:59Z", false}, {"\"from\":\"07:00\",\"to\":\"19:00\"", "2026-11-27T07:00:00Z", true},
	    {"\"from\":\"07:00\",\"to\":\"19:00\"", "2026-11-27T18:59:59Z", true}, {"\"from\":\"07:00\",\"to\":\"19:00\"", "2026-11-27T19:00:00Z", false},
	    {"\"from\":\"22:00\",\"to\":\"06:00\"", "2026-11-27T21:59:59Z", false}, {"\"from\":\"22:00\",\"to\":\"06:00\"", "2026-11-27T22:00:00Z", true},
	    {"\"from\":\"22:00\",\"to\":\"06:00\"", "2026-11-28T05:59:59Z", true}, {"\"from\":\"22:00\",\"to\":\"06:00\"", "2026-11-28T06:00:00Z", false},
	    {"\"days\":[\"fri\"]", "2026-11-27T00:00:00Z", true}, {"\"days\":[\"fri\"]", "2026-11-27T23:59:59Z", true}, {"\"days\":[\"fri\"]", "2026-11-28T00:00:00Z", false},
	    {"\"days\":[\"mon\",\"sun\"]", "2026-11-29T12:00:00Z", true}, {"\"days\":[\"mon\",\"sun\"]", "2026-11-30T12:00:00Z", true}, {"\"days\":[\"mon\",\"sun\"]", "2026-12-01T12:00:00Z", false},
	    /* A span over midnight belongs to the day that it began on. */
	    {"\"from\":\"22:00\",\"to\":\"06:00\",\"days\":[\"fri\"]", "2026-11-27T23:00:00Z", true}, {"\"from\":\"22:00\",\"to\":\"06:00\",\"days\":[\"fri\"]", "2026-11-28T05:00:00Z", true},
	    {"\"from\":\"22:00\",\"to\":\"06:00\",\"days\":[\"fri\"]", "2026-11-27T05:00:00Z", false}, {"\"from\":\"22:00\",\"to\":\"06:00\",\"days\":[\"fri\"]", "2026-11-28T23:00:00Z", false},
	    {"\"until\":\"2026-11-27T10:00:00Z\"", "2026-11-27T09:59:59Z", true}, {"\"until\":\"2026-11-27T10:00:00Z\"", "2026-11-27T10:00:00Z", false},
	    {"\"until\":\"2026-11-27T12:00:00+02:00\"", "2026-11-27T10:00:00Z", false}, {"\"days\":[\"wed\"]", "1969-12-31T12:00:00Z", true}, {"\"days\":[\"thu\"]", "1970-01-01T00:00:00Z", true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char extra[256];
		snprintf(extra, sizeof(extra), "\"tools\":{\"t\":{\"when\":{%s}}}", t[i].when);
		use(extra);
		if (call("{}", t[i].at) != t[i].may)
			fail_msg("%s at %s", t[i].when, t[i].at);
		assert_string_equal(D.rule, t[i].may ? "" : "/x-callgate/tools/t/when");
		assert_true(call_at("u", "{}", seconds(t[i].at)));
	}
}

#define NOON "2026-11-27T12:00:00Z"

static void identical_calls_are_refused_for_a_while(void **state)
{
	static const char *const same[] = {"{\"b\":[true,null],\"a\":1}", "{ \"a\" : 1.0, \"b\" : [ true , null ] }", "{\"\\u0061\":10e-1,\"b\":[true,null]}"};
	static const char *const other[] = {"{\"a\":\"1\",\"b\":[true,null]}", "{\"a\":1,\"b\":[null,true]}", "{\"a\":1}", "{\"a\":1,\"b\":[true,null],\"c\":{}}", "{}"};
	int64_t at = seconds(NOON);
	(void)state;
	use("\"tools\":{\"t\":{\"idempotency\":{\"seconds\":600}}}");
	assert_true(call("{\"a\":1,\"b\":[true,null]}", NOON));
	pol_settle(L, &charge, POL_COMMIT);
	for (size_t i = 0; i < 3; i++) {
		assert_false(call_at("t", same[i], at + 599));
		assert_string_equal(D.rule, "/x-callgate/tools/t/idempotency");
	}
	for (size_t i = 0; i < 5; i++)
		assert_true(call_at("t", other[i], at + 1));
	assert_true(call_at("u", same[0], at + 1)); /* no rule of its own */
	who.grant = "other";
	assert_true(call_at("t", same[0], at + 1));
	who.grant = "g";
	assert_false(call_at("t", same[0], at - 5000)); /* a clock that is set back */
	assert_true(call_at("t", same[0], at + 600));
	assert_false(call_at("t", same[0], at + 601));
	/* Not sent after all: it may be made again; unknown: it may not. */
	assert_true(call_at("t", "{\"x\":1}", at));
	pol_settle(L, &charge, POL_REFUND);
	assert_true(call_at("t", "{\"x\":1}", at));
	pol_settle(L, &charge, POL_UNCERTAIN);
	assert_false(call_at("t", "{\"x\":1}", at + 1));
}

static void what_cannot_be_compared_is_refused(void **state)
{
	static char args[8192];
	size_t n = 1;
	(void)state;
	use("\"tools\":{\"t\":{\"idempotency\":{\"seconds\":600}}}");
	strcpy(args, "{");
	for (int i = 0; i < 257; i++)
		n += (size_t)snprintf(args + n, sizeof(args) - n, "%s\"k%d\":1", i ? "," : "", i);
	strcpy(args + n, "}");
	assert_false(call(args, NOON));
	assert_string_equal(D.rule, "/x-callgate/tools/t/idempotency");
}

/* A call that a limit refuses is no use of it: the same one may be made when there is room. */
static void a_refused_call_was_not_made(void **state)
{
	(void)state;
	use("\"tools\":{\"t\":{\"idempotency\":{\"seconds\":86400},\"limits\":[{\"counter\":\"c\",\"window\":\"month\",\"max\":1}]}}");
	assert_true(call("{\"a\":1}", "2026-11-30T23:59:59Z"));
	assert_false(call("{\"a\":2}", "2026-11-30T23:59:59Z"));
	assert_string_equal(D.rule, "/x-callgate/tools/t/limits/c");
	assert_true(call("{\"a\":2}", "2026-12-01T00:00:00Z"));
	assert_string_equal(charge.text, "x-callgate/grant/c=1@2026-12");
}

/* In no span of its length more than the maximum: tried second by second at every beginning. */
static void sliding_windows(void **state)
{
	static const struct {
		const char *name;
		int64_t length, step;
	} t[] = {{"minute", 60, 1}, {"hour", 3600, 61}, {"day", 86400, 1511}};
	static int64_t passed[4096];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char extra[160];
		int n = 0, worst = 0;
		snprintf(extra, sizeof(extra), "\"limits\":[{\"counter\":\"c%zu\",\"window\":\"sliding_%s\",\"max\":7}]", i, t[i].name);
		use(extra);
		for (int64_t at = seconds(NOON); at < seconds(NOON) + 12 * t[i].length; at += t[i].step)
			if (call_at(at & 1 ? "t" : "u", "{}", at))
				passed[n++] = at;
		for (int a = 0; a < n; a++) {
			int within = 0;
			for (int b = a; b < n && passed[b] < passed[a] + t[i].length; b++)
				within++;
			worst = within > worst ? within : worst;
		}
		assert_int_equal(worst, 7);
		assert_true(n >= 12 * 7 * 6 / 8); /* nor much less: a seventh part of the length is the resolution */
	}
}

static void scopes(void **state)
{
	static const struct {
		const char *scope;
		bool grant, user, server, tool; /* is another one's another counter? */
	} t[] = {{"grant", true, false, false, false}, {"user", false, true, false, false}, {"server", false, false, true, false}, {"tool", false, false, true, true}};
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char extra[160];
		snprintf(extra, sizeof(extra), "\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":1,\"scope\":\"%s\"}]", t[i].scope);
		use(extra);
		assert_true(call("{}", NOON));
		assert_false(call("{}", NOON));
		assert_string_equal(D.rule, "/x-callgate/limits/c");
		who.grant = "h";
		assert_int_equal(call("{}", NOON), t[i].grant);
		who = (struct pol_who){.grant = "g", .server = "s", .uid = 1001};
		assert_int_equal(call("{}", NOON), t[i].user);
		who = (struct pol_who){.grant = "g", .server = "r", .uid = 1000};
		assert_int_equal(call("{}", NOON), t[i].server);
		who.server = "s";
		assert_int_equal(call_at("u", "{}", seconds(NOON)), t[i].tool);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fresh, drop)
	const struct CMUnitTest tests[] = {TEST(when_a_call_may_be_made), TEST(identical_calls_are_refused_for_a_while), TEST(what_cannot_be_compared_is_refused),
	    TEST(a_refused_call_was_not_made), TEST(sliding_windows), TEST(scopes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
