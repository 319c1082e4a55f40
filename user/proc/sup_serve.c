/* sup_serve.c - what callgated does when a child says something.  A frame that its table does not know ends the child. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

static void on_ready(struct sup *s, struct sup_child *c, const struct frame *f)
{
	memcpy(&c->ready, f->body.p, sizeof(c->ready));
	c->ready.note[sizeof(c->ready.note) - 1] = '\0';
	c->life = LIFE_READY;
	c->quick = 0;
	c->told = (struct m_worker){0};
	if (c->ready.note[0])
		log_warning("%s[%u]: %s", party_name(c->party), c->slot, c->ready.note);
	if (c->party != P_PROXY)
		return;
	kern_alive(s->kern, c->slot);
	sup_netns_hand(s, c);
}

static void on_mark(struct sup *s, struct sup_child *c, const struct frame *f)
{
	struct m_mark m;
	(void)c;
	memcpy(&m, f->body.p, sizeof(m));
	int r = kern_mark(s->kern, m.tgid, m.start_ns, m.agent_class, m.agent);
	sup_early_soon(s);
	if (!r && m.agent_class == CG_CLASS_AGENT)
		sup_early_marked(s, m.tgid);
	if (r && r != -ESRCH && r != -ERR_NOT_FOUND)
		log_warning("process %u cannot be marked as an agent: %s", m.tgid, err_text(r));
}

static void on_worker(struct sup *s, struct sup_child *c, const struct frame *f)
{
	(void)s;
	memcpy(&c->told, f->body.p, sizeof(c->told));
}

static void on_dests(struct sup *s, struct sup_child *c, const struct frame *f)
{
	(void)c;
	int r = sup_known_dests(s, f->body);
	sup_early_soon(s);
	if (r)
		log_error("the kernel does not take the new destinations: %s", err_text(r));
}

static void on_known(struct sup *s, struct sup_child *c, const struct frame *f)
{
	int r = sup_known_add(s, c->party, f->body);
	sup_early_soon(s);
	if (r)
		log_error("addresses from %s are not taken: %s", party_name(c->party), err_text(r));
}

static void on_status(struct sup *s, struct sup_child *c, const struct frame *f)
{
	struct buf out = {.max = MSG_MAX};
	int r = sup_status(s, &out);
	if (!r)
		r = edge_send(&c->edge, M_STATUS, f->tag, buf_view(&out), -1);
	if (r)
		log_warning("status cannot be sent: %s", err_text(r));
	buf_free(&out);
}

static void on_charges(struct sup *s, struct sup_child *c, const struct frame *f)
{
	int fd = fcntl(f->fd[0], F_DUPFD_CLOEXEC, 0); /* sup_serve() closes the frame's */
	(void)c;
	if (fd < 0)
		log_error("what was charged cannot be kept: %s: calls with limits stay refused", strerror(errno));
	else
		sup_limits_charges(s, fd, (const void *)f->body.p);
}

static const struct {
	enum msg type;
	void (*fn)(struct sup *, struct sup_child *, const struct frame *);
} handlers[] = {
    {M_READY, on_ready},
    {M_MARK, on_mark},
    {M_WORKER, on_worker},
    {M_DESTS, on_dests},
    {M_KNOWN, on_known},
    {M_STATUS_GET, on_status},
    {M_CHARGES, on_charges},
};

void sup_serve(struct sup *s, struct sup_child *c)
{
	for (;;) {
		struct frame f;
		int r = edge_recv(&c->edge, &f);
		if (r == 0)
			return;
		if (r < 0) {
			/* Its end may just have closed: the process's own end is noticed by its pidfd. */
			if (r != -ERR_CLOSED) {
				log_error("%s[%u] sent a frame it may not send (%s): it is ended", party_name(c->party), c->slot, err_name(r));
				kill(c->pid, SIGKILL);
			}
			pump_del(s->pump, c->edge.fd);
			edge_close(&c->edge);
			return;
		}
		for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
			if (handlers[i].type == f.type)
				handlers[i].fn(s, c, &f);
		for (size_t i = 0; i < MSG_FDS; i++)
			fd_close(&f.fd[i]);
	}
}
