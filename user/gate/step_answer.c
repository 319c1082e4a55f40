/*
 * step_answer.c - the server's answer: its head, and answers that are kept until they were read.
 * States S_ANSWER, S_HOLD, S_RELEASE; S_STREAM is in step_stream.c.      Source: RFC 9112 6.3; docs/WIRE.md "streams and replies".
 */
#include "base/err.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/call.h"
#include "gate/head.h"
#include "gate/loan.h"
#include "gate/listing.h"
#include "gate/outcome.h"
#include "gate/record.h"
#include "gate/server.h"
#include "gate/spare.h"
#include "gate/tools.h"
#include "gate/session.h"
#include "gate/passing.h"
#include "gate/question.h"
#include "gate/words.h"

enum { INTERIM_MAX = 16 };

static enum step fail(struct conn *c, int err)
{
	char why[384];

	server_reason(c, err, why, sizeof(why));
	server_drop(c);
	return say_fail(c, err, why);
}

/* The server does not take our credential.  The client must not hear of it as a challenge: it would start a log-in of its own. */
static enum step refused(struct conn *c, unsigned status)
{
	struct call *k = c->call;

	loan_forget(c->g, k->lease);
	server_drop(c);
	if (status == 401 && !k->refused && (!k->lease_fresh || k->lease->again)) {
		/* It may have been changed at the server and in the vault since it was lent.  A 401 means that nothing was carried out. */
		k->refused = k->lease->version;
		k->sent = 0;
		loan_unref(&k->lease);
		ask_forget(&c->lease);
		explicit_bzero(k->head.mem, k->head.cap);
		buf_reset(&k->head);
		return conn_goto(c, S_LEASE, 0);
	}
	k->http = (uint16_t)status;
	return say_fail(c, -ERR_DENIED, status == 401 ? "the server refused the credential that Callgate holds for it (401)" :
	                                               "the server says that Callgate's credential may not do this (403)");
}

static bool encoded(const struct http1_head *r)
{
	struct view v = http1_get(r, "content-encoding", NULL);

	return v.n && !view_ieq(v, VIEW_LIT("identity"));
}

static void frame(struct conn *c, const struct http1_head *r)
{
	struct call *k = c->call;
	bool none = r->status == 204 || r->status == 304 || view_is(call_head(c)->method, "HEAD") || r->body == HTTP1_NO_BODY ||
	            (r->body == HTTP1_LENGTH && r->length == 0);

	k->frame = none ? FRAME_NONE : r->body == HTTP1_LENGTH ? FRAME_LENGTH : r->body == HTTP1_CHUNKED ? FRAME_CHUNKED : FRAME_CLOSE;
	k->left = r->length;
	k->rchunk = (struct chunked){.flags = CHUNKED_TRAILERS_OK};
	c->up_timeout = keeps_timeout(http1_get(r, "keep-alive", NULL));
	k->up_close = r->close || k->frame == FRAME_CLOSE;
	k->http = r->status;
	k->json = http1_media(http1_get(r, "content-type", NULL), "application/json", NULL);
	k->events = http1_media(http1_get(r, "content-type", NULL), "text/event-stream", NULL);
	if (encoded(r))
		k->unread = true;
	/* A reply may come on another stream than its request's: so events are looked through wherever they come. */
	bool other = (k->kind == CALL_METHOD || k->kind == CALL_TOOL) && k->events && !k->unread;
	k->filter = k->kind == CALL_LIST || ((k->kind == CALL_GET || other) && !k->observed);
	k->hold_back = k->kind == CALL_TOOL && k->number && k->durable;
	k->by_event = k->events && (k->filter || k->hold_back || (k->kind == CALL_GET && !k->unread));
}

static int64_t length_down(struct conn *c, const struct http1_head *r)
{
	struct call *k = c->call;

	if (k->frame == FRAME_NONE)
		return r->status == 204 || r->status == 304 || r->status < 200 ? -2 :
		       view_is(call_head(c)->method, "HEAD") && r->body == HTTP1_LENGTH ? (int64_t)r->length : 0;
	if (k->frame == FRAME_LENGTH && !k->by_event)
		return (int64_t)r->length;
	k->chunk_down = true;
	return -1;
}

/* Events may come for days, and there may be many such streams: what was needed to ask for them is given back. */
static void settle_in(struct conn *c)
{
	struct call *k = c->call;

	if (k->head.mem) /* it held the credential */
		explicit_bzero(k->head.mem, k->head.cap);
	buf_free(&k->head);
	stream_fold(c->cl);
	c->g->head_of = NULL;
}

static enum step begin(struct conn *c, const struct http1_head *r)
{
	struct call *k = c->call;
	unsigned flags = k->lease ? HEAD_BROKERED : 0;
	bool close = c->close_after || c->g->stopping;

	struct view session = http1_get(r, "mcp-session-id", NULL);

	if (session.n && k->server && r->status < 300)
		session_bind(c->g->sessions, k->server->name, session, c->flow.uid);
	if (k->kind == CALL_DELETE && r->status < 300)
		session_end(c->g->sessions, k->server->name, http1_get(call_head(c), "mcp-session-id", NULL));
	frame(c, r);
	if (k->events && k->unread && k->server)
		question_unseen(c);
	if (k->withheld)
		return conn_goto(c, S_WITHHELD, 0);
	if (approve_streaming(k))
		return approve_answer(c, r);
	/* Under observation what cannot be read is not learned from, but it passes. */
	if (k->observed && !k->hold_back && (k->unread || (k->frame == FRAME_LENGTH && k->left > GATE_BODY_MAX)))
		k->filter = k->by_event = false;
	if (k->unread && k->frame != FRAME_NONE && (k->filter || k->hold_back))
		return fail(c, -ERR_UNSUPPORTED);
	bool hold = k->frame != FRAME_NONE && !k->events && ((k->filter && k->kind == CALL_LIST) || k->hold_back);
	buf_reset(&k->answer);
	buf_reset(&k->hold);
	int e = head_response(&k->answer, r, flags, hold && k->kind == CALL_LIST ? -3 : length_down(c, r), close);
	if (e)
		return fail(c, e);
	passing_blank(c, &k->answer);
	if (k->events)
		settle_in(c);
	return conn_goto(c, hold ? S_HOLD : S_STREAM, 0);
}

enum step step_answer(struct conn *c)
{
	struct http1_head *r = &c->g->rhead;
	struct call *k = c->call;

	if (conn_gone(c))
		return STEP_END;
	if (!c->up)
		return fail(c, -ERR_CLOSED);
	unsigned f = stream_flags(c->up);
	int n = http1_response(stream_in(c->up), r);
	if (n == 0 && (f & (STREAM_ERROR | STREAM_EOF)))
		spare_failed(c);
	if (n == 0)
		return f & STREAM_ERROR ? fail(c, stream_error(c->up)) : f & STREAM_EOF ? fail(c, -ERR_CLOSED) : STEP_WAIT;
	if (n < 0)
		return fail(c, n);
	if (r->status < 200) {
		if (r->status == 101 || ++k->interim > INTERIM_MAX)
			return fail(c, -ERR_UNSUPPORTED);
		stream_consume(c->up, (size_t)n);
		return STEP_MORE;
	}
	if (k->lease && (r->status == 401 || r->status == 407 || (r->status == 403 && http1_get(r, "www-authenticate", NULL).n)))
		return refused(c, r->status);
	enum step s = begin(c, r);
	if (c->up && c->call == k)
		stream_consume(c->up, (size_t)n);
	return s;
}

/* The held answer to tools/list, without what this grant may not see. */
static int filtered(struct conn *c, struct view *body)
{
	struct gate *g = c->g;
	struct call *k = c->call;

	int r = json_scan(&g->doc, *body, g->nodes, GATE_NODES, NULL);
	if (!r)
		tools_heard(c);
	if (k->observed)
		return 0;
	r = r ? r : listing_filter(&g->doc, k->grant ? k->grant->policy : NULL, tools_changed, c, &g->text);
	if (r == 1)
		*body = buf_view(&g->text);
	if (r >= 0)
		return 0;
	buf_reset(&g->text);
	r = words_error(&g->text, call_id(c), WORDS_INTERNAL, "the server's list of tools could not be read");
	*body = buf_view(&g->text);
	return r;
}

static enum step held(struct conn *c)
{
	struct call *k = c->call;
	struct view body = buf_view(&k->hold);
	int r = 0;

	if (k->kind == CALL_TOOL) {
		outcome_message(c, body);
		return passing_put(c, body, true) ? fail(c, -ERR_TOO_LONG) : passing_finish(c);
	}
	if (k->json)
		r = filtered(c, &body);
	else if (k->http < 300 && k->http != 202 && !k->observed) /* who says 202 answers elsewhere */
		r = -ERR_UNSUPPORTED;
	passing_blank(c, body.p == buf_view(&k->hold).p ? &k->hold : &c->g->text);
	r = r ? r : head_finish(&k->answer, body.n);
	r = r ? r : buf_put(&k->answer, body);
	return r ? fail(c, r) : passing_finish(c);
}

enum step step_hold(struct conn *c)
{
	struct call *k = c->call;

	if (conn_gone(c))
		return STEP_END;
	while (!k->up_done) {
		struct view data;
		long n = passing_body(c, view_head(stream_in(c->up), PASSING_PIECE), &data);
		if (n >= 0 && buf_put(&k->hold, data))
			n = -ERR_TOO_LONG;
		if (n < 0)
			return fail(c, (int)n);
		if (n == 0 && !k->up_done)
			return STEP_WAIT;
		stream_consume(c->up, (size_t)n);
		if (k->kind == CALL_TOOL && k->hold.len > PASSING_HOLD && !k->up_done)
			return passing_unread(c) ? conn_reset(c) : conn_goto(c, S_RELEASE, GATE_AUDIT_MS);
	}
	return held(c);
}

enum step step_release(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;

	if (conn_gone(c))
		return STEP_END;
	if (k->result_done && k->durable && shring_acked(g->conf.ring) < c->ack_pos) {
		if (c->late) /* the record is in the ring, but nobody says that it is safe: no answer leaves */
			return conn_reset(c);
		gate_await_ack(c->g, &c->ack);
		return STEP_WAIT;
	}
	list_del(&c->ack);
	int r = passing_flush(c);
	if (r < 0)
		return STEP_END;
	if (k->answer.len)
		return STEP_WAIT;
	return k->up_done || k->withheld ? call_done(c) : conn_goto(c, S_STREAM, 0);
}
