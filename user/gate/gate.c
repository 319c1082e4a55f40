/* gate.c - see gate.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/call.h"
#include "gate/cert.h"
#include "gate/inforce.h"
#include "gate/ended.h"
#include "gate/loan.h"
#include "gate/session.h"
#include "gate/spare.h"
#include "gate/tools.h"

enum { START_MS = 3000, SWEEP_MS = 1000, OUT_MAX = 8 << 20, OTHER_STREAMS = 64 + SPARE_MAX };

struct loop *gate_loop(struct gate *g)
{
	return g->loop;
}

static void on_sweep(void *arg)
{
	struct gate *g = arg;

	loan_sweep(g);
	ended_by_time(g);
	tools_tell(g);
	if (timer_set(g->loop, &g->sweep_timer, SWEEP_MS, on_sweep, g))
		loan_drop_all(g); /* without a clock nothing may stay */
}

/* callgate-audit has made records durable: whoever waited for one may look again. */
static void on_ackbell(void *arg, int fd)
{
	struct gate *g = arg;
	struct list due;
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	uint64_t acked = shring_acked(g->conf.ring);
	/* One that finds the ring full again goes back to the waiters: so each of this round is taken out first. */
	list_init(&due);
	LIST_EACH(it, &g->ack_waiters) {
		if (LIST_ENTRY(it, struct conn, ack)->ack_pos > acked)
			continue;
		list_del(it);
		list_add_tail(&due, it);
	}
	while (!list_empty(&due)) {
		struct conn *c = LIST_ENTRY(due.next, struct conn, ack);
		list_del(&c->ack);
		conn_step(c);
	}
	if (list_empty(&g->ack_waiters) && g->conf.strict == GATE_ASYNC) {
		loop_unwatch(g->loop, fd);
		g->hearing = false;
	}
}

void gate_await_ack(struct gate *g, struct list *waiter)
{
	if (list_empty(waiter))
		list_add_tail(&g->ack_waiters, waiter);
	/* The bell rings for every batch of records: it is only heard while somebody waits. */
	if (!g->hearing && g->conf.ackbell >= 0)
		g->hearing = loop_watch(g->loop, g->conf.ackbell, on_ackbell, g) == 0;
}

static int start(struct gate *g, char *why, size_t why_len)
{
	struct loop_conf lc = {.max_streams = (2 * g->conf.conns + OTHER_STREAMS) / 4 * 5};
	int r = loop_new(&lc, why, why_len, &g->loop);

	if (r)
		return r;
	snprintf(why, why_len, "cannot set up TLS and scratch memory");
	r = tls_front_new(&g->front);
	r = r ? r : tls_back_new(g->conf.trust, view_of(NULL, 0), &g->back);
	g->nodes = malloc(sizeof(*g->nodes) * GATE_NODES);
	g->sessions = session_new();
	g->tasks = session_new();
	g->questions = session_new();
	g->learned = learned_new();
	if (!r && (!g->nodes || !g->sessions || !g->tasks || !g->questions || !g->learned))
		r = -ENOMEM;
	return r ? r : timer_set(g->loop, &g->sweep_timer, SWEEP_MS, on_sweep, g);
}

int gate_new(const struct gate_conf *conf, char *why, size_t why_len, struct gate **out)
{
	*out = NULL;
	struct gate *g = calloc(1, sizeof(*g));
	if (!g) {
		snprintf(why, why_len, "no memory");
		return -ENOMEM;
	}
	g->conf = *conf;
	g->crowd.max = conf->conns;
	edge_init(&g->vault, -1, P_PROXY, P_VAULT, 0);
	edge_init(&g->admin, -1, P_PROXY, P_ADMIN, 0);
	edge_init(&g->ident, -1, P_PROXY, P_IDENT, 0);
	edge_init(&g->fetch, -1, P_PROXY, P_FETCH, 0);
	struct list *lists[] = {&g->conns, &g->asks, &g->ack_waiters, &g->certs, &g->loans, &g->refusals, &g->spare_calls, &g->spares, &g->doors};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		list_init(lists[i]);
	for (size_t i = 0; i < GATE_DOWNLINKS; i++)
		list_init(&g->downlinks[i]);
	g->out.max = g->text.max = OUT_MAX;
	int r = start(g, why, why_len);
	if (r) {
		gate_free(&g);
		return r;
	}
	*out = g;
	return 0;
}

static void door_end(struct door *d)
{
	loop_unwatch(d->g->loop, d->fd);
	close(d->fd);
	list_del(&d->node);
	free(d);
}

void gate_free(struct gate **gp)
{
	struct gate *g = *gp;

	*gp = NULL;
	if (!g)
		return;
	loader_free(&g->loader);
	while (!list_empty(&g->conns))
		conn_end(LIST_ENTRY(g->conns.next, struct conn, node));
	while (!list_empty(&g->doors))
		door_end(LIST_ENTRY(g->doors.next, struct door, node));
	owed_free(g);
	spare_drop_all(g);
	call_free_spare(g);
	cert_drop_all(g);
	loan_drop_all(g);
	edge_close(&g->vault);
	edge_close(&g->admin);
	edge_close(&g->ident);
	edge_close(&g->fetch);
	tls_front_free(&g->front);
	tls_back_free(&g->back);
	world_unref(&g->world);
	loop_free(&g->loop);
	free(g->nodes);
	session_free(&g->sessions);
	session_free(&g->tasks);
	session_free(&g->questions);
	learned_free(&g->learned);
	crowd_free(&g->crowd);
	buf_free(&g->ca);
	buf_wipe(&g->out);
	buf_free(&g->text);
	free(g);
}

void gate_limits(struct gate *g, struct pol_limits *l, const char *why)
{
	g->conf.limits = l;
	g->conf.limits_why = why;
}

uint64_t gate_too_heavy(const struct gate *g)
{
	return g->too_heavy;
}

uint64_t gate_elsewhere(const struct gate *g)
{
	return g->elsewhere;
}

static void reset_fd(struct gate *g, int fd)
{
	struct stream *s = stream_accepted(g->loop, fd, NULL, NULL);

	if (s)
		stream_reset(&s);
}

static void on_accept(void *arg, int fd)
{
	struct gate *g = arg;
	struct cg_flow flow;

	if (fd < 0) {
		log_warning("accept: %s", err_text(fd));
		return;
	}
	int r = g->conf.flow(g->conf.flow_arg, fd, &flow);
	if (r) {
		/* Nobody's connection: somebody dialled the port itself. */
		g->refused_flow++;
		log_notice("a connection without a kernel record was reset");
		reset_fd(g, fd);
		return;
	}
	if (!g->stopping && owed_much(g))
		owed_lose(g);
	if (g->stopping || owed_much(g)) {
		reset_fd(g, fd);
		return;
	}
	conn_new(g, fd, &flow);
}

static void on_door(void *arg, int fd)
{
	struct door *d = arg;

	if (fd == -EINVAL) /* it listens no more */
		door_end(d);
	else
		on_accept(d->g, fd);
}

static void door_listen(struct door *d)
{
	int r = loop_listen(d->g->loop, d->fd, on_door, d);
	if (r) {
		log_error("cannot accept connections of another network namespace: %s", err_text(r));
		door_end(d);
	}
}

void gate_door(struct gate *g, int fd)
{
	struct door *d = g->stopping ? NULL : calloc(1, sizeof(*d));

	if (!d) {
		close(fd);
		return;
	}
	d->g = g;
	d->fd = fd;
	list_add_tail(&g->doors, &d->node);
	if (g->listening)
		door_listen(d);
}

void gate_listen(struct gate *g)
{
	if (g->listening || !g->world || !g->ca_known)
		return;
	g->listening = true;
	timer_off(g->loop, &g->start_timer);
	const int fds[] = {g->conf.listen4, g->conf.listen6};
	for (size_t i = 0; i < 2; i++) {
		int r = fds[i] < 0 ? 0 : loop_listen(g->loop, fds[i], on_accept, g);
		if (r)
			log_error("cannot accept connections: %s", err_text(r));
	}
	LIST_EACH(it, &g->doors)
		door_listen(LIST_ENTRY(it, struct door, node));
}

/* The vault did not tell its root: relaying must work without it. */
static void on_start(void *arg)
{
	struct gate *g = arg;

	if (!g->ca_known)
		log_warning("callgate-vault did not answer; registered servers cannot be reached until it does");
	g->ca_known = true;
	gate_listen(g);
}

void gate_edge(struct gate *g, const struct edge *e)
{
	struct edge *mine = e->peer == P_VAULT ? &g->vault : e->peer == P_ADMIN ? &g->admin : e->peer == P_IDENT ? &g->ident : e->peer == P_FETCH ? &g->fetch : NULL;
	struct edge copy = *e;

	if (!mine) {
		edge_close(&copy);
		return;
	}
	ask_drop(g, mine);
	*mine = copy;
	if (mine->fd < 0)
		return;
	int r = ask_watch(g, mine);
	if (r) {
		log_error("cannot watch the channel to %s: %s", party_name(mine->peer), err_text(r));
		return;
	}
	if (mine == &g->admin)
		learned_retell(g->learned);
	if (mine == &g->vault)
		r = edge_send(mine, M_CA_GET, ++g->next_tag, view_of(NULL, 0), -1);
	if (r)
		log_warning("cannot ask %s: %s", party_name(mine->peer), err_text(r));
}

int gate_helper(struct gate *g)
{
	return g->loader ? 0 : loader_new(&g->loader);
}

int gate_run(struct gate *g)
{
	int r = inforce_begin(g);

	r = r ? r : timer_set(g->loop, &g->start_timer, START_MS, on_start, g);
	return r ? r : loop_run(g->loop);
}

static void on_stop(void *arg)
{
	struct gate *g = arg;

	loop_stop(g->loop);
}

void gate_left(struct gate *g)
{
	if (g->stopping && g->crowd.n == 0)
		loop_stop(g->loop);
}

void gate_stop(struct gate *g)
{
	if (g->stopping)
		return;
	g->stopping = true;
	spare_drop_all(g);
	loop_unwatch(g->loop, g->conf.listen4);
	loop_unwatch(g->loop, g->conf.listen6);
	while (!list_empty(&g->doors))
		door_end(LIST_ENTRY(g->doors.next, struct door, node));
	if (g->crowd.n == 0 || timer_set(g->loop, &g->stop_timer, GATE_STOP_MS, on_stop, g)) {
		loop_stop(g->loop);
		return;
	}
	approve_news(g, NULL);
	/* Those that wait for a request have nothing to finish. */
	LIST_EACH(it, &g->conns) {
		struct conn *c = LIST_ENTRY(it, struct conn, node);
		if (c->state == S_HEAD && !stream_in(c->cl).n)
			conn_end(c);
	}
}
