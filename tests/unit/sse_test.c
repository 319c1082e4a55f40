/* sse_test.c - event streams: whole, byte by byte, and at every split the same events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/sse.h"

#define V(s) VIEW_LIT(s)

/* What a stream gives, written down: "name|data|id[!]" per event, '!' when the event set the id; events end with '/'. */
static struct view play(struct view in, size_t split, size_t step, struct buf *out)
{
	struct sse s = {0};
	size_t used = 0, limit = split;
	buf_reset(out);
	while (used < in.n) {
		struct sse_event ev;
		if (used == limit)
			limit = limit + step < in.n ? limit + step : in.n;
		long k = sse_next(&s, view_head(view_skip(in, used), limit - used), &ev);
		assert_true(k > 0 && (size_t)k <= limit - used);
		used += (size_t)k;
		if (!ev.data.p) {
			assert_int_equal(used, limit);
			continue;
		}
		assert_int_equal(buf_printf(out, VIEW_FMT "|" VIEW_FMT "|" VIEW_FMT "%s/", VIEW_ARG(ev.name), VIEW_ARG(ev.data),
					    VIEW_ARG(ev.id), ev.has_id ? "!" : ""), 0);
	}
	sse_free(&s);
	return buf_view(out);
}

static const struct {
	struct view in;
	const char *out;
} table[] = {
	{V(""), ""},
	{V("data: x\n\n"), "|x|/"},
	{V("data:x\n\n"), "|x|/"},
	{V("data:  x \n\n"), "| x |/"},
	{V("data: x\r\n\r\n"), "|x|/"},
	{V("data: x\r\r"), "|x|/"},
	{V("data: x\r\ndata: y\rdata: z\n\r\n"), "|x\ny\nz|/"},
	{V("data: x\n\ndata: y\n\n"), "|x|/|y|/"},
	{V("data: x\r\rdata: y\r\r"), "|x|/|y|/"},
	{V("data: x\r\n\r\ndata: y\r\n\r\n"), "|x|/|y|/"},
	{V("data: x\n\r\ndata: y\n\n"), "|x|/|y|/"},
	{V("data: x\n\r\n\r\n\r\ndata: y\n\n"), "|x|/|y|/"},
	{V("data\n\n"), "||/"},
	{V("data:\n\n"), "||/"},
	{V("data\ndata\n\n"), "|\n|/"},
	{V("id: 7\ndata:\n\n"), "||7!/"},
	{V("event: a\nevent: b\ndata: x\n\ndata: y\n\n"), "b|x|/|y|/"},
	{V("event: a\n\ndata: y\n\n"), "|y|/"},
	{V("event: a\nevent\ndata: y\n\n"), "|y|/"},
	{V("id: 1\n\ndata: y\n\n"), "|y|1/"},
	{V("id: 1\ndata: x\n\ndata: y\n\nid\ndata: z\n\n"), "|x|1!/|y|1/|z|!/"},
	{V("id: 1\ndata: x\n\nid: 2\0\ndata: y\n\n"), "|x|1!/|y|1/"},
	{V(": comment\n:\ndata: x\n: y\n\n"), "|x|/"},
	{V("retry: 5\nfoo: bar\nDATA: a\n data: b\ndata : c\n\n"), ""},
	{V("\xef\xbb\xbf" "data: x\n\ndata: y\n\n"), "|x|/|y|/"},
	{V("\xef\xbb\xbf\n\xef\xbb\xbf" "data: x\n\n"), ""},
	{V("\xef\xbb" "data: x\n\n"), ""},
	{V("data: x\n\ndata: lost\n"), "|x|/"},
	{V("data: lost"), ""},
	{V("\n\n\r\r\n\n"), ""},
	{V("data: a:b: c\n\n"), "|a:b: c|/"},
	{V("event: message\nid: 4\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1}\nretry: 10\n\n"), "message|{\"jsonrpc\":\"2.0\",\n\"id\":1}|4!/"},
};

static void test_splits(void **state)
{
	(void)state;
	struct buf out = {0};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = table[i].in.n;
		for (size_t split = 0; split <= n; split++)
			for (size_t k = 0; k < 3; k++) {
				size_t step = k == 0 ? 1 : k == 1 ? 2 : n + 1;
				struct view got = play(table[i].in, split, step, &out);
				if (!view_is(got, table[i].out))
					print_error("case %zu split %zu step %zu: " VIEW_FMT "\n", i, split, step, VIEW_ARG(got));
				assert_true(view_is(got, table[i].out));
			}
	}
	buf_free(&out);
}

/* An event ended by CR is given out at once; the LF that may follow ends nothing. */
static void test_cr_at_the_end(void **state)
{
	(void)state;
	struct sse s = {0};
	struct sse_event ev;
	assert_int_equal(sse_next(&s, V("data: x\r\n\r"), &ev), 10);
	assert_true(view_is(ev.data, "x"));
	assert_int_equal(sse_next(&s, V("\n"), &ev), 1);
	assert_null(ev.data.p);
	assert_int_equal(sse_next(&s, V("data: y\n\n"), &ev), 9);
	assert_true(view_is(ev.data, "y"));
	assert_int_equal(sse_next(&s, view_of(NULL, 0), &ev), 0);
	assert_null(ev.data.p);
	sse_free(&s);
}

static void test_limits(void **state)
{
	(void)state;
	size_t room = SSE_EVENT_MAX + 100;
	uint8_t *text = malloc(room);
	struct sse s = {0};
	struct sse_event ev;
	assert_non_null(text);
	memset(text, 'x', room);
	/* one line, arriving in two parts */
	assert_true(sse_next(&s, view_of(text, SSE_EVENT_MAX), &ev) > 0);
	assert_int_equal(sse_next(&s, view_of(text, 1), &ev), -ERR_TOO_LONG);
	sse_free(&s);
	/* many lines of one event */
	memcpy(text, "data:", 5);
	text[1023] = '\n';
	long r = 0;
	size_t sum = 0;
	for (; sum <= SSE_EVENT_MAX + 65536 && r >= 0; sum += 1024)
		r = sse_next(&s, view_of(text, 1024), &ev);
	assert_int_equal(r, -ERR_TOO_LONG);
	assert_true(sum > SSE_EVENT_MAX);
	sse_free(&s);
	/* the largest event passes, and the stream goes on without its memory */
	text[1023] = 'x';
	memcpy(text + 5 + SSE_EVENT_MAX, "\n\n", 2);
	assert_int_equal(sse_next(&s, view_of(text, 7 + SSE_EVENT_MAX), &ev), 7 + SSE_EVENT_MAX);
	assert_int_equal(ev.data.n, SSE_EVENT_MAX);
	assert_int_equal(sse_next(&s, V("data: y\n\n"), &ev), 9);
	assert_true(view_is(ev.data, "y"));
	assert_true(s.data.cap < SSE_EVENT_MAX);
	sse_free(&s);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splits), cmocka_unit_test(test_cr_at_the_end), cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
