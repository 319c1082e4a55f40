/*
 * sse_fuzz.c - the same events whether the bytes come at once, one by one, or as the first byte says.
 */
#include <stdlib.h>

#include "codec/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static void note(struct buf *log, struct view v)
{
	CHECK(buf_put(log, view_of(&v.n, sizeof(v.n))) == 0 && buf_put(log, v) == 0);
}

static void run(struct view in, size_t step, struct buf *log)
{
	struct sse s = {0};
	size_t used = 0, limit = 0;
	buf_reset(log);
	while (used < in.n) {
		struct sse_event ev;
		if (limit == used)
			limit = in.n - limit > step ? limit + step : in.n;
		long n = sse_next(&s, view_head(view_skip(in, used), limit - used), &ev);
		CHECK(n > 0 && (size_t)n <= limit - used);
		used += (size_t)n;
		if (!ev.data.p) {
			CHECK(used == limit);
			continue;
		}
		note(log, ev.name);
		note(log, ev.data);
		note(log, ev.id);
		CHECK(buf_puts(log, ev.has_id ? "!" : ".") == 0);
	}
	sse_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct view in = view_of(data + 1, size - 1);
	static struct buf whole, bytes, some; /* kept: allocating them anew costs more than what is tested */
	run(in, size, &whole);
	run(in, 1, &bytes);
	run(in, 1 + data[0], &some);
	CHECK(whole.len == bytes.len && whole.len == some.len);
	if (whole.len)
		CHECK(view_eq(buf_view(&whole), buf_view(&bytes)) && view_eq(buf_view(&whole), buf_view(&some)));
	return 0;
}
