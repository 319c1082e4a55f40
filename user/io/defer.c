/*
 * defer.c - what is to be called once at the end of a turn; one entry per (fn, arg).
 * Floor: io.      Owns: the queue and its hash table, kept for the next turn.
 * Invariant: seen[] holds index + 1 of each entry of q[from..n), by open addressing; 0 is empty; mask + 1 == 2 * cap.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_internal.h"

static uint32_t *spot(struct defers *d, loop_fn *fn, const void *arg)
{
	uint64_t h = ((uint64_t)(uintptr_t)fn * 31 + (uintptr_t)arg) * 0x9e3779b97f4a7c15u;

	for (uint32_t i = (uint32_t)(h >> 40);; i++) {
		uint32_t *s = &d->seen[i & d->mask];
		if (!*s || (d->q[*s - 1].fn == fn && d->q[*s - 1].arg == arg))
			return s;
	}
}

static void index_again(struct defers *d, uint32_t from)
{
	memset(d->seen, 0, ((size_t)d->mask + 1) * sizeof(*d->seen));
	d->from = from;
	for (uint32_t i = from; i < d->n; i++)
		if (d->q[i].fn)
			*spot(d, d->q[i].fn, d->q[i].arg) = i + 1;
}

static int grow(struct defers *d)
{
	uint32_t cap = d->cap ? d->cap * 2 : 64;
	struct deferred *q = realloc(d->q, cap * sizeof(*q));

	if (!q)
		return -ENOMEM;
	d->q = q;
	uint32_t *seen = realloc(d->seen, (size_t)cap * 2 * sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	d->seen = seen;
	d->mask = cap * 2 - 1;
	d->cap = cap;
	index_again(d, d->from);
	return 0;
}

int loop_defer(struct loop *l, loop_fn *fn, void *arg)
{
	struct defers *d = &l->defers;

	if (d->n == d->cap) {
		int e = grow(d);
		if (e)
			return e;
	}
	uint32_t *s = spot(d, fn, arg);
	if (*s)
		return 0;
	d->q[d->n++] = (struct deferred){fn, arg};
	*s = d->n;
	return 0;
}

void loop_undefer(struct loop *l, loop_fn *fn, const void *arg)
{
	struct defers *d = &l->defers;

	/* During a run the entries of the batch are not in the table any more. */
	for (uint32_t i = 0; i < d->from; i++)
		if (d->q[i].fn == fn && d->q[i].arg == arg)
			d->q[i].fn = NULL;
	if (!d->n)
		return;
	uint32_t *s = spot(d, fn, arg);
	if (*s) {
		d->q[*s - 1].fn = NULL;
		index_again(d, d->from);
	}
}

void defer_run(struct loop *l)
{
	struct defers *d = &l->defers;
	uint32_t batch = d->n;

	if (!batch)
		return;
	index_again(d, batch);
	for (uint32_t i = 0; i < batch; i++) {
		struct deferred it = d->q[i]; /* the array may move below */
		d->q[i].fn = NULL;
		if (it.fn)
			it.fn(it.arg);
	}
	d->n -= batch;
	memmove(d->q, d->q + batch, d->n * sizeof(*d->q));
	index_again(d, 0);
}

void defer_free_all(struct loop *l)
{
	free(l->defers.q);
	free(l->defers.seen);
	l->defers = (struct defers){0};
}
