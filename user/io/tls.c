/*
 * tls.c - TLS on a stream: handshake, reading, writing, the goodbye.
 * Floor: io.      Owns: the SSL object of each stream.      Source: see tls_internal.h.
 *
 * Bytes:  ring -> cin -> SSL_read -> in -> owner;     owner -> out -> SSL_write -> next -> wire -> ring.
 * ${out} gathers what one turn puts, so that a head and its body share a record; it may hold a credential and is wiped as it goes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "io/tls_internal.h"

enum { READ_ROOM = 4096, RECORD = SSL3_RT_MAX_PLAIN_LENGTH };

/* OpenSSL wrote an alert into ${next}, perhaps; that is all that may still go out. */
static void broken(struct stream *s, int err)
{
	s->bits |= BIT_TLS_BAD;
	pool_drop(&s->l->pool, &s->cin);
	stream_fail(s, err);
}

/* ---- beginnings ---- */

static int start(struct stream *s, SSL_CTX *ctx)
{
	if (s->tls)
		return -EALREADY;
	if (s->flags & STREAM_ERROR)
		return -EPIPE;
	struct tls *t = calloc(1, sizeof(*t));
	SSL *ssl = t ? SSL_new(ctx) : NULL;
	BIO *bio = ssl ? tls_bio_new(s) : NULL;
	if (!bio) {
		SSL_free(ssl);
		free(t);
		ERR_clear_error();
		return -ENOMEM;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, s);
	t->ssl = ssl;
	s->tls = t;
	s->flags = (s->flags | STREAM_TLS) & ~(unsigned)(STREAM_EOF | STREAM_EOF_CLEAN);
	/* What came so far, and was not consumed, is the other side's first flight. */
	struct buf b = s->cin;
	s->cin = s->in;
	s->in = b;
	stream_wake(s);
	return 0;
}

int tls_start_server(struct stream *s, struct tls_front *front, struct tls_cert *cert)
{
	int e = start(s, front->ctx);

	if (e)
		return e;
	SSL *ssl = s->tls->ssl;
	SSL_set_accept_state(ssl);
	if (SSL_use_cert_and_key(ssl, cert->leaf, cert->key, cert->chain, 1) &&
	    SSL_set_session_id_context(ssl, cert->id, TLS_ID_LEN))
		return 0;
	ERR_clear_error();
	broken(s, -ERR_TLS);
	return -ERR_TLS;
}

static bool name_ok(struct view host)
{
	if (!host.n || host.n > TLS_HOST_MAX)
		return false;
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = host.p[i];
		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
			return false;
	}
	return host.p[0] != '.';
}

/* An empty name would switch the check off: name_ok() comes first.  A name in the subject alone does not count (RFC 6125). */
static bool expect_name(SSL *ssl, const char *name)
{
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static bool expect_address(SSL *ssl, const uint8_t *ip, size_t n)
{
	return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), ip, n) == 1;
}

/* ${host} without the brackets of an IPv6 address, without a final dot, in small letters. */
static bool plain_host(const char *host, char out[TLS_HOST_MAX + 1])
{
	struct view v = view_str(host);

	if (v.n > 2 && v.p[0] == '[' && v.p[v.n - 1] == ']')
		v = view_of(v.p + 1, v.n - 2);
	else if (v.n > 1 && v.p[v.n - 1] == '.')
		v.n--;
	if (!v.n || v.n > TLS_HOST_MAX)
		return false;
	for (size_t i = 0; i < v.n; i++)
		out[i] = (char)(v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i]);
	out[v.n] = '\0';
	return true;
}

static unsigned port_of(const struct stream *s)
{
	struct sockaddr_storage a = s->addr;
	socklen_t n = sizeof(a);

	if (!s->addr_len && getpeername(s->fd, (struct sockaddr *)&a, &n) != 0)
		return 0;
	/* Both families keep the port in the same place. */
	return a.ss_family == AF_INET || a.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in *)&a)->sin_port) : 0;
}

static void offer_session(struct stream *s)
{
	SSL_SESSION *session = tls_back_take(s->tls->back, s->tls->key);

	if (!session)
		return;
	(void)SSL_set_session(s->tls->ssl, session);
	/* A TLS 1.2 session may be used again and again. */
	if (SSL_SESSION_get_protocol_version(session) == TLS1_2_VERSION)
		tls_back_keep(s->tls->back, s->tls->key, session);
	else
		SSL_SESSION_free(session);
}

int tls_start_client(struct stream *s, struct tls_back *back, const char *host)
{
	char name[TLS_HOST_MAX + 1];
	uint8_t ip[16];

	if (!plain_host(host, name))
		return -EINVAL;
	size_t ip_len = inet_pton(AF_INET, name, ip) == 1 ? 4 : inet_pton(AF_INET6, name, ip) == 1 ? 16 : 0;
	if (!ip_len && !name_ok(view_str(name)))
		return -EINVAL;
	int e = start(s, back->ctx);
	if (e)
		return e;
	struct tls *t = s->tls;
	t->back = back;
	back->refs++;
	snprintf(t->key, sizeof(t->key), "%s:%u", name, port_of(s));
	SSL_set_connect_state(t->ssl);
	if (ip_len ? expect_address(t->ssl, ip, ip_len) : expect_name(t->ssl, name)) {
		offer_session(s);
		return 0;
	}
	ERR_clear_error();
	broken(s, -ERR_TLS);
	return -ERR_TLS;
}

/* ---- receiving ---- */

static void shake(struct stream *s)
{
	struct loop *l = s->l;

	if (!s->cin.len && !SSL_in_before(s->tls->ssl) && !(s->bits & BIT_RX_FIN))
		return;
	if (l->shakes >= IO_SHAKES) {
		s->bits |= BIT_TLS_MORE;
		stream_wake(s);
		return;
	}
	l->shakes++;
	int r = SSL_do_handshake(s->tls->ssl);
	if (r == 1) {
		s->flags |= STREAM_TLS_UP;
		s->bits |= BIT_CHANGED;
	} else if (SSL_get_error(s->tls->ssl, r) != SSL_ERROR_WANT_READ) {
		broken(s, tls_err_take(s->tls->ssl));
	} else if (s->bits & BIT_RX_FIN) {
		broken(s, -ERR_TLS); /* left in the middle */
	}
}

static void read_failed(struct stream *s)
{
	switch (SSL_get_error(s->tls->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return;
	case SSL_ERROR_ZERO_RETURN:
		s->flags |= STREAM_EOF | STREAM_EOF_CLEAN;
		s->bits |= BIT_CHANGED;
		pool_drop(&s->l->pool, &s->cin); /* nothing may follow a close_notify */
		return;
	default:
		broken(s, tls_err_take(s->tls->ssl));
	}
}

static void decrypt(struct stream *s)
{
	SSL *ssl = s->tls->ssl;

	while (s->cin.len || SSL_pending(ssl) > 0) {
		if (s->in.len >= s->in_max) {
			s->bits |= BIT_TLS_MORE;
			return;
		}
		uint8_t *to = pool_reserve(&s->l->pool, &s->in, READ_ROOM);
		size_t n = 0;
		if (!to) {
			broken(s, -ENOMEM);
			return;
		}
		if (!SSL_read_ex(ssl, to, pool_room(&s->in), &n)) {
			read_failed(s);
			return;
		}
		buf_commit(&s->in, n);
		s->bits |= BIT_CHANGED;
	}
}

void tls_pump(struct stream *s)
{
	s->bits &= ~(unsigned)BIT_TLS_MORE;
	if (s->flags & (STREAM_ERROR | STREAM_EOF)) {
		pool_drop(&s->l->pool, &s->cin);
		return;
	}
	ERR_clear_error();
	if (!(s->flags & STREAM_TLS_UP))
		shake(s);
	if ((s->flags & STREAM_TLS_UP) && !(s->flags & STREAM_ERROR))
		decrypt(s);
}

/* ---- sending ---- */

void tls_flush(struct stream *s)
{
	SSL *ssl = s->tls->ssl;

	if (s->bits & (BIT_TLS_BAD | BIT_TX_DEAD))
		return;
	if (!(s->flags & STREAM_TLS_UP)) {
		if (s->stage != STAGE_LIVE) /* it will never be */
			pool_wipe(&s->l->pool, &s->out);
		return;
	}
	ERR_clear_error();
	while (s->out.len) {
		uint8_t *p = s->out.mem + s->out.off;
		size_t n = 0;
		if (!SSL_write_ex(ssl, p, s->out.len < RECORD ? s->out.len : RECORD, &n)) {
			broken(s, tls_err_take(ssl));
			return;
		}
		explicit_bzero(p, n);
		buf_consume(&s->out, n);
	}
	if ((s->flags & STREAM_SHUT) && !(s->bits & BIT_TLS_NOTIFY)) {
		(void)SSL_shutdown(ssl);
		ERR_clear_error();
		s->bits |= BIT_TLS_NOTIFY;
	}
}

/* ---- the end ---- */

void tls_drop(struct stream *s)
{
	struct tls *t = s->tls;

	if (!t)
		return;
	/* A connection that was simply closed does not make its session a bad one. */
	if ((s->flags & STREAM_TLS_UP) && !(s->bits & BIT_TLS_BAD))
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_app_data(t->ssl, NULL);
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_back_unref(&t->back);
	free(t);
	s->tls = NULL;
}

bool tls_resumed(const struct stream *s)
{
	return s->tls && SSL_session_reused(s->tls->ssl);
}
