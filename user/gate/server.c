/* server.c - see server.h. */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "gate/call.h"
#include "gate/server.h"
#include "gate/spare.h"
#include "gate/tunnel.h"

void server_prepare(struct conn *c)
{
	elsewhere_step(c);
	unsigned f = c->up ? stream_flags(c->up) : 0;

	if (!(f & STREAM_OPEN) || (f & (STREAM_TLS | STREAM_ERROR)) || !tunnel_up(c))
		return;
	int r = stream_tls_client(c->up, c->g->back, c->host);
	if (r) {
		server_drop(c);
		c->up_err = r;
	}
}

void server_drop(struct conn *c)
{
	if (c->up)
		stream_close(&c->up, false);
}

int server_ready(struct conn *c)
{
	/* At most two rounds: one for a connection that went stale while idle, one for a fresh one. */
	for (int round = 0; round < 2; round++) {
		if (!c->up && !c->up_err && (c->proxy.len || !spare_take(c, c->call ? c->call->credential : NULL)))
			conn_dial(c);
		server_prepare(c);
		if (!c->up) {
			int err = c->up_err ? c->up_err : -ERR_UNAVAILABLE;
			c->up_err = 0; /* the next request tries again */
			return err;
		}
		if (elsewhere_pending(c))
			return 0;
		unsigned f = stream_flags(c->up);
		/* Bytes that nobody asked for belong to no request: never take them for this one's answer. */
		bool stale = (f & (STREAM_EOF | STREAM_ERROR)) || ((f & STREAM_TLS_UP) && stream_in(c->up).n) ||
		             (c->up_calls && stream_ending(c->up));
		if (!stale)
			return f & STREAM_TLS_UP ? 1 : 0;
		int err = stream_error(c->up);
		bool idle = c->up_calls > 0 || ((f & STREAM_TLS_UP) && !err);
		server_drop(c);
		if (!idle)
			c->up_err = err ? err : -ERR_CLOSED;
		c->up_calls = 0;
	}
	return c->up ? 0 : -ERR_UNAVAILABLE;
}

void server_reason(const struct conn *c, int err, char *out, size_t cap)
{
	static const struct {
		int err;
		const char *text;
	} table[] = {
	    {-ERR_TLS_UNTRUSTED, "the certificate of %s is not signed by a trusted authority; no credential was sent"},
	    {-ERR_TLS_EXPIRED, "the certificate of %s is not valid at this time (expired, or not yet valid); no credential was sent"},
	    {-ERR_TLS_NAME, "the certificate of %s is for another name; no credential was sent"},
	    {-ERR_TLS, "the TLS handshake with %s failed; no credential was sent"},
	    {-ERR_PROXY, "the proxy that the client uses does not let a connection to %s through"},
	    {-ECONNREFUSED, "%s refused the connection"},
	    {-ERR_TIMEOUT, "%s did not answer in time"},
	    {-ETIMEDOUT, "%s did not answer in time"},
	    {-ERR_CLOSED, "%s closed the connection without an answer"},
	    {-ECONNRESET, "%s closed the connection without an answer"},
	    {-EPIPE, "%s closed the connection without an answer"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].err == err) {
			const char *at = strstr(table[i].text, "%s");
			snprintf(out, cap, "%.*s%s%s", (int)(at - table[i].text), table[i].text, c->host, at + 2);
			return;
		}
	snprintf(out, cap, "%s cannot be reached: %s", c->host, err_text(err));
}
