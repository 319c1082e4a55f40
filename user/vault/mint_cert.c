/* mint_cert.c - build the three kinds of certificate.  See mint_internal.h. */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "vault/mint_internal.h"

enum { HOUR = 3600, ROOT_DAYS = 3650 };

EVP_PKEY *mint_cert_key(void)
{
	return EVP_EC_gen("P-256");
}

/* 127 random bits: positive and never zero, as RFC 5280 4.1.2.2 asks. */
static bool set_serial(X509 *x)
{
	uint8_t r[16];

	if (RAND_bytes(r, sizeof(r)) != 1)
		return false;
	r[0] = (r[0] & 0x7f) | 0x40;
	BIGNUM *n = BN_bin2bn(r, sizeof(r), NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool set_dates(X509 *x, struct wall now, long back_s, long life_s)
{
	time_t from = (time_t)(now.ns / 1000000000) - back_s;

	return X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &from) &&
	       X509_time_adj_ex(X509_getm_notAfter(x), 0, life_s, &from);
}

/* Takes ${ext}. */
static bool add_ext(X509 *x, X509_EXTENSION *ext)
{
	bool ok = ext && X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_conf(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	return add_ext(x, X509V3_EXT_conf_nid(NULL, &ctx, nid, value));
}

/* The bytes of an address in a certificate: 4 or 16, or 0 when it is none. */
static int ip_bytes(const char *name, uint8_t ip[16])
{
	return inet_pton(AF_INET, name, ip) == 1 ? 4 : inet_pton(AF_INET6, name, ip) == 1 ? 16 : 0;
}

/* The name goes in as bytes, never through OpenSSL's text syntax, in which a comma would start another name. */
static bool add_san(X509 *x, const char *name, bool is_ip)
{
	uint8_t ip[16];
	int n = 0;
	GENERAL_NAMES *all = GENERAL_NAMES_new();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_STRING *s = is_ip ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	bool ok = all && one && s;

	if (is_ip)
		n = ip_bytes(name, ip);
	ok = ok && (!is_ip || n) && ASN1_STRING_set(s, is_ip ? (const void *)ip : name, is_ip ? n : (int)strlen(name));
	if (ok) {
		GENERAL_NAME_set0_value(one, is_ip ? GEN_IPADD : GEN_DNS, s);
		s = NULL;
		ok = sk_GENERAL_NAME_push(all, one) > 0;
		if (ok)
			one = NULL;
	}
	ok = ok && add_ext(x, X509V3_EXT_i2d(NID_subject_alt_name, 0, all));
	ASN1_STRING_free(s);
	GENERAL_NAME_free(one);
	GENERAL_NAMES_free(all);
	return ok;
}

static bool add_name(X509_NAME *n, const char *field, const char *text)
{
	return X509_NAME_add_entry_by_txt(n, field, MBSTRING_UTF8, (const uint8_t *)text, -1, -1, 0);
}

bool mint_cert_tag(char tag[MINT_TAG])
{
	uint8_t r[4];

	if (RAND_bytes(r, sizeof(r)) != 1)
		return false;
	snprintf(tag, MINT_TAG, "%02x%02x%02x%02x", r[0], r[1], r[2], r[3]);
	return true;
}

/* What all three kinds have.  ${issuer} NULL: it issues itself.  ${x} may be NULL, which is no certificate either. */
static bool begin(X509 *x, struct wall now, long life_s, const char *org, const char *cn, X509 *issuer, EVP_PKEY *key)
{
	X509_NAME *n = x ? X509_get_subject_name(x) : NULL;

	return x && X509_set_version(x, X509_VERSION_3) && set_serial(x) && set_dates(x, now, HOUR, life_s) && add_name(n, "O", org) &&
	       (!cn || add_name(n, "CN", cn)) && X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : n) && X509_set_pubkey(x, key);
}

static bool add_ids(X509 *x, X509 *issuer)
{
	return add_conf(x, issuer, NID_subject_key_identifier, "hash") && add_conf(x, issuer, NID_authority_key_identifier, "keyid:always");
}

/* Takes ${x}; the certificate, or NULL. */
static X509 *finish(X509 *x, EVP_PKEY *key, bool ok)
{
	if (ok && X509_sign(x, key, EVP_sha256()))
		return x;
	X509_free(x);
	return NULL;
}

X509 *mint_cert_root(EVP_PKEY *key, const char *node, struct wall now)
{
	char cn[65], tag[MINT_TAG] = "";
	X509 *x = X509_new();
	/* Roots of different machines, and of different times, must not share a name: verifiers look issuers up by it. */
	bool ok = mint_cert_tag(tag);

	snprintf(cn, sizeof(cn), "Callgate CA %.40s %s", node, tag);
	ok = ok && begin(x, now, (long)ROOT_DAYS * MINT_DAY, "Callgate", cn, NULL, key) &&
	     add_conf(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:1") &&
	     add_conf(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") && add_ids(x, x);
	return finish(x, key, ok);
}

/* ---- the names an intermediate may sign for: RFC 5280 4.2.1.10 ---- */

/* One subtree; ${n} bytes of ${bytes} are a name, or an address and its mask. */
static bool add_tree(STACK_OF(GENERAL_SUBTREE) **list, int type, const void *bytes, int n)
{
	GENERAL_SUBTREE *t = GENERAL_SUBTREE_new();
	ASN1_STRING *s = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (!*list)
		*list = sk_GENERAL_SUBTREE_new_null();
	if (t && s && *list && ASN1_STRING_set(s, bytes, n)) {
		GENERAL_NAME_set0_value(t->base, type, s);
		s = NULL;
		if (sk_GENERAL_SUBTREE_push(*list, t) > 0)
			return true;
	}
	ASN1_STRING_free(s);
	GENERAL_SUBTREE_free(t);
	return false;
}

static bool add_host(NAME_CONSTRAINTS *nc, const char *host, unsigned *kinds)
{
	uint8_t ip[32];
	int n = ip_bytes(host, ip);

	memset(ip + n, 0xff, sizeof(ip) - (size_t)n);
	*kinds |= n ? 2 : 1;
	return n ? add_tree(&nc->permittedSubtrees, GEN_IPADD, ip, 2 * n)
	         : add_tree(&nc->permittedSubtrees, GEN_DNS, host, (int)strlen(host));
}

/*
 * A kind of name without a permitted subtree is not constrained at all.  So without a DNS name one that can be nobody's (RFC 6761)
 * is permitted, and without an address all of them are excluded.
 */
static bool add_constraints(X509 *x, const char *const *host, size_t n)
{
	static const uint8_t all[32];
	NAME_CONSTRAINTS *nc = NAME_CONSTRAINTS_new();
	unsigned kinds = 0;
	bool ok = nc != NULL;

	for (size_t i = 0; i < n; i++)
		ok = ok && add_host(nc, host[i], &kinds);
	if (!(kinds & 1))
		ok = ok && add_host(nc, "callgate.invalid", &kinds);
	if (!(kinds & 2))
		ok = ok && add_tree(&nc->excludedSubtrees, GEN_IPADD, all, 8) && add_tree(&nc->excludedSubtrees, GEN_IPADD, all, 32);
	ok = ok && X509_add1_ext_i2d(x, NID_name_constraints, nc, 1, X509V3_ADD_DEFAULT) == 1;
	NAME_CONSTRAINTS_free(nc);
	return ok;
}

X509 *mint_cert_inter(X509 *root, EVP_PKEY *root_key, EVP_PKEY *key, const char *tag, const char *const *host, size_t n, struct wall now)
{
	char cn[65];
	X509 *x = X509_new();

	snprintf(cn, sizeof(cn), "Callgate interception %s", tag);
	return finish(x, root_key, begin(x, now, MINT_INTER_S, "Callgate", cn, root, key) &&
	    add_conf(x, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") && add_conf(x, root, NID_key_usage, "critical,keyCertSign") &&
	    add_conf(x, root, NID_ext_key_usage, "serverAuth") && add_constraints(x, host, n) && add_ids(x, root));
}

X509 *mint_cert_leaf(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *leaf_key, const char *name, bool is_ip, struct wall now,
    struct wall *until)
{
	X509 *x = X509_new();
	/* The subject names nobody: the host is in the SAN only.  It is not empty, because some clients refuse that. */
	bool ok = begin(x, now, MINT_LEAF_S, "Callgate interception", NULL, issuer, leaf_key) &&
	          add_conf(x, issuer, NID_basic_constraints, "critical,CA:FALSE") && add_conf(x, issuer, NID_key_usage, "critical,digitalSignature") &&
	          add_conf(x, issuer, NID_ext_key_usage, "serverAuth") && add_ids(x, issuer) && add_san(x, name, is_ip);

	if (ok)
		*until = mint_cert_time(X509_get0_notAfter(x));
	/* A leaf must not outlive its issuer. */
	return finish(x, issuer_key, ok && ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(issuer)) <= 0);
}

struct wall mint_cert_time(const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return (struct wall){0};
	return (struct wall){(int64_t)timegm(&tm) * 1000000000};
}

bool mint_cert_put_key(EVP_PKEY *key, struct keep *out)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	int len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, NULL) : -1;
	bool ok = len > 0 && (size_t)len <= out->cap - out->n;

	if (ok) {
		uint8_t *p = out->mem + out->n;
		ok = i2d_PKCS8_PRIV_KEY_INFO(p8, &p) == len;
		out->n += ok ? (size_t)len : 0;
	}
	PKCS8_PRIV_KEY_INFO_free(p8); /* clears the key */
	return ok;
}

bool mint_cert_put(X509 *x, struct keep *out)
{
	int len = i2d_X509(x, NULL);

	if (len <= 0 || (size_t)len > out->cap - out->n)
		return false;
	uint8_t *p = out->mem + out->n;
	out->n += (size_t)len;
	return i2d_X509(x, &p) == len;
}
