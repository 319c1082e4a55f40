/*
 * step_send.c - the request leaves: a rebuilt head with the credential, then the judged bytes.
 * States S_SERVER, S_SEND.      Source: docs/WIRE.md "rules for injection".
 */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "gate/call.h"
#include "gate/head.h"
#include "gate/loan.h"
#include "gate/server.h"

/* Up to here head and body leave in one piece, so that they share one TLS record and one segment. */
enum { TOGETHER_MAX = 12 << 10 };

enum step step_server(struct conn *c)
{
	char why[384];

	if (conn_gone(c))
		return STEP_END;
	int r = server_ready(c);
	if (r == 0 && !c->timer.pos && !c->late)
		conn_goto(c, S_SERVER, GATE_DIAL_MS);
	if (r == 0 && !c->late)
		return STEP_WAIT;
	if (r > 0)
		return conn_goto(c, S_SEND, 0);
	server_drop(c);
	server_reason(c, r ? r : -ERR_TIMEOUT, why, sizeof(why));
	return say_fail(c, r ? r : -ERR_TIMEOUT, why);
}

/* What travels on a connection decides who may use it after this client. */
static void note_credential(struct conn *c)
{
	const char *name = c->call->credential ? c->call->credential : "";

	if (c->up_calls == 0)
		snprintf(c->up_credential, sizeof(c->up_credential), "%s", name);
	else if (strcmp(c->up_credential, name) != 0)
		c->up_mixed = true;
}

static int build(struct conn *c)
{
	struct call *k = c->call;
	const struct http1_head *h = call_head(c);
	struct head_inject inject = {0};
	struct view body = call_body(c);

	/* A request that we add nothing to keeps what its sender put there. */
	if (k->lease)
		inject = (struct head_inject){k->server->inject_header, k->server->inject_format, secret_view(k->lease->secret)};
	note_credential(c);
	buf_reset(&k->head);
	unsigned flags = (k->lease ? HEAD_BROKERED : 0u) | (k->kind == CALL_OTHER ? HEAD_AS_SENT : 0u);
	int r = head_request(&k->head, h, flags, &inject,
	    h->body == HTTP1_NO_BODY ? -1 : (int64_t)body.n);
	k->apart = body.n && k->head.len + body.n > TOGETHER_MAX;
	if (!r && body.n && !k->apart)
		r = buf_put(&k->head, body);
	return r;
}

/* Queue what there is room for.  1: all is queued. */
static int queue(struct conn *c)
{
	struct call *k = c->call;
	struct view head = buf_view(&k->head), body = call_body(c);
	size_t in_head = head.n, total = k->apart ? in_head + body.n : in_head;

	while (k->sent < total) {
		struct view v = k->sent < in_head ? view_skip(head, k->sent) : view_skip(body, k->sent - in_head);
		size_t room = stream_room(c->up);
		v = view_head(v, room);
		if (!v.n)
			return 0;
		int r = stream_put(c->up, v);
		if (r)
			return r;
		k->sent += v.n;
	}
	return 1;
}

enum step step_send(struct conn *c)
{
	struct call *k = c->call;
	char why[384];
	int r = 0;

	if (conn_gone(c))
		return STEP_END;
	if (!k->head.len)
		r = build(c);
	if (!r && (stream_flags(c->up) & STREAM_ERROR))
		r = stream_error(c->up);
	if (!r)
		r = queue(c);
	if (r == 0)
		return STEP_WAIT;
	if (r > 0)
		return conn_goto(c, S_ANSWER, 0);
	server_drop(c);
	server_reason(c, r, why, sizeof(why));
	return say_fail(c, r, why);
}
