/*
 * gate_class_test.c - audit mode "class": what only reads goes on while no record is acknowledged at all; everything else does not leave.  No clock:
 * the reader of the ring holds every acknowledgement back until it has been seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

static struct client C;

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)close;
	if (body.n && memmem(body.p, body.n, "tools/list", 10))
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 88\r\n\r\n"
		       "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"get_note\"},{\"name\":\"delete_note\"}]}}";
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_CLASS);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"get_note\":{},\"delete_note\":{},\"get_other\":{}}}");
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
	return strstr(client_answer(&C), "get_note") ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	client_close(&C);
	bench_stop();
	return 0;
}

static void post(const char *tool)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{}}}", tool);
	client_post(&C, "/mcp", "", text);
}

static void reads(void **state)
{
	(void)state;
	B.hold_acks = true;
	for (int i = 0; i < 5; i++) {
		int n = B.records, up = B.up_requests;
		uint64_t acked = shring_acked(B.reader);
		post("get_note");
		assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
		/* Answered by the server, both records there, and nobody said that they are safe. */
		assert_int_equal(B.up_requests, up + 1);
		assert_string_equal(record_wait(n + 1)->risk, "Read");
		assert_string_equal(record_wait(n + 2)->status, "ok");
		assert_int_equal(shring_acked(B.reader), acked);
	}
	B.hold_acks = false;
}

/* Known to destroy; and one that no list named, though it sounds harmless. */
static void others(void **state)
{
	static const char *const tools[] = {"delete_note", "get_other"}, *const risks[] = {"Destructive", "Execute"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int n = B.records, up = B.up_requests;
		B.hold_acks = true;
		post(tools[i]);
		assert_non_null(strstr(client_answer(&C), "did not reach the disk"));
		assert_string_equal(record_wait(n + 1)->risk, risks[i]);
		assert_int_equal(B.up_requests, up);
		B.hold_acks = false;
		post(tools[i]);
		assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
		assert_int_equal(B.up_requests, up + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads),
	    cmocka_unit_test(others),
	};

	log_open("gate_class_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, stop);
}
