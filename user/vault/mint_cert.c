/* mint_cert.c - build the two kinds of certificate.  See mint_internal.h. */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "vault/mint_internal.h"

enum { HOUR = 3600, DAY = 24 * HOUR, LEAF_DAYS = 7, ROOT_DAYS = 3650 };

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
		n = inet_pton(AF_INET, name, ip) == 1 ? 4 : inet_pton(AF_INET6, name, ip) == 1 ? 16 : 0;
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

X509 *mint_cert_root(EVP_PKEY *key, const char *node, struct wall now)
{
	char cn[65];
	uint8_t tag[4];
	X509 *x = X509_new();

	/* Roots of different machines, and of different times, must not share a name: verifiers look issuers up by it. */
	if (!x || RAND_bytes(tag, sizeof(tag)) != 1)
		goto fail;
	snprintf(cn, sizeof(cn), "Callgate CA %.40s %02x%02x%02x%02x", node, tag[0], tag[1], tag[2], tag[3]);
	X509_NAME *n = X509_get_subject_name(x);
	if (!X509_set_version(x, X509_VERSION_3) || !set_serial(x) || !set_dates(x, now, HOUR, (long)ROOT_DAYS * DAY) ||
	    !add_name(n, "O", "Callgate") || !add_name(n, "CN", cn) || !X509_set_issuer_name(x, n) || !X509_set_pubkey(x, key))
		goto fail;
	if (!add_conf(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:1") ||
	    !add_conf(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !add_conf(x, x, NID_subject_key_identifier, "hash") || !add_conf(x, x, NID_authority_key_identifier, "keyid:always"))
		goto fail;
	if (!X509_sign(x, key, EVP_sha256()))
		goto fail;
	return x;
fail:
	X509_free(x);
	return NULL;
}

X509 *mint_cert_leaf(X509 *root, EVP_PKEY *root_key, EVP_PKEY *leaf_key, const char *name, bool is_ip, struct wall now,
    struct wall *until)
{
	X509 *x = X509_new();

	/* The subject names nobody: the host is in the SAN only.  It is not empty, because some clients refuse that. */
	if (!x || !X509_set_version(x, X509_VERSION_3) || !set_serial(x) || !set_dates(x, now, HOUR, (long)LEAF_DAYS * DAY) ||
	    !add_name(X509_get_subject_name(x), "O", "Callgate interception") ||
	    !X509_set_issuer_name(x, X509_get_subject_name(root)) || !X509_set_pubkey(x, leaf_key))
		goto fail;
	if (!add_conf(x, root, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_conf(x, root, NID_key_usage, "critical,digitalSignature") || !add_conf(x, root, NID_ext_key_usage, "serverAuth") ||
	    !add_conf(x, root, NID_subject_key_identifier, "hash") ||
	    !add_conf(x, root, NID_authority_key_identifier, "keyid:always") || !add_san(x, name, is_ip))
		goto fail;
	if (!X509_sign(x, root_key, EVP_sha256()))
		goto fail;
	*until = mint_cert_time(X509_get0_notAfter(x));
	/* A leaf must not outlive its root. */
	if (ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(root)) > 0)
		goto fail;
	return x;
fail:
	X509_free(x);
	return NULL;
}

struct wall mint_cert_time(const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm))
		return (struct wall){0};
	return (struct wall){(int64_t)timegm(&tm) * 1000000000};
}
