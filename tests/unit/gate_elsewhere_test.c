/* gate_elsewhere_test.c - a server that cannot be reached where its client wants to go is reached at another of its addresses, and at no others. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define POLICY "{\"version\":\"1\",\"default\":\"allow\"}"
#define CALL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{}}}"

/* Where a client wants to go, by the last number of its own address; the server is at 127.0.0.1. */
enum { RIGHT = 101, REFUSES, REFUSES_TOO, DROPS, HANGS_UP, NOT_HERE };

static const char *const choice[] = {[RIGHT] = "127.0.0.1", [REFUSES] = "127.0.0.66", [REFUSES_TOO] = "127.0.0.67", [DROPS] = "127.0.0.5",
    [HANGS_UP] = "127.0.0.9", [NOT_HERE] = "224.0.0.1" /* no route for TCP, on any machine */};

static int flow_by_source(void *arg, int fd, struct cg_flow *out)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	int r = flow_fixed(arg, fd, out);
	assert_int_equal(getpeername(fd, (struct sockaddr *)&a, &n), 0);
	out->uid = 4242;
	assert_int_equal(inet_pton(AF_INET, choice[ntohl(a.sin_addr.s_addr) & 255], out->dst + 12), 1);
	return r;
}

/* ---- callgate-fetch ---- */

static struct {
	const char *addr[8];
	bool silent;
	char asked[HOST_LEN];
	atomic_int asks;
} fetch;

static void on_addrs(const struct frame *f)
{
	struct m_addrs m = {0};
	const struct m_addrs_get *q = (const void *)f->body.p;

	snprintf(fetch.asked, sizeof(fetch.asked), "%s", q->host);
	for (; m.n < 8 && fetch.addr[m.n]; m.n++) {
		m.addr[m.n][10] = m.addr[m.n][11] = 0xff;
		if (inet_pton(AF_INET, fetch.addr[m.n], m.addr[m.n] + 12) != 1)
			assert_int_equal(inet_pton(AF_INET6, fetch.addr[m.n], m.addr[m.n]), 1);
	}
	fetch.asks++;
	if (!fetch.silent)
		assert_int_equal(edge_send(&B.fetch, M_ADDRS, f->tag, view_of(&m, sizeof(m)), -1), 0);
}

static void knows(const char *a, const char *b, const char *c, const char *d)
{
	const char *list[] = {a, b, c, d};

	memset(fetch.addr, 0, sizeof(fetch.addr));
	memcpy(fetch.addr, list, sizeof(list));
	fetch.silent = false;
	fetch.asks = 0;
}

/* ---- both ends ---- */

static atomic_bool hang_up;

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)body;
	*close = hang_up;
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nKeep-Alive: timeout=5\r\nContent-Length: 44\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"x\":\"hi\"}}";
}

static int tcp_from(int who)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000 | (unsigned)who)},
	    to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)B.gate_port)};
	struct timeval tv = {20, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static int listen_at(const char *addr, int backlog)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)B.up_port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, addr, &a.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static struct client C;

static const char *call_again(void)
{
	int n = B.records;

	client_post(&C, "/mcp", "", CALL);
	const char *text = client_answer(&C);
	record_wait(n + 2);
	return text;
}

static const char *call(int who)
{
	C.fd = tcp_from(who);
	assert_true(client_shake(&C, HOST, &B.inner));
	return call_again();
}

static void leave(void)
{
	client_close(&C);
	usleep(20000); /* the worker sees it */
}

static const struct seen_record *last(int records)
{
	const struct seen_record *r = record_wait(records);

	assert_int_equal(r->kind, REC_RESULT);
	return r;
}

#define assert_says(text, what) assert_non_null(strstr(text, what))

static void test_refused(void **state)
{
	int n = B.records;

	(void)state;
	knows("127.0.0.66", "127.0.0.1", NULL, NULL);
	assert_says(call(REFUSES), "\"hi\"");
	assert_string_equal(fetch.asked, HOST);
	assert_int_equal(fetch.asks, 1);
	const struct seen_record *r = last(n + 2);
	assert_string_equal(r->status, "ok");
	assert_string_equal(r->server_addr, "127.0.0.1");
	assert_string_equal(B.rec[n].addr, "127.0.0.66"); /* of the call: what the client wanted */

	/* The next connection for the same client goes to where the server was. */
	hang_up = true;
	assert_says(call_again(), "\"hi\"");
	hang_up = false;
	usleep(20000); /* the worker sees the end */
	assert_says(call_again(), "\"hi\"");
	assert_int_equal(fetch.asks, 1);

	/* What is kept of it is a connection to that address, and serves who wants to go there. */
	int conns = B.up_conns;
	leave();
	assert_says(call(RIGHT), "\"hi\"");
	leave();
	assert_int_equal(B.up_conns, conns);
	assert_says(call(REFUSES), "\"hi\"");
	leave();
	assert_int_equal(B.up_conns, conns + 1);
	n = B.records;
	assert_says(call(RIGHT), "\"hi\"");
	assert_string_equal(last(n + 2)->server_addr, "");
	leave();
}

static void test_dropped(void **state)
{
	int n = B.records, fd = listen_at("127.0.0.5", 0), fill[3];
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	(void)state;
	/* Once its queue is full a listener takes no further SYN. */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	for (int i = 0; i < 3; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(fill[i], (struct sockaddr *)&a, sizeof(a));
	}
	knows("127.0.0.1", "127.0.0.5", NULL, NULL);
	assert_says(call(DROPS), "\"hi\"");
	client_close(&C);
	assert_int_equal(fetch.asks, 1);
	const struct seen_record *r = last(n + 2);
	assert_string_equal(r->status, "ok");
	assert_string_equal(r->server_addr, "127.0.0.1");
	for (int i = 0; i < 3; i++)
		close(fill[i]);
	close(fd);
}

static void fails(int who, const char *why)
{
	int n = B.records, conns = B.up_conns;

	const char *text = call(who);
	assert_says(text, "Callgate could not complete this call: ");
	assert_says(text, why);
	client_close(&C);
	const struct seen_record *r = last(n + 2);
	assert_string_equal(r->status, "aborted");
	assert_string_equal(r->server_addr, "");
	assert_int_equal(B.up_conns, conns);
}

static void test_bounds(void **state)
{
	(void)state;
	/* Several are tried, and not any number of them. */
	knows("127.0.0.67", "127.0.0.68", "127.0.0.1", NULL);
	assert_says(call(REFUSES), "\"hi\"");
	client_close(&C);
	knows("127.0.0.67", "127.0.0.68", "127.0.0.69", "127.0.0.1");
	fails(REFUSES, "refused the connection");
	/* The other family first, whatever comes first in the list: with a fourth of its own this one would not be reached. */
	knows("::1", "127.0.0.67", "127.0.0.68", "127.0.0.1");
	fails(REFUSES, "refused the connection");
	knows("127.0.0.67", "127.0.0.1", "127.0.0.68", "::1");
	assert_says(call(REFUSES), "\"hi\"");
	client_close(&C);
}

static void test_nowhere_else(void **state)
{
	(void)state;
	knows(NULL, NULL, NULL, NULL);
	fails(REFUSES, "refused the connection");
	knows("127.0.0.66", NULL, NULL, NULL);
	fails(REFUSES, "refused the connection");
	/* Who did not want to come to this machine does not, and nobody to where no server can be. */
	knows("127.0.0.1", "::ffff:127.0.0.1", "::1", "::127.0.0.1");
	fails(NOT_HERE, "cannot be reached");
	assert_int_equal(fetch.asks, 1);
	knows("0.0.0.0", "::", "169.254.169.254", "fe80::1");
	fails(REFUSES, "refused the connection");
	/* Nobody waits long for callgate-fetch. */
	knows("127.0.0.1", NULL, NULL, NULL);
	fetch.silent = true;
	fails(REFUSES, "refused the connection");
	assert_int_equal(fetch.asks, 1);
}

/* An address that answers is the server's word, however it answers. */
static void test_answered(void **state)
{
	int n = B.records, fd = listen_at("127.0.0.9", 8);

	(void)state;
	knows("127.0.0.1", NULL, NULL, NULL);
	C.fd = tcp_from(HANGS_UP);
	int peer = accept(fd, NULL, NULL);
	assert_true(client_shake(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL);
	close(peer);
	/* Once more, as for any connection that ends before it was of use. */
	struct pollfd p = {fd, POLLIN, 0};
	if (poll(&p, 1, 200) == 1)
		close(accept(fd, NULL, NULL));
	assert_says(client_answer(&C), "Callgate could not complete this call: ");
	client_close(&C);
	assert_string_equal(last(n + 2)->server_addr, "");
	assert_int_equal(fetch.asks, 0);
	close(fd);
}

/* A name that is not registered has the one address that its client found. */
static void test_not_registered(void **state)
{
	int n = B.records, conns = B.up_conns;

	(void)state;
	knows("127.0.0.1", NULL, NULL, NULL);
	C.fd = tcp_from(REFUSES);
	assert_false(client_shake(&C, "elsewhere.example.test", &B.inner));
	client_close(&C);
	const struct seen_record *r = record_wait(n + 1);
	assert_int_equal(r->kind, REC_CONNECTION);
	assert_string_equal(r->err, err_name(-ECONNREFUSED));
	assert_string_equal(r->host, "elsewhere.example.test");
	/* One who says nothing is told after a moment. */
	char byte;
	int fd = tcp_from(REFUSES);
	assert_true(recv(fd, &byte, 1, 0) < 0 && errno == ECONNRESET);
	close(fd);
	assert_string_equal(record_wait(n + 2)->err, err_name(-ECONNREFUSED));
	assert_int_equal(fetch.asks, 0);
	assert_int_equal(B.up_conns, conns);
}

static int begin(void **state)
{
	(void)state;
	B.answer = upstream;
	B.on_addrs = on_addrs;
	B.flow = flow_by_source;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, POLICY);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_dropped),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_nowhere_else),
	    cmocka_unit_test(test_answered),
	    cmocka_unit_test(test_not_registered),
	};
	return cmocka_run_group_tests_name("gate_elsewhere", tests, begin, bench_end);
}
