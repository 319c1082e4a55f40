/*
 * tls_cert.c - a certificate with its key, shared by the streams of one name.
 * Floor: io.      Owns: OpenSSL's objects; counted.
 */
#include <errno.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "base/err.h"
#include "io/tls_internal.h"

/* The whole of ${der} or nothing: bytes behind it are an error. */
static X509 *read_x509(struct view der)
{
	const unsigned char *p = der.p;
	X509 *x = der.n && der.n <= INT32_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;

	if (x && p != der.p + der.n) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

static EVP_PKEY *read_key(struct view der)
{
	const unsigned char *p = der.p;
	EVP_PKEY *k = der.n && der.n <= INT32_MAX ? d2i_AutoPrivateKey(NULL, &p, (long)der.n) : NULL;

	if (k && p != der.p + der.n) {
		EVP_PKEY_free(k);
		k = NULL;
	}
	return k;
}

static bool read_chain(struct tls_cert *c, struct view der)
{
	if (!der.n)
		return true;
	X509 *x = read_x509(der);
	c->chain = sk_X509_new_null();
	if (x && c->chain && sk_X509_push(c->chain, x))
		return true;
	X509_free(x);
	return false;
}

int tls_cert_new(struct view leaf, struct view issuer, struct view key, struct tls_cert **out)
{
	unsigned id_len = TLS_ID_LEN;

	*out = NULL;
	struct tls_cert *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->leaf = read_x509(leaf);
	c->key = read_key(key);
	if (c->leaf && c->key && read_chain(c, issuer) && X509_check_private_key(c->leaf, c->key) == 1 &&
	    X509_digest(c->leaf, EVP_sha256(), c->id, &id_len)) {
		*out = c;
		return 0;
	}
	ERR_clear_error();
	tls_cert_unref(&c);
	return -ERR_MALFORMED;
}

struct tls_cert *tls_cert_ref(struct tls_cert *c)
{
	c->refs++;
	return c;
}

void tls_cert_unref(struct tls_cert **cp)
{
	struct tls_cert *c = *cp;

	*cp = NULL;
	if (!c || --c->refs)
		return;
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c);
}
