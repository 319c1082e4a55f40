/*
 * step_open.c - what is this connection?  And the TLS handshake with the client when its server is registered.
 * States S_CLASSIFY, S_CERT, S_FRONT.
 *
 * What the server says goes to the client meanwhile, so that protocols in which the server speaks first work; what the client says
 * waits.  A name that is half said never times out into a relay: dripping a ClientHello must not open a way around.
 */
#include <stdio.h>

#include "base/err.h"
#include "codec/hello.h"
#include "gate/cert.h"
#include "gate/record.h"
#include "gate/server.h"

static enum step refuse(struct conn *c, int err, const char *detail)
{
	record_refused(c, err, detail, 0);
	return conn_reset(c);
}

/* Not ours to judge: but it needs a server. */
static enum step pass(struct conn *c, enum conn_state state)
{
	c->begun = false;
	conn_need_server(c);
	return conn_goto(c, state, 0);
}

/*
 * A registered server is at this address, and the client does not say, or does not show, which of the address's servers it means.
 * Passing that on would leave the choice to whoever answers there.  docs/THREATS.md "known addresses".
 */
static const char *unnamed(const struct conn *c, const struct hello *hello)
{
	if (!(c->flow.flags & CG_FLOW_KNOWN))
		return NULL;
	if (!hello->name[0])
		return "no server name, at an address of a registered server";
	if (hello->ech && c->flow.agent_class == CG_CLASS_AGENT)
		return "an encrypted server name, at an address of a registered server";
	return NULL;
}

/* The first message of SSL 2, which some servers still take for a TLS ClientHello without a name. */
static bool old_hello(struct view in)
{
	return in.n >= 3 && (in.p[0] & 0x80) && in.p[2] == 1;
}

static enum step classify_tls(struct conn *c, struct view in)
{
	struct hello hello;
	int r = hello_read(in, &hello);

	if (r == 0)
		return stream_flags(c->cl) & STREAM_EOF ? pass(c, S_RELAY) : STEP_WAIT;
	if (r < 0)
		return refuse(c, r, "a ClientHello that cannot be read");
	snprintf(c->host, sizeof(c->host), "%s", hello.name[0] ? hello.name : c->addr);
	size_t n = strlen(c->host);
	if (n > 1 && c->host[n - 1] == '.')
		c->host[n - 1] = '\0';
	if (!world_host(c->g->world, view_str(c->host), c->port)) {
		const char *why = unnamed(c, &hello);
		if (!hello.name[0])
			c->host[0] = '\0';
		return why ? refuse(c, -ERR_DENIED, why) : pass(c, S_RELAY);
	}
	if (c->spoke)
		return refuse(c, -ERR_UNSUPPORTED, "the server spoke before the TLS handshake");
	c->tls = true;
	c->begun = false;
	return conn_goto(c, S_CERT, GATE_VAULT_MS);
}

static enum step classify(struct conn *c, struct view in)
{
	int tls = hello_looks_like(in), http = http1_looks_like(in);

	if (!c->begun)
		conn_goto(c, S_CLASSIFY, GATE_HELLO_MS);
	c->begun = true;
	if (c->late)
		return refuse(c, -ERR_TIMEOUT, "a connection whose first bytes stayed unfinished");
	if (tls > 0)
		return classify_tls(c, in);
	if (http > 0)
		return pass(c, S_PLAIN);
	if ((c->flow.flags & CG_FLOW_KNOWN) && !c->spoke && in.n < 3 && !(stream_flags(c->cl) & STREAM_EOF))
		return STEP_WAIT;
	if ((c->flow.flags & CG_FLOW_KNOWN) && !c->spoke && old_hello(in))
		return refuse(c, -ERR_UNSUPPORTED, "an SSL 2 hello, at an address of a registered server");
	if ((tls < 0 && http < 0) || (stream_flags(c->cl) & STREAM_EOF))
		return pass(c, S_RELAY);
	return STEP_WAIT;
}

enum step step_classify(struct conn *c)
{
	unsigned f = c->up ? stream_flags(c->up) : c->dial_later ? 0 : STREAM_ERROR;
	struct view in = stream_in(c->cl);
	/* Before it is refused its client may say that it means a registered server, which may have other addresses. */
	bool hope = elsewhere_hope(c) && (in.n || !c->late);

	if (((hope ? 0 : f) | stream_flags(c->cl)) & STREAM_ERROR) {
		/* A redirected connect() succeeded already; a reset is the nearest thing to the refusal that the client would have seen. */
		int err = f & STREAM_ERROR ? c->up ? stream_error(c->up) : c->up_err : stream_error(c->cl);
		record_connection(c, "relay", err);
		return conn_reset(c);
	}
	if (c->dial_later && !in.n && c->late) {
		conn_need_server(c);
		conn_goto(c, S_CLASSIFY, 0);
	}
	if (hope && !in.n && !c->timer.pos)
		conn_goto(c, S_CLASSIFY, ELSEWHERE_NAME_MS);
	if (c->up && !hope && relay_pump(c->up, c->cl, &c->out))
		return conn_reset(c);
	c->spoke = c->out > 0;
	in = stream_in(c->cl);
	if (in.n)
		return classify(c, in);
	return stream_flags(c->cl) & STREAM_EOF ? pass(c, S_RELAY) : STEP_WAIT;
}

enum step step_cert(struct conn *c)
{
	struct tls_cert *cert = cert_find(c->g, c->host);

	if (!cert && c->mint.state == ASK_IDLE)
		cert_ask(c->g, c);
	if (!cert && c->mint.state == ASK_PENDING && !c->late && !conn_gone(c)) {
		server_prepare(c);
		return STEP_WAIT;
	}
	if (!cert)
		return refuse(c, c->mint.err ? c->mint.err : -ERR_UNAVAILABLE, "no certificate from callgate-vault");
	int r = stream_tls_server(c->cl, c->g->front, cert);
	tls_cert_unref(&cert);
	if (r)
		return refuse(c, r, "the TLS handshake could not begin");
	return conn_goto(c, S_FRONT, GATE_HELLO_MS);
}

enum step step_front(struct conn *c)
{
	unsigned f = stream_flags(c->cl);

	server_prepare(c);
	if (f & STREAM_ERROR) {
		record_refused(c, stream_error(c->cl), "TLS handshake with the client", 0);
		return STEP_END;
	}
	if (f & STREAM_TLS_UP)
		return conn_goto(c, S_HEAD, GATE_IDLE_MS);
	if ((f & STREAM_EOF) || c->late)
		return refuse(c, c->late ? -ERR_TIMEOUT : -ERR_TLS, "TLS handshake with the client");
	return STEP_WAIT;
}
