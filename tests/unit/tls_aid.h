/*
 * tls_aid.h - for tests: authorities and leaves made on the spot, and two ends of one connection in one loop.
 */
#ifndef TESTS_TLS_AID_H
#define TESTS_TLS_AID_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io_aid.h"

struct ca {
	EVP_PKEY *key;
	X509 *cert;
	struct buf pem, der;
};

static inline X509 *x509_make(const char *cn, EVP_PKEY *pub, const struct ca *issuer, EVP_PKEY *signer, long from_s, long to_s,
    const char *san)
{
	static long serial = 1000;
	X509 *x = X509_new();
	X509V3_CTX ctx;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	X509_gmtime_adj(X509_getm_notAfter(x), to_s);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->cert) : X509_get_subject_name(x));
	X509_set_pubkey(x, pub);
	X509V3_set_ctx(&ctx, issuer ? issuer->cert : x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, san ? "critical,CA:FALSE" : "critical,CA:TRUE");
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	if (san && *san) {
		e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, san);
		assert_non_null(e);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
	return x;
}

static inline void x509_der(X509 *x, struct buf *out)
{
	unsigned char *p = NULL;
	int n = i2d_X509(x, &p);
	assert_int_equal(buf_put(out, view_of(p, (size_t)n)), 0);
	OPENSSL_free(p);
}

static inline void x509_pem(X509 *x, struct buf *out)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p;
	PEM_write_bio_X509(b, x);
	long n = BIO_get_mem_data(b, &p);
	assert_int_equal(buf_put(out, view_of(p, (size_t)n)), 0);
	BIO_free(b);
}

static inline struct ca ca_make(const char *cn)
{
	struct ca ca = {.key = EVP_EC_gen("P-256")};
	ca.cert = x509_make(cn, ca.key, NULL, ca.key, -3600, 86400, NULL);
	x509_pem(ca.cert, &ca.pem);
	x509_der(ca.cert, &ca.der);
	return ca;
}

static inline void ca_free(struct ca *ca)
{
	EVP_PKEY_free(ca->key);
	X509_free(ca->cert);
	buf_free(&ca->pem);
	buf_free(&ca->der);
}

static inline void key_der(EVP_PKEY *key, struct buf *out)
{
	unsigned char *p = NULL;
	int n = i2d_PrivateKey(key, &p);
	assert_int_equal(buf_put(out, view_of(p, (size_t)n)), 0);
	OPENSSL_free(p);
}

/* A leaf for ${san}, as DER with its key. */
static inline void leaf_make(const struct ca *ca, const char *san, long from_s, long to_s, struct buf *leaf, struct buf *key)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = x509_make("leaf.example", k, ca, ca->key, from_s, to_s, san);
	x509_der(x, leaf);
	key_der(k, key);
	X509_free(x);
	EVP_PKEY_free(k);
}

enum { HOUR = 3600 };

static struct ca root, foreign, own;
static struct tls_front *front;
static struct tls_back *back;

struct link {
	struct loop *l;
	struct keeper a, b; /* server, client */
};

static inline struct tls_cert *cert_by(const struct ca *ca, const char *san, long from_s, long to_s)
{
	struct buf leaf = {0}, key = {0};
	struct tls_cert *c;

	leaf_make(ca, san, from_s, to_s, &leaf, &key);
	assert_int_equal(tls_cert_new(buf_view(&leaf), buf_view(&ca->der), buf_view(&key), &c), 0);
	buf_free(&leaf);
	buf_free(&key);
	return c;
}

static inline int setup(void **state)
{
	(void)state;
	root = ca_make("Test root");
	foreign = ca_make("Foreign root");
	own = ca_make("Callgate own");
	struct buf pem = {0};
	assert_int_equal(buf_put(&pem, buf_view(&root.pem)), 0);
	assert_int_equal(buf_puts(&pem, "\nsome words between\n"), 0);
	assert_int_equal(buf_put(&pem, buf_view(&own.pem)), 0);
	assert_int_equal(tls_front_new(&front), 0);
	assert_int_equal(tls_back_new(buf_view(&pem), buf_view(&own.pem), &back), 0);
	buf_free(&pem);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	tls_front_free(&front);
	tls_back_free(&back);
	ca_free(&root);
	ca_free(&foreign);
	ca_free(&own);
	return 0;
}

static inline int link_up(struct link *k, struct loop *l, struct tls_front *f, struct tls_cert *c, struct tls_back *b, const char *host)
{
	int fd[2];

	*k = (struct link){.l = l, .a = {.l = l}, .b = {.l = l}};
	tcp_pair(fd);
	k->a.s = stream_accepted(l, fd[0], keeper_ready, &k->a);
	k->b.s = stream_accepted(l, fd[1], keeper_ready, &k->b);
	assert_int_equal(stream_tls_server(k->a.s, f, c), 0);
	return stream_tls_client(k->b.s, b, host);
}

static inline void link_down(struct link *k)
{
	keeper_end(&k->a);
	keeper_end(&k->b);
}

#define BOTH_UP(k) (stream_flags((k)->a.s) & stream_flags((k)->b.s) & STREAM_TLS_UP)
#define HAS(s, f) ((stream_flags(s) & (f)) == (unsigned)(f))

#endif
