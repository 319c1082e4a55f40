/* serve.c - see serve.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/serve.h"

static struct serve *self; /* one a process */

void serve_fatal(const char *what, int err)
{
	log_error("%s: %s", what, err_text(err));
	exit(1);
}

/* Close an edge and stop watching it. */
static void drop(struct serve *s, struct edge *e)
{
	if (e->fd >= 0)
		pump_del(s->pump, e->fd);
	edge_close(e);
	if (s->dropped)
		s->dropped(e);
}

static void on_peer(void *arg, int fd, short what)
{
	struct edge *e = arg;
	struct frame f;
	int r = 1;

	(void)fd;
	(void)what;
	if (self->before)
		self->before();
	for (int i = 0; i < SERVE_TURN && e->fd >= 0; i++) {
		r = edge_recv(e, &f);
		if (r <= 0)
			break;
		self->frame(e, &f);
		for (size_t k = 0; k < MSG_FDS; k++)
			fd_close(&f.fd[k]);
	}
	if (r >= 0)
		return;
	if (r != -ERR_CLOSED)
		log_error("%s broke the protocol: %s", party_name(e->peer), err_text(r));
	drop(self, e);
}

/* Take the edges that callgated sent since the last time. */
static void adopt(struct serve *s)
{
	struct child *c = s->child;
	struct edge e, older;

	while (c->edges) {
		enum party who = c->edge[c->edges - 1].peer;
		uint32_t slot = c->edge[c->edges - 1].slot;
		struct edge *mine = s->place(who, slot);
		child_take_edge(c, who, slot, &e);
		while (child_take_edge(c, who, slot, &older))
			edge_close(&older);
		if (!mine) {
			log_error("a channel to %s, slot %u, has no place here", party_name(who), slot);
			edge_close(&e);
			continue;
		}
		drop(s, mine);
		*mine = e;
		if (pump_add(s->pump, mine->fd, POLLIN, on_peer, mine))
			serve_fatal("too many channels", -ENOSPC);
	}
}

static void on_sup(void *arg, int fd, short what)
{
	struct serve *s = arg;
	struct frame f;
	int r;

	(void)fd;
	(void)what;
	while ((r = edge_recv(&s->sup, &f)) > 0) {
		if (f.type == M_STOP) {
			pump_stop(s->pump);
			return;
		}
		if (child_frame(s->child, &f))
			adopt(s);
		if (s->told)
			s->told(&f);
		while (s->child->fds)
			fd_close(&s->child->fd[--s->child->fds].fd);
	}
	if (r < 0)
		pump_stop(s->pump); /* without callgated there is nobody to serve */
}

void serve_start(struct serve *s)
{
	self = s;
	s->sup = s->child->sup;
	adopt(s);
	if (pump_add(s->pump, s->sup.fd, POLLIN, on_sup, s))
		serve_fatal("cannot start", -ENOSPC);
}

int serve_run(struct serve *s)
{
	return pump_run(s->pump) ? 1 : 0;
}
