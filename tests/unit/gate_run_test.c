/* gate_run_test.c - a worker from accept to answer: TLS on both sides, verdict, credential, records. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_run_aid.h"

static void allowed_call(void **state)
{
	(void)state;
	int n = B.records;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "X-Kept: yes\r\nCookie: c=1\r\nProxy-Authorization: p\r\n", CALL("1", "echo", "{\"zeta\":\"V4LUE\",\"alpha\":2}"));
	const char *a = client_answer(&C);
	HOLDS(a, "HTTP/1.1 200 OK\r\n");
	HOLDS(a, "\"text\":\"hi\"");
	HOLDS(a, "Mcp-Session-Id: s1");
	LACKS(a, "Set-Cookie");
	LACKS(a, "Alt-Svc");
	assert_true(up_saw("Authorization: Bearer " SECRET "\r\n"));
	assert_false(up_saw("placeholder"));
	assert_false(up_saw("Cookie"));
	assert_false(up_saw("Proxy-"));
	assert_true(up_saw("X-Kept: yes"));
	assert_true(up_saw("\r\n\r\n" CALL("1", "echo", "{\"zeta\":\"V4LUE\",\"alpha\":2}")));
	const struct seen_record *r = record_wait(n + 2);
	assert_int_equal(r->kind, REC_RESULT);
	assert_string_equal(r->status, "ok");
	assert_int_equal(r[-1].kind, REC_CALL);
	assert_int_equal(r[-1].call, r->call);
	assert_string_equal(r[-1].verdict, "allow");
	assert_string_equal(r[-1].tool, "echo");
	assert_string_equal(r[-1].arg_keys, "alpha\x1fzeta");
	assert_int_equal(r[-1].uid, 4242);
	/* no list has named it yet */
	assert_string_equal(r[-1].risk, "Execute");
	assert_string_equal(r[-1].tool_hash, "");
	/* the same connections again */
	int conns = B.up_conns, leases = B.leases;
	for (int i = 0; i < 5; i++) {
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		HOLDS(client_answer(&C), "\"text\":\"hi\"");
	}
	assert_int_equal(B.up_conns, conns);
	assert_int_equal(B.leases, leases);
	record_wait(n + 12);
	client_close(&C);
	up_forget();
}

static void denied_call(void **state)
{
	static const struct {
		const char *body, *answer;
	} table[] = {
	    {CALL("9", "pay", "{\"amount\":101}"), "\"isError\":true"},
	    {CALL("9", "pay", "{\"amount\":101}"), "Denied by policy: too much (rule /tools/pay/deny_if/args.amount-gt, audit id 000000000abc-"},
	    {CALL("\"x-1\"", "danger", "{}"), "\"id\":\"x-1\",\"error\":{\"code\":-32602,\"message\":\"Unknown tool: danger\""},
	    {CALL("9", "nothing", "{}"), "Unknown tool: nothing"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"no/such\"}", "\"code\":-32601"},
	};

	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int n = B.records, up = B.up_requests;
		client_post(&C, "/mcp", "", table[i].body);
		const char *a = client_answer(&C);
		HOLDS(a, "HTTP/1.1 200 OK");
		HOLDS(a, table[i].answer);
		assert_string_equal(record_wait(n + 1)->verdict, "deny");
		assert_int_equal(B.up_requests, up);
	}
	/* a notification is dropped, and recorded */
	int n = B.records;
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"danger\"}}");
	HOLDS(client_answer(&C), "HTTP/1.1 202");
	assert_string_equal(record_wait(n + 1)->tool, "danger");
	client_close(&C);
}

static void refused_requests(void **state)
{
	static const struct {
		const char *request, *answer;
	} table[] = {
	    {"POST //mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 0\r\n\r\n", " 400 "},
	    {"POST /%6dcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 0\r\n\r\n", " 400 "},
	    {"POST /mcp/../x HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 0\r\n\r\n", " 400 "},
	    {"POST /mcp HTTP/1.1\r\nHost: elsewhere.test\r\nContent-Length: 0\r\n\r\n", " 421 "},
	    {"PUT /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 0\r\n\r\n", " 405 "},
	    {"CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST "\r\n\r\n", " 502 "},
	    {"GET /.well-known/oauth-protected-resource/mcp HTTP/1.1\r\nHost: " HOST "\r\n\r\n", " 404 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", " 415 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n\r\n{}", " 415 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", " 415 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n", " 413 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]", " 400 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"a\":1,\"a\":2} ", " 400 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nMcp-Name: a\r\nMcp-Name: a\r\nContent-Length: 2\r\n\r\n{}", " 400 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nConnection: mcp-name\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", " 400 "},
	    {"POST /other HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 33\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}", " 400 "},
	    {"POST /other HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 55\r\n\r\n{\"a\":1,\"a\":2,\"\\u006aso\\u006Erpc\":\"2.0\",\"method\":\"ping\"}", " 400 "},
	    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", " 400 "},
	    {"nonsense\r\n\r\n", " 400 "},
	};

	(void)state;
	int up = B.up_requests;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int n = B.records;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_send(&C, table[i].request);
		const char *a = client_answer(&C);
		HOLDS(a, table[i].answer);
		HOLDS(a, "application/json");
		if (!strstr(table[i].answer, "404"))
			assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
		client_close(&C);
	}
	assert_int_equal(B.up_requests, up);
}

static void lists_and_streams(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}");
	const char *a = client_answer(&C);
	HOLDS(a, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[{\"name\":\"echo\", \"x\":1}],\"nextCursor\":\"\"}}");
	/* now the definition is known, and of a hidden tool as well */
	int n = B.records;
	client_post(&C, "/mcp", "", CALL("9", "get_note", "{}"));
	client_answer(&C);
	assert_string_equal(record_wait(n + 1)->risk, "Read");
	assert_int_equal(strlen(B.rec[n].tool_hash), 64);
	n = B.records;
	C.n = 0;
	client_post(&C, "/mcp", "", CALL("4", "echo", "{\"how\":\"stream\"}"));
	a = client_until(&C, "0\r\n\r\n");
	HOLDS(a, "Transfer-Encoding: chunked");
	HOLDS(a, "data: {\"hello\":1}\n\n");
	HOLDS(a, "id: 7\ndata: {\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"content\":[]}}\n\n");
	assert_string_equal(record_wait(n + 2)->status, "ok");
	n = B.records;
	client_post(&C, "/mcp", "", CALL("3", "echo", "{\"how\":\"fail\"}"));
	HOLDS(client_answer(&C), "\"isError\":true");
	assert_string_equal(record_wait(n + 2)->status, "tool_error");
	/* the stream of the transport */
	C.n = 0;
	client_send(&C, "GET /mcp HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\n\r\n");
	HOLDS(client_until(&C, "0\r\n\r\n"), "id: 7");
	/* what the server repeats of the secret */
	n = B.records;
	C.n = 0;
	client_post(&C, "/mcp", "", CALL("3", "echo", "{\"how\":\"leak\"}"));
	a = client_until(&C, "0\r\n\r\n");
	LACKS(a, SECRET);
	LACKS(a, "s3cr3t-of");
	HOLDS(a, "rest\":12");
	HOLDS(a, "X-Echo: Bearer *******************");
	record_wait(n + 3); /* head and body together: one record beside the call's two */
	assert_int_equal(B.rec[n + 1].kind, REC_REFUSED);
	assert_string_equal(B.rec[n + 1].detail, "the server sent the credential back; it was blanked");
	n = B.records;
	C.n = 0;
	client_post(&C, "/mcp", "", CALL("3", "echo", "{\"how\":\"lea-events\"}"));
	a = client_until(&C, "0\r\n\r\n");
	LACKS(a, SECRET);
	LACKS(a, "s3cr3t");
	HOLDS(a, "*******************");
	record_wait(n + 3);
	assert_string_equal(B.rec[n + 1].detail, "the server sent the credential back; it was blanked");
	/* another request's list on the stream of a call */
	n = B.records;
	C.n = 0;
	client_post(&C, "/mcp", "", CALL("3", "echo", "{\"how\":\"list-elsewhere\"}"));
	a = client_until(&C, "0\r\n\r\n");
	HOLDS(a, "data: {\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{\"tools\":[{\"name\":\"echo\"}]}}\n\n");
	assert_string_equal(record_wait(n + 2)->status, "ok");
	/* a path that is not MCP's: no credential, cookies kept */
	up_forget();
	client_send(&C, "GET /other HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer own\r\n\r\n");
	a = client_answer(&C);
	HOLDS(a, "\r\n\r\nother");
	HOLDS(a, "kept=1");
	assert_true(up_saw("Bearer own"));
	assert_false(up_saw(SECRET));
	client_close(&C);
}

#define CHANGED "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\""

/* Streams that are open while the policy changes. */
static void list_changed(void **state)
{
	static struct client quiet, half, listen, deaf;
	struct {
		struct client *c;
		const char *begin;
	} all[] = {{&quiet, ": hi"}, {&half, ": hi"}, {&listen, "ack"}, {&deaf, "ack"}};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(client_tls(all[i].c, HOST, &B.inner));
	client_send(&quiet, "GET /mcp?quiet HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\n\r\n");
	client_send(&half, "GET /mcp?half HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\n\r\n");
	const char *mirror = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
	client_post(&listen, "/mcp", mirror, "{\"jsonrpc\":\"2.0\",\"id\":\"s-1\",\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":{\"toolsListChanged\":true},"
	    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}");
	client_post(&deaf, "/mcp", mirror, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"subscriptions/listen\",\"params\":{\"notifications\":{\"promptsListChanged\":true},"
	    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}");
	for (size_t i = 0; i < 4; i++)
		client_until(all[i].c, all[i].begin);
	world("enforce", 4242); /* the same again: nothing to tell */
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{},\"added\":{}}}");
	HOLDS(client_until(&quiet, "list_changed\"}\n\n"), CHANGED "}\n\n");
	HOLDS(client_until(&listen, "s-1\"}}}\n\n"), CHANGED ",\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":\"s-1\"}}}\n\n");
	LACKS(quiet.text, "subscriptionId");
	assert_null(strstr(strstr(quiet.text, "list_changed") + 1, "list_changed")); /* once */
	/* who did not ask hears nothing, and nothing is put into half an event */
	LACKS(half.text, "list_changed");
	LACKS(deaf.text, "list_changed");
	for (size_t i = 0; i < 4; i++)
		client_close(all[i].c);
	world("enforce", 4242);
}

static void upstream_troubles(void **state)
{
	(void)state;
	int n = B.records;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp?401", "", CALL("1", "echo", "{}"));
	const char *a = client_answer(&C);
	HOLDS(a, "HTTP/1.1 200 OK");
	HOLDS(a, "refused the credential");
	LACKS(a, "WWW-Authenticate");
	assert_string_equal(record_wait(n + 2)->status, "upstream_error");
	client_post(&C, "/mcp?close", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "may have carried it out");
	assert_string_equal(record_wait(n + 4)->status, "upstream_error");
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	record_wait(n + 6);
	client_close(&C);
}

static void chunked_and_slow(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	const char *body = "3a\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"n\r\n15\r\name\":\"echo\",\"a\":true}\r\n1\r\n}\r\n0\r\n\r\n";
	char request[1024];
	snprintf(request, sizeof(request), "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\n"
	    "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n%s", body);
	up_forget();
	for (size_t i = 0; request[i]; i++) { /* one byte a record */
		assert_int_equal(SSL_write(C.ssl, request + i, 1), 1);
	}
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_true(up_saw("Content-Length: 80\r\n"));
	client_close(&C);
}

static void big_body(void **state)
{
	static char body[3 << 20];
	size_t n = 0;

	(void)state;
	n = (size_t)snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"big\":\"");
	memset(body + n, 'x', sizeof(body) - n - 8);
	memcpy(body + sizeof(body) - 8, "\"}}}", 5);
	assert_true(client_tls(&C, HOST, &B.inner));
	int seen = B.records;
	client_post(&C, "/mcp", "", body);
	/* the upstream of this test holds one megabyte: it stops reading and closes */
	HOLDS(client_answer(&C), "isError");
	assert_string_equal(record_wait(seen + 1)->verdict, "allow");
	client_close(&C);
}

static void not_granted(void **state)
{
	(void)state;
	world("enforce", 7);
	int n = B.records, up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "(rule (no grant), audit id");
	assert_string_equal(record_wait(n + 1)->rule, "(no grant)");
	assert_int_equal(B.up_requests, up);
	/* watching only: it passes, without our credential */
	world("observe", 7);
	up_forget();
	n = B.records;
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_true(up_saw("placeholder"));
	assert_false(up_saw(SECRET));
	assert_string_equal(record_wait(n + 2)[-1].verdict, "deny");
	client_close(&C);
	world("enforce", 4242);
}

static void client_leaves(void **state)
{
	(void)state;
	int n = B.records;
	assert_true(client_tls(&C, HOST, &B.inner));
	pthread_mutex_lock(&B.lock); /* the upstream cannot answer */
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	record_wait(n + 1);
	usleep(20000);
	client_close(&C);
	assert_string_equal(record_wait(n + 2)->status, "aborted");
	pthread_mutex_unlock(&B.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(allowed_call),
	    cmocka_unit_test(denied_call),
	    cmocka_unit_test(refused_requests),
	    cmocka_unit_test(lists_and_streams),
	    cmocka_unit_test(list_changed),
	    cmocka_unit_test(upstream_troubles),
	    cmocka_unit_test(chunked_and_slow),
	    cmocka_unit_test(big_body),
	    cmocka_unit_test(not_granted),
	    cmocka_unit_test(client_leaves),
	};

	return cmocka_run_group_tests(tests, start, bench_end);
}
