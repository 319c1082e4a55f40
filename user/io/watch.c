/*
 * watch.c - descriptors that are not streams: listeners (multishot accept) and whatever is to be read when readable
 * (multishot poll).
 * Floor: io.      Owns: nothing; a listener or an edge stays its owner's.
 * A slot is free again when the last completion of its request has come: the generation tells late ones apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "io/io_internal.h"

enum { AGAIN_MS = 100 }; /* after a failed accept (EMFILE, ENOMEM): not at once, or the loop would spin */

static struct watch *find(struct loop *l, int fd)
{
	for (unsigned i = 0; i < IO_WATCHES; i++)
		if (l->watch[i].state == WATCH_ON && l->watch[i].fd == fd)
			return &l->watch[i];
	return NULL;
}

static int add(struct loop *l, int fd, enum op op, void (*fn)(void *, int), void *arg)
{
	if (fd < 0)
		return -EBADF;
	if (find(l, fd))
		return -EEXIST;
	for (unsigned i = 0; i < IO_WATCHES; i++) {
		struct watch *w = &l->watch[i];
		if (w->state != WATCH_FREE)
			continue;
		*w = (struct watch){.l = l, .state = WATCH_ON, .op = op, .fd = fd, .gen = w->gen + 1, .fn = fn, .arg = arg};
		l->watch_dirty = true;
		return 0;
	}
	return -ENOSPC;
}

int loop_listen(struct loop *l, int fd, loop_accept_fn *fn, void *arg)
{
	/* A non-blocking listener would end each wait with EAGAIN on some kernels. */
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if ((flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return add(l, fd, OP_ACCEPT, fn, arg);
}

int loop_watch(struct loop *l, int fd, loop_watch_fn *fn, void *arg)
{
	return add(l, fd, OP_WATCH, fn, arg);
}

void loop_unwatch(struct loop *l, int fd)
{
	struct watch *w = find(l, fd);

	if (!w)
		return;
	timer_off(l, &w->again);
	w->state = w->armed ? WATCH_OFF : WATCH_FREE;
	l->watch_dirty = true;
}

static void wake(void *arg)
{
	struct watch *w = arg;
	w->l->watch_dirty = true;
}

static bool arm(struct watch *w)
{
	struct io_uring_sqe *sqe = ring_sqe(&w->l->ring);

	if (!sqe)
		return false;
	if (w->op == OP_ACCEPT)
		io_uring_prep_multishot_accept(sqe, w->fd, NULL, NULL, SOCK_CLOEXEC);
	else
		io_uring_prep_poll_multishot(sqe, w->fd, POLLIN);
	ring_tag(sqe, w->op, (uint32_t)(w - w->l->watch), w->gen);
	w->armed = true;
	return true;
}

static bool cancel(struct watch *w)
{
	struct io_uring_sqe *sqe = ring_sqe(&w->l->ring);

	if (!sqe)
		return false;
	io_uring_prep_cancel64(sqe, ring_data(w->op, (uint32_t)(w - w->l->watch), w->gen), 0);
	ring_tag(sqe, OP_CANCEL, RING_SLOTS - 1, 0);
	w->cancelled = true;
	return true;
}

void watch_settle(struct loop *l)
{
	if (!l->watch_dirty)
		return;
	l->watch_dirty = false;
	for (unsigned i = 0; i < IO_WATCHES; i++) {
		struct watch *w = &l->watch[i];
		bool done = true;
		if (w->state == WATCH_ON && !w->armed && !w->again.pos)
			done = arm(w);
		else if (w->state == WATCH_OFF && !w->cancelled)
			done = cancel(w);
		if (!done)
			l->watch_dirty = true;
	}
}

static void accepted(struct watch *w, const struct event *e)
{
	if (e->res >= 0 && w->state != WATCH_ON) {
		close(e->res);
		return;
	}
	if (e->res < 0 && e->res != -ECANCELED && e->res != -ECONNABORTED && !w->armed && w->state == WATCH_ON) {
		/* Without memory for the timer it is tried again at once. */
		if (timer_set(w->l, &w->again, AGAIN_MS, wake, w))
			w->again.pos = 0;
	}
	if (w->state == WATCH_ON && e->res != -ECANCELED)
		w->fn(w->arg, e->res);
}

void watch_event(struct loop *l, const struct event *e)
{
	if (e->slot >= IO_WATCHES || l->watch[e->slot].gen != e->gen || l->watch[e->slot].state == WATCH_FREE)
		return;
	struct watch *w = &l->watch[e->slot];
	if (!e->more) {
		w->armed = false;
		l->watch_dirty = true;
		if (w->state == WATCH_OFF) {
			if (w->op == OP_ACCEPT)
				accepted(w, e);
			w->state = WATCH_FREE;
			return;
		}
	}
	if (w->op == OP_ACCEPT) {
		accepted(w, e);
	} else if (w->state == WATCH_ON && e->res != -ECANCELED) {
		/* A descriptor that cannot be polled is told once and not tried again. */
		if (e->res < 0)
			w->state = WATCH_FREE;
		w->fn(w->arg, w->fd);
	}
}

void watch_free_all(struct loop *l)
{
	for (unsigned i = 0; i < IO_WATCHES; i++)
		if (l->watch[i].state == WATCH_ON)
			loop_unwatch(l, l->watch[i].fd);
}
