/*
 * timer.c - timers in a binary heap; the soonest one bounds the wait of a turn.
 * Floor: io.      Owns: the heap; a timer lives in its owner.
 * Invariants: heap[i].pos == i for 1 <= i <= n; heap[i / 2].at <= heap[i].at.
 */
#include <errno.h>
#include <stdlib.h>

#include "io/io_internal.h"

static void place(struct timers *h, uint32_t i, struct timer *t)
{
	h->heap[i] = t;
	t->pos = i;
}

static void sift(struct timers *h, uint32_t i, struct timer *t)
{
	while (i > 1 && t->at.ns < h->heap[i / 2]->at.ns) {
		place(h, i, h->heap[i / 2]);
		i /= 2;
	}
	for (uint32_t c; (c = 2 * i) <= h->n; i = c) {
		if (c < h->n && h->heap[c + 1]->at.ns < h->heap[c]->at.ns)
			c++;
		if (h->heap[c]->at.ns >= t->at.ns)
			break;
		place(h, i, h->heap[c]);
	}
	place(h, i, t);
}

static int grow(struct timers *h)
{
	uint32_t cap = h->cap ? h->cap * 2 : 64;
	struct timer **heap = realloc(h->heap, cap * sizeof(struct timer *));

	if (!heap)
		return -ENOMEM;
	h->heap = heap;
	h->cap = cap;
	return 0;
}

int timer_set(struct loop *l, struct timer *t, uint64_t ms, loop_fn *fn, void *arg)
{
	struct timers *h = &l->timers;

	if (!t->pos) {
		/* Slot 0 is never used: 0 means off. */
		if (h->n + 1 >= h->cap) {
			int e = grow(h);
			if (e)
				return e;
		}
		t->pos = ++h->n;
	}
	t->at = mono_after_ms(mono_now(), ms);
	t->fn = fn;
	t->arg = arg;
	sift(h, t->pos, t);
	return 0;
}

void timer_off(struct loop *l, struct timer *t)
{
	struct timers *h = &l->timers;
	uint32_t hole = t->pos;

	if (!hole)
		return;
	t->pos = 0;
	struct timer *last = h->heap[h->n--];
	if (last != t)
		sift(h, hole, last);
}

uint64_t timer_next_ns(const struct loop *l, struct mono now)
{
	const struct timers *h = &l->timers;

	if (!h->n)
		return UINT64_MAX;
	return h->heap[1]->at.ns > now.ns ? h->heap[1]->at.ns - now.ns : 0;
}

void timer_run(struct loop *l)
{
	struct timers *h = &l->timers;
	struct mono now = mono_now();

	/* No more than there are now: a timer that sets itself again for at once waits for the next turn. */
	for (uint32_t left = h->n; left && h->n && h->heap[1]->at.ns <= now.ns; left--) {
		struct timer *t = h->heap[1];
		timer_off(l, t);
		t->fn(t->arg);
	}
}

void timer_free_all(struct loop *l)
{
	for (uint32_t i = 1; i <= l->timers.n; i++)
		l->timers.heap[i]->pos = 0;
	free(l->timers.heap);
	l->timers = (struct timers){0};
}
