/* ask.c - see ask.h. */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/cert.h"
#include "gate/elsewhere.h"
#include "gate/inforce.h"
#include "gate/loan.h"

void ask_forget(struct ask *a)
{
	if (a->state == ASK_PENDING)
		list_del(&a->node);
	a->state = ASK_IDLE;
	a->err = 0;
}

static void settle(struct ask *a, int err)
{
	list_del(&a->node);
	a->state = err ? ASK_FAILED : ASK_DONE;
	a->err = err;
}

void ask_send(struct gate *g, struct ask *a, struct edge *e, enum msg type, struct view body)
{
	ask_forget(a);
	a->tag = ++g->next_tag;
	a->party = (uint8_t)e->peer;
	int r = e->fd < 0 ? -ERR_UNAVAILABLE : edge_send(e, type, a->tag, body, -1);
	if (r) {
		a->state = ASK_FAILED;
		a->err = -ERR_UNAVAILABLE;
		return;
	}
	a->state = ASK_PENDING;
	list_add_tail(&g->asks, &a->node);
}

static struct ask *find(struct gate *g, enum party peer, uint64_t tag)
{
	LIST_EACH(it, &g->asks) {
		struct ask *a = LIST_ENTRY(it, struct ask, node);
		if (a->tag == tag && a->party == peer)
			return a;
	}
	return NULL;
}

static int on_described(struct gate *g, struct conn *c, const struct frame *f)
{
	(void)g;
	memcpy(&c->who, f->body.p, sizeof(c->who));
	/* Text of another process: make sure that it ends. */
	c->who.script[PATH_LEN - 1] = c->who.container[sizeof(c->who.container) - 1] = c->who.tty[sizeof(c->who.tty) - 1] = '\0';
	c->who.chain[PATH_LEN - 1] = '\0';
	c->who.agent[NAME_LEN - 1] = c->who.exe[PATH_LEN - 1] = c->who.cgroup[PATH_LEN - 1] = c->who.unit[NAME_LEN - 1] = '\0';
	if (c->who.groups > DESCRIBED_GROUPS)
		c->who.groups = 0;
	c->described = c->who.status == 0;
	return c->who.status;
}

static int on_digest(struct gate *g, struct conn *c, const struct frame *f)
{
	struct m_digest m;

	(void)g;
	memcpy(&m, f->body.p, sizeof(m));
	for (size_t i = 0; !m.status && i < sizeof(m.sha256); i++)
		snprintf(c->exe_sha256 + 2 * i, 3, "%02x", m.sha256[i]);
	return m.status;
}

static int on_minted(struct gate *g, struct conn *c, const struct frame *f)
{
	return cert_minted(g, c->host, f->body);
}

static int on_lease(struct gate *g, struct conn *c, const struct frame *f)
{
	return loan_came(g, c, f->body);
}

static int on_approval(struct gate *g, struct conn *c, const struct frame *f)
{
	(void)g;
	approve_heard(c, (const void *)f->body.p);
	return 0;
}

static int on_addrs(struct gate *g, struct conn *c, const struct frame *f)
{
	(void)g;
	elsewhere_heard(c, (const void *)f->body.p);
	return 0;
}

/* The answers to questions of connections. */
static const struct {
	enum msg type;
	int (*fn)(struct gate *g, struct conn *c, const struct frame *f);
} answers[] = {{M_DESCRIBED, on_described}, {M_DIGEST, on_digest}, {M_MINTED, on_minted}, {M_LEASE, on_lease}, {M_APPROVAL, on_approval},
    {M_ADDRS, on_addrs}};

static void on_answer(struct gate *g, struct edge *e, const struct frame *f)
{
	struct ask *a = find(g, e->peer, f->tag);
	if (!a)
		return;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i].type == f->type) {
			settle(a, answers[i].fn(g, a->conn, f));
			conn_step(a->conn);
			return;
		}
}

static void told(struct gate *g, struct view body)
{
	struct m_approval_news m;

	memcpy(&m, body.p, sizeof(m));
	m.id[sizeof(m.id) - 1] = '\0';
	approve_news(g, m.id);
}

static void on_frame(struct gate *g, struct edge *e, const struct frame *f)
{
	if (f->type == M_WORLD)
		inforce_world(g, f->fd[0]);
	else if (f->type == M_CA)
		inforce_ca(g, f->body);
	else if (f->type == M_REVOKE)
		loan_revoke(g, f->body);
	else if (f->type == M_APPROVAL_NEWS)
		told(g, f->body);
	else
		on_answer(g, e, f);
}

/* The loop watches descriptors with the gate as owner; find the edge by descriptor, since a frame may replace it. */
static struct edge *edge_of(struct gate *g, int fd)
{
	struct edge *all[] = {&g->vault, &g->admin, &g->ident, &g->fetch};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->fd == fd)
			return all[i];
	return NULL;
}

static void on_readable(void *arg, int fd)
{
	struct gate *g = arg;

	for (;;) {
		struct edge *e = edge_of(g, fd);
		struct frame f;
		if (!e)
			return;
		int r = edge_recv(e, &f);
		if (r == 0)
			return;
		if (r < 0) {
			if (r != -ERR_CLOSED)
				log_warning("channel to %s: %s", party_name(e->peer), err_text(r));
			ask_drop(g, e);
			return;
		}
		on_frame(g, e, &f);
	}
}

int ask_watch(struct gate *g, struct edge *e)
{
	return loop_watch(g->loop, e->fd, on_readable, g);
}

void ask_drop(struct gate *g, struct edge *e)
{
	if (e->fd < 0)
		return;
	loop_unwatch(g->loop, e->fd);
	edge_close(e);
	/* A step may end connections and so change the list: look again from its start each time. */
	for (bool found = true; found;) {
		found = false;
		LIST_EACH(it, &g->asks) {
			struct ask *a = LIST_ENTRY(it, struct ask, node);
			if (a->party != e->peer)
				continue;
			settle(a, -ERR_UNAVAILABLE);
			conn_step(a->conn);
			found = true;
			break;
		}
	}
}
