/*
 * chunked_fuzz.c - the same body, end and verdict whether the bytes come at once, one by one, or as the first byte says.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

struct outcome {
	struct buf body;
	size_t used;
	long end; /* 1 done, 0 more, or an error */
};

static void run(struct view in, unsigned flags, size_t step, struct outcome *o)
{
	struct chunked c = {.flags = flags};
	size_t limit = 0;
	o->used = 0;
	o->end = 0;
	buf_reset(&o->body);
	while (o->used < in.n && o->end == 0) {
		struct view data;
		bool done;
		if (limit == o->used)
			limit = in.n - limit > step ? limit + step : in.n;
		long n = chunked_next(&c, view_head(view_skip(in, o->used), limit - o->used), &data, &done);
		if (n < 0) {
			o->end = n;
			return;
		}
		CHECK((size_t)n <= limit - o->used && (n > 0 || done));
		CHECK(!data.n || (data.p >= in.p + o->used && data.p + data.n <= in.p + o->used + n));
		CHECK(buf_put(&o->body, data) == 0);
		o->used += (size_t)n;
		o->end = done;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct view in = view_of(data + 1, size - 1);
	unsigned flags = data[0] & CHUNKED_TRAILERS_OK;
	size_t steps[] = {size, 1, 1 + (data[0] >> 1)};
	static struct outcome o[3]; /* kept: allocating them anew costs more than what is tested */
	for (int i = 0; i < 3; i++)
		run(in, flags, steps[i], &o[i]);
	for (int i = 1; i < 3; i++) {
		CHECK(o[i].end == o[0].end);
		if (o[0].end >= 0)
			CHECK(o[i].used == o[0].used && view_eq(buf_view(&o[i].body), buf_view(&o[0].body)));
	}
	return 0;
}
