/*
 * admin.c - callgate-admin: the control socket, who may change what, and what is in force.
 * Process: callgate-admin, its own uid.      Never: opens a file or a network socket after its start, sees a key, keeps a secret.
 * Parses what clients send; everything it decides is in user/admin.
 */
#include <stdlib.h>

#include "admin/client.h"
#include "base/err.h"
#include "base/log.h"
#include "proc/child.h"

static void take_edges(struct child *c, struct admin *a)
{
	/* The order counts only in that the journal is asked for last: its answer is published to all others. */
	while (c->edges) {
		struct edge e;
		size_t i = 0;
		while (i + 1 < c->edges && c->edge[i].peer == P_AUDIT)
			i++;
		if (!child_take_edge(c, c->edge[i].peer, c->edge[i].slot, &e))
			return;
		admin_edge(a, e);
	}
}

struct means {
	struct child *child;
	struct admin *admin;
};

static int on_means(void *arg, const struct frame *f)
{
	struct means *m = arg;

	if (f->type != M_EDGE && f->type != M_FD)
		return 0;
	if (!child_frame(m->child, f))
		return 0;
	take_edges(m->child, m->admin);
	return 1;
}

int main(int argc, char **argv)
{
	static struct child c;
	static struct admin a;
	struct means means = {&c, &a};

	child_boot(P_ADMIN, argc, argv, &c);
	int r = admin_init(&a, child_take_fd(&c, FD_CONTROL, 0));
	if (!r)
		r = admin_conf(&a, view_str(c.conf));
	if (!r && a.listener < 0)
		r = -ERR_NOT_FOUND;
	if (!r)
		r = client_listen(&a);
	if (r) {
		log_error("cannot start: %s", err_text(r));
		return 1;
	}
	child_ready(&c, -1);
	a.on_means = on_means;
	a.means = &means;
	admin_edge(&a, c.sup);
	take_edges(&c, &a);
	r = pump_run(a.pump);
	if (r)
		log_error("the loop failed: %s", err_text(r));
	admin_free(&a);
	return r ? 1 : 0;
}
