/* gate_ended_test.c - a grant ends: what has left completes for its record, only a Read answer is delivered, nothing else leaves, streams end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define POLICY "{\"version\":\"1\",\"default\":\"allow\"}"
#define CALL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{}}}"

static struct client C, other;
static atomic_int arrived, let_go;

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)close;
	if (view_is(h->method, "GET") || memmem(body.p, body.n, "listen", 6))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nb\r\ndata: hello\r\n2\r\n\n\n\r\n";
	arrived++;
	while (!let_go)
		usleep(1000);
	if (memmem(body.p, body.n, "events", 6))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3e\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[\"gold\"]}}\n\n\r\n0\r\n\r\n";
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 54\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[\"gold\"]}}";
}

/* The world with or without the grant of uid 4242. */
static void world(bool granted, const char *expires)
{
	struct pol *p = NULL;
	char json[2048], grant[512] = "";

	assert_int_equal(pol_load(view_str(POLICY), NULL, NULL, &p), 0);
	if (granted)
		snprintf(grant, sizeof(grant), "{\"id\":\"g1\",\"uid\":4242,\"server\":\"mock\",\"policy\":\"%s\",\"policy_name\":\"p\"%s%s%s}", pol_hash(p),
		    expires ? ",\"expires_at\":\"" : "", expires ? expires : "", expires ? "\"" : "");
	snprintf(json, sizeof(json), "{\"generation\":5,\"mode\":\"enforce\",\"servers\":[{\"name\":\"mock\",\"match\":[{\"host\":\"" HOST "\",\"port\":%d,\"path\":\"/mcp\"}]}],"
	    "\"grants\":[%s],\"policies\":{\"%s\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"allow\\\"}\"},"
	    "\"tools\":[{\"server\":\"mock\",\"tool\":\"look\",\"class\":\"Read\",\"by_person\":true}]}", B.up_port, grant, pol_hash(p));
	pol_free(&p);
	bench_world(json);
}

static void begin(void)
{
	B.hold_acks = false;
	arrived = let_go = 0;
	world(true, NULL);
	assert_true(client_tls(&C, HOST, &B.inner));
}

static void post(const char *tool)
{
	char text[256];

	snprintf(text, sizeof(text), CALL, tool);
	client_post(&C, "/mcp", "", text);
}

static void await(const atomic_int *what)
{
	for (int i = 0; i < 5000 && !*what; i++)
		usleep(1000);
	assert_true(*what);
}

/* A call is at the server when its grant ends. */
static const char *ended_under_way(const char *tool, int *first)
{
	begin();
	*first = B.records;
	post(tool);
	await(&arrived);
	world(false, NULL);
	let_go = 1;
	return client_answer(&C);
}

static void no_more(void)
{
	int up = B.up_requests;

	post("look");
	assert_non_null(strstr(client_answer(&C), "(no grant)"));
	assert_int_equal(B.up_requests, up);
	client_close(&C);
}

static void answer_withheld(void **state)
{
	(void)state;
	static const char *const tool[] = {"write", "events"};

	for (int i = 0; i < 2; i++) {
		int n;
		const char *a = ended_under_way(tool[i], &n);
		assert_non_null(strstr(a, "\"isError\":true"));
		assert_non_null(strstr(a, "its answer is withheld. The server may have carried it out"));
		assert_null(strstr(a, "gold"));
		const struct seen_record *r = record_wait(n + 2);
		assert_int_equal(r->kind, REC_RESULT);
		assert_string_equal(r->status, "ok");
		assert_non_null(strstr(r->detail, "withheld"));
		no_more();
	}
}

static void read_delivered(void **state)
{
	(void)state;
	int n;

	assert_non_null(strstr(ended_under_way("look", &n), "gold"));
	const struct seen_record *r = record_wait(n + 2);
	assert_string_equal(r->status, "ok");
	assert_string_equal(r->detail, "the grant ended while the call ran");
	no_more();
}

/* The record of the result waits for the disk: the answer is there, and does not leave either. */
static void withheld_at_the_last_moment(void **state)
{
	(void)state;
	begin();
	int n = B.records;
	post("write");
	await(&arrived);
	B.hold_acks = true;
	let_go = 1;
	record_wait(n + 2);
	world(false, NULL);
	B.hold_acks = false;
	/* Another record: with it the one before is acknowledged. */
	assert_true(client_tls(&other, HOST, &B.inner));
	client_post(&other, "/mcp", "", "{");
	client_answer(&other);
	client_close(&other);
	const char *a = client_answer(&C);
	assert_null(strstr(a, "gold"));
	assert_non_null(strstr(a, "withheld"));
	no_more();
}

static void not_sent(void **state)
{
	(void)state;
	begin();
	int n = B.records, up = B.up_requests;
	B.hold_acks = true;
	post("write");
	record_wait(n + 1);
	world(false, NULL);
	B.hold_acks = false;
	const char *a = client_answer(&C);
	assert_non_null(strstr(a, "the grant for this server has ended (rule (no grant)"));
	const struct seen_record *r = record_wait(n + 2);
	assert_string_equal(r->status, "aborted");
	assert_non_null(strstr(r->detail, "before the call had left"));
	assert_int_equal(B.up_requests, up);
	no_more();
}

/* A request that began under the grant is judged by what holds when it is whole. */
static void half_a_request(void **state)
{
	(void)state;
	char text[256], head[512];

	begin();
	let_go = 1;
	int up = B.up_requests;
	snprintf(text, sizeof(text), CALL, "look");
	snprintf(head, sizeof(head), "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.20s", strlen(text), text);
	client_send(&C, head);
	usleep(50000);
	world(false, NULL);
	client_send(&C, text + 20);
	assert_non_null(strstr(client_answer(&C), "(no grant)"));
	assert_int_equal(B.up_requests, up);
	no_more();
}

static void streams_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		begin();
		int n = B.records;
		if (i)
			client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscriptions/listen\"}");
		else
			client_send(&C, "GET /mcp HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\n\r\n");
		assert_non_null(strstr(client_until(&C, "data: hello"), "data: hello"));
		world(false, NULL);
		client_until(&C, "never comes");
		assert_true(SSL_get_error(C.ssl, -1) != SSL_ERROR_WANT_READ); /* ended, not timed out */
		const struct seen_record *r = record_wait(n + 1);
		assert_int_equal(r->kind, REC_REFUSED);
		assert_non_null(strstr(r->detail, "open stream"));
		client_close(&C);
	}
}

/* Time ends a grant as well; the stream of one that stays goes on. */
static void expiry_ends_streams(void **state)
{
	(void)state;
	char at[WALL_TEXT];

	begin();
	wall_text((struct wall){wall_now().ns + 1500 * 1000000ull}, at);
	world(true, at);
	int n = B.records;
	client_send(&C, "GET /mcp HTTP/1.1\r\nHost: " HOST "\r\nAccept: text/event-stream\r\n\r\n");
	assert_non_null(strstr(client_until(&C, "data: hello"), "data: hello"));
	world(true, at);
	assert_int_equal(B.records, n);
	assert_non_null(strstr(record_wait(n + 1)->detail, "open stream"));
	client_until(&C, "never comes");
	client_close(&C);
	world(true, NULL);
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_ALL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	let_go = 1;
	bench_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answer_withheld),
	    cmocka_unit_test(read_delivered),
	    cmocka_unit_test(withheld_at_the_last_moment),
	    cmocka_unit_test(not_sent),
	    cmocka_unit_test(half_a_request),
	    cmocka_unit_test(streams_end),
	    cmocka_unit_test(expiry_ends_streams),
	};

	log_open("gate_ended_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, stop);
}
