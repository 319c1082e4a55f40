/*
 * http1_fuzz.c - a head that is accepted can be written again and reads the same; a shorter piece of it is never a head.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int parse_fn(struct view in, struct http1_head *out);

#define CHECK(x) ((x) ? (void)0 : abort())

static struct http1_head first, again, part;

static void same(const struct http1_head *a, const struct http1_head *b)
{
	CHECK(view_eq(a->method, b->method) && view_eq(a->target, b->target) && view_eq(a->reason, b->reason));
	CHECK(a->status == b->status && a->body == b->body && a->length == b->length && a->upgrade == b->upgrade);
	CHECK(a->expect_continue == b->expect_continue && view_eq(a->host, b->host) && a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		CHECK(view_eq(a->h[i].name, b->h[i].name) && view_eq(a->h[i].value, b->h[i].value));
}

static void look_inside(const struct http1_head *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct view v = h->h[i].value, charset;
		CHECK(!v.n || (!memchr(v.p, '\r', v.n) && !memchr(v.p, '\n', v.n) && !memchr(v.p, 0, v.n)));
		(void)http1_has_token(v, "close");
		if (http1_media(v, "application/json", &charset) && charset.n)
			CHECK(charset.p >= v.p && charset.p + charset.n <= v.p + v.n);
	}
}

static void put(struct buf *b, struct view v, const char *behind)
{
	CHECK(buf_put(b, v) == 0 && buf_puts(b, behind) == 0);
}

/* What was read, spelled once. */
static void spell(struct buf *b, const struct http1_head *h)
{
	if (h->method.n) {
		put(b, h->method, " ");
		put(b, h->target, " HTTP/1.1\r\n");
	} else {
		CHECK(buf_printf(b, "HTTP/1.1 %u ", h->status) == 0);
		put(b, h->reason, "\r\n");
	}
	for (size_t i = 0; i < h->n; i++) {
		put(b, h->h[i].name, ": ");
		put(b, h->h[i].value, "\r\n");
	}
	put(b, view_of(NULL, 0), "\r\n");
}

static void one(struct view in, parse_fn *parse)
{
	int n = parse(in, &first);
	CHECK(n <= (int)in.n && n <= HTTP1_HEAD_MAX);
	if (n <= 0)
		return;
	look_inside(&first);
	for (size_t cut = 1; cut < (size_t)n; cut += 1 + cut / 2)
		CHECK(parse(view_of(in.p, (size_t)n - cut), &part) == 0);
	struct buf b = {0};
	spell(&b, &first);
	/* one space stands behind each colon then, and the version is always 1.1 */
	if (b.len <= HTTP1_HEAD_MAX && first.minor == 1) {
		CHECK(parse(buf_view(&b), &again) == (int)b.len);
		same(&first, &again);
	}
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	one(in, http1_request);
	if (first.method.n && http1_request(in, &first) > 0)
		CHECK(http1_looks_like(in) == 1);
	(void)http1_looks_like(in);
	one(in, http1_response);
	return 0;
}
