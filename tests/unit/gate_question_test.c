/* gate_question_test.c - what a client answers goes to the server only where the server has asked, and once; answers of the server on another stream. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

enum { BIG = 200000 };

static char big[BIG + 1024];

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
#define RESULT "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"

static bool has(struct view v, const char *text)
{
	return v.n && memmem(v.p, v.n, text, strlen(text));
}

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	static char text[512];

	if (has(body, "initialize")) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: " VIEW_FMT "\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
		    VIEW_ARG(http1_get(h, "x-session", NULL)));
		return text;
	}
	if (view_is(h->target, "/mcp/sse"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n2d\r\nevent: endpoint\ndata: /mcp/messages?s=abcde\n\n\r\n";
	if (view_is(h->method, "GET")) {
		*close = true;
		return view_is(http1_get(h, "last-event-id", NULL), "p-1") ? EVENTS "\r\nid: p-2\n" RESULT : EVENTS "\r\n";
	}
	if (!has(body, "tools/call"))
		return "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
	*close = true;
	if (has(body, "\"later\"")) /* a priming event, and an end that invites to come back */
		return EVENTS "\r\nid: p-1\nretry: 10\ndata:\n\n";
	if (has(body, "\"big\""))
		return big;
	return EVENTS "\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":41,\"method\":\"sampling/createMessage\",\"params\":{}}\n\n"
	    "data: [{\"jsonrpc\":\"2.0\",\"id\":\"q-\\u0034\\u0032\",\"method\":\"roots/list\"}]\n\n" RESULT;
}

static int start(void **state)
{
	(void)state;
	int n = snprintf(big, sizeof(big), EVENTS "\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"sampling/createMessage\",\"params\":{\"x\":\"");
	memset(big + n, 'x', BIG);
	snprintf(big + n + BIG, sizeof(big) - (size_t)n - BIG, "\"}}\n\n" RESULT);
	B.answer = upstream;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{},\"big\":{},\"later\":{}}}");
	return 0;
}

static struct client C;

static void say(const char *session, const char *body)
{
	char more[128] = "";

	if (session)
		snprintf(more, sizeof(more), "Mcp-Session-Id: %s\r\n", session);
	client_post(&C, "/mcp", more, body);
}

static void begin(const char *session)
{
	char more[128];

	snprintf(more, sizeof(more), "X-Session: %s\r\n", session);
	client_post(&C, "/mcp", more, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}");
	assert_non_null(strstr(client_answer(&C), session));
}

/* A call on whose stream the server asks. */
static void asked(const char *session, const char *tool)
{
	char body[256];
	int n = B.records;

	snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\"}}", tool);
	say(session, body);
	C.n = 0;
	assert_non_null(strstr(client_until(&C, "0\r\n\r\n"), "\"result\":{}"));
	record_wait(n + 2);
}

/* Does an answer with this id come to the server?  To the client it looks the same. */
static bool arrives(const char *session, const char *id)
{
	char body[256];
	int up = B.up_requests, n = B.records;

	snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}", id);
	say(session, body);
	assert_non_null(strstr(client_answer(&C), "HTTP/1.1 202 "));
	if (B.up_requests == up + 1)
		return true;
	const struct seen_record *r = record_wait(n + 1);
	assert_int_equal(r->kind, REC_CALL);
	assert_string_equal(r->verdict, "deny");
	assert_string_equal(r->rule, "(no question)");
	return false;
}

static void without_sessions(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	assert_false(arrives(NULL, "41"));
	asked(NULL, "echo");
	assert_false(arrives(NULL, "40"));
	assert_false(arrives(NULL, "\"41\""));
	assert_true(arrives(NULL, "41"));
	assert_false(arrives(NULL, "41")); /* once */
	assert_true(arrives(NULL, "\"\\u0071-42\""));
	assert_false(arrives(NULL, "\"q-42\""));
	client_close(&C);
}

static void of_the_session(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	begin("s1");
	begin("s2");
	asked("s1", "echo");
	assert_false(arrives("s2", "41"));
	assert_false(arrives(NULL, "41"));
	assert_true(arrives("s1", "41"));
	assert_false(arrives("s1", "41"));
	/* One that began before this worker did has streams that it has not seen. */
	assert_true(arrives("older", "5"));
	client_close(&C);
}

static void not_looked_into(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	begin("s3");
	assert_false(arrives("s3", "7"));
	asked("s3", "big");
	assert_true(arrives("s3", "7"));
	assert_false(arrives("s2", "7"));
	client_close(&C);
}

/* The server ends the stream of a call after its priming event; the client comes back for the answer with what it heard last. */
static void resumed(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	int n = B.records;
	say(NULL, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"later\"}}");
	C.n = 0;
	assert_non_null(strstr(client_until(&C, "0\r\n\r\n"), "id: p-1\nretry: 10\ndata:\n\n"));
	assert_string_equal(record_wait(n + 2)->status, "unanswered");
	client_send(&C, "GET /mcp HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\nLast-Event-ID: p-1\r\n\r\n");
	C.n = 0;
	assert_non_null(strstr(client_until(&C, "0\r\n\r\n"), "id: p-2\n" RESULT));
	client_close(&C);
}

static void error_answers(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	begin("s4");
	int up = B.up_requests;
	say("s4", "{\"jsonrpc\":\"2.0\",\"id\":41,\"error\":{\"code\":-1,\"message\":\"no\"}}");
	assert_non_null(strstr(client_answer(&C), "HTTP/1.1 202 "));
	assert_int_equal(B.up_requests, up);
	asked("s4", "echo");
	up = B.up_requests;
	say("s4", "{\"jsonrpc\":\"2.0\",\"id\":41,\"error\":{\"code\":-1,\"message\":\"no\"}}");
	assert_non_null(strstr(client_answer(&C), "HTTP/1.1 202 "));
	assert_int_equal(B.up_requests, up + 1);
	client_close(&C);
}

/* The target that one user's stream named is that user's, also where it lies under a registered path. */
static void not_your_stream(void **state)
{
	static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}";
	static struct client stream;
	(void)state;
	assert_true(client_tls(&stream, HOST, &B.inner));
	client_send(&stream, "GET /mcp/sse HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\n\r\n");
	assert_non_null(strstr(client_until(&stream, "abcde\n\n"), "event: endpoint"));
	for (B.user = 0; B.user < 2; B.user++) {
		int up = B.up_requests;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp/messages?s=abcde", "", call);
		C.n = 0;
		assert_non_null(strstr(client_until(&C, "\r\n\r\n"), B.user ? " 404 " : " 200 "));
		assert_int_equal(B.up_requests, up + !B.user);
		client_close(&C);
	}
	B.user = 0;
	client_close(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(without_sessions), cmocka_unit_test(of_the_session), cmocka_unit_test(not_looked_into), cmocka_unit_test(resumed), cmocka_unit_test(error_answers), cmocka_unit_test(not_your_stream)};

	log_open("gate_question_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
