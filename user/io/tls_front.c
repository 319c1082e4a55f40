/*
 * tls_front.c - the server side: one context for all names; the certificate comes with each stream.
 * Floor: io.      Owns: the context and, inside it, the keys of the session tickets, which die with it.
 */
#include <errno.h>
#include <stdlib.h>

#include "io/tls_internal.h"

/* RFC 7301: the client's list, or a fatal alert.  A client without ALPN speaks HTTP/1.1 anyway. */
static int pick_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
    void *arg)
{
	static const struct view http1 = VIEW_LIT("http/1.1");
	struct view left = view_of(in, in_len);

	(void)ssl;
	(void)arg;
	while (left.n && left.n > left.p[0]) {
		struct view name = view_of(left.p + 1, left.p[0]);
		if (view_eq(name, http1)) {
			*out = name.p;
			*out_len = (unsigned char)name.n;
			return SSL_TLSEXT_ERR_OK;
		}
		left = view_skip(left, 1 + name.n);
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int tls_front_new(struct tls_front **out)
{
	*out = NULL;
	struct tls_front *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->ctx = tls_ctx_new(TLS_server_method());
	if (!f->ctx) {
		ERR_clear_error();
		free(f);
		return -ENOMEM;
	}
	SSL_CTX_set_session_cache_mode(f->ctx, SSL_SESS_CACHE_OFF); /* tickets hold everything */
	SSL_CTX_set_num_tickets(f->ctx, 1);
	SSL_CTX_set_timeout(f->ctx, TLS_SESSION_S);
	SSL_CTX_set_alpn_select_cb(f->ctx, pick_protocol, NULL);
	*out = f;
	return 0;
}

void tls_front_free(struct tls_front **fp)
{
	struct tls_front *f = *fp;

	if (!f)
		return;
	SSL_CTX_free(f->ctx); /* streams in use hold a reference of their own */
	free(f);
	*fp = NULL;
}
