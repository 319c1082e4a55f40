/* chunked_test.c - the chunked coding: whole, byte by byte, and at every split the same result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/chunked.h"

#define V(s) VIEW_LIT(s)

enum { ROOM = 256, DONE = 1, MORE = 0 };

struct result {
	int end; /* DONE, MORE or an error */
	char body[ROOM];
	size_t n, used;
};

/* Feed ${in} in pieces: up to ${split}, then in steps of ${step}. */
static struct result feed(struct view in, unsigned flags, size_t split, size_t step)
{
	struct chunked c = {.flags = flags};
	struct result r = {0};
	size_t limit = split;
	while (r.used < in.n) {
		struct view data;
		bool done = true;
		if (r.used == limit)
			limit = limit + step < in.n ? limit + step : in.n;
		long k = chunked_next(&c, view_head(view_skip(in, r.used), limit - r.used), &data, &done);
		if (k < 0) {
			r.end = (int)k;
			return r;
		}
		assert_true(k > 0 && (size_t)k <= limit - r.used);
		assert_true(data.n == 0 || (data.p >= in.p + r.used && data.p + data.n <= in.p + r.used + k));
		assert_true(r.n + data.n <= ROOM);
		if (data.n)
			memcpy(r.body + r.n, data.p, data.n);
		r.n += data.n;
		r.used += (size_t)k;
		if (done) {
			r.end = DONE;
			return r;
		}
	}
	return r;
}

static const struct {
	struct view in;
	int strict, lax;
	const char *body;
	size_t rest; /* bytes behind the last chunk, not used */
} table[] = {
	{V("0\r\n\r\n"), DONE, DONE, "", 0},
	{V("5\r\nhello\r\n0\r\n\r\n"), DONE, DONE, "hello", 0},
	{V("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), DONE, DONE, "hello world", 5},
	{V("00a\r\n0123456789\r\n000\r\n\r\n"), DONE, DONE, "0123456789", 0},
	{V("B\r\n0123456789A\r\n0\r\n\r\n"), DONE, DONE, "0123456789A", 0},
	{V("2\r\n\r\n\r\n0\r\n\r\n"), DONE, DONE, "\r\n", 0},
	{V("5\r\nhello\r\n"), MORE, MORE, "hello", 0},
	{V("5\r\nhel"), MORE, MORE, "hel", 0},
	{V("0\r\n\r"), MORE, MORE, "", 0},
	/* extensions, trailers */
	{V("5;a=b\r\nhello\r\n0;c=\"d\"\r\n\r\n"), -ERR_UNSUPPORTED, DONE, "hello", 0},
	{V("5 \r\nhello\r\n0\r\n\r\n"), -ERR_UNSUPPORTED, DONE, "hello", 0},
	{V("0\r\nMcp-Name: x\r\nA: b\r\n\r\n"), -ERR_UNSUPPORTED, DONE, "", 0},
	{V("0\r\n x\r\n\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("0\r\n: x\r\n\r\n"), -ERR_UNSUPPORTED, -ERR_MALFORMED, "", 0},
	{V("0\r\nA: b\nC: d\r\n\r\n"), -ERR_UNSUPPORTED, -ERR_MALFORMED, "", 0},
	{V("0\r\nA: b\rC: d\r\n\r\n"), -ERR_UNSUPPORTED, -ERR_MALFORMED, "", 0},
	{V("5;\n\r\nhello\r\n0\r\n\r\n"), -ERR_UNSUPPORTED, -ERR_MALFORMED, "", 0},
	{V("5;a\0\r\nhello\r\n"), -ERR_UNSUPPORTED, -ERR_MALFORMED, "", 0},
	/* broken */
	{V("\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V(";x\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V(" 5\r\nhello\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("-1\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("+5\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("0x5\r\nhello\r\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("5\nhello\n0\n\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("5\rhello"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("5\r\nhelloX\n"), -ERR_MALFORMED, -ERR_MALFORMED, "hello", 0},
	{V("5\r\nhello\n"), -ERR_MALFORMED, -ERR_MALFORMED, "hello", 0},
	{V("5\r\nhello\rX"), -ERR_MALFORMED, -ERR_MALFORMED, "hello", 0},
	{V("0\r\n\n"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("0\r\n\rX"), -ERR_MALFORMED, -ERR_MALFORMED, "", 0},
	{V("fffffffffffffff\r\nx"), MORE, MORE, "x", 0},
	{V("ffffffffffffffff\r\nx"), -ERR_TOO_LONG, -ERR_TOO_LONG, "", 0},
	{V("0000000000000005\r\nx"), -ERR_TOO_LONG, -ERR_TOO_LONG, "", 0},
};

static void test_splits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (unsigned flags = 0; flags <= CHUNKED_TRAILERS_OK; flags++)
			for (size_t split = 0; split <= table[i].in.n; split++)
				for (size_t step = 1; step <= table[i].in.n; step += table[i].in.n - 1 ? table[i].in.n - 1 : 1) {
					int want = flags ? table[i].lax : table[i].strict;
					struct result r = feed(table[i].in, flags, split, step);
					if (r.end != want)
						print_error("case %zu flags %u split %zu: %d\n", i, flags, split, r.end);
					assert_int_equal(r.end, want);
					if (want == DONE)
						assert_int_equal(table[i].in.n - r.used, table[i].rest);
					if (want >= 0)
						assert_true(view_eq(view_of(r.body, r.n), view_str(table[i].body)));
				}
}

static void test_after_the_end(void **state)
{
	(void)state;
	struct chunked c = {0};
	struct view data;
	bool done = false;
	assert_int_equal(chunked_next(&c, V("0\r\n\r\n"), &data, &done), 5);
	assert_true(done);
	assert_int_equal(chunked_next(&c, V("0\r\n\r\n"), &data, &done), 0);
	assert_true(done);
	assert_int_equal(chunked_next(&(struct chunked){0}, view_of(NULL, 0), &data, &done), 0);
	assert_false(done);
}

/* An extension is bounded by chunk, the trailers as a whole; many small ones are fine. */
static void test_bounds(void **state)
{
	(void)state;
	static char text[40000];
	for (int n = 8000; n <= 9000; n += 1000) {
		int k = sprintf(text, "1;%0*d\r\nx\r\n1;%0*d\r\nx\r\n0\r\nA: %0*d\r\n\r\n", n, 0, n, 0, 8000, 0);
		assert_int_equal(feed(view_of(text, (size_t)k), CHUNKED_TRAILERS_OK, 0, 100).end, n == 8000 ? DONE : -ERR_TOO_LONG);
		k = sprintf(text, "0\r\nA: %0*d\r\nB: %0*d\r\n\r\n", n / 2, 0, n / 2, 0);
		assert_int_equal(feed(view_of(text, (size_t)k), CHUNKED_TRAILERS_OK, 0, 100).end, n == 8000 ? DONE : -ERR_TOO_LONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splits), cmocka_unit_test(test_after_the_end), cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
