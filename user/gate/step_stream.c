/*
 * step_stream.c - an answer's body streams to the client: as it comes, or event by event where events are looked at.
 * State S_STREAM.      Source: RFC 9112 7.1; HTML Living Standard, event streams; docs/WIRE.md "streams and replies".
 */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "gate/downlink.h"
#include "gate/listing.h"
#include "gate/outcome.h"
#include "gate/passing.h"
#include "gate/question.h"
#include "gate/loan.h"
#include "gate/record.h"
#include "gate/relist.h"
#include "gate/scrub.h"
#include "gate/server.h"
#include "gate/tools.h"
#include "gate/words.h"

enum { CHUNK_ROOM = 32, ROOM_MIN = 64, KEEP_MAX = 16 << 10 };

long passing_body(struct conn *c, struct view in, struct view *data)
{
	struct call *k = c->call;
	unsigned f = stream_flags(c->up);
	bool more = in.n < stream_in(c->up).n;
	long n;

	*data = view_of(NULL, 0);
	switch (k->frame) {
	case FRAME_NONE:
		k->up_done = true;
		return 0;
	case FRAME_LENGTH:
		*data = view_head(in, in.n < k->left ? in.n : (size_t)k->left);
		k->left -= data->n;
		k->up_done = k->left == 0;
		n = (long)data->n;
		break;
	case FRAME_CHUNKED:
		n = in.n ? chunked_next(&k->rchunk, in, data, &k->up_done) : 0;
		break;
	case FRAME_CLOSE:
	default:
		*data = in;
		n = (long)in.n;
		k->up_done = (f & STREAM_EOF) && !more;
		break;
	}
	if (n == 0 && !k->up_done && !more && (f & (STREAM_EOF | STREAM_ERROR)))
		return stream_error(c->up) ? stream_error(c->up) : -ERR_CLOSED;
	return n;
}

int passing_flush(struct conn *c)
{
	struct call *k = c->call;
	struct view v = view_head(buf_view(&k->answer), stream_room(c->cl));

	if (!v.n)
		return 0;
	if (stream_put(c->cl, v))
		return -EPIPE;
	k->bytes_out += v.n;
	c->out += v.n;
	buf_consume(&k->answer, v.n);
	return 0;
}

/* Append ${data} to what the client gets, framed as its head said. */
static int put_framed(void *arg, struct view data)
{
	struct call *k = arg;
	char size[24];

	if (!data.n)
		return 0;
	if (!k->chunk_down)
		return buf_put(&k->answer, data);
	snprintf(size, sizeof(size), "%zx\r\n", data.n);
	int r = buf_puts(&k->answer, size);
	r = r ? r : buf_put(&k->answer, data);
	/* A line end would end the event's data; in JSON it stands between values only, where a space says the same. */
	uint8_t *own = k->answer.mem + k->answer.off + k->answer.len - data.n;
	for (size_t i = 0; !r && k->wrap && i < data.n; i++)
		own[i] = own[i] == '\n' || own[i] == '\r' ? ' ' : own[i];
	return r ? r : buf_put(&k->answer, VIEW_LIT("\r\n"));
}

/* Once a call: a server that does it once will do it often. */
static void reflected(struct conn *c)
{
	struct call *k = c->call;

	if (!k->reflected)
		record_refused(c, -ERR_DENIED, "the server sent the credential back; it was blanked", k->http);
	k->reflected = true;
}

void passing_blank(struct conn *c, struct buf *b)
{
	struct call *k = c->call;

	if (k->lease && scrub_in_place(b, secret_view(k->lease->secret)))
		reflected(c);
}

int passing_put(struct conn *c, struct view data, bool last)
{
	struct call *k = c->call;
	struct view secret = k->lease ? secret_view(k->lease->secret) : view_of(NULL, 0);

	int r = scrub(&k->tail, secret, data, last, put_framed, k);
	if (r == 1)
		reflected(c);
	return r < 0 ? r : 0;
}

int passing_unread(struct conn *c)
{
	struct call *k = c->call;

	if (k->by_event)
		question_unseen(c);
	k->unread = true;
	k->by_event = false;
	outcome_end(c);
	if (k->hold_back && !k->result_done && record_result(c))
		return -ERR_UNAVAILABLE;
	k->result_done = k->result_done || k->hold_back;
	int r = passing_put(c, buf_view(&k->hold), false);
	buf_free(&k->hold);
	sse_free(&k->sse);
	return r;
}

int passing_event(struct conn *c, struct view event)
{
	struct call *k = c->call;

	if ((c->state != S_STREAM && c->state != S_WITHHELD) || !k->by_event)
		return -ERR_UNSUPPORTED;
	/* Half an event of the server's may be out already: its id, say. */
	const struct sse *s = &k->sse;
	if (c->state == S_STREAM && (k->hold.len || (!s->given && (s->line.len || s->name.len || s->has_data || s->has_id))))
		return -EAGAIN;
	int r = put_framed(k, event);
	return r ? r : passing_flush(c);
}

enum step passing_finish(struct conn *c)
{
	struct call *k = c->call;

	c->up_calls++;
	c->up_idle = mono_now();
	if (k->up_close)
		server_drop(c);
	outcome_end(c);
	if (k->wrap && buf_put(&k->answer, VIEW_LIT("2\r\n\n\n\r\n")))
		return conn_reset(c);
	if (k->chunk_down && buf_put(&k->answer, VIEW_LIT("0\r\n\r\n")))
		return conn_reset(c);
	if (k->number && !k->result_done && !k->hold_back) {
		/* The bytes are queued first, so that the record counts them; a full ring must not lose the record of a call that was made. */
		if (passing_flush(c))
			return STEP_END;
	}
	if (k->number && !k->result_done) {
		k->result_done = record_result(c) == 0;
		if (!k->result_done && k->hold_back)
			return conn_reset(c);
	}
	return conn_goto(c, S_RELEASE, k->hold_back ? GATE_AUDIT_MS : 0);
}

/* Empty; and a stream that goes on for days does not sit on what its largest event needed. */
static void let_go(struct buf *b)
{
	if (b->cap > KEEP_MAX)
		buf_free(b);
	else
		buf_reset(b);
}

/* An event again, with other data. */
static int rewrite(struct buf *out, const struct sse_event *ev, struct view data)
{
	int r = 0;

	buf_reset(out);
	if (ev->name.n) {
		r = buf_puts(out, "event: ");
		r = r ? r : buf_put(out, ev->name);
		r = r ? r : buf_puts(out, "\n");
	}
	if (!r && ev->has_id) {
		r = buf_puts(out, "id: ");
		r = r ? r : buf_put(out, ev->id);
		r = r ? r : buf_puts(out, "\n");
	}
	while (!r && data.n) {
		const uint8_t *nl = memchr(data.p, '\n', data.n);
		size_t n = nl ? (size_t)(nl - data.p) : data.n;
		r = buf_puts(out, "data: ");
		r = r ? r : buf_put(out, view_head(data, n));
		r = r ? r : buf_puts(out, "\n");
		data = view_skip(data, n + 1);
	}
	return r ? r : buf_puts(out, "\n");
}

/* A whole event stands in k->hold.  Pass it on, without the tools that this grant may not see. */
static int pass_event(struct conn *c, const struct sse_event *ev)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	struct view raw = buf_view(&k->hold);
	int r = 0;

	if (k->kind == CALL_GET && view_is(ev->name, "endpoint"))
		downlink_learn(c, ev->data);

	bool looked = k->filter && ev->data.n, read = looked && json_scan(&g->doc, ev->data, g->nodes, GATE_NODES, NULL) == 0;
	if (looked && !read && !view_is(ev->name, "endpoint"))
		question_unseen(c);
	if (read) {
		tools_heard(c);
		question_heard(c);
		r = k->observed ? 0 : listing_filter(&g->doc, k->grant ? k->grant->policy : NULL, tools_changed, c, &g->text);
	} else if (k->filter && !k->observed && k->kind != CALL_TOOL && ev->data.n && memmem(ev->data.p, ev->data.n, "\"tools\"", 7)) {
		r = -ERR_MALFORMED;
	}
	if (r < 0) {
		buf_reset(&g->text);
		r = words_error(&g->text, call_id(c), WORDS_INTERNAL, "the server's list of tools could not be read");
		r = r ? r : 1;
	}
	if (r == 1) {
		r = rewrite(&g->out, ev, buf_view(&g->text));
		raw = buf_view(&g->out);
	}
	r = r < 0 ? r : passing_put(c, raw, true);
	let_go(&k->hold);
	return r;
}

/* What is held is no part of an event with data: comments keep a connection alive, and must not wait for the next event. */
static int flush_comments(struct conn *c)
{
	struct call *k = c->call;

	if (k->sse.has_data || k->sse.line.len)
		return 0;
	int r = passing_put(c, buf_view(&k->hold), true);
	buf_reset(&k->hold);
	return r;
}

/* What cannot be read is the answer for a client that reads less strictly, and for the record it is. */
static bool answers(struct conn *c, const struct sse_event *ev)
{
	struct call *k = c->call;
	bool before = k->unread;

	k->unread = false;
	if (outcome_message(c, ev->data))
		return true;
	bool odd = k->unread && (!ev->name.n || view_is(ev->name, "message"));
	k->unread = k->unread || before;
	if (odd && k->hold_back)
		outcome_end(c);
	return odd && k->hold_back;
}

/* Body bytes where events are looked at.  1: an event that must wait for its record is ready. */
static int by_event(struct conn *c, struct view data)
{
	struct call *k = c->call;
	struct sse_event ev;
	int waits = 0;

	while (data.n) {
		long n = sse_next(&k->sse, data, &ev);
		if (n <= 0)
			return n ? (int)n : -ERR_MALFORMED;
		int r = buf_put(&k->hold, view_head(data, (size_t)n));
		data = view_skip(data, (size_t)n);
		if (r)
			return -ERR_TOO_LONG;
		if (!ev.data.p && k->kind == CALL_TOOL && k->hold.len > PASSING_EVENT)
			return passing_unread(c) ? -ERR_UNAVAILABLE : 1;
		if (!ev.data.p)
			return flush_comments(c) ? -ERR_TOO_LONG : waits;
		if (k->kind == CALL_TOOL && !k->status && ev.data.n && answers(c, &ev) && k->hold_back) {
			k->result_done = record_result(c) == 0;
			if (!k->result_done)
				return -ERR_UNAVAILABLE;
			waits = 1;
		}
		r = pass_event(c, &ev);
		if (r)
			return r;
		k->spoken = true;
		relist_due(c);
	}
	return waits;
}

static enum step broken(struct conn *c, int err)
{
	struct call *k = c->call;

	/* What has left cannot be taken back: the client learns of the rest by the cut. */
	if (!k->status)
		k->status = "upstream_error";
	k->err = err;
	server_drop(c);
	return conn_reset(c);
}

enum step step_stream(struct conn *c)
{
	struct call *k = c->call;
	size_t room = stream_room(c->cl);

	if (conn_gone(c))
		return STEP_END;
	while (!k->up_done && k->answer.len + ROOM_MIN < room) {
		struct view data, in = view_head(stream_in(c->up), room - k->answer.len - CHUNK_ROOM);
		in = view_head(in, PASSING_PIECE);
		long n = passing_body(c, in, &data);
		if (n < 0)
			return broken(c, (int)n);
		if (n == 0 && !k->up_done)
			break;
		int r = 0;
		if (k->by_event)
			r = by_event(c, data);
		else
			outcome_data(c, data, k->up_done);
		if (!r && !k->by_event)
			r = passing_put(c, data, k->up_done);
		stream_consume(c->up, (size_t)n);
		if (r < 0)
			return broken(c, r);
		if (r > 0 && !k->up_done)
			return conn_goto(c, S_RELEASE, GATE_AUDIT_MS);
	}
	if (k->up_done)
		return passing_finish(c);
	if (passing_flush(c))
		return STEP_END;
	if (k->events && !k->answer.len)
		let_go(&k->answer);
	return STEP_WAIT;
}
