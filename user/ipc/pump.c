/* pump.c - see pump.h.  The sets are small; plain arrays are searched from the front. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "ipc/pump.h"

enum { TIMER_MAX = 64 };

struct watch {
	pump_fn *fn;
	void *arg;
};

struct due {
	struct mono at;
	pump_timer_fn *fn; /* NULL: free */
	void *arg;
};

struct pump {
	struct pollfd fd[PUMP_MAX];
	struct watch watch[PUMP_MAX];
	size_t n;
	struct due due[TIMER_MAX];
	int stop;
};

struct pump *pump_new(void)
{
	return calloc(1, sizeof(struct pump));
}

void pump_free(struct pump **p)
{
	free(*p);
	*p = NULL;
}

static size_t find(const struct pump *p, int fd)
{
	size_t i = 0;
	while (i < p->n && p->fd[i].fd != fd)
		i++;
	return i;
}

int pump_add(struct pump *p, int fd, short what, pump_fn *fn, void *arg)
{
	size_t i = find(p, fd);

	if (i == PUMP_MAX)
		return -ENOSPC;
	p->fd[i] = (struct pollfd){.fd = fd, .events = what};
	p->watch[i] = (struct watch){fn, arg};
	if (i == p->n)
		p->n++;
	return 0;
}

void pump_del(struct pump *p, int fd)
{
	size_t i = find(p, fd);

	if (i == p->n)
		return;
	p->n--;
	p->fd[i] = p->fd[p->n];
	p->watch[i] = p->watch[p->n];
}

static struct due *find_due(struct pump *p, pump_timer_fn *fn, void *arg)
{
	for (size_t i = 0; i < TIMER_MAX; i++)
		if (p->due[i].fn == fn && p->due[i].arg == arg)
			return &p->due[i];
	return NULL;
}

int pump_timer(struct pump *p, struct mono at, pump_timer_fn *fn, void *arg)
{
	struct due *d = find_due(p, fn, arg);

	if (!d)
		d = find_due(p, NULL, NULL);
	if (!d)
		return -ENOSPC;
	*d = (struct due){at, fn, arg};
	return 0;
}

void pump_timer_off(struct pump *p, pump_timer_fn *fn, void *arg)
{
	struct due *d = find_due(p, fn, arg);
	if (d)
		*d = (struct due){0};
}

static int wait_ms(const struct pump *p, int max_ms)
{
	uint64_t now = mono_now().ns;

	for (size_t i = 0; i < TIMER_MAX; i++) {
		if (!p->due[i].fn)
			continue;
		uint64_t left = p->due[i].at.ns > now ? (p->due[i].at.ns - now + 999999) / 1000000 : 0;
		if (max_ms < 0 || left < (uint64_t)max_ms)
			max_ms = (int)left;
	}
	return max_ms;
}

static void run_timers(struct pump *p)
{
	uint64_t now = mono_now().ns;

	for (size_t i = 0; i < TIMER_MAX; i++) {
		struct due d = p->due[i];
		if (!d.fn || d.at.ns > now)
			continue;
		p->due[i] = (struct due){0};
		d.fn(d.arg);
	}
}

int pump_turn(struct pump *p, int max_ms)
{
	int ready = poll(p->fd, p->n, wait_ms(p, max_ms));

	if (ready < 0 && errno != EINTR)
		return -errno;
	/* A callback may add and delete: deleting moves the last entry here, so an entry may be seen next turn instead, never twice. */
	for (size_t i = 0; ready > 0 && i < p->n; i++) {
		short what = p->fd[i].revents;
		if (!what)
			continue;
		p->fd[i].revents = 0;
		struct watch w = p->watch[i];
		w.fn(w.arg, p->fd[i].fd, what);
	}
	run_timers(p);
	return 0;
}

int pump_run(struct pump *p)
{
	while (!p->stop) {
		int r = pump_turn(p, -1);
		if (r)
			return r;
	}
	p->stop = 0;
	return 0;
}

void pump_stop(struct pump *p)
{
	p->stop = 1;
}
