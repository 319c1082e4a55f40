/* gate_weight_test.c - what one user's connections hold in memory has an end: the one that grows beyond it is refused, with a record. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

enum { HALF = 900000, WHOLE = 1000000, HELD_MAX = 3 << 20 };

static char big[WHOLE + 1], list[WHOLE + 512];

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)close;
	if (memmem(body.p, body.n, "tools/list", 10))
		return list;
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
}

static int start(void **state)
{
	(void)state;
	/* A call whose arguments fill WHOLE bytes, and a list as long. */
	memset(big, ' ', WHOLE);
	static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{", none[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}";
	memcpy(big, call, sizeof(call) - 1);
	memcpy(big + WHOLE - 3, "}}}", 3);
	int n = snprintf(list, sizeof(list), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", WHOLE);
	memset(list + n, ' ', WHOLE);
	memcpy(list + n, none, sizeof(none) - 1);
	B.answer = upstream;
	B.held_max = HELD_MAX;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{}}}");
	return 0;
}

#define HEAD "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"

/* Most of a body; the rest is kept for later. */
static void begin(struct client *c, bool chunked)
{
	char head[512];

	assert_true(client_tls(c, HOST, &B.inner));
	int n = chunked ? snprintf(head, sizeof(head), HEAD "Transfer-Encoding: chunked\r\n\r\n%x\r\n", WHOLE)
			: snprintf(head, sizeof(head), HEAD "Content-Length: %d\r\n\r\n", WHOLE);
	up_write(c->ssl, c->fd, head, (size_t)n);
	up_write(c->ssl, c->fd, big, HALF);
}

static void finish(struct client *c, bool chunked)
{
	up_write(c->ssl, c->fd, big + HALF, WHOLE - HALF);
	if (chunked)
		client_send(c, "\r\n0\r\n\r\n");
	assert_non_null(strstr(client_answer(c), "\"result\":{}"));
}

/* The first record behind ${n} others that tells an error: results of calls before may still come. */
static const struct seen_record *error_behind(int n)
{
	const struct seen_record *r;

	do
		r = record_wait(++n);
	while (!r->err[0]);
	return r;
}

static void refused(struct client *c, int records)
{
	const char *a = client_answer(c);

	assert_non_null(strstr(a, "HTTP/1.1 503 "));
	assert_non_null(strstr(a, "as much as one user may"));
	const struct seen_record *r = error_behind(records);
	assert_int_equal(r->kind, REC_REFUSED);
	assert_string_equal(r->err, "full");
	assert_int_equal(r->uid, 4242);
}

static struct client one, two, three;

static void half_sent(void **state)
{
	(void)state;
	begin(&one, false);
	begin(&two, false);
	int n = B.records;
	begin(&three, false);
	refused(&three, n);
	/* What is small passes meanwhile; and those that were there first go on. */
	client_close(&three);
	assert_true(client_tls(&three, HOST, &B.inner));
	client_post(&three, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}");
	assert_non_null(strstr(client_answer(&three), "\"result\":{}"));
	client_close(&three);
	finish(&one, false);
	finish(&two, false);
	/* Their room has come back, with their connections still open. */
	begin(&three, false);
	finish(&three, false);
	client_close(&one);
	client_close(&two);
	client_close(&three);
}

/* The bytes as they came and the body that they make are held both. */
static void half_sent_in_chunks(void **state)
{
	(void)state;
	begin(&one, true);
	int n = B.records;
	begin(&two, true);
	refused(&two, n);
	finish(&one, true);
	client_close(&one);
	client_close(&two);
}

static void a_long_list(void **state)
{
	(void)state;
	begin(&one, false);
	begin(&two, false);
	int n = B.records;
	assert_true(client_tls(&three, HOST, &B.inner));
	client_post(&three, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
	const char *a = client_answer(&three);
	assert_non_null(strstr(a, "could not complete"));
	assert_string_equal(error_behind(n)->err, "full");
	client_close(&one);
	client_close(&two);
	client_close(&three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(half_sent), cmocka_unit_test(half_sent_in_chunks), cmocka_unit_test(a_long_list)};

	log_open("gate_weight_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
