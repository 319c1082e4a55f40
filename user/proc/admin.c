/*
 * admin.c - the main of callgate-admin: the control socket, the fold of the journal, what is in force.
 * Process: callgate-admin, own uid, no capability, no network, no file once it runs.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "admin/admin.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/child.h"

static struct child child;
static struct admin admin;

static void adopt(void)
{
	struct edge e;

	for (size_t i = child.edges; i-- > 0;) {
		e = child.edge[i];
		child.edges--;
		admin_edge(&admin, e);
	}
	while (child.fds)
		fd_close(&child.fd[--child.fds].fd);
}

/* Frames of callgated about this process's own means; the rest goes to the floor. */
static void on_sup(void *arg, int fd, short what)
{
	struct frame f;
	int r;

	(void)arg;
	(void)what;
	while ((r = edge_recv(&admin.sup, &f)) > 0) {
		if (f.type == M_CONF) {
			if (admin_conf(&admin, f.body))
				log_error("new settings cannot be read; the old ones stay");
		} else if (child_frame(&child, &f)) {
			adopt();
		} else {
			admin_frame(&admin, &admin.sup, &f);
			for (size_t i = 0; i < MSG_FDS; i++)
				fd_close(&f.fd[i]);
		}
	}
	if (r < 0) {
		log_notice("callgated has gone: stopping");
		pump_del(admin.pump, fd);
		pump_stop(admin.pump);
	}
}

int main(int argc, char **argv)
{
	child_boot(P_ADMIN, argc, argv, &child);
	int listener = child_take_fd(&child, FD_CONTROL, 0);
	int r = listener < 0 ? -ERR_UNAVAILABLE : admin_init(&admin, listener);
	if (!r)
		r = admin_conf(&admin, view_str(child.conf));
	if (r) {
		log_error("cannot start: %s", err_text(r));
		return 1;
	}
	child_ready(&child, -1);
	admin.sup = child.sup;
	r = pump_add(admin.pump, admin.sup.fd, POLLIN, on_sup, NULL);
	adopt();
	if (!r)
		r = pump_run(admin.pump);
	admin_free(&admin);
	return r ? 1 : 0;
}
