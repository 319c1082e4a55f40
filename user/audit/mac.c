/* mac.c - see mac.h. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "audit/chain.h"
#include "audit/mac.h"
#include "base/err.h"

int mac_of(const uint8_t key[MAC_LEN], struct view v, uint8_t out[MAC_LEN])
{
	unsigned n = MAC_LEN;

	return HMAC(EVP_sha256(), key, MAC_LEN, v.p, v.n, out, &n) && n == MAC_LEN ? 0 : -ENOMEM;
}

int mac_evolve(uint8_t key[MAC_LEN], uint64_t steps)
{
	uint8_t next[MAC_LEN];
	int r = 0;

	while (!r && steps--) {
		r = mac_of(key, VIEW_LIT("evolve"), next);
		if (!r)
			memcpy(key, next, MAC_LEN);
	}
	OPENSSL_cleanse(next, sizeof(next));
	return r;
}

int mac_id(const uint8_t key[MAC_LEN], char out[MAC_ID])
{
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];

	int r = s ? chain_sum_add(s, VIEW_LIT("callgate seal key")) : -ENOMEM;
	if (!r)
		r = chain_sum_add(s, view_of(key, MAC_LEN));
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	if (!r)
		chain_hex(sum, (MAC_ID - 1) / 2, out);
	return r;
}

bool mac_same(const uint8_t a[MAC_LEN], const uint8_t b[MAC_LEN])
{
	return CRYPTO_memcmp(a, b, MAC_LEN) == 0;
}

/* The last key that signed: making one anew from its seed costs more than a signature, and a process signs with one. */
static __thread struct {
	EVP_PKEY *key;
	uint8_t seed[SIGN_SEED];
} signer;

void sign_forget(void)
{
	EVP_PKEY_free(signer.key);
	OPENSSL_cleanse(&signer, sizeof(signer));
}

static EVP_PKEY *signer_of(const uint8_t seed[SIGN_SEED])
{
	if (signer.key && CRYPTO_memcmp(signer.seed, seed, SIGN_SEED) == 0)
		return signer.key;
	sign_forget();
	signer.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_SEED);
	memcpy(signer.seed, seed, SIGN_SEED);
	return signer.key;
}

int sign_public(const uint8_t seed[SIGN_SEED], uint8_t out[SIGN_PUBLIC])
{
	size_t n = SIGN_PUBLIC;
	EVP_PKEY *k = signer_of(seed);

	return k && EVP_PKEY_get_raw_public_key(k, out, &n) && n == SIGN_PUBLIC ? 0 : -ERR_UNAVAILABLE;
}

int sign_text(const uint8_t seed[SIGN_SEED], struct view text, uint8_t out[SIGN_LEN])
{
	size_t n = SIGN_LEN;
	EVP_PKEY *k = signer_of(seed);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = k && c && EVP_DigestSignInit(c, NULL, NULL, NULL, k) && EVP_DigestSign(c, out, &n, text.p, text.n) && n == SIGN_LEN;

	EVP_MD_CTX_free(c);
	return good ? 0 : -ERR_UNAVAILABLE;
}

bool sign_good(const uint8_t key[SIGN_PUBLIC], struct view text, const uint8_t sig[SIGN_LEN])
{
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, SIGN_PUBLIC);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = k && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) && EVP_DigestVerify(c, sig, SIGN_LEN, text.p, text.n) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	return good;
}
