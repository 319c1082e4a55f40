/* conn.c - see conn.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "gate/ask.h"
#include "gate/call.h"
#include "gate/flow.h"
#include "gate/record.h"
#include "gate/spare.h"
#include "gate/weight.h"

enum { SPARE_WAIT_MS = 100 }; /* a client that is silent for so long may wait for the server to speak first */

static enum step step_linger(struct conn *c);

static enum step (*const steps[S_COUNT])(struct conn *) = {
    [S_CLASSIFY] = step_classify,
    [S_RELAY] = step_relay,
    [S_PLAIN] = step_plain,
    [S_TUNNEL] = step_tunnel,
    [S_PROXY] = step_proxy,
    [S_INSIDE] = step_inside,
    [S_CERT] = step_cert,
    [S_FRONT] = step_front,
    [S_HEAD] = step_head,
    [S_BODY] = step_body,
    [S_OTHER] = step_other,
    [S_JUDGE] = step_judge,
    [S_ACK] = step_ack,
    [S_APPROVE] = step_approve,
    [S_LEASE] = step_lease,
    [S_SERVER] = step_server,
    [S_SEND] = step_send,
    [S_ANSWER] = step_answer,
    [S_STREAM] = step_stream,
    [S_HOLD] = step_hold,
    [S_RELEASE] = step_release,
    [S_ENDED] = step_ended,
    [S_WITHHELD] = step_withheld,
    [S_LINGER] = step_linger,
};

static void release(struct conn *c)
{
	struct gate *g = c->g;

	if (c->call)
		call_end(c);
	timer_off(g->loop, &c->timer);
	timer_off(g->loop, &c->patience);
	ask_forget(&c->describe);
	ask_forget(&c->digest);
	ask_forget(&c->mint);
	ask_forget(&c->lease);
	ask_forget(&c->approve);
	elsewhere_end(c);
	list_del(&c->ack);
	list_del(&c->gone);
	list_del(&c->node);
	spare_keep(c);
	if (c->cl)
		stream_close(&c->cl, true);
	if (c->up)
		stream_close(&c->up, c->state == S_RELAY);
	weight_leave(c);
	crowd_leave(&g->crowd, c->flow.uid);
	buf_wipe(&c->proxy);
	if (g->head_of == c)
		g->head_of = NULL;
	free(c);
	gate_left(g);
}

void conn_step(struct conn *c)
{
	enum step r = STEP_MORE;
	struct gate *g = c->g;

	if (c->stepping)
		return;
	c->stepping = true;
	g->head_of = NULL;
	do {
		while (r == STEP_MORE)
			r = steps[c->state](c);
		if (r == STEP_WAIT)
			r = weight_step(c);
	} while (r == STEP_MORE);
	g->head_of = NULL;
	c->stepping = false;
	if (r == STEP_END)
		release(c);
}

void conn_end(struct conn *c)
{
	release(c);
}

static void on_time(void *arg)
{
	struct conn *c = arg;

	c->late = true;
	conn_step(c);
}

enum step conn_goto(struct conn *c, enum conn_state state, unsigned ms)
{
	c->state = state;
	c->late = false;
	if (!ms) {
		timer_off(c->g->loop, &c->timer);
	} else if (timer_set(c->g->loop, &c->timer, ms, on_time, c)) {
		/* Out of memory for a deadline: treat it as passed rather than wait for ever. */
		c->late = true;
	}
	return STEP_MORE;
}

void conn_on_ready(void *owner, struct stream *s)
{
	(void)s;
	conn_step(owner);
}

bool conn_gone(const struct conn *c)
{
	return !c->cl || (stream_flags(c->cl) & (STREAM_ERROR | STREAM_EOF));
}

enum step conn_reset(struct conn *c)
{
	if (c->up)
		stream_reset(&c->up);
	if (c->cl)
		stream_reset(&c->cl);
	return STEP_END;
}

void conn_dial(struct conn *c)
{
	if (c->up)
		stream_close(&c->up, false);
	c->up_calls = 0;
	c->up_err = 0;
	c->up_timeout = 0;
	c->dial_later = c->up_mixed = c->up_kept = c->proxy_asked = c->proxy_up = false;
	c->up_credential[0] = '\0';
	elsewhere_dial(c);
}

void conn_need_server(struct conn *c)
{
	if (!c->up && c->dial_later)
		conn_dial(c);
}

static void describe(struct conn *c)
{
	struct m_describe m = {.tgid = c->flow.tgid, .start_ns = c->flow.start_ns, .cgroup = c->flow.cgroup,
	    .exe_ino = c->flow.exe_ino, .exe_dev = c->flow.exe_dev, .agent = c->flow.agent, .agent_class = c->flow.agent_class,
	    .agent_root = c->flow.agent_root};

	ask_send(c->g, &c->describe, &c->g->ident, M_DESCRIBE, view_of(&m, sizeof(m)));
	ask_send(c->g, &c->digest, &c->g->ident, M_DIGEST_GET, view_of(&m, sizeof(m)));
}

void conn_new(struct gate *g, int fd, const struct cg_flow *flow)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct stream *s = stream_accepted(g->loop, fd, conn_on_ready, c);

	if (!c) {
		if (s)
			stream_reset(&s);
		return;
	}
	c->g = g;
	c->cl = s;
	c->flow = *flow;
	c->began = mono_now();
	c->port = flow_port(flow);
	flow_addr_text(flow->dst, c->addr, sizeof(c->addr));
	elsewhere_new(c);
	c->describe.conn = c->digest.conn = c->mint.conn = c->lease.conn = c->approve.conn = c;
	list_init(&c->describe.node);
	list_init(&c->digest.node);
	list_init(&c->mint.node);
	list_init(&c->lease.node);
	list_init(&c->approve.node);
	list_init(&c->ack);
	list_init(&c->gone);
	list_init(&c->downlink);
	if (!s || !crowd_enter(&g->crowd, flow->uid)) {
		record_refused(c, -ERR_FULL, s ? "this user holds as many connections as one user may" : "there is no place for another connection", 0);
		conn_reset(c);
		free(c);
		return;
	}
	list_add_tail(&g->conns, &c->node);
	describe(c);
	c->dial_later = spare_has(g, flow);
	if (!c->dial_later)
		conn_dial(c);
	conn_goto(c, S_CLASSIFY, c->dial_later ? SPARE_WAIT_MS : 0);
}

/* What was said last must arrive: no RST before the peer has read it. */
static enum step step_linger(struct conn *c)
{
	if (!c->cl)
		return STEP_END;
	struct view in = stream_in(c->cl);
	stream_consume(c->cl, in.n);
	unsigned f = stream_flags(c->cl);
	if (!(f & STREAM_SHUT))
		stream_shut(c->cl);
	return c->late || (f & (STREAM_EOF | STREAM_ERROR)) ? STEP_END : STEP_WAIT;
}
