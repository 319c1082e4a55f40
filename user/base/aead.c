/* aead.c - see aead.h. */
#include <errno.h>
#include <openssl/evp.h>

#include "base/aead.h"
#include "base/err.h"

/* Fetched once: a look-up by name costs more than the cipher. */
static EVP_CIPHER *gcm;

static EVP_CIPHER_CTX *start(const uint8_t *key, const uint8_t *nonce, const char *use, struct view aad, int enc)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	if (!gcm)
		gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (c && gcm && EVP_CipherInit_ex2(c, gcm, key, nonce, enc, NULL) == 1 &&
	    (!*use || EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)use, (int)strlen(use)) == 1) &&
	    (!aad.n || EVP_CipherUpdate(c, NULL, &n, aad.p, (int)aad.n) == 1))
		return c;
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

int aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], const char *use, struct view aad, struct view text, uint8_t *out)
{
	EVP_CIPHER_CTX *c = start(key, nonce, use, aad, 1);
	uint8_t tail[AEAD_TAG];
	int n = 0;
	bool ok = c && (text.n == 0 || EVP_CipherUpdate(c, out, &n, text.p, (int)text.n) == 1) && EVP_CipherFinal_ex(c, tail, &n) == 1 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG, out + text.n) == 1;

	EVP_CIPHER_CTX_free(c); /* wipes the key schedule */
	return ok ? 0 : -EIO;
}

int aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], const char *use, struct view aad, struct view sealed, uint8_t *out)
{
	uint8_t tail[AEAD_TAG], tag[AEAD_TAG];
	int n = 0;

	if (sealed.n < AEAD_TAG)
		return -ERR_CORRUPT;
	size_t len = sealed.n - AEAD_TAG;
	memcpy(tag, sealed.p + len, AEAD_TAG);
	EVP_CIPHER_CTX *c = start(key, nonce, use, aad, 0);
	bool ok = c && (len == 0 || EVP_CipherUpdate(c, out, &n, sealed.p, (int)len) == 1) &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG, tag) == 1 && EVP_CipherFinal_ex(c, tail, &n) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		explicit_bzero(out, len);
	return ok ? 0 : -ERR_CORRUPT;
}
