/* calls.c - see calls.h. */
#include <errno.h>
#include <stdlib.h>

#include "audit/calls.h"

enum { FIRST = 64 };

static size_t home(const struct calls *c, uint64_t call)
{
	return (size_t)((call * 0x9e3779b97f4a7c15u) >> 20) & (c->cap - 1);
}

static void put(struct calls *c, uint64_t entry)
{
	size_t i = home(c, entry >> 1);
	while (c->at[i])
		i = (i + 1) & (c->cap - 1);
	c->at[i] = entry;
	c->n++;
	c->open += !(entry & 1);
}

static int grow(struct calls *c)
{
	struct calls old = *c;

	if (c->cap && c->n < c->cap / 2)
		return 0;
	c->cap = old.cap ? 2 * old.cap : FIRST;
	c->at = calloc(c->cap, sizeof(*c->at));
	if (!c->at) {
		*c = old;
		return -ENOMEM;
	}
	c->n = c->open = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (old.at[i])
			put(c, old.at[i]);
	free(old.at);
	return 0;
}

int calls_add(struct calls *c, uint64_t call, bool refused)
{
	if (call <= c->last || call > UINT64_MAX / 2)
		return -EINVAL;
	if (c->n >= CALLS_MAX)
		return -ENOSPC;
	int r = grow(c);
	if (r)
		return r;
	c->last = call;
	put(c, call << 1 | refused);
	return 0;
}

/* Take out entry ${i} and move up what had to step past it. */
static void drop(struct calls *c, size_t i)
{
	c->open -= !(c->at[i] & 1);
	c->at[i] = 0;
	c->n--;
	for (size_t j = (i + 1) & (c->cap - 1); c->at[j]; j = (j + 1) & (c->cap - 1)) {
		uint64_t e = c->at[j];
		c->open -= !(e & 1);
		c->at[j] = 0;
		c->n--;
		put(c, e);
	}
}

bool calls_close(struct calls *c, uint64_t call)
{
	if (!c->cap || !call)
		return false;
	for (size_t i = home(c, call); c->at[i]; i = (i + 1) & (c->cap - 1)) {
		if (c->at[i] >> 1 == call) {
			drop(c, i);
			return true;
		}
	}
	return false;
}

void calls_trim(struct calls *c)
{
	struct calls old = *c;

	if (!old.n)
		return;
	uint64_t *at = calloc(old.cap, sizeof(*at));
	if (!at)
		return;
	c->at = at;
	c->n = c->open = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (old.at[i] && !(old.at[i] & 1))
			put(c, old.at[i]);
	free(old.at);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

uint64_t *calls_list(const struct calls *c, size_t *n)
{
	*n = 0;
	uint64_t *list = c->open ? calloc(c->open, sizeof(*list)) : NULL;
	if (!list)
		return NULL;
	for (size_t i = 0; i < c->cap; i++)
		if (c->at[i] && !(c->at[i] & 1))
			list[(*n)++] = c->at[i] >> 1;
	if (*n)
		qsort(list, *n, sizeof(*list), ascending);
	return list;
}

void calls_free(struct calls *c)
{
	free(c->at);
	*c = (struct calls){0};
}
