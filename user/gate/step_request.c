/*
 * step_request.c - a request on a registered host: its head, where it goes, its body.
 * States S_HEAD, S_BODY, S_OTHER.      Source: RFC 9112; docs/WIRE.md "strict profile".
 * Nothing is repaired: what two readers could understand differently is refused.
 */
#include "base/err.h"
#include "gate/bait.h"
#include "gate/call.h"
#include "gate/claim.h"
#include "gate/downlink.h"
#include "gate/head.h"
#include "gate/otherpath.h"
#include "gate/path.h"
#include "gate/words.h"

enum { CHUNK_SLACK = 256 << 10 };

static enum step bad(struct conn *c, unsigned status, int err, const char *text)
{
	return say_refused(c, status, WORDS_REQUEST, err, text);
}

/* Host must be the name that the client asked for in its handshake: otherwise one server's connection would carry another's request. */
static bool host_agrees(const struct conn *c, const struct http1_head *h)
{
	struct view name;
	uint16_t port;

	return path_host(h->host, &name, &port) == 0 && view_ieq(name, view_str(c->host)) && (!port || port == c->port);
}

static enum step check_post(struct conn *c, const struct http1_head *h)
{
	static const char *const single[] = {"content-type", "content-encoding", "mcp-session-id", "mcp-protocol-version",
	    "mcp-method", "mcp-name", "authorization"};
	struct view charset = {0}, encoding = http1_get(h, "content-encoding", NULL);

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		unsigned n = 0;
		http1_get(h, single[i], &n);
		if (n > 1)
			return bad(c, 400, -ERR_AMBIGUOUS, "a header that may appear once appears twice");
	}
	if (!http1_media(http1_get(h, "content-type", NULL), "application/json", &charset))
		return bad(c, 415, -ERR_UNSUPPORTED, "Content-Type must be application/json");
	if (charset.n && !view_ieq(charset, VIEW_LIT("utf-8")) && !view_ieq(charset, VIEW_LIT("utf8")))
		return bad(c, 415, -ERR_UNSUPPORTED, "the charset must be utf-8");
	if (encoding.n && !view_ieq(encoding, VIEW_LIT("identity")))
		return bad(c, 415, -ERR_UNSUPPORTED, "Content-Encoding must be identity");
	if (h->body == HTTP1_LENGTH && h->length > GATE_BODY_MAX)
		return bad(c, 413, -ERR_TOO_LONG, "the request is larger than 4 MiB");
	return conn_goto(c, S_BODY, GATE_REQUEST_MS);
}

static enum step route_mcp(struct conn *c, const struct http1_head *h)
{
	struct call *k = c->call;
	bool get = view_is(h->method, "GET");

	if (h->upgrade && http1_has_token(http1_get(h, "upgrade", NULL), "websocket"))
		return bad(c, 400, -ERR_UNSUPPORTED, "WebSocket is not available on this path");
	if (view_is(h->method, "POST"))
		return check_post(c, h);
	if (!get && !view_is(h->method, "DELETE"))
		return bad(c, 405, -ERR_UNSUPPORTED, "this method is not used by MCP");
	if (h->body != HTTP1_NO_BODY && !(h->body == HTTP1_LENGTH && h->length == 0))
		return bad(c, 400, -ERR_MALFORMED, "a request body is not expected here");
	k->kind = get ? CALL_GET : CALL_DELETE;
	k->whole = true;
	return conn_goto(c, S_JUDGE, 0);
}

static enum step route(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	const struct http1_head *h = &g->head;
	struct view path;

	k->whole = h->body == HTTP1_NO_BODY;
	k->bodiless = view_is(h->method, "HEAD");
	c->close_after = h->close;
	if (view_is(h->method, "CONNECT"))
		return bad(c, 502, -ERR_UNSUPPORTED, "this is not a proxy");
	if (!host_agrees(c, h))
		return bad(c, 421, -ERR_AMBIGUOUS, "Host is not the name of the TLS connection");
	int r = path_of(h->target, &path);
	if (r)
		return bad(c, 400, r, "the request target could be read in two ways");
	if (head_nominates(h))
		return bad(c, 400, -ERR_AMBIGUOUS, "Connection names a field that must arrive");
	k->server = world_server(k->world, view_str(c->host), c->port, path);
	if (path_is_oauth(path) && world_brokered(k->world, view_str(c->host), c->port)) {
		/* Clients look for an authorization server here; behind a broker there is none to find.  Elsewhere they log in themselves. */
		return say_http(c, 404, VIEW_LIT("{\"error\":\"not_found\"}"), false);
	}
	/* On a registered path, too, the target may be that of another user's session. */
	struct conn *stream = view_is(h->method, "POST") ? downlink_find(c, h->target) : NULL;
	if (stream && stream->flow.uid != c->flow.uid)
		return bad(c, 404, -ERR_DENIED, "the session belongs to another user");
	if (stream && !k->server) {
		k->server = world_server_named(k->world, view_str(stream->call->server->name));
		k->by_stream = true;
	}
	if (k->server)
		return route_mcp(c, h);
	k->kind = CALL_OTHER;
	k->reply_wanted = true;
	if (k->whole || (h->body == HTTP1_LENGTH && h->length == 0)) {
		k->whole = true;
		return conn_goto(c, S_OTHER, 0);
	}
	if (h->body == HTTP1_LENGTH && h->length > GATE_OTHER_MAX)
		return bad(c, 413, -ERR_TOO_LONG, "the request is larger than 32 MiB");
	return conn_goto(c, S_BODY, GATE_REQUEST_MS);
}

enum step step_head(struct conn *c)
{
	struct gate *g = c->g;
	struct view in = stream_in(c->cl);
	unsigned f = stream_flags(c->cl);

	if ((f & STREAM_ERROR) || (!in.n && ((f & STREAM_EOF) || c->late || g->stopping)))
		return STEP_END;
	if (!in.n)
		return STEP_WAIT;
	int n = http1_request(in, &g->head);
	if (n == 0 && (f & STREAM_EOF))
		return STEP_END;
	if (n == 0 && !c->begun) {
		/* From the first byte on the clock runs faster. */
		conn_goto(c, S_HEAD, GATE_REQUEST_MS);
		c->begun = true;
	}
	if (n == 0)
		return c->late ? bad(c, 408, -ERR_TIMEOUT, "the request head did not arrive in time") : STEP_WAIT;
	if (owed_much(g)) {
		/* As no connection is taken then: a client that has one could fill with refusals what is kept for all. */
		if (c->late)
			return STEP_END;
		if (list_empty(&c->ack))
			conn_goto(c, S_HEAD, GATE_AUDIT_MS);
		c->ack_pos = 0;
		gate_await_ack(g, &c->ack);
		return STEP_WAIT;
	}
	list_del(&c->ack);
	c->begun = false;
	if (!call_begin(c))
		return conn_reset(c);
	if (n < 0)
		return bad(c, n == -ERR_TOO_LONG ? 431 : 400, n, "the request head is not strict HTTP/1.1");
	g->head_of = c;
	c->call->head_len = (size_t)n;
	return route(c);
}

static enum step take_length(struct conn *c, const struct http1_head *h)
{
	struct call *k = c->call;
	size_t need = k->head_len + (size_t)h->length, have = stream_in(c->cl).n;

	if (have >= need) {
		k->wire_len = (size_t)h->length;
		return STEP_MORE;
	}
	if (need > STREAM_IN_MAX)
		stream_need(c->cl, need);
	return STEP_WAIT;
}

static enum step take_chunked(struct conn *c)
{
	struct call *k = c->call;
	struct view in, data;
	bool done = false;
	size_t max = k->kind == CALL_OTHER ? GATE_OTHER_MAX : GATE_BODY_MAX;

	if (!k->chunked)
		stream_need(c->cl, k->head_len + max + CHUNK_SLACK);
	k->body.max = max;
	k->chunked = true;
	in = view_skip(stream_in(c->cl), k->head_len + k->wire_len);
	while (in.n && !done) {
		long n = chunked_next(&k->chunk, in, &data, &done);
		if (n < 0)
			return bad(c, 400, (int)n, "the chunked body is malformed");
		if (n == 0)
			break;
		if (buf_put(&k->body, data) || k->wire_len > max + CHUNK_SLACK / 2)
			return bad(c, 413, -ERR_TOO_LONG, "the request is larger than what is passed on");
		k->wire_len += (size_t)n;
		in = view_skip(in, (size_t)n);
	}
	return done ? STEP_MORE : STEP_WAIT;
}

static void say_continue(struct conn *c, const struct http1_head *h)
{
	struct call *k = c->call;

	if (!h->expect_continue || k->continued)
		return;
	k->continued = true;
	/* If it does not fit the client sends its body after its own time-out, as RFC 9110 10.1.1 foresees. */
	(void)!stream_put(c->cl, VIEW_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
	c->g->head_of = NULL;
}

enum step step_body(struct conn *c)
{
	struct call *k = c->call;
	const struct http1_head *h = call_head(c);
	enum http1_body framing = h->body;
	enum step s = framing == HTTP1_CHUNKED ? take_chunked(c) : framing == HTTP1_LENGTH ? take_length(c, h) : STEP_MORE;

	if (c->state != S_BODY)
		return s;
	if (s == STEP_WAIT) {
		if (conn_gone(c))
			return STEP_END;
		if (c->late)
			return bad(c, 408, -ERR_TIMEOUT, "the request body did not arrive in time");
		say_continue(c, call_head(c));
		return STEP_WAIT;
	}
	k->whole = true;
	k->bytes_in = k->head_len + k->wire_len;
	c->in += k->bytes_in;
	return conn_goto(c, k->kind == CALL_OTHER ? S_OTHER : S_JUDGE, 0);
}

/* None of MCP's: passed on as it came. */
enum step step_other(struct conn *c)
{
	struct call *k = c->call;

	if (conn_gone(c))
		return STEP_END;
	if (bait_look(c) && claim_pending(c)) /* the record names the program */
		return STEP_WAIT;
	if (k->bait && !c->g->conf.observe)
		return bad(c, 403, -ERR_DENIED, BAIT_TEXT);
	bait_tell(c);
	if (otherpath_is_rpc(c->g, call_body(c)))
		return bad(c, 400, -ERR_DENIED, "JSON-RPC on a path that is not registered for it");
	k->allowed = true;
	return conn_goto(c, S_SERVER, GATE_DIAL_MS);
}
