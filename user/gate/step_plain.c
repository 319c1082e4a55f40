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

/* Cut the first line off ${in}; both CR and LF end one, since there are readers for whom they do. */
static struct view cut_line(struct view *in)
{
	size_t n = 0;

	while (n < in->n && in->p[n] != '\r' && in->p[n] != '\n')
		n++;
	struct view line = view_head(*in, n);
	*in = view_skip(*in, n + 1);
	return line;
}

static bool is_blank(uint8_t b)
{
	return b == ' ' || (b >= '\t' && b <= '\f' && b != '\n');
}

static struct view cut_word(struct view *line)
{
	size_t n = 0;

	while (line->n && is_blank(line->p[0]))
		*line = view_skip(*line, 1);
	while (n < line->n && !is_blank(line->p[n]))
		n++;
	struct view word = view_head(*line, n);
	*line = view_skip(*line, n);
	return word;
}

/* "METHOD target": what is asked for, when the line says so itself. */
static struct view line_host(struct view line, bool *connect)
{
	struct view method = cut_word(&line), target = cut_word(&line), host = view_of(NULL, 0);

	*connect = view_ieq(method, VIEW_LIT("connect"));
	if (*connect)
		return target;
	return path_authority(target, &host) ? host : view_of(NULL, 0);
}

/* A head that our parser refuses: does it name a registered host all the same? */
static bool names_registered(const struct conn *c, struct view head, bool *connect)
{
	struct view line;

	do
		line = cut_line(&head);
	while (!line.n && head.n);
	if (registered(c, line_host(line, connect)))
		return true;
	while (head.n) {
		line = cut_line(&head);
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

/* The length of such a head up to its first empty line, which ends it for every reader; 0: that has not come. */
static size_t odd_end(struct conn *c, struct view in)
{
	size_t at = 0;

	while (at < in.n && (in.p[at] == '\r' || in.p[at] == '\n')) /* empty lines in front */
		at++;
	at = at < c->odd_seen ? c->odd_seen : at;
	for (const uint8_t *nl; at < in.n && (nl = memchr(in.p + at, '\n', in.n - at));) {
		at = (size_t)(nl - in.p) + 1;
		size_t cr = at < in.n && in.p[at] == '\r';
		if (at + cr < in.n && in.p[at + cr] == '\n')
			return at + cr + 1;
	}
	c->odd_seen = in.n < 2 ? 0 : in.n - 2; /* an end may be half there */
	return 0;
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

/* A head that our parser refuses may still be one for its server: it is whole before anything of it passes. */
static enum step odd_head(struct conn *c, struct view in)
{
	bool known = c->flow.flags & CG_FLOW_KNOWN, ended = stream_flags(c->cl) & STREAM_EOF, connect = false;

	if (known)
		return refuse(c, 400, "a registered server is at this address, and the request cannot be read");
	if (http1_looks_like(in) < 0)
		return conn_goto(c, S_RELAY, 0);
	size_t n = odd_end(c, in);
	if (!n && !ended && in.n < STREAM_IN_MAX)
		return STEP_WAIT;
	if (!n && !ended)
		return refuse_for(c, 431, "a head that cannot be read and does not end", "the request head cannot be read, and is too long");
	if (names_registered(c, n ? view_head(in, n) : in, &connect))
		return refuse(c, 400, "the request is malformed");
	if (!n || !connect)
		return conn_goto(c, S_RELAY, 0);
	if (stream_room(c->up) < n)
		return STEP_WAIT;
	enum step s = forward(c, n);
	return s == STEP_MORE ? conn_goto(c, S_TUNNEL, GATE_HELLO_MS) : s;
}

static enum step next_head(struct conn *c, struct view in)
{
	struct http1_head *h = &c->g->head;
	int n = http1_request_old(in, h);

	if (n == 0)
		return STEP_WAIT;
	if (n < 0)
		return odd_head(c, in);
	if (stream_room(c->up) < (size_t)n)
		return STEP_WAIT;
	note_host(c, h->host);
	enum step s = check(c, h, (size_t)n);
	if (s != STEP_MORE || c->state != S_PLAIN)
		return s;
	bool connect = view_is(h->method, "CONNECT");
	c->offered = h->upgrade;
	c->plain_end_n = 0;
	c->plain_left = h->body == HTTP1_LENGTH ? h->length : 0;
	c->plain_chunked = h->body == HTTP1_CHUNKED;
	c->chunk = (struct chunked){.flags = CHUNKED_TRAILERS_OK};
	s = forward(c, (size_t)n);
	return s == STEP_MORE && connect ? conn_goto(c, S_TUNNEL, GATE_HELLO_MS) : s;
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
	if (c->offered && view_starts(stream_in(c->up), VIEW_LIT("HTTP/1.1 101")))
		return conn_goto(c, S_RELAY, 0);
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
	if (c->plain_left || c->plain_chunked)
		return body(c, in);
	if (f & STREAM_EOF && http1_request_old(in, &c->g->head) == 0)
		return conn_goto(c, S_RELAY, 0); /* half a head and no more to come */
	/* The server's yes may have come with the end of another answer, and so have been passed over: what is no HTTP says it as well. */
	if (c->offered && http1_looks_like(in) < 0)
		return conn_goto(c, S_RELAY, 0);
	return next_head(c, in);
}
