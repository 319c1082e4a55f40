/* gate_strict_test.c - audit mode "all": nothing leaves before its record is safe, and no result before its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	*close = memmem(body.p, body.n, "stream", 6) == NULL && memmem(body.p, body.n, "json", 4) == NULL;
	if (body.n && memmem(body.p, body.n, "ping", 4))
		return EVENTS "event: ping\ndata: 1:2\n\ndata: {\"method\":\"notifications/progress\"}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
	if (body.n && memmem(body.p, body.n, "twice", 5))
		return EVENTS "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"result\":{}}\n\n";
	if (body.n && memmem(body.p, body.n, "both", 4))
		return EVENTS "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"result\":{}}\n\n";
	if (body.n && memmem(body.p, body.n, "stream", 6))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "13\r\ndata: {\"hello\":1}\n\n\r\n38\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n\r\n0\r\n\r\n";
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_ALL);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{}}}");
	return 0;
}

static struct client C;

#define CALL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"how\":\"%s\"}}}"

static void post(const char *how)
{
	char text[256];

	snprintf(text, sizeof(text), CALL, how);
	client_post(&C, "/mcp", "", text);
}

static void acknowledged(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	for (int i = 0; i < 3; i++) {
		int n = B.records;
		post("json");
		assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
		/* both records were there before the answer */
		assert_int_equal(B.records, n + 2);
		assert_string_equal(B.rec[n + 1].status, "ok");
		C.n = 0;
		post("stream");
		const char *a = client_until(&C, "0\r\n\r\n");
		assert_non_null(strstr(a, "data: {\"hello\":1}\n\n"));
		assert_non_null(strstr(a, "\"result\":{\"content\":[]}}\n\n"));
		assert_int_equal(B.records, n + 4);
		assert_string_equal(B.rec[n + 3].status, "ok");
	}
	client_close(&C);
}

static void no_acknowledgement(void **state)
{
	(void)state;
	int up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	B.hold_acks = true;
	int n = B.records;
	post("json");
	const char *a = client_answer(&C);
	assert_non_null(strstr(a, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(a, "did not reach the disk"));
	assert_int_equal(B.up_requests, up);
	assert_string_equal(record_wait(n + 2)->status, "aborted");
	/* safe again: the same connection goes on */
	B.hold_acks = false;
	post("json");
	assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
	assert_int_equal(B.up_requests, up + 1);
	client_close(&C);
}

static void no_acknowledgement_of_the_result(void **state)
{
	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	int n = B.records, up = B.up_requests;
	pthread_mutex_lock(&B.lock); /* the upstream waits, so that the change below comes between the two records */
	post("json");
	record_wait(n + 1);
	usleep(50000);
	B.hold_acks = true;
	pthread_mutex_unlock(&B.lock);
	assert_null(strstr(client_answer(&C), "result"));
	assert_int_equal(B.up_requests, up + 1);
	assert_string_equal(record_wait(n + 2)->status, "ok");
	B.hold_acks = false;
	client_close(&C);
}

/* An answer in an event that other readers take for one, or that is none of ours and comes before it. */
static void odd_events(void **state)
{
	static const struct {
		const char *how, *status;
	} row[] = {{"twice", "unread"}, {"both", "ok"}, {"ping", "ok"}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int n = B.records;
		assert_true(client_tls(&C, HOST, &B.inner));
		pthread_mutex_lock(&B.lock);
		post(row[i].how);
		record_wait(n + 1);
		usleep(50000);
		B.hold_acks = true;
		pthread_mutex_unlock(&B.lock);
		C.n = 0;
		assert_null(strstr(client_until(&C, "\"result\""), "\"result\""));
		assert_string_equal(record_wait(n + 2)->status, row[i].status);
		B.hold_acks = false;
		client_close(&C);
		assert_true(client_tls(&C, HOST, &B.inner));
		post(row[i].how);
		C.n = 0;
		assert_non_null(strstr(client_until(&C, "0\r\n\r\n"), "\"result\":{}}\n\n"));
		client_close(&C);
	}
}

/* callgate-audit has no room, or cannot write: refused in words and recorded, nothing is sent; what uses no record passes; then it goes on. */
static void held(void **state)
{
	static const struct {
		enum shring_why why;
		const char *rule;
	} whys[] = {{SHRING_FULL, "(audit disk full)"}, {SHRING_FAILING, "(audit unavailable)"}};

	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	for (size_t i = 0; i < 2; i++) {
		int n = B.records, up = B.up_requests;
		shring_hold(B.reader, whys[i].why);
		post("json");
		const char *a = client_answer(&C);
		assert_non_null(strstr(a, "HTTP/1.1 200 OK"));
		assert_non_null(strstr(a, whys[i].rule));
		assert_string_equal(record_wait(n + 1)->verdict, "deny");
		assert_int_equal(B.up_requests, up);
		shring_hold(B.reader, SHRING_GO);
		post("json");
		assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
		assert_int_equal(B.up_requests, up + 1);
	}
	client_close(&C);
}

/* Where policy is only observed that holds as well, also for what it would deny. */
static void held_observed(void **state)
{
	(void)state;
	bench_grant("observe", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{}}");
	assert_true(client_tls(&C, HOST, &B.inner));
	int n = B.records, up = B.up_requests;
	shring_hold(B.reader, SHRING_FULL);
	post("json");
	assert_non_null(strstr(client_answer(&C), "(audit disk full)"));
	assert_string_equal(record_wait(n + 1)->rule, "(audit disk full)");
	assert_int_equal(B.up_requests, up);
	shring_hold(B.reader, SHRING_GO);
	post("json");
	assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
	assert_string_equal(record_wait(n + 3)->status, "ok");
	assert_string_equal(B.rec[n + 1].verdict, "deny");
	client_close(&C);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(acknowledged),
	    cmocka_unit_test(no_acknowledgement),
	    cmocka_unit_test(no_acknowledgement_of_the_result),
	    cmocka_unit_test(odd_events),
	    cmocka_unit_test(held),
	    cmocka_unit_test(held_observed),
	};

	log_open("gate_strict_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
