/* scrub.c - see scrub.h. */
#include "gate/scrub.h"

enum { SECRET_MIN = 8, STARS = 64 }; /* shorter ones would be found in ordinary text */

/* How many bytes at the end of ${v} could be the start of ${secret}? */
static size_t overlap(struct view v, struct view secret)
{
	size_t most = v.n < secret.n - 1 ? v.n : secret.n - 1;

	for (size_t n = most; n; n--) {
		const uint8_t *p = v.p + v.n - n;
		if (*p == *secret.p && memcmp(p, secret.p, n) == 0)
			return n;
	}
	return 0;
}

static int stars(size_t n, scrub_emit_fn *emit, void *arg)
{
	static const uint8_t line[STARS] = "****************************************************************";
	int r = 0;

	for (size_t k; !r && n; n -= k) {
		k = n < STARS ? n : STARS;
		r = emit(arg, view_of(line, k));
	}
	return r;
}

int scrub(struct buf *tail, struct view secret, struct view data, bool last, scrub_emit_fn *emit, void *arg)
{
	struct view v = data;
	bool joined = tail->len > 0, found = false;
	int r = 0;

	if (secret.n < SECRET_MIN)
		return data.n ? emit(arg, data) : 0;
	if (joined) {
		r = buf_put(tail, data);
		v = buf_view(tail);
	}
	for (const uint8_t *p; !r && v.n && (p = memmem(v.p, v.n, secret.p, secret.n));) {
		size_t before = (size_t)(p - v.p);
		r = before ? emit(arg, view_head(v, before)) : 0;
		r = r ? r : stars(secret.n, emit, arg);
		found = true;
		v = view_skip(v, before + secret.n);
	}
	if (r)
		return r;
	size_t keep = last || !v.n ? 0 : overlap(v, secret);
	if (v.n > keep)
		r = emit(arg, view_head(v, v.n - keep));
	if (joined)
		buf_consume(tail, tail->len - keep);
	else if (!r && keep)
		r = buf_put(tail, view_skip(v, v.n - keep));
	return r ? r : found;
}

bool scrub_in_place(struct buf *b, struct view secret)
{
	uint8_t *at = b->mem + b->off;
	size_t left = b->len;

	bool found = false;

	if (secret.n < SECRET_MIN)
		return false;
	for (uint8_t *p; left && (p = memmem(at, left, secret.p, secret.n));) {
		memset(p, '*', secret.n);
		left -= (size_t)(p - at) + secret.n;
		at = p + secret.n;
		found = true;
	}
	return found;
}
