/* buf.c - see buf.h. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/huge.h"

/* Growth doubles, so that appends cost amortised O(1); small first step for the many short-lived buffers. */
enum { BUF_FIRST = 256 };

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (b->max && (n > b->max || b->len > b->max - n))
		return NULL;
	if (b->off + b->len + n <= b->cap && b->mem)
		return b->mem + b->off + b->len;
	if (b->off && b->len + n <= b->cap) {
		memmove(b->mem, b->mem + b->off, b->len);
		b->off = 0;
		return b->mem + b->len;
	}
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < b->len + n)
		cap *= 2;
	uint8_t *mem = malloc(cap);
	if (!mem)
		return NULL;
	huge_pages(mem, cap);
	if (b->len)
		memcpy(mem, b->mem + b->off, b->len);
	free(b->mem);
	b->mem = mem;
	b->cap = cap;
	b->off = 0;
	return mem + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	assert(b->off + b->len + n <= b->cap);
	b->len += n;
}

int buf_put(struct buf *b, struct view v)
{
	if (v.n == 0)
		return 0;
	uint8_t *p = buf_reserve(b, v.n);
	if (!p)
		return b->max && b->len + v.n > b->max ? -ENOBUFS : -ENOMEM;
	memcpy(p, v.p, v.n);
	b->len += v.n;
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, view_str(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	uint8_t *p = buf_reserve(b, (size_t)n + 1);
	if (!p)
		return b->max ? -ENOBUFS : -ENOMEM;
	va_start(ap, fmt);
	vsnprintf((char *)p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->off += n;
	b->len -= n;
	if (b->len == 0)
		b->off = 0;
}

void buf_truncate(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len = n;
}

void buf_reset(struct buf *b)
{
	b->off = b->len = 0;
}

void buf_free(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){.max = b->max};
}

void buf_wipe(struct buf *b)
{
	if (b->mem)
		explicit_bzero(b->mem, b->cap);
	buf_free(b);
}
