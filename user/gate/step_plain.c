/*
 * step_plain.c - HTTP without TLS to hosts that are not registered: passed on byte for byte, but read request by request, because a
 * later request on the same connection may name a registered host.  A credential never travels this way.
 * State S_PLAIN.      Source: RFC 9112; docs/THREATS.md "plain HTTP".
 */
#include <stdio.h>

#include "base/err.h"
#include "gate/bait.h"
#include "gate/call.h"
#include "gate/claim.h"
#include "gate/path.h"
#include "gate/record.h"
#include "gate/tunnel.h"
#include "gate/words.h"

static bool registered(const struct conn *c, struct view host)
{
	struct view name;
	uint16_t port;

	if (path_host(host, &name, &port))
		return false;
	/* The well-known plain port of a host that is registered for TLS is the same server. */
	return world_host(c->g->world, name, c->port) || (port && world_host(c->g->world, name, port)) ||
	       world_host(c->g->world, name, 443);
}

/* A tunnel to this host and port is one to a registered server, which can be judged inside. */
static bool reachable(const struct conn *c, struct view target)
{
	struct view name;
	uint16_t port;

	return path_host(target, &name, &port) == 0 && world_host(c->g->world, name, port ? port : 443);
}

/* A head that our parser refuses: does any line of it still name a registered host? */
static bool names_registered(const struct conn *c, struct view in)
{
	while (in.n) {
		const uint8_t *nl = memchr(in.p, '\n', in.n);
		size_t n = nl ? (size_t)(nl - in.p) : in.n;
		struct view line = view_head(in, n);
		in = view_skip(in, n + 1);
		while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
			line = view_skip(line, 1);
		if (!view_ieq(view_head(line, 4), VIEW_LIT("host")))
			continue;
		line = view_skip(line, 4);
		while (line.n && (line.p[0] == ' ' || line.p[0] == '\t' || line.p[0] == ':'))
			line = view_skip(line, 1);
		while (line.n && line.p[line.n - 1] <= ' ')
			line.n--;
		if (registered(c, line))
			return true;
	}
	return false;
}

static enum step refuse_for(struct conn *c, unsigned status, const char *detail, const char *text)
{
	struct gate *g = c->g;

	record_refused(c, -ERR_DENIED, detail, status);
	c->close_after = true;
	buf_reset(&g->text);
	int r = words_error(&g->text, view_of(NULL, 0), WORDS_REQUEST, text);
	return r ? conn_reset(c) : say_http(c, status, buf_view(&g->text), true);
}

static enum step refuse(struct conn *c, unsigned status, const char *text)
{
	return refuse_for(c, status, "a registered server without TLS", text);
}

/* A fake key on its way out in the clear.  STEP_MORE: there is none, or this is only to be observed. */
static enum step check_bait(struct conn *c, const struct http1_head *h, size_t n)
{
	const struct placeholder *p = bait_plain(c, view_head(stream_in(c->cl), n), h);

	if (!p)
		return STEP_MORE;
	if (claim_pending(c))
		return STEP_WAIT;
	record_stray(c, p, "in the head of a request without TLS");
	return c->g->conf.observe ? STEP_MORE : refuse_for(c, 403, "a placeholder key", BAIT_TEXT);
}

/* Returns STEP_MORE when the request may be passed on. */
static enum step check(struct conn *c, const struct http1_head *h, size_t n)
{
	struct view host = h->host, authority;
	bool connect = view_is(h->method, "CONNECT");

	if (connect)
		host = h->target;
	else if (path_authority(h->target, &authority) && registered(c, authority))
		host = authority;
	if (!host.n && (c->flow.flags & CG_FLOW_KNOWN))
		return refuse(c, 400, "a registered server is at this address, and the request names no host");
	bool ours = registered(c, host);
	if (!ours || connect) {
		enum step s = check_bait(c, h, n);
		if (s != STEP_MORE || !ours || c->state != S_PLAIN)
			return s;
	}
	if (connect && reachable(c, host))
		return tunnel_begin(c, view_head(stream_in(c->cl), n), host);
	if (claim_pending(c)) /* the record names the program */
		return STEP_WAIT;
	if (connect)
		return refuse(c, 502, "this server is reached through Callgate, not through a proxy: connect to it directly");
	return refuse(c, 400, "this server is registered for https only: use an https:// URL");
}

static enum step forward(struct conn *c, size_t n)
{
	struct view in = stream_in(c->cl);

	if (stream_put(c->up, view_head(in, n)))
		return conn_reset(c);
	stream_consume(c->cl, n);
	c->in += n;
	return STEP_MORE;
}

/* For the record: the last host that was asked for. */
static void note_host(struct conn *c, struct view host)
{
	struct view name;
	uint16_t port;

	if (path_host(host, &name, &port))
		return;
	snprintf(c->host, sizeof(c->host), VIEW_FMT, VIEW_ARG(name));
	for (char *p = c->host; *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
}

static enum step next_head(struct conn *c, struct view in)
{
	struct http1_head *h = &c->g->head;
	int n = http1_request(in, h);

	if (n == 0)
		return STEP_WAIT;
	if (n < 0) {
		if (names_registered(c, in))
			return refuse(c, 400, "the request is malformed");
		if (c->flow.flags & CG_FLOW_KNOWN)
			return refuse(c, 400, "a registered server is at this address, and the request cannot be read");
		return conn_goto(c, S_RELAY, 0);
	}
	if (stream_room(c->up) < (size_t)n)
		return STEP_WAIT;
	note_host(c, h->host);
	enum step s = check(c, h, (size_t)n);
	if (s != STEP_MORE || c->state != S_PLAIN)
		return s;
	bool connect = view_is(h->method, "CONNECT"), upgrade = h->upgrade;
	c->plain_end_n = 0;
	c->plain_left = h->body == HTTP1_LENGTH ? h->length : 0;
	c->plain_chunked = h->body == HTTP1_CHUNKED;
	c->chunk = (struct chunked){.flags = CHUNKED_TRAILERS_OK};
	s = forward(c, (size_t)n);
	if (s == STEP_MORE && connect)
		return conn_goto(c, S_TUNNEL, GATE_HELLO_MS);
	return s == STEP_MORE && upgrade ? conn_goto(c, S_RELAY, 0) : s;
}

/* STEP_MORE: ${data} may pass.  Of a request that is half sent nobody is told more than its end. */
static enum step check_piece(struct conn *c, struct view data)
{
	const struct placeholder *p = bait_piece(c, data);

	if (p && claim_pending(c))
		return STEP_WAIT;
	if (p)
		record_stray(c, p, "in the body of a request without TLS");
	if (p && !c->g->conf.observe) {
		record_refused(c, -ERR_DENIED, "a placeholder key", 0);
		return conn_reset(c);
	}
	bait_passed(c, data);
	return STEP_MORE;
}

static enum step body(struct conn *c, struct view in)
{
	struct view data;
	struct chunked before = c->chunk;
	bool done = false;
	size_t room = stream_room(c->up);

	in = view_head(in, room);
	if (!in.n)
		return STEP_WAIT;
	if (!c->plain_chunked) {
		size_t n = in.n < c->plain_left ? in.n : (size_t)c->plain_left;
		enum step s = check_piece(c, view_head(in, n));
		if (s != STEP_MORE)
			return s;
		c->plain_left -= n;
		return forward(c, n);
	}
	long n = chunked_next(&c->chunk, in, &data, &done);
	/* What follows can no longer be told apart from a next request. */
	if (n < 0 && (c->flow.flags & CG_FLOW_KNOWN))
		return refuse(c, 400, "a registered server is at this address, and the body of this request cannot be read");
	if (n < 0)
		return conn_goto(c, S_RELAY, 0);
	if (n == 0)
		return STEP_WAIT;
	enum step s = check_piece(c, data);
	if (s != STEP_MORE) {
		c->chunk = before;
		return s;
	}
	c->plain_chunked = !done;
	return forward(c, (size_t)n);
}

enum step step_plain(struct conn *c)
{
	if (!c->cl || !c->up)
		return conn_reset(c);
	if (relay_pump(c->up, c->cl, &c->out) || (stream_flags(c->cl) & STREAM_ERROR)) {
		int err = stream_error(c->up) ? stream_error(c->up) : stream_error(c->cl);
		record_connection(c, "relay", err);
		return conn_reset(c);
	}
	struct view in = stream_in(c->cl);
	unsigned f = stream_flags(c->cl);
	if (!(stream_flags(c->up) & STREAM_OPEN))
		return STEP_WAIT;
	if (in.n == 0) {
		/* The rest is the relay's: half-closes and the last record. */
		return f & STREAM_EOF ? conn_goto(c, S_RELAY, 0) : STEP_WAIT;
	}
	if (f & STREAM_EOF && !c->plain_left && !c->plain_chunked && http1_request(in, &c->g->head) == 0)
		return conn_goto(c, S_RELAY, 0); /* half a head and no more to come */
	return c->plain_left || c->plain_chunked ? body(c, in) : next_head(c, in);
}
