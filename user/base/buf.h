/*
 * buf.h - a growing byte buffer with a ceiling.
 * Floor: base.      Units: bytes.      Owns: its bytes; buf_free() releases them.
 * Errors: -ENOMEM when memory is out, -ENOBUFS when the ceiling would be passed; the buffer is
 * then unchanged.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/view.h"

struct buf {
	uint8_t *mem;
	size_t off; /* first byte still held */
	size_t len; /* bytes held from off on */
	size_t cap; /* bytes allocated */
	size_t max; /* ceiling for len; 0 means none */
};

/** buf_view(b): What ${b} holds.  Borrowed until the next change of ${b}. */
static inline struct view buf_view(const struct buf *b)
{
	return view_of(b->mem + b->off, b->len);
}

/** buf_reserve(b, n): Make room for ${n} more bytes and return where they go, or NULL.  Follow with buf_commit(). */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

/** buf_put(b, v): Append ${v}.  ${v} must not lie inside ${b}. */
int buf_put(struct buf *b, struct view v) __attribute__((warn_unused_result));
int buf_puts(struct buf *b, const char *s) __attribute__((warn_unused_result));
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((warn_unused_result, format(printf, 2, 3)));

/** buf_consume(b, n): Drop the first ${n} bytes; n <= len. */
void buf_consume(struct buf *b, size_t n);

/** buf_truncate(b, n): Keep only the first ${n} bytes; n <= len. */
void buf_truncate(struct buf *b, size_t n);

/** buf_held(b): How much memory it holds, about: of a large block, whose end was never written to, only what has been used. */
static inline size_t buf_held(const struct buf *b)
{
	return b->cap > 1 << 20 && b->off + b->len < b->cap ? b->off + b->len : b->cap;
}
/** buf_reset(b): Forget the content, keep the memory. */
void buf_reset(struct buf *b);

/** buf_free(b): Release the memory; the ceiling stays.  buf_wipe() clears it first. */
void buf_free(struct buf *b);
void buf_wipe(struct buf *b);

#endif
