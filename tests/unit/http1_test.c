/* http1_test.c - heads that are taken, heads that are refused, every prefix of both. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/http1.h"

#define V(s) VIEW_LIT(s)

enum { OK = 1 };

static struct http1_head h;

#define OPTIONS_31 "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,,,,,"

static const struct {
	struct view in;
	int ret; /* OK: all of it */
} requests[] = {
	{V("GET / HTTP/1.1\r\n\r\n"), OK},
	{V("POST /mcp?x=1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n"), OK},
	{V("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"), OK},
	{V("GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n"), OK},
	{V("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), OK},
	{V("QUERY / HTTP/1.1\r\nHost:\r\nX-Empty:\t \r\nX: a\tb \xc3\xa9\r\n\r\n"), OK},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\n\r\n"), OK},
	{V("GET / HTTP/1.1\r\nConnection: " OPTIONS_31 "\r\nConnection: " OPTIONS_31 ",close,\r\n\r\n"), OK},
	{V("GET / HTTP/1.1\r\nConnection: " OPTIONS_31 "\r\nConnection: " OPTIONS_31 ",close,,\r\n\r\n"), -ERR_TOO_LONG},
	/* the request line */
	{V("\r\nGET / HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V(" GET / HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET  / HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /  HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET\t/ HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /\tHTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /a b HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /a\0b HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /a\x7f HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /\xc3\xa9 HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1 \r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\rX: y\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / http/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.x\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/11\r\n\r\n"), -ERR_MALFORMED},
	{V("GET /\r\n\r\n"), -ERR_MALFORMED},
	{V("G(T / HTTP/1.1\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.0\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("GET / HTTP/1.2\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), -ERR_UNSUPPORTED},
	/* header lines */
	{V("GET / HTTP/1.1\r\nA: b\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\n A: b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA : b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\n: b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA\0: b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\n\xc3\xa9: b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA: 0123456789abcdef\x01\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nA: \x7f\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\n\rX"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\n\n"), -ERR_MALFORMED},
	/* framing */
	{V("POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\ncontent-length: 2\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("POST / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n"), -ERR_MALFORMED},
	{V("POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\n"), -ERR_MALFORMED},
	{V("POST / HTTP/1.1\r\nContent-Length: 0x2\r\n\r\n"), -ERR_MALFORMED},
	{V("POST / HTTP/1.1\r\nContent-Length: 2 2\r\n\r\n"), -ERR_MALFORMED},
	{V("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n"), -ERR_MALFORMED},
	{V("POST / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\n"), OK},
	{V("POST / HTTP/1.1\r\nContent-Length: 18446744073709551618\r\n\r\n"), -ERR_TOO_LONG},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n"), -ERR_UNSUPPORTED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n"), -ERR_MALFORMED},
	{V("POST / HTTP/1.1\r\nTransfer-Encoding: \x0b" "chunked\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nExpect: 200-ok\r\n\r\n"), -ERR_UNSUPPORTED},
	/* host */
	{V("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"), -ERR_AMBIGUOUS},
	{V("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), -ERR_MALFORMED},
	{V("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"), -ERR_MALFORMED},
};

static const struct {
	struct view in;
	int ret;
	unsigned status;
	enum http1_body body;
	bool close;
} responses[] = {
	{V("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), OK, 200, HTTP1_LENGTH, false},
	{V("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"), OK, 200, HTTP1_CHUNKED, false},
	{V("HTTP/1.1 200\r\n\r\n"), OK, 200, HTTP1_UNTIL_CLOSE, true},
	{V("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), OK, 200, HTTP1_LENGTH, true},
	{V("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n"), OK, 200, HTTP1_LENGTH, false},
	{V("HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 0\r\n\r\n"), OK, 200, HTTP1_LENGTH, true},
	{V("HTTP/1.1 100 Continue\r\n\r\n"), OK, 100, HTTP1_NO_BODY, false},
	{V("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"), OK, 103, HTTP1_NO_BODY, false},
	{V("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), OK, 204, HTTP1_NO_BODY, false},
	{V("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), OK, 304, HTTP1_NO_BODY, false},
	{V("HTTP/1.1 404 caf\xc3\xa9\tx\r\nContent-Length: 0\r\nHost: a b\r\nHost: c\r\nExpect: z\r\n\r\n"), OK, 404, HTTP1_LENGTH, false},
	{V("HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.1 20 OK\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.1 2000 OK\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.1 099 OK\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.1  200 OK\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.1 200 O\0K\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/2 200\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/2.0 200 OK\r\n\r\n"), -ERR_UNSUPPORTED, 0, 0, 0},
	{V("ICY 200 OK\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), -ERR_MALFORMED, 0, 0, 0},
	{V("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"), -ERR_AMBIGUOUS, 0, 0, 0},
	{V("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), -ERR_UNSUPPORTED, 0, 0, 0},
};

/* The whole of ${in}, then every prefix at the edge of an unreadable page: more, or the same error early; never a success. */
static void check(struct view in, int want, int (*parse)(struct view, struct http1_head *), const char *what)
{
	size_t room = 65536;
	uint8_t *mem = mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = mem + room;
	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(end, 4096, PROT_NONE), 0);
	bool failed = false;
	for (size_t n = 0; n <= in.n; n++) {
		memcpy(end - n, in.p, n);
		int r = parse(view_of(end - n, n), &h);
		int fits = n < in.n ? r == 0 || (want < 0 && r == want) : want == OK ? r == (int)in.n : r == want;
		if (!fits)
			print_error("%s: " VIEW_FMT ": %zu of %zu bytes: %s\n", what, VIEW_ARG(in), n, in.n, err_name(r));
		assert_true(fits);
		assert_false(failed && r == 0); /* what was refused stays refused */
		failed = r < 0;
	}
	munmap(mem, room + 4096);
}

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		check(requests[i].in, requests[i].ret, http1_request, "request");
}

/* What is passed on as it came may be of the old version; all else holds for it as well. */
static void test_old_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (requests[i].ret != -ERR_UNSUPPORTED)
			check(requests[i].in, requests[i].ret, http1_request_old, "old request");
	check(V("CONNECT a:443 HTTP/1.0\r\n\r\n"), OK, http1_request_old, "old request");
	check(V("GET / HTTP/0.9\r\n\r\n"), -ERR_UNSUPPORTED, http1_request_old, "old request");
	check(V("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), -ERR_MALFORMED, http1_request_old, "old request");
	assert_true(http1_request_old(V("CONNECT a:443 HTTP/1.0\r\n\r\n"), &h) > 0);
	assert_int_equal(h.minor, 0);
	assert_true(h.close);
}

static void test_responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(responses) / sizeof(*responses); i++) {
		check(responses[i].in, responses[i].ret, http1_response, "response");
		if (responses[i].ret != OK)
			continue;
		assert_true(http1_response(responses[i].in, &h) > 0);
		assert_int_equal(h.status, responses[i].status);
		assert_int_equal(h.body, responses[i].body);
		assert_int_equal(h.close, responses[i].close);
	}
}

static void test_fields(void **state)
{
	(void)state;
	struct view in = V("POST http://a/x HTTP/1.1\r\nHost: a:80 \r\nX-A: 1\r\nConnection: keep-alive\r\nconnection: Upgrade\r\n"
			   "x-a: \t2 3\t\r\nExpect: 100-continue\r\nContent-Length: 0042\r\n\r\nbody");
	int n = http1_request(in, &h);
	unsigned count = 9;
	assert_int_equal(n, in.n - 4);
	assert_true(view_is(h.method, "POST"));
	assert_true(view_is(h.target, "http://a/x"));
	assert_true(view_is(h.host, "a:80"));
	assert_int_equal(h.minor, 1);
	assert_int_equal(h.body, HTTP1_LENGTH);
	assert_int_equal(h.length, 42);
	assert_true(h.upgrade && h.expect_continue && !h.close);
	assert_int_equal(h.n, 7);
	assert_true(view_is(http1_get(&h, "X-a", &count), "1"));
	assert_int_equal(count, 2);
	assert_true(view_is(h.h[4].value, "2 3"));
	assert_int_equal(http1_get(&h, "absent", &count).n, 0);
	assert_int_equal(count, 0);
	assert_int_equal(http1_get(&h, "absent", NULL).n, 0);
	assert_true(http1_request(V("GET / HTTP/1.1\r\n\r\n"), &h) > 0);
	assert_int_equal(h.body, HTTP1_NO_BODY);
	assert_int_equal(h.n + h.host.n + h.upgrade + h.expect_continue + h.close, 0);
}

static void test_limits(void **state)
{
	(void)state;
	static char text[HTTP1_HEAD_MAX + 1000];
	for (int headers = HTTP1_HEADERS; headers <= HTTP1_HEADERS + 1; headers++) {
		int n = sprintf(text, "GET / HTTP/1.1\r\n");
		for (int i = 0; i < headers; i++)
			n += sprintf(text + n, "A: %d\r\n", i);
		n += sprintf(text + n, "\r\n");
		assert_int_equal(http1_request(view_of(text, (size_t)n), &h), headers == HTTP1_HEADERS ? n : -ERR_TOO_LONG);
	}
	for (int over = 0; over < 2; over++) {
		int n = sprintf(text, "GET / HTTP/1.1\r\nA: %0*d\r\n\r\n", HTTP1_HEAD_MAX - 23 + over, 0);
		assert_int_equal(n, HTTP1_HEAD_MAX + over);
		assert_int_equal(http1_request(view_of(text, (size_t)n), &h), over ? -ERR_TOO_LONG : n);
		assert_int_equal(http1_request(view_of(text, HTTP1_HEAD_MAX - 1), &h), 0);
	}
	memset(text, 'A', sizeof(text));
	assert_int_equal(http1_request(view_of(text, sizeof(text)), &h), -ERR_TOO_LONG);
	memcpy(text, "GET /", 5);
	assert_int_equal(http1_request(view_of(text, sizeof(text)), &h), -ERR_TOO_LONG);
	assert_int_equal(http1_request(view_of(NULL, 0), &h), 0);
}

static void test_values(void **state)
{
	(void)state;
	assert_true(http1_has_token(V("a, Close ,b"), "close"));
	assert_true(http1_has_token(V("close"), "close"));
	assert_true(http1_has_token(V(",,close"), "close"));
	assert_false(http1_has_token(V("closed, xclose, close x"), "close"));
	assert_false(http1_has_token(V(""), "close"));
	assert_false(http1_has_token(view_of(NULL, 0), "close"));
	static const struct {
		const char *v;
		bool is;
		const char *charset;
	} media[] = {
		{"application/json", true, ""},
		{"APPLICATION/Json", true, ""},
		{"application/json;", true, ""},
		{" application/json ; charset=UTF-8 ", true, "UTF-8"},
		{"application/json;x=\"a b\"; Charset=\"utf-8\"", true, "utf-8"},
		{"application/json; charset=utf-8; charset=utf-16", false, ""},
		{"application/json; charset*=utf-16''x", false, ""},
		{"application/json; charset=\"utf-8", false, ""},
		{"application/json; charset=\"utf\\-8\"", false, ""},
		{"application/json; charset", false, ""},
		{"application/json; charset =utf-8", false, ""},
		{"application/json; charset=", false, ""},
		{"application/json; x=\";charset=utf-16\"", false, ""},
		{"application/json, text/plain", false, ""},
		{"application/jsonx", false, ""},
		{"text/json", false, ""},
		{"", false, ""},
	};
	for (size_t i = 0; i < sizeof(media) / sizeof(*media); i++) {
		struct view charset = V("untouched");
		assert_int_equal(http1_media(view_str(media[i].v), "application/json", &charset), media[i].is);
		assert_true(view_is(charset, media[i].charset));
		assert_int_equal(http1_media(view_str(media[i].v), "application/json", NULL), media[i].is);
	}
	assert_false(http1_media(view_of(NULL, 0), "application/json", NULL));
}

static void test_looks(void **state)
{
	(void)state;
	static const struct {
		struct view in;
		int is;
	} looks[] = {
		{V(""), 0}, {V("G"), 0}, {V("GET"), 0}, {V("GET "), 0}, {V("GET / HTTP/1"), 0}, {V("GET / HTTP/1."), 1},
		{V("\r\nGET / HTTP/1.1"), 1}, {V("\r\n"), 0}, {V("post\t/mcp  http/1.1\r\n"), 1}, {V("x y z HTTP/1.0"), 1},
		{V("PRI * HTTP/2.0\r\n"), -1}, {V("EHLO example.com\r\n"), -1}, {V("GET /\r\n"), -1}, {V("SSH-2.0-x\r\n"), -1},
		{V("\x16\x03\x01"), -1}, {V("{\"a\":1}"), -1}, {V("GET\0/ HTTP/1.1"), -1}, {V(" GET / HTTP/1.1"), -1},
		{V("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), -1}, {V("GET /HTTP/1.1 HTTP/1.1\r\n"), 1}, {V("GET xHTTP/1.1\r\n"), -1},
	};
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++)
		assert_int_equal(http1_looks_like(looks[i].in), looks[i].is);
	static uint8_t big[HTTP1_HEAD_MAX + 1];
	memset(big, 'a', sizeof(big));
	memcpy(big, "GET /", 5);
	assert_int_equal(http1_looks_like(view_of(big, HTTP1_HEAD_MAX - 1)), 0);
	assert_int_equal(http1_looks_like(view_of(big, sizeof(big))), 1);
	memset(big, '\n', sizeof(big));
	assert_int_equal(http1_looks_like(view_of(big, sizeof(big))), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_old_requests), cmocka_unit_test(test_responses), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_limits),   cmocka_unit_test(test_values),    cmocka_unit_test(test_looks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
