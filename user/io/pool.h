/*
 * pool.h - memory for stream buffers, kept for the next one that needs it.
 * Floor: io (private to it).      Units: bytes.      Owns: the blocks that are not in a buf.
 * A buf filled from here holds one malloc()ed block of POOL_FIRST << k bytes, or a smaller one that pool_fold() made; so buf_free() also
 * works on it.
 */
#ifndef IO_POOL_H
#define IO_POOL_H

#include "base/buf.h"

enum { POOL_FIRST = 16 << 10, POOL_CLASSES = 6, POOL_KEEP = 4 << 20 };

struct pool {
	void *spare[POOL_CLASSES]; /* chains; the first word of a spare block is the next one */
	size_t held;
};

/** pool_reserve(p, b, n): Room for ${n} more bytes at the end of ${b}, or NULL.  Ceilings are the caller's business. */
uint8_t *pool_reserve(struct pool *p, struct buf *b, size_t n);
int pool_put(struct pool *p, struct buf *b, struct view v) __attribute__((warn_unused_result));
/** pool_room(b): How many bytes fit behind the content as it stands. */
static inline size_t pool_room(const struct buf *b)
{
	return b->cap - b->off - b->len;
}
/** pool_drop(p, b): Forget the content and give the block back.  pool_wipe() clears the content before. */
void pool_drop(struct pool *p, struct buf *b);
void pool_wipe(struct pool *p, struct buf *b);
/** pool_trim(p, b): pool_drop() if ${b} is empty. */
static inline void pool_trim(struct pool *p, struct buf *b)
{
	if (b->mem && b->len == 0)
		pool_drop(p, b);
}
/** pool_fold(p, b): The content will stay for long and is small: keep it in no more than it needs. */
void pool_fold(struct pool *p, struct buf *b);
void pool_free_all(struct pool *p);

#endif
