/* gate_run_test.c - a worker from accept to answer: TLS on both sides, verdict, credential, records. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define POLICY                                                                                                              \
	"{\"version\":\"1\",\"default\":\"deny\",\"hide\":[\"danger\"],\"tools\":{\"echo\":{},\"pay\":{\"deny_if\":["       \
	"{\"conditions\":[{\"path\":\"args.amount\",\"op\":\"gt\",\"value\":100}],\"on_deny\":\"too much\"}]}}}"

static void world(const char *mode, uint32_t grant_uid)
{
	bench_grant(mode, grant_uid, POLICY);
}

static char answer[8192];

static const char *json_answer(const char *body)
{
	snprintf(answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nAlt-Svc: h3\r\nMcp-Session-Id: s1\r\nKeep-Alive: timeout=5\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	return answer;
}

static atomic_bool refused[2]; /* SECRET, OLD_SECRET */

/* What the upstream says, by tool name or method. */
static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	static const char events[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "13\r\ndata: {\"hello\":1}\n\n\r\n3e\r\nid: 7\ndata: {\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"content\":[]}}\n\n\r\n0\r\n\r\n";
	char text[256];

	snprintf(text, sizeof(text), VIEW_FMT, VIEW_ARG(view_head(body, 250)));
	if (view_is(h->target, "/other"))
		return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: kept=1\r\n\r\nother";
	if (refused[0] && view_is(http1_get(h, "authorization", NULL), "Bearer " SECRET))
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
	if (refused[1] && view_is(http1_get(h, "authorization", NULL), "Bearer " OLD_SECRET))
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
	if (view_is(h->target, "/mcp?401"))
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
	if (view_is(h->target, "/mcp?close")) {
		*close = true;
		return NULL;
	}
	if (view_is(h->method, "CONNECT"))
		return http1_get(h, "x-no", NULL).n ? "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n";
	if (view_is(h->target, "/mcp?quiet"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n";
	if (view_is(h->target, "/mcp?half"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\na\r\n: hi\nid: 5\n\r\n";
	if (view_is(h->method, "GET"))
		return events;
	if (strstr(text, "subscriptions/listen"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n11\r\ndata: {\"ack\":1}\n\n\r\n";
	if (strstr(text, "list-elsewhere"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "58\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{\"tools\":[{\"name\":\"danger\"},{\"name\":\"echo\"}]}}\n\n\r\n0\r\n\r\n";
	if (strstr(text, "lea-events"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "c\r\ndata: s3cr3t\r\n10\r\n-of-the-vault x\n\r\n1\r\n\n\r\n0\r\n\r\n";
	if (strstr(text, "leak"))
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Echo: Bearer " SECRET "\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "a\r\n\"s3cr3t-of\r\n1d\r\n-the-vault\",\"and the rest\":12\r\n0\r\n\r\n";
	if (strstr(text, "tools/list"))
		return json_answer("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[{\"name\":\"danger\"},{\"name\":\"echo\", \"x\":1},"
		                   "{\"name\":\"get_note\"}],\"nextCursor\":\"\"}}");
	if (strstr(text, "\"stream\""))
		return events;
	if (strstr(text, "fail"))
		return json_answer("{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[],\"isError\":true}}");
	return json_answer("{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},\"jsonrpc\":\"2.0\",\"id\":1}");
}

#define CALL(id, tool, args)                                                                                                 \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" tool "\",\"arguments\":" args "}}"

static struct client C;

static void up_forget(void)
{
	pthread_mutex_lock(&B.lock);
	buf_reset(&B.up_log);
	pthread_mutex_unlock(&B.lock);
}

#define HOLDS(text, what)                                                                                                     \
	do {                                                                                                                    \
		if (!strstr(text, what))                                                                                            \
			fail_msg("no \"%s\" in: %s", what, text);                                                                       \
	} while (0)
#define LACKS(text, what)                                                                                                   \
	do {                                                                                                                    \
		if (strstr(text, what))                                                                                             \
			fail_msg("\"%s\" in: %s", what, text);                                                                          \
	} while (0)

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_ASYNC);
	world("enforce", 4242);
	return 0;
}

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

/* Two versions of a credential: what the server refuses is sent once, and the other one then, in whichever order they come and go. */
static void two_versions(void **state)
{
	(void)state;
	int n = B.records, requests = B.up_requests, leases;
	_Static_assert(sizeof(SECRET) == sizeof(OLD_SECRET), "the aid lends both with one length");

	B.two_versions = B.brief_lease = refused[0] = true;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	const char *a = client_answer(&C);
	HOLDS(a, "\"text\":\"hi\"");
	LACKS(a, "WWW-Authenticate");
	assert_int_equal(B.up_requests, requests + 2);
	assert_int_equal(B.said_refused, 7);
	assert_int_equal(record_wait(n + 2)->cred_ver, 6);
	/* the next call does not meet the refusal again, though it asks for a lease of its own */
	leases = B.leases;
	client_post(&C, "/mcp", "", CALL("2", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.up_requests, requests + 3);
	assert_int_equal(B.leases, leases + 1);
	assert_int_equal(B.said_refused, 7);
	record_wait(n + 4);
	/* the server has the new one now, and the old one no more */
	refused[0] = false;
	refused[1] = true;
	client_post(&C, "/mcp", "", CALL("3", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.said_refused, 6);
	assert_int_equal(B.up_requests, requests + 5);
	assert_int_equal(record_wait(n + 6)->cred_ver, 7);
	client_post(&C, "/mcp", "", CALL("3", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.said_refused, 0);
	assert_int_equal(B.up_requests, requests + 6);
	record_wait(n + 8);
	/* neither: two requests, never a third, and a denial in words */
	refused[0] = true;
	client_post(&C, "/mcp", "", CALL("4", "echo", "{}"));
	HOLDS(client_answer(&C), "refused the credential");
	assert_int_equal(B.up_requests, requests + 8);
	record_wait(n + 10);
	B.two_versions = B.brief_lease = refused[0] = refused[1] = false;
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

/* Leases are dropped, and with them the connections that carried the credential. */
static void revoke_all(void)
{
	uint8_t any[sizeof(struct m_revoke)] = {0};

	assert_int_equal(edge_send(&B.vault, M_REVOKE, 0, view_of(any, sizeof(any)), -1), 0);
	usleep(20000);
	world("enforce", 4242);
}

static void kept_connections(void **state)
{
	(void)state;
	revoke_all();
	/* The server has ended a connection before: it shows first that it keeps them (user/gate/keeps.h). */
	for (int i = 0, more = 1; more && i < 100; i++) {
		int n = B.records, conns = B.up_conns;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		HOLDS(client_answer(&C), "\"text\":\"hi\"");
		record_wait(n + 2);
		client_close(&C);
		more = B.up_conns - conns;
		usleep(200000);
	}
	revoke_all();
	for (int i = 0; i < 4; i++) {
		int n = B.records, conns = B.up_conns;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		HOLDS(client_answer(&C), "\"text\":\"hi\"");
		record_wait(n + 2);
		client_close(&C);
		assert_int_equal(B.up_conns, i ? conns : conns + 1);
		usleep(20000); /* the worker sees the close */
	}
	/* without the credential: a connection of its own */
	int conns = B.up_conns;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_send(&C, "GET /other HTTP/1.1\r\nHost: " HOST "\r\n\r\n");
	HOLDS(client_answer(&C), "\r\n\r\nother");
	assert_int_equal(B.up_conns, conns + 1);
	client_close(&C);
	revoke_all();
	conns = B.up_conns;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.up_conns, conns + 1);
	client_close(&C);
}

static void vault_refuses(void **state)
{
	(void)state;
	revoke_all();
	B.no_lease = true;
	int n = B.records, up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "the vault did not lend the credential");
	assert_string_equal(record_wait(n + 2)->status, "aborted");
	assert_int_equal(B.up_requests, up);
	B.no_lease = false;
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	record_wait(n + 4);
	client_close(&C);
}

static void bad_certificates(void **state)
{
	struct ca stranger = ca_make("nobody's authority");
	const struct {
		SSL_CTX *ctx;
		const char *text;
	} table[] = {
	    {server_ctx(&stranger, "DNS:" HOST, -3600, 3600), "is not signed by a trusted authority"},
	    {server_ctx(&B.outer, "DNS:" HOST, -7200, -3600), "not valid at this time"},
	    {server_ctx(&B.outer, "DNS:other.test", -3600, 3600), "is for another name"},
	    {server_ctx(&B.inner, "DNS:" HOST, -3600, 3600), "is not signed by a trusted authority"},
	};
	SSL_CTX *good = B.up_ctx;

	(void)state;
	revoke_all();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int n = B.records, up = B.up_requests;
		B.up_ctx = table[i].ctx;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		const char *a = client_answer(&C);
		HOLDS(a, "\"isError\":true");
		HOLDS(a, table[i].text);
		HOLDS(record_wait(n + 2)->err, "tls-");
		client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/list\"}");
		HOLDS(client_answer(&C), "\"id\":5,\"error\"");
		HOLDS(record_wait(n + 3)->err, "tls-");
		assert_int_equal(B.up_requests, up);
		client_close(&C);
	}
	B.up_ctx = good;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		SSL_CTX_free(table[i].ctx);
	ca_free(&stranger);
}

static void client_refuses_us(void **state)
{
	(void)state;
	int n = B.records;
	assert_false(client_tls(&C, HOST, &B.outer));
	client_close(&C);
	const struct seen_record *r = record_wait(n + 1);
	assert_int_equal(r->kind, REC_REFUSED);
	assert_string_equal(r->err, "tls-client-refused");
	assert_string_equal(r->host, HOST);
}

/* A client whose own proxy stands between: the same judgement, and the proxy sees TLS. */
static void through_proxy(void)
{
	char connect[256], strange[512];
	int n = B.records;

	snprintf(connect, sizeof(connect), "CONNECT " HOST ":%d HTTP/1.1\r\nHost: " HOST ":%d\r\nProxy-Authorization: Basic eDp5\r\n\r\n", B.up_port, B.up_port);
	up_forget();
	C.fd = client_tcp();
	snprintf(strange, sizeof(strange), "CONNECT " HOST ":%d HTTP/1.1\r\nHost: " HOST "\r\nX-No: 1\r\n\r\n", B.up_port);
	client_send(&C, strange);
	HOLDS(client_answer(&C), " 407 ");
	client_send(&C, connect);
	HOLDS(client_until(&C, "established\r\n\r\n"), "HTTP/1.1 200 ");
	assert_true(client_shake(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "Proxy-Authorization: Basic eDp5\r\n", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	client_post(&C, "/mcp", "", CALL("1", "pay", "{\"amount\":101}"));
	HOLDS(client_answer(&C), "too much");
	assert_true(up_saw("Authorization: Bearer " SECRET "\r\n"));
	assert_true(up_saw("CONNECT " HOST));
	record_wait(n + 3);
	assert_string_equal(B.rec[n + 2].verdict, "deny");
	/* the server's connection ends: the next call makes the tunnel anew */
	int up = B.up_requests;
	client_post(&C, "/mcp?close", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "without an answer");
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.up_requests, up + 3);
	record_wait(n + 7);
	client_close(&C);
	/* what is no TLS for that name goes nowhere */
	static const char *const inside[] = {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 2\r\n\r\n{}", "SSH-2.0-x\r\n"};
	for (size_t i = 0; i < 2; i++) {
		up = B.up_requests;
		n = B.records;
		C.fd = client_tcp();
		client_send(&C, connect);
		client_until(&C, "established\r\n\r\n");
		client_send(&C, inside[i]);
		C.n = 0;
		client_until(&C, "never");
		assert_int_equal(C.n, 0);
		assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
		assert_int_equal(B.up_requests, up + 1);
		client_close(&C);
	}
	n = B.records;
	C.fd = client_tcp();
	client_send(&C, connect);
	client_until(&C, "established\r\n\r\n");
	assert_false(client_shake(&C, "else.test", &B.inner));
	assert_string_equal(record_wait(n + 1)->detail, "another server name in a tunnel to a registered server");
	client_close(&C);
}

static void other_hosts(void **state)
{
	SSL_CTX *good = B.up_ctx;

	(void)state;
	/* an unregistered name: the server's own certificate comes through */
	B.up_ctx = server_ctx(&B.outer, "DNS:else.test", -3600, 3600);
	int n = B.records;
	assert_true(client_tls(&C, "else.test", &B.outer));
	client_send(&C, "GET /other HTTP/1.1\r\nHost: else.test\r\n\r\n");
	HOLDS(client_answer(&C), "Set-Cookie: kept=1");
	client_close(&C);
	const struct seen_record *r = record_wait(n + 1);
	assert_int_equal(r->kind, REC_CONNECTION);
	assert_string_equal(r->verdict, "relay");
	assert_string_equal(r->host, "else.test");
	assert_true(r->in > 100 && r->out > 100);
	SSL_CTX_free(B.up_ctx);
	B.up_ctx = good;
	/* plain HTTP: one host passes; the registered one on the same connection does not */
	B.up_plain = true;
	n = B.records;
	C.fd = client_tcp();
	client_send(&C, "GET /other HTTP/1.1\r\nHost: else.test\r\n\r\n");
	HOLDS(client_answer(&C), "\r\n\r\nother");
	int up = B.up_requests;
	client_send(&C, "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 2\r\n\r\n{}");
	HOLDS(client_answer(&C), " 400 ");
	assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
	assert_int_equal(B.up_requests, up);
	client_close(&C);
	/* a CONNECT to a registered name gets an answer */
	C.fd = client_tcp();
	client_send(&C, "CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST ":443\r\n\r\n");
	HOLDS(client_answer(&C), " 502 ");
	assert_int_equal(record_wait(n + 2)->kind, REC_REFUSED);
	client_close(&C);
	through_proxy();
	B.up_plain = false;
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
	    cmocka_unit_test(list_changed), cmocka_unit_test(upstream_troubles), cmocka_unit_test(two_versions),
	    cmocka_unit_test(chunked_and_slow),
	    cmocka_unit_test(big_body),
	    cmocka_unit_test(not_granted),
	    cmocka_unit_test(kept_connections),
	    cmocka_unit_test(vault_refuses),
	    cmocka_unit_test(bad_certificates),
	    cmocka_unit_test(client_refuses_us),
	    cmocka_unit_test(other_hosts),
	    cmocka_unit_test(client_leaves),
	};

	return cmocka_run_group_tests(tests, start, bench_end);
}
