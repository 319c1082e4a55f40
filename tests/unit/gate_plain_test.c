/* gate_plain_test.c - HTTP without TLS: what names a registered server is found, however old, odd or late its head is, and whatever came before it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)body;
	(void)close;
	if (view_is(h->target, "/up"))
		return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
	if (view_is(h->method, "CONNECT"))
		return "HTTP/1.1 200 OK\r\n\r\n";
	if (view_is(h->target, "/mcp"))
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
	return OK;
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	B.up_plain = true;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{}}}");
	return 0;
}

static struct client C;

/* Each in two pieces: the name may come when what came before it could not be read already. */
static void odd_heads(void **state)
{
	static const struct {
		const char *first, *second, *says;
	} row[] = {
	    {"\r\nPOST /mcp HTTP/1.1\r\n", "Host: " HOST "\r\nContent-Length: 2\r\n\r\n{}", " 400 "},
	    {"POST /mcp HTTP/1.1\n", "Host: " HOST "\nContent-Length: 2\n\n{}", " 400 "},
	    {"POST /mcp HTTP/1.1\nX: y\n", " Host : " HOST "\n\n", " 400 "},
	    {"POST  http://" HOST "/mcp HTTP/1.1\n", "\n", " 400 "},
	    {"POST\thttp://else.test@" HOST "/mcp HTTP/1.1\nHost: else.test\n", "\n", " 400 "},
	    {"CONNECT " HOST ":443 HTTP/1.1\n", "Host: else.test\n\n", " 400 "},
	    {"GET / HTTP/1.1\rX: y\r", "Host: " HOST "\r\r\n\r\n", " 400 "},
	    {"GET /mcp HTTP/1.0\r\n", "Host: " HOST "\r\n\r\n", " 400 "},
	    {"GET http://" HOST "/mcp HTTP/1.0\r\n", "\r\n", " 400 "},
	    {"CONNECT " HOST ":80 HTTP/1.0\r\n", "\r\n", " 502 "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int n = B.records, up = B.up_requests;
		C.fd = client_tcp();
		client_send(&C, row[i].first);
		usleep(30000); /* mostly its own piece; the outcome is the same if not */
		client_send(&C, row[i].second);
		const char *a = client_answer(&C);
		if (!strstr(a, row[i].says))
			fail_msg("%zu: %s", i, a);
		client_close(&C);
		assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
		assert_int_equal(B.up_requests, up);
	}
}

/* What names nobody of ours passes, to the last byte. */
static void odd_and_not_ours(void **state)
{
	static const struct {
		const char *first, *second;
	} row[] = {
	    {"GET /x HTTP/1.1\n", "Host: else.test\n\n"},
	    {"POST /x HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "Host: else.test\r\n\r\n{}"},
	    {"CONNECT else.test:443 HTTP/1.1\n", "\nwhat is in it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int n = B.records;
		C.fd = client_tcp();
		client_send(&C, row[i].first);
		usleep(30000);
		client_send(&C, row[i].second);
		C.n = 0;
		client_until(&C, "never"); /* the server of this test reads nothing odd: it closes */
		client_close(&C);
		const struct seen_record *r = record_wait(n + 1);
		assert_int_equal(r->kind, REC_CONNECTION);
		assert_int_equal(r->in, strlen(row[i].first) + strlen(row[i].second));
	}
}

/* A head that cannot be read and does not end. */
static void endless(void **state)
{
	static char much[9000];
	int n = B.records, up = B.up_requests;

	(void)state;
	C.fd = client_tcp();
	client_send(&C, "GET /x HTTP/1.1\n");
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 2] = '\n';
	for (int i = 0; i < 20; i++)
		client_send(&C, much);
	assert_non_null(strstr(client_answer(&C), " 431 "));
	client_close(&C);
	assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
	assert_int_equal(B.up_requests, up);
}

/* Programs that speak HTTP/1.0 to their proxy are judged as others are. */
static void old_connect(void **state)
{
	char text[256];
	int n = B.records;

	(void)state;
	C.fd = client_tcp();
	snprintf(text, sizeof(text), "CONNECT " HOST ":%d HTTP/1.0\r\n\r\n", B.up_port);
	client_send(&C, text);
	assert_non_null(strstr(client_until(&C, "\r\n\r\n"), " 200 "));
	assert_true(client_shake(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}");
	assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"danger\"}}");
	assert_non_null(strstr(client_answer(&C), "Unknown tool"));
	client_close(&C);
	record_wait(n + 3);
	assert_string_equal(B.rec[n + 2].verdict, "deny");
	assert_true(up_saw("Authorization: Bearer " SECRET));
}

/* Who offers another protocol and is not taken up speaks HTTP still. */
static void offered(void **state)
{
	int n = B.records;

	(void)state;
	C.fd = client_tcp();
	client_send(&C, "GET /x HTTP/1.1\r\nHost: else.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	assert_non_null(strstr(client_answer(&C), "\r\n\r\nok"));
	client_send(&C, "GET /y HTTP/1.1\r\nHost: else.test\r\n\r\n");
	assert_non_null(strstr(client_answer(&C), "\r\n\r\nok"));
	int up = B.up_requests;
	client_send(&C, "GET /mcp HTTP/1.1\r\nHost: " HOST "\r\n\r\n");
	assert_non_null(strstr(client_answer(&C), " 400 "));
	assert_int_equal(B.up_requests, up);
	client_close(&C);
	assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
}

/* And who is taken up does not: the words of the other protocol are not looked into. */
static void taken_up(void **state)
{
	static const char after[] = "GET /mcp HTTP/1.1\r\nHost: " HOST "\r\n\r\n";
	int n = B.records;

	(void)state;
	C.fd = client_tcp();
	client_send(&C, "GET /up HTTP/1.1\r\nHost: else.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
	C.n = 0;
	assert_non_null(strstr(client_until(&C, "Upgrade: x\r\n\r\n"), " 101 "));
	C.n = 0;
	client_send(&C, after);
	assert_non_null(strstr(client_until(&C, "{}}"), "\"result\":{}"));
	client_close(&C);
	assert_int_equal(record_wait(n + 1)->kind, REC_CONNECTION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(odd_heads),
	    cmocka_unit_test(odd_and_not_ours),
	    cmocka_unit_test(endless),
	    cmocka_unit_test(old_connect),
	    cmocka_unit_test(offered),
	    cmocka_unit_test(taken_up),
	};

	log_open("gate_plain_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
