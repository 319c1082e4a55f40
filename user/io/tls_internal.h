/*
 * tls_internal.h - the inside of TLS on a stream, for the files of this floor.
 * Floor: io (private to it).      Source: OpenSSL 3.0; RFC 8446, RFC 5246, RFC 7301 (ALPN), RFC 6066 (SNI).
 *
 * Settled here for both sides: TLS 1.2 and 1.3, AES-128-GCM first, ALPN http/1.1, no renegotiation, no compression, no early data,
 * no openssl.cnf (the process may open no file, and an administrator's file must not lower what is verified).
 */
#ifndef IO_TLS_INTERNAL_H
#define IO_TLS_INTERNAL_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "io/stream_internal.h"

enum {
	TLS_HOST_MAX = 253,
	TLS_KEY_MAX = TLS_HOST_MAX + 8, /* "host:port" */
	TLS_ID_LEN = 32,
	TLS_SESSIONS = 64,        /* kept for all hosts together */
	TLS_SESSIONS_HOST = 4,    /* and for one */
	TLS_SESSION_S = 3600,     /* a chain verified longer ago is verified again */
};

/* The state of one stream. */
struct tls {
	SSL *ssl;
	struct tls_back *back; /* client side only; counted */
	char key[TLS_KEY_MAX]; /* for the resumption cache */
};

struct tls_front {
	SSL_CTX *ctx;
};

struct tls_back {
	SSL_CTX *ctx;
	unsigned refs;
	struct tls_kept {
		SSL_SESSION *session; /* NULL: free */
		uint64_t used;        /* larger is younger */
		char key[TLS_KEY_MAX];
	} kept[TLS_SESSIONS];
	uint64_t clock;
};

struct tls_cert {
	unsigned refs;
	X509 *leaf;
	STACK_OF(X509) * chain; /* NULL: none */
	EVP_PKEY *key;
	uint8_t id[TLS_ID_LEN]; /* digest of the leaf: a ticket is good for one certificate only */
};

/* tls_ctx.c */
/** tls_ctx_new(method): What both sides have in common, or NULL. */
SSL_CTX *tls_ctx_new(const SSL_METHOD *method);

/* tls_back.c */
void tls_back_unref(struct tls_back **b);
/** tls_back_take(b, key): A session to resume, now the caller's, or NULL. */
SSL_SESSION *tls_back_take(struct tls_back *b, const char *key);
/** tls_back_keep(b, key, session): Takes the session over. */
void tls_back_keep(struct tls_back *b, const char *key, SSL_SESSION *session);

/* tls_err.c */
/** tls_err_take(s): Empty OpenSSL's error queue into one of our numbers. */
int tls_err_take(const SSL *ssl);

/* tls_bio.c */
/** tls_bio_new(s): The BIO that reads s->cin and writes s->next. */
BIO *tls_bio_new(struct stream *s);

#endif
