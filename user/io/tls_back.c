/*
 * tls_back.c - the client side: whom we trust, and sessions to resume.
 * Floor: io.      Owns: the context, the trusted certificates, the sessions; counted, since streams refer to it.
 *
 * A session is kept only when its handshake was verified, under the host and port it was verified for; it is offered again only
 * to them, only once (TLS 1.3, RFC 8446 C.4), not after TLS_SESSION_S, and not when its certificate has expired meanwhile.
 * New trust means a new context, and so no old session.
 */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "io/tls_internal.h"

/* ---- sessions ---- */

static void forget(struct tls_kept *k)
{
	SSL_SESSION_free(k->session);
	*k = (struct tls_kept){0};
}

static bool usable(const SSL_SESSION *session)
{
	const X509 *peer = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
	time_t now = time(NULL), then = (time_t)SSL_SESSION_get_time(session);

	return SSL_SESSION_is_resumable(session) && now >= then && now - then < TLS_SESSION_S && peer &&
	       X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

SSL_SESSION *tls_back_take(struct tls_back *b, const char *key)
{
	for (;;) {
		struct tls_kept *best = NULL;
		for (size_t i = 0; i < TLS_SESSIONS; i++) {
			struct tls_kept *k = &b->kept[i];
			if (k->session && strcmp(k->key, key) == 0 && (!best || k->used > best->used))
				best = k;
		}
		if (!best)
			return NULL;
		SSL_SESSION *session = best->session;
		best->session = NULL;
		forget(best);
		if (usable(session))
			return session;
		SSL_SESSION_free(session);
	}
}

void tls_back_keep(struct tls_back *b, const char *key, SSL_SESSION *session)
{
	struct tls_kept *oldest = &b->kept[0], *own = NULL;
	unsigned same = 0;

	for (size_t i = 0; i < TLS_SESSIONS; i++) {
		struct tls_kept *k = &b->kept[i];
		if (k->session && strcmp(k->key, key) == 0) {
			same++;
			if (!own || k->used < own->used)
				own = k;
		}
		if (k->used < oldest->used)
			oldest = k;
	}
	if (same >= TLS_SESSIONS_HOST)
		oldest = own;
	forget(oldest);
	oldest->session = session;
	oldest->used = ++b->clock;
	memcpy(oldest->key, key, strlen(key) + 1);
}

/* OpenSSL hands over each ticket; 1: the reference is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct stream *s = SSL_get_app_data(ssl);

	if (!s || !s->tls || !s->tls->back || SSL_get_verify_result(ssl) != X509_V_OK)
		return 0;
	tls_back_keep(s->tls->back, s->tls->key, session);
	return 1;
}

/* ---- trust ---- */

struct own_ca {
	STACK_OF(X509) * certs;
};

/* The next certificate of a bundle, over damaged ones; NULL at the end. */
static X509 *next_cert(BIO *bio, unsigned *damaged)
{
	for (;;) {
		size_t left = BIO_ctrl_pending(bio);
		X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (x)
			return x;
		unsigned long e = ERR_peek_last_error();
		ERR_clear_error();
		if (ERR_GET_REASON(e) == PEM_R_NO_START_LINE || BIO_ctrl_pending(bio) == left)
			return NULL;
		++*damaged;
	}
}

/* The same certificate, or another one for the same key: our CA must not vouch for an upstream in any dress. */
static bool is_own(const struct own_ca *own, X509 *x)
{
	for (int i = 0; i < sk_X509_num(own->certs); i++) {
		X509 *mine = sk_X509_value(own->certs, i);
		if (X509_cmp(mine, x) == 0 || EVP_PKEY_eq(X509_get0_pubkey(mine), X509_get0_pubkey(x)) == 1)
			return true;
	}
	return false;
}

static int read_own(struct view pem, struct own_ca *own)
{
	unsigned damaged = 0;
	X509 *x;

	own->certs = sk_X509_new_null();
	if (!own->certs || pem.n > INT32_MAX)
		return -ENOMEM;
	if (!pem.n)
		return 0;
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!bio)
		return -ENOMEM;
	while ((x = next_cert(bio, &damaged)))
		if (!sk_X509_push(own->certs, x)) {
			X509_free(x);
			damaged++;
		}
	BIO_free(bio);
	/* To leave out what cannot be read is not possible: refuse. */
	return damaged || !sk_X509_num(own->certs) ? -ERR_MALFORMED : 0;
}

static int read_trust(struct view pem, const struct own_ca *own, X509_STORE *store)
{
	unsigned damaged = 0, seen = 0;
	int e = 0;
	X509 *x;
	BIO *bio = pem.n && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;

	if (!bio)
		return -ERR_MALFORMED;
	while (!e && (x = next_cert(bio, &damaged))) {
		seen++;
		if (!is_own(own, x) && !X509_STORE_add_cert(store, x))
			e = -ENOMEM;
		X509_free(x);
	}
	BIO_free(bio);
	if (damaged)
		log_warning("trust: %u damaged certificates left out, %u read", damaged, seen);
	ERR_clear_error();
	return e ? e : seen ? 0 : -ERR_MALFORMED;
}

static SSL_CTX *make_ctx(void)
{
	static const unsigned char http1[] = "\x08http/1.1";
	SSL_CTX *c = tls_ctx_new(TLS_client_method());

	if (!c)
		return NULL;
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(c, 10);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_new_cb(c, on_session);
	if (SSL_CTX_set_alpn_protos(c, http1, sizeof(http1) - 1) == 0)
		return c;
	SSL_CTX_free(c);
	return NULL;
}

int tls_back_new(struct view pem, struct view own_ca_pem, struct tls_back **out)
{
	struct own_ca own = {NULL};
	struct tls_back *b = calloc(1, sizeof(*b));

	*out = NULL;
	if (!b)
		return -ENOMEM;
	b->refs = 1;
	b->ctx = make_ctx();
	int e = b->ctx ? read_own(own_ca_pem, &own) : -ENOMEM;
	if (!e)
		e = read_trust(pem, &own, SSL_CTX_get_cert_store(b->ctx));
	sk_X509_pop_free(own.certs, X509_free);
	ERR_clear_error();
	if (e)
		tls_back_unref(&b);
	*out = b;
	return e;
}

void tls_back_unref(struct tls_back **bp)
{
	struct tls_back *b = *bp;

	*bp = NULL;
	if (!b || --b->refs)
		return;
	for (size_t i = 0; i < TLS_SESSIONS; i++)
		forget(&b->kept[i]);
	SSL_CTX_free(b->ctx);
	free(b);
}

void tls_back_free(struct tls_back **b)
{
	tls_back_unref(b);
}
