/* tunnel.c - see tunnel.h.  States S_PROXY, S_INSIDE. */
#include <stdio.h>

#include "base/err.h"
#include "codec/hello.h"
#include "gate/flow.h"
#include "gate/path.h"
#include "gate/record.h"
#include "gate/server.h"
#include "gate/tunnel.h"

/* 1: the proxy's answer is there, in g->rhead; 0: wait; negative: there will be none. */
static int answer(struct conn *c)
{
	struct http1_head *r = &c->g->rhead;
	unsigned f = stream_flags(c->up);

	for (;;) {
		int n = http1_response(stream_in(c->up), r);
		if (n == 0 && (f & (STREAM_EOF | STREAM_ERROR)))
			return stream_error(c->up) ? stream_error(c->up) : -ERR_CLOSED;
		if (n <= 0)
			return n;
		if (r->status >= 200 || r->status == 101)
			return n;
		stream_consume(c->up, (size_t)n);
	}
}

enum step tunnel_begin(struct conn *c, struct view head, struct view target)
{
	struct view name;
	uint16_t port;

	c->proxy.max = HTTP1_HEAD_MAX;
	buf_wipe(&c->proxy);
	if (path_host(target, &name, &port) || name.n >= HOST_LEN || buf_put(&c->proxy, head) || stream_put(c->up, head))
		return conn_reset(c);
	snprintf(c->host, sizeof(c->host), VIEW_FMT, VIEW_ARG(name));
	for (char *p = c->host; *p; p++)
		*p |= *p >= 'A' && *p <= 'Z' ? 0x20 : 0;
	c->port = port ? port : 443;
	stream_consume(c->cl, head.n);
	c->in += head.n;
	c->proxy_asked = true;
	return conn_goto(c, S_PROXY, GATE_DIAL_MS);
}

/* The client hears the proxy's own words: it may want a password, and then the next CONNECT comes on this connection. */
enum step step_proxy(struct conn *c)
{
	static const struct view yes = VIEW_LIT("HTTP/1.1 200 Connection established\r\n\r\n");
	int n = c->up ? answer(c) : -ERR_CLOSED;

	if (n == 0 && !c->late && !(stream_flags(c->cl) & STREAM_ERROR))
		return STEP_WAIT;
	if (n <= 0) {
		record_refused(c, n ? n : -ERR_TIMEOUT, "the client's proxy did not answer", 0);
		return conn_reset(c);
	}
	if (c->g->rhead.status >= 300 || c->g->rhead.status == 101) {
		buf_wipe(&c->proxy);
		c->proxy_asked = false;
		c->host[0] = '\0';
		c->port = flow_port(&c->flow);
		return conn_goto(c, S_PLAIN, 0);
	}
	stream_consume(c->up, (size_t)n);
	c->proxy_up = true;
	if (stream_put(c->cl, yes))
		return conn_reset(c);
	c->out += yes.n;
	return conn_goto(c, S_INSIDE, GATE_HELLO_MS);
}

static enum step refuse(struct conn *c, int err, const char *detail)
{
	record_refused(c, err, detail, 0);
	return conn_reset(c);
}

/* Inside may be nothing but TLS for the name that the tunnel was asked for: anything else could not be judged. */
enum step step_inside(struct conn *c)
{
	struct view in = stream_in(c->cl);
	unsigned f = stream_flags(c->cl);
	struct hello hello;
	int like = hello_looks_like(in), r = like > 0 ? hello_read(in, &hello) : 0;

	if (c->up && stream_in(c->up).n)
		return refuse(c, -ERR_UNSUPPORTED, "the server spoke before the TLS handshake");
	if (like < 0 || r < 0)
		return refuse(c, -ERR_DENIED, "something else than TLS in a tunnel to a registered server");
	if (r == 0 && ((f & (STREAM_EOF | STREAM_ERROR)) || c->late))
		return in.n ? refuse(c, -ERR_TIMEOUT, "a connection whose first bytes stayed unfinished") : STEP_END;
	if (r == 0)
		return STEP_WAIT;
	if (hello.name[0] && !view_ieq(view_str(hello.name), view_str(c->host)))
		return refuse(c, -ERR_AMBIGUOUS, "another server name in a tunnel to a registered server");
	if (!world_host(c->g->world, view_str(c->host), c->port))
		return refuse(c, -ERR_DENIED, "the server is not registered any more");
	c->tls = true;
	return conn_goto(c, S_CERT, GATE_VAULT_MS);
}

bool tunnel_up(struct conn *c)
{
	if (!c->proxy.len || c->proxy_up)
		return true;
	if (!c->proxy_asked && stream_put(c->up, buf_view(&c->proxy))) {
		server_drop(c);
		c->up_err = -ERR_UNAVAILABLE;
		return false;
	}
	c->proxy_asked = true;
	int n = answer(c);
	if (n == 0)
		return false;
	if (n < 0 || c->g->rhead.status >= 300 || c->g->rhead.status == 101) {
		server_drop(c);
		c->up_err = n < 0 ? n : -ERR_PROXY;
		return false;
	}
	stream_consume(c->up, (size_t)n);
	c->proxy_up = true;
	return true;
}
