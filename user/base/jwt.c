/* jwt.c - see jwt.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/jwt.h"

static EVP_PKEY *rsa_key(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, (void *)(uintptr_t)"") : NULL;

	BIO_free(b);
	if (k && EVP_PKEY_get_base_id(k) == EVP_PKEY_RSA && EVP_PKEY_get_bits(k) >= 2048 && EVP_PKEY_get_size(k) <= 512)
		return k;
	EVP_PKEY_free(k);
	return NULL;
}

bool jwt_key_ok(const char *pem)
{
	EVP_PKEY *k = rsa_key(pem);

	EVP_PKEY_free(k);
	return k != NULL;
}

static void put_base64url(char *out, const void *in, size_t n)
{
	out += strlen(out);
	EVP_EncodeBlock((uint8_t *)out, in, (int)n);
	for (; *out; out++)
		*out = (char)(*out == '+' ? '-' : *out == '/' ? '_' : *out == '=' ? 0 : *out);
}

int jwt_sign(const char *pem, const char *claims, char out[JWT_MAX])
{
	static const char head[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	uint8_t sig[512];
	size_t n = sizeof(sig);

	out[0] = 0;
	if (strlen(claims) > JWT_CLAIMS_MAX)
		return -EIO;
	EVP_PKEY *key = rsa_key(pem);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	put_base64url(out, head, sizeof(head) - 1);
	strcat(out, ".");
	put_base64url(out, claims, strlen(claims));
	bool good = key && md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
	            EVP_DigestSign(md, sig, &n, (const uint8_t *)out, strlen(out)) == 1;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	strcat(out, ".");
	if (good)
		put_base64url(out, sig, n);
	return good ? 0 : -EIO;
}
