/* gate_owed_test.c - a ring without room: what has happened is recorded when there is some, in its order; what is too much is counted. */
#include "gate_aid.h"

#include "gate/owed.h"
#include "gate/worker.h"

static struct client C, K, L;

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)body;
	*close = true;
	return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother";
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	B.up_plain = B.full_ring = B.hold_acks = true;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"allow\"}");
	return 0;
}

/* True when it was answered, false when it was reset before. */
static bool plain(const char *host)
{
	char text[256];

	C.fd = client_tcp();
	snprintf(text, sizeof(text), "POST /mcp HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", host);
	send(C.fd, text, strlen(text), MSG_NOSIGNAL);
	char c;
	bool any = false;
	while (recv(C.fd, &c, 1, 0) == 1)
		any = true;
	client_close(&C);
	return any;
}

static void kept_and_counted(void **state)
{
	int n = 0, reset = 0, answered = 0, losses = 0;

	(void)state;
	while (!B.records || n != B.records) { /* what fills the ring has been read */
		n = B.records;
		usleep(20000);
	}
	assert_true(plain("else.test"));
	assert_true(plain(HOST));
	/* a call is held back, then refused in words */
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{}}}");
	assert_non_null(strstr(client_answer(&C), "(audit unavailable)"));
	client_close(&C);
	assert_true(client_tls(&K, HOST, &B.inner));
	assert_true(client_tls(&L, HOST, &B.inner));
	while (reset < 3) {
		bool ok = plain(HOST);
		answered += ok;
		reset += !ok;
		assert_in_range(answered, 0, RECORDS_MAX - 256);
	}
	/* who has a connection already begins nothing either, and is let go when nothing changes */
	char c;
	client_post(&L, "/mcp", "", "{}");
	int r = SSL_read(L.ssl, &c, 1);
	assert_int_equal(SSL_get_error(L.ssl, r), SSL_ERROR_ZERO_RETURN);
	client_close(&L);
	client_post(&K, "/mcp", "", "{}");
	usleep(50000); /* mostly it waits by then; the outcome is the same if not */
	assert_int_equal(B.records, n);
	assert_true(answered > 500);
	bench_acks();
	const struct seen_record *loss = record_wait(n + 3 + answered + 1);
	assert_string_equal(B.rec[n].verdict, "relay");
	assert_int_equal(B.rec[n + 1].kind, REC_REFUSED);
	assert_int_equal(B.rec[n + 2].kind, REC_CALL);
	assert_string_equal(B.rec[n + 2].rule, "(audit unavailable)");
	for (int i = 0; i < answered; i++) {
		assert_int_equal(B.rec[n + 3 + i].kind, REC_REFUSED);
		assert_string_equal(B.rec[n + 3 + i].host, HOST);
	}
	assert_int_equal(loss->kind, REC_LOSS);
	assert_int_equal(loss->count, reset);
	assert_non_null(strstr(client_answer(&K), " 400 "));
	client_close(&K);
	assert_int_equal(record_wait(n + 3 + answered + 2)->kind, REC_REFUSED);
	n = B.records;
	/* and it goes on */
	assert_true(plain(HOST));
	assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
	for (int i = 0; i < B.records; i++)
		losses += B.rec[i].kind == REC_LOSS;
	assert_int_equal(losses, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kept_and_counted),
	};

	log_open("gate_owed_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
