/* chain.c - see chain.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/chain.h"
#include "base/err.h"
#include "base/hex.h"

/* Fetched once: a look-up per line would cost more than the hash. */
static EVP_MD *sha256;
static EVP_MD_CTX *line_ctx;

struct chain_sum {
	EVP_MD_CTX *ctx;
};

int chain_ready(void)
{
	if (!sha256)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!line_ctx)
		line_ctx = EVP_MD_CTX_new();
	return sha256 && line_ctx ? 0 : -ERR_UNAVAILABLE;
}

int chain_add(struct chain *c, struct view line)
{
	static const uint8_t zero;
	uint8_t head[CHAIN_LEN];

	if (!EVP_DigestInit_ex2(line_ctx, sha256, NULL) || !EVP_DigestUpdate(line_ctx, &zero, 1) ||
	    !EVP_DigestUpdate(line_ctx, c->head, CHAIN_LEN) || !EVP_DigestUpdate(line_ctx, line.p, line.n) ||
	    !EVP_DigestFinal_ex(line_ctx, head, NULL))
		return -ENOMEM;
	memcpy(c->head, head, CHAIN_LEN);
	return 0;
}

void chain_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

/* One spelling for one value. */
int chain_unhex(struct view hex, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < hex.n; i++)
		if (hex.p[i] >= 'A' && hex.p[i] <= 'Z')
			return -ERR_MALFORMED;
	return hex_bytes(hex, out, n);
}

struct chain_sum *chain_sum_new(void)
{
	struct chain_sum *s = calloc(1, sizeof(*s));
	if (!s || chain_ready())
		goto err;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx || !EVP_DigestInit_ex2(s->ctx, sha256, NULL))
		goto err;
	return s;
err:
	chain_sum_free(&s);
	return NULL;
}

void chain_sum_free(struct chain_sum **s)
{
	if (*s)
		EVP_MD_CTX_free((*s)->ctx);
	free(*s);
	*s = NULL;
}

int chain_sum_add(struct chain_sum *s, struct view v)
{
	return v.n == 0 || EVP_DigestUpdate(s->ctx, v.p, v.n) ? 0 : -ENOMEM;
}

int chain_sum_end(struct chain_sum *s, uint8_t out[CHAIN_LEN])
{
	return EVP_DigestFinal_ex(s->ctx, out, NULL) && EVP_DigestInit_ex2(s->ctx, sha256, NULL) ? 0 : -ENOMEM;
}

int chain_sum_fd(int fd, uint8_t out[CHAIN_LEN], uint64_t *bytes)
{
	static uint8_t chunk[1 << 16];
	struct chain_sum *s = chain_sum_new();
	ssize_t n = 0;
	off_t at = 0;
	int r = s ? 0 : -ENOMEM;

	for (; !r && (n = pread(fd, chunk, sizeof(chunk), at)) > 0; at += n)
		r = chain_sum_add(s, view_of(chunk, (size_t)n));
	if (!r && n < 0)
		r = -errno;
	if (!r)
		r = chain_sum_end(s, out);
	chain_sum_free(&s);
	if (bytes)
		*bytes = (uint64_t)at;
	return r;
}
