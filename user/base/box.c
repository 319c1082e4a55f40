/* box.c - see box.h. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/aead.h"
#include "base/box.h"
#include "base/err.h"

enum { TAG = AEAD_TAG, HEAD = BOX_WHAT + 16 };

static const uint8_t nonce[AEAD_NONCE];
static const struct view none;

static int public_of(EVP_PKEY *k, uint8_t out[BOX_KEY])
{
	size_t n = BOX_KEY;
	return EVP_PKEY_get_raw_public_key(k, out, &n) == 1 && n == BOX_KEY ? 0 : -ERR_UNAVAILABLE;
}

int box_new(uint8_t key[BOX_KEY], uint8_t public[BOX_KEY])
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	size_t n = BOX_KEY;
	int r = k && EVP_PKEY_get_raw_private_key(k, key, &n) == 1 && n == BOX_KEY ? public_of(k, public) : -ERR_UNAVAILABLE;

	EVP_PKEY_free(k);
	return r;
}

int box_public(const uint8_t key[BOX_KEY], uint8_t public[BOX_KEY])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, BOX_KEY);
	int r = k ? public_of(k, public) : -ERR_UNAVAILABLE;

	EVP_PKEY_free(k);
	return r;
}

static int agree(EVP_PKEY *mine, const uint8_t theirs[BOX_KEY], uint8_t out[BOX_KEY])
{
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, BOX_KEY);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(mine, NULL);
	size_t n = BOX_KEY;
	/* A point of small order is refused here. */
	int r = peer && c && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, peer) == 1 && EVP_PKEY_derive(c, out, &n) == 1 && n == BOX_KEY
	    ? 0
	    : -ERR_CORRUPT;

	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	return r;
}

/* From the shared secret in ${key}, in its place. */
static int derive(uint8_t key[BOX_KEY], const uint8_t salt[2 * BOX_KEY], const char *info)
{
	union { /* OpenSSL's parameters are not const; it does not write them */
		const void *in;
		void *out;
	} s = {salt}, i = {info};
	uint8_t secret[BOX_KEY];
	char digest[] = "SHA256";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;

	memcpy(secret, key, BOX_KEY);
	OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, BOX_KEY),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, s.out, (size_t)2 * BOX_KEY),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, i.out, strlen(info)), OSSL_PARAM_construct_end()};
	int r = c && EVP_KDF_derive(c, key, BOX_KEY, p) == 1 ? 0 : -ERR_UNAVAILABLE;
	OPENSSL_cleanse(secret, sizeof(secret));
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	return r;
}

static int head_of(const char *what, char out[HEAD])
{
	if (strchr(what, '\n'))
		return -ERR_MALFORMED;
	return snprintf(out, HEAD, "callgate-box/v1 %s", what) < HEAD ? 0 : -ERR_TOO_LONG;
}

static int put_base64(struct view v, struct buf *out)
{
	uint8_t *at = buf_reserve(out, (v.n + 2) / 3 * 4 + 1);

	if (!at)
		return -ENOMEM;
	buf_commit(out, (size_t)EVP_EncodeBlock(at, v.p, (int)v.n));
	return buf_puts(out, "\n");
}

int box_seal(const uint8_t public[BOX_KEY], const char *what, struct view text, struct buf *out)
{
	uint8_t salt[2 * BOX_KEY], key[BOX_KEY] = {0}, *raw = NULL;
	size_t n = BOX_KEY + text.n + TAG;
	char head[HEAD];
	EVP_PKEY *mine = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	int r = text.n <= BOX_MAX ? head_of(what, head) : -ERR_TOO_LONG;

	if (!r)
		r = mine ? public_of(mine, salt) : -ERR_UNAVAILABLE;
	memcpy(salt + BOX_KEY, public, BOX_KEY);
	if (!r)
		r = agree(mine, public, key);
	if (!r)
		r = derive(key, salt, head);
	if (!r && !(raw = malloc(n)))
		r = -ENOMEM;
	if (!r) {
		memcpy(raw, salt, BOX_KEY);
		r = aead_seal(key, nonce, "", none, text, raw + BOX_KEY);
	}
	if (!r)
		r = buf_printf(out, "%s\n", head);
	if (!r)
		r = put_base64(view_of(raw, n), out);
	OPENSSL_cleanse(key, sizeof(key));
	EVP_PKEY_free(mine);
	free(raw);
	return r;
}

/* The bytes of the second line, to be freed. */
static int raw_of(struct view b, const char *head, uint8_t **raw, size_t *n)
{
	size_t start = strlen(head) + 1;

	*raw = NULL;
	if (b.n > 2 * BOX_MAX || b.n < start || memcmp(b.p, head, start - 1) != 0 || b.p[start - 1] != '\n' || b.p[b.n - 1] != '\n')
		return -ERR_MALFORMED;
	struct view line = view_head(view_skip(b, start), b.n - start - 1);
	if (line.n < 4 || line.n % 4)
		return -ERR_MALFORMED;
	*raw = malloc(line.n);
	if (!*raw)
		return -ENOMEM;
	int got = EVP_DecodeBlock(*raw, line.p, (int)line.n);
	for (size_t i = line.n; got > 0 && i-- > line.n - 2 && line.p[i] == '=';)
		got--;
	/* One spelling for one box: bits that base64 leaves over are zero. */
	uint8_t *again = got < BOX_KEY + TAG ? NULL : malloc(line.n + 1);
	bool same = again && EVP_EncodeBlock(again, *raw, got) == (int)line.n && memcmp(again, line.p, line.n) == 0;
	free(again);
	if (!same) {
		free(*raw);
		*raw = NULL;
		return -ERR_MALFORMED;
	}
	*n = (size_t)got;
	return 0;
}

int box_open(const uint8_t key[BOX_KEY], const char *what, struct view b, struct buf *out)
{
	uint8_t salt[2 * BOX_KEY], shared[BOX_KEY] = {0}, *raw, *at;
	char head[HEAD];
	size_t n;
	EVP_PKEY *mine = NULL;
	int r = head_of(what, head);

	if (!r)
		r = raw_of(b, head, &raw, &n);
	if (r)
		return r;
	memcpy(salt, raw, BOX_KEY);
	mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, BOX_KEY);
	r = mine ? public_of(mine, salt + BOX_KEY) : -ERR_UNAVAILABLE;
	if (!r)
		r = agree(mine, salt, shared);
	if (!r)
		r = derive(shared, salt, head);
	size_t text = n - BOX_KEY - TAG;
	if (!r && !(at = buf_reserve(out, text + 1)))
		r = -ENOMEM;
	if (!r)
		r = aead_open(shared, nonce, "", none, view_of(raw + BOX_KEY, n - BOX_KEY), at);
	if (!r)
		buf_commit(out, text);
	OPENSSL_cleanse(shared, sizeof(shared));
	EVP_PKEY_free(mine);
	free(raw);
	return r;
}
