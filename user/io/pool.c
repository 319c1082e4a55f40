/* pool.c - see pool.h. */
#include <errno.h>
#include <stdlib.h>

#include "io/pool.h"

/* The sanitizer build keeps nothing, so that a use after the end is seen. */
#ifdef CG_SANITIZED
enum { KEEP = 0 };
#else
enum { KEEP = POOL_KEEP };
#endif

static unsigned class_of(size_t cap)
{
	unsigned k = 0;

	while (k < POOL_CLASSES && (size_t)POOL_FIRST << k < cap)
		k++;
	return k;
}

static uint8_t *take(struct pool *p, size_t *cap)
{
	unsigned k = class_of(*cap);

	if (k == POOL_CLASSES)
		return malloc(*cap);
	*cap = (size_t)POOL_FIRST << k;
	void *block = p->spare[k];
	if (!block)
		return malloc(*cap);
	memcpy(&p->spare[k], block, sizeof(void *));
	p->held -= *cap;
	return block;
}

static void give(struct pool *p, uint8_t *mem, size_t cap)
{
	unsigned k = class_of(cap);

	if (!mem)
		return;
	if (k == POOL_CLASSES || cap < POOL_FIRST || p->held + cap > KEEP) {
		free(mem);
		return;
	}
	memcpy(mem, &p->spare[k], sizeof(void *));
	p->spare[k] = mem;
	p->held += cap;
}

/* What was copied away may be a credential on its way out: nothing of it stays in a spare block. */
static void move(struct pool *p, struct buf *b, uint8_t *mem, size_t cap)
{
	if (b->len) {
		memcpy(mem, b->mem + b->off, b->len);
		explicit_bzero(b->mem + b->off, b->len);
	}
	give(p, b->mem, b->cap);
	b->mem = mem;
	b->cap = cap;
	b->off = 0;
}

uint8_t *pool_reserve(struct pool *p, struct buf *b, size_t n)
{
	if (b->mem && pool_room(b) >= n)
		return b->mem + b->off + b->len;
	/* Moving down pays only when it frees at least as much as it copies. */
	if (b->mem && b->off >= b->len && b->len + n <= b->cap) {
		memcpy(b->mem, b->mem + b->off, b->len);
		explicit_bzero(b->mem + b->off, b->len);
		b->off = 0;
		return b->mem + b->len;
	}
	size_t cap = POOL_FIRST;
	while (cap < b->len + n)
		cap *= 2;
	uint8_t *mem = take(p, &cap);
	if (!mem)
		return NULL;
	move(p, b, mem, cap);
	return mem + b->len;
}

int pool_put(struct pool *p, struct buf *b, struct view v)
{
	if (!v.n)
		return 0;
	uint8_t *to = pool_reserve(p, b, v.n);
	if (!to)
		return -ENOMEM;
	memcpy(to, v.p, v.n);
	b->len += v.n;
	return 0;
}

void pool_drop(struct pool *p, struct buf *b)
{
	give(p, b->mem, b->cap);
	*b = (struct buf){.max = b->max};
}

void pool_wipe(struct pool *p, struct buf *b)
{
	if (b->len)
		explicit_bzero(b->mem + b->off, b->len);
	pool_drop(p, b);
}

void pool_fold(struct pool *p, struct buf *b)
{
	uint8_t *mem = b->len && b->len <= b->cap / 2 ? malloc(b->len) : NULL;

	if (mem)
		move(p, b, mem, b->len);
}

void pool_free_all(struct pool *p)
{
	for (unsigned k = 0; k < POOL_CLASSES; k++)
		while (p->spare[k]) {
			void *block = p->spare[k];
			memcpy(&p->spare[k], block, sizeof(void *));
			free(block);
		}
	p->held = 0;
}
