/*
 * step_approve.c - a held call: its wait, and the event stream on which the client waits.
 * State S_APPROVE.      Source: HTML Living Standard, event streams; docs/WIRE.md "held calls".
 */
#include <stdio.h>

#include "base/err.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/downlink.h"
#include "gate/head.h"
#include "gate/passing.h"
#include "gate/server.h"

bool approve_streaming(const struct call *k)
{
	return k->held && k->held->streaming;
}

/* ---- can this client be held? ---- */

static bool refused_by_weight(struct view item)
{
	struct view q = view_of(memmem(item.p, item.n, "q=", 2), 0);

	if (!q.p)
		return false;
	q = view_skip(view_of(q.p, (size_t)(item.p + item.n - q.p)), 2);
	while (q.n && (q.p[0] == '0' || q.p[0] == '.'))
		q = view_skip(q, 1);
	return !q.n || q.p[0] < '1' || q.p[0] > '9';
}

static bool lists_events(struct view v)
{
	while (v.n) {
		const uint8_t *comma = memchr(v.p, ',', v.n);
		struct view item = view_head(v, comma ? (size_t)(comma - v.p) : v.n);
		v = view_skip(v, item.n + 1);
		while (item.n && (item.p[0] == ' ' || item.p[0] == '\t'))
			item = view_skip(item, 1);
		if (http1_media(item, "text/event-stream", NULL) && !refused_by_weight(item))
			return true;
	}
	return false;
}

/* It says itself that it reads events; one that awaits its answers on another stream reads none here.  A long request is not kept for it. */
static bool bears(struct conn *c)
{
	const struct http1_head *h = call_head(c);
	bool events = false;

	for (size_t i = 0; i < h->n && !events; i++)
		events = view_ieq(h->h[i].name, VIEW_LIT("accept")) && lists_events(h->h[i].value);
	return events && c->call->head_len + c->call->wire_len <= STREAM_IN_MAX && !c->call->by_stream && !downlink_find(c, h->target) && c->g->n_held < APPROVE_HELD;
}

/* ---- the stream ---- */

static int framed(struct buf *out, struct view data)
{
	int r = buf_printf(out, "%zx\r\n", data.n);

	r = r ? r : buf_put(out, data);
	return r ? r : buf_puts(out, "\r\n");
}

static int queue(struct conn *c)
{
	struct gate *g = c->g;
	int r = stream_put(c->cl, buf_view(&g->out));

	if (r)
		return r;
	c->out += g->out.len;
	c->call->bytes_out += g->out.len;
	return 0;
}

/* A comment: it keeps the connection alive, and readers of events pass over it. */
static int beat(struct conn *c)
{
	struct gate *g = c->g;
	struct held *h = c->call->held;
	char text[64];
	int r = 0;

	buf_reset(&g->out);
	if (!h->streaming) {
		r = head_own_events(&g->out, c->close_after || g->stopping);
		h->streaming = true;
		g->n_held++;
	}
	snprintf(text, sizeof(text), ": waiting for approval %s\n\n", h->id);
	r = r ? r : framed(&g->out, view_str(text));
	return r ? r : queue(c);
}

/* One message of ours, which has no line end in it, as an event. */
static int event(struct buf *out, struct view json)
{
	static const char begin[] = "event: message\ndata: ";
	int r = buf_printf(out, "%zx\r\n%s", sizeof(begin) - 1 + json.n + 2, begin);

	r = r ? r : buf_put(out, json);
	return r ? r : buf_puts(out, "\n\n\r\n");
}

int approve_event(struct call *k, struct view json)
{
	return event(&k->answer, json);
}

enum step approve_say(struct conn *c, struct view json)
{
	struct gate *g = c->g;

	buf_reset(&g->out);
	int r = event(&g->out, json);
	r = r ? r : buf_puts(&g->out, "0\r\n\r\n");
	r = r ? r : queue(c);
	if (r)
		return conn_reset(c);
	c->call->http = 200;
	return call_done(c);
}

enum step approve_answer(struct conn *c, const struct http1_head *r)
{
	struct call *k = c->call;
	char text[96];

	buf_reset(&k->answer);
	buf_reset(&k->hold);
	k->chunk_down = true;
	if (r->status == 200 && k->frame != FRAME_NONE && k->events && !k->unread)
		return conn_goto(c, S_STREAM, 0);
	if (r->status == 200 && k->frame != FRAME_NONE && k->json && !k->unread) {
		if (framed(&k->answer, VIEW_LIT("event: message\ndata: ")))
			return conn_reset(c);
		k->wrap = true;
		return conn_goto(c, k->hold_back ? S_HOLD : S_STREAM, 0);
	}
	/* The head that would say it has been sent long ago. */
	snprintf(text, sizeof(text), "the server answered with HTTP status %u and no message", r->status % 1000u);
	server_drop(c);
	return say_fail(c, -ERR_UNSUPPORTED, text);
}

/* ---- waiting ---- */

static enum step over(struct conn *c)
{
	c->call->held->over = true;
	return conn_goto(c, S_JUDGE, 0);
}

/* From now on it waits for a person, until its time or a keep-alive's is over. */
static enum step wait_on(struct conn *c)
{
	struct gate *g = c->g;
	struct held *h = c->call->held;
	struct mono now = mono_now();
	unsigned hold = g->conf.hold_ms ? g->conf.hold_ms : APPROVE_HOLD_MS, gap = g->conf.beat_ms ? g->conf.beat_ms : APPROVE_BEAT_MS;

	if (!h->until.ns)
		h->until = mono_after_ms(now, hold);
	if (g->stopping || now.ns >= h->until.ns || (!h->streaming && !bears(c)))
		return over(c);
	if (beat(c))
		return conn_reset(c);
	uint64_t left = (h->until.ns - now.ns) / 1000000 + 1;
	conn_goto(c, S_APPROVE, left < gap ? (unsigned)left : gap);
	return STEP_WAIT;
}

/* callgate-admin has gone, or starts anew: whoever waits already goes on waiting, and asks again with the next keep-alive. */
static bool passing_trouble(const struct held *h)
{
	return h->streaming && h->said.word == APPROVAL_CANNOT && (h->said.status == -ERR_UNAVAILABLE || h->said.status == -ERR_TIMEOUT);
}

enum step step_approve(struct conn *c)
{
	struct held *h = c->call->held;
	enum ask_state asked = c->approve.state;

	if (conn_gone(c)) {
		h->left = true;
		return over(c);
	}
	if (asked == ASK_PENDING && !c->late)
		return STEP_WAIT;
	if (asked == ASK_IDLE)
		return c->late || h->news ? conn_goto(c, S_JUDGE, 0) : STEP_WAIT;
	if (asked != ASK_DONE)
		h->said = (struct m_approval){.word = APPROVAL_CANNOT, .status = asked == ASK_PENDING ? -ERR_TIMEOUT : c->approve.err};
	ask_forget(&c->approve);
	if (h->said.word == APPROVAL_YES)
		return conn_goto(c, S_JUDGE, 0);
	if (h->said.word == APPROVAL_WAITING || passing_trouble(h))
		return h->news ? conn_goto(c, S_JUDGE, 0) : wait_on(c);
	return over(c);
}
