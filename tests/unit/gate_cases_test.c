/*
 * gate_cases_test.c - the cases H1 to H14 of docs/TESTING.md "hardening cases", through a worker, as bytes of a client: what is answered, what
 * is recorded, and that nothing reaches the server that was not judged.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define LISTED "\"list_repositories\":{},\"get_file_contents\":{},\"search_code\":{}"
#define POLICY "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{" LISTED "}}"
#define CALL(rest, params) "{\"jsonrpc\":\"2.0\"," rest "\"method\":\"tools/call\",\"params\":" params "}"

static struct client C;

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)body;
	(void)close;
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, POLICY);
	return 0;
}

static const struct {
	const char *id, *body, *answer;
	const char *err;  /* of a "refused" record; NULL: a call was judged */
	const char *rule; /* "": allowed */
	bool forwarded;
} cases[] = {
    {"H1", "[" CALL("\"id\":1,", "{\"name\":\"delete_file\"}") "," CALL("\"id\":2,", "{\"name\":\"list_repositories\"}") "]", " 400 ", "batch", NULL, false},
    {"H1", "[" CALL("\"id\":1,", "{\"name\":\"list_repositories\"}") "]", " 400 ", "batch", NULL, false},
    {"H1", "[]", " 400 ", "batch", NULL, false},
    {"H2", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"arguments\":[1]}"), " 400 ", "malformed", NULL, false},
    {"H2", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"arguments\":\"x\"}"), " 400 ", "malformed", NULL, false},
    {"H2", CALL("\"id\":1,", "[\"list_repositories\"]"), " 400 ", "malformed", NULL, false},
    {"H2", CALL("\"id\":1,", "{\"name\":1}"), " 400 ", "malformed", NULL, false},
    {"H2", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}", " 400 ", "malformed", NULL, false},
    {"H2", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"arguments\":null}"), " 200 ", NULL, "", true},
    {"H3", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/ca", " 400 ", "malformed", NULL, false},
    {"H3", "list_repositories", " 400 ", "malformed", NULL, false},
    {"H4", CALL("\"id\":1,\"METHOD\":\"ping\",", "{\"name\":\"delete_file\"}"), " 400 ", "ambiguous", NULL, false},
    {"H4", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"Name\":\"delete_file\"}"), " 400 ", "ambiguous", NULL, false},
    {"H5", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"name\":\"delete_file\"}"), " 400 ", "duplicate-key", NULL, false},
    {"H5", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"n\\u0061me\":\"delete_file\"}"), " 400 ", "duplicate-key", NULL, false},
    {"H5", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"arguments\":{\"a\":{\"b\":[{\"c\":1,\"c\":2}]}}}"), " 400 ", "duplicate-key", NULL, false},
    {"H7", CALL("\"id\":1,", "{\"name\":\"list_repositories \"}"), "Unknown tool", NULL, "(default deny)", false},
    {"H7", CALL("\"id\":1,", "{\"name\":\"list_repositories\\u0000\"}"), "Unknown tool", NULL, "(default deny)", false},
    {"H7", CALL("\"id\":1,", "{\"name\":\"li\\u017ft_repositories\"}"), "Unknown tool", NULL, "(default deny)", false},
    {"H7", CALL("\"id\":1,", "{\"name\":\"\xef\xbd\x8c" "ist_repositories\"}"), "Unknown tool", NULL, "(default deny)", false},
    {"H7", CALL("\"id\":1,", "{\"name\":\"List_repositories\"}"), "Unknown tool", NULL, "(default deny)", false},
    {"H7", CALL("\"id\":1,", "{\"name\":\"\\u006cist_repositories\"}"), "\"result\":{}", NULL, "", true}, /* the same bytes once read */
    {"H8", CALL("", "{\"name\":\"delete_file\"}"), " 202 ", NULL, "(default deny)", false},
    {"H8", CALL("", "{\"name\":\"list_repositories\"}"), " 200 ", NULL, "", true},
    {"H10", CALL("\"id\":1,", "{\"name\":\"list_repositories\",\"arguments\":{\"n\":1e999}}"), " 400 ", "range", NULL, false},
    {"", CALL("\"id\":1,", "{\"name\":\"delete_file\"}"), "Unknown tool", NULL, "(default deny)", false},
};

static void run(const char *id, const char *body, const char *answer, const char *err, const char *rule, bool forwarded)
{
	int n = B.records, up = B.up_requests;

	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", body);
	const char *a = client_answer(&C);
	const struct seen_record *r = record_wait(n + 1);
	if (!strstr(a, answer) || (err && (r->kind != REC_REFUSED || strcmp(r->err, err))) || (rule && (r->kind != REC_CALL || strcmp(r->rule, rule) ||
	    strcmp(r->verdict, rule[0] ? "deny" : "allow"))))
		fail_msg("%s: %.120s: kind %u, error \"%s\", verdict \"%s\", rule \"%s\"; %.200s", id, body, r->kind, r->err, r->verdict, r->rule, a);
	if (B.up_requests != up + forwarded)
		fail_msg("%s: %.120s: %d requests reached the server", id, body, B.up_requests - up);
	client_close(&C);
	if (forwarded)
		record_wait(n + 2);
}

static void the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run(cases[i].id, cases[i].body, cases[i].answer, cases[i].err, cases[i].rule, cases[i].forwarded);
}

/* H10: too deep, too large; and the worker goes on. */
static void beyond_the_limits(void **state)
{
	static char deep[100000];
	(void)state;
	int n = snprintf(deep, sizeof(deep), "%s", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"list_repositories\",\"arguments\":{\"a\":");
	memset(deep + n, '[', 10000);
	memset(deep + n + 10000, ']', 10000);
	strcpy(deep + n + 20000, "}}}");
	run("H10", deep, " 400 ", "too-deep", NULL, false);
	int records = B.records, up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_send(&C, "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nContent-Length: 11534336\r\n\r\n");
	assert_non_null(strstr(client_answer(&C), " 413 "));
	assert_string_equal(record_wait(records + 1)->err, "too-long");
	client_close(&C);
	assert_int_equal(B.up_requests, up);
	run("H10", cases[21].body, "\"result\":{}", NULL, "", true);
}

/* H11: names of arguments, no value. */
static void keys_without_values(void **state)
{
	(void)state;
	int n = B.records;
	run("H11", CALL("\"id\":1,", "{\"name\":\"search_code\",\"arguments\":{\"a\":{\"b\":1}}}"), "\"result\":{}", NULL, "", true);
	assert_string_equal(B.rec[n].arg_keys, "a");
}

/* H13: a grant that is revoked between two calls; H14: a policy that is edited between two. */
static void between_two_calls(void **state)
{
	static const char search[] = CALL("\"id\":1,", "{\"name\":\"search_code\"}");
	(void)state;
	int n = B.records;
	run("H13", search, "\"result\":{}", NULL, "", true);
	bench_grant("enforce", 1, POLICY);
	run("H13", search, "grant", NULL, "(no grant)", false);
	bench_grant("enforce", 4242, POLICY);
	run("H14", search, "\"result\":{}", NULL, "", true);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"list_repositories\":{}}}");
	int m = B.records;
	run("H14", search, "Unknown tool", NULL, "(default deny)", false);
	assert_int_equal(strlen(B.rec[m].policy), 64);
	assert_string_not_equal(B.rec[m].policy, B.rec[n].policy);
	bench_grant("enforce", 4242, POLICY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table),
	    cmocka_unit_test(beyond_the_limits),
	    cmocka_unit_test(keys_without_values),
	    cmocka_unit_test(between_two_calls),
	};

	log_open("gate_cases_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
