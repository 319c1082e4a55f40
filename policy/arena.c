/* arena.c - see arena.h. */
#include <stdlib.h>

#include "base/huge.h"
#include "policy/arena.h"

/* A chunk is cleared when it is made: the first one is small, for the many small policies. */
enum { FIRST = 4096, CHUNK = 32768, ALIGN = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, cap;
	_Alignas(ALIGN) uint8_t mem[];
};

static struct arena_chunk *grow(struct arena *a, size_t need)
{
	size_t cap = need > CHUNK / 4 ? need : a->head || need > FIRST ? CHUNK : FIRST;
	struct arena_chunk *c = calloc(1, sizeof(*c) + cap);
	if (!c)
		return NULL;
	huge_pages(c, sizeof(*c) + cap);
	c->cap = cap;
	if (a->head && need > CHUNK / 4) { /* a large piece gets a chunk of its own; the open one stays open */
		c->next = a->head->next;
		a->head->next = c;
	} else {
		c->next = a->head;
		a->head = c;
	}
	return c;
}

void *arena_take(struct arena *a, size_t n, size_t size)
{
	size_t need;
	if (__builtin_mul_overflow(n, size, &need) || need > SIZE_MAX / 2)
		return NULL;
	need = (need + ALIGN - 1) / ALIGN * ALIGN;
	struct arena_chunk *c = a->head;
	if (!c || need > c->cap - c->used)
		c = grow(a, need);
	if (!c)
		return NULL;
	c->used += need;
	return c->mem + c->used - need;
}

char *arena_copy(struct arena *a, struct view v)
{
	char *s = arena_take(a, v.n + 1, 1);
	if (s && v.n)
		memcpy(s, v.p, v.n);
	return s;
}

void arena_free(struct arena *a)
{
	while (a->head) {
		struct arena_chunk *next = a->head->next;
		free(a->head);
		a->head = next;
	}
}
