/* argmac.c - see argmac.h. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json.h"
#include "policy/argmac.h"

enum { SUM = 32, HALF = 16 };

static int mac(const uint8_t key[ARGMAC_KEY], uint8_t *tagged, size_t n, char out[ARGMAC_TEXT])
{
	uint8_t sum[SUM];
	char b64[32];
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), key, ARGMAC_KEY, tagged, n, sum, &len) || len != SUM)
		return -ENOMEM;
	EVP_EncodeBlock((unsigned char *)b64, sum, HALF);
	for (size_t i = 0; i < ARGMAC_TEXT - 1; i++)
		out[i] = b64[i] == '+' ? '-' : b64[i] == '/' ? '_' : b64[i];
	out[ARGMAC_TEXT - 1] = '\0';
	return 0;
}

int argmac_of(const uint8_t key[ARGMAC_KEY], const struct json_doc *doc, const struct json_node *value, char out[ARGMAC_TEXT])
{
	static const char tags[] = {[JSON_NULL] = 'z', [JSON_FALSE] = 'b', [JSON_TRUE] = 'b', [JSON_NUMBER] = 'n', [JSON_STRING] = 's', [JSON_ARRAY] = 'j',
	    [JSON_OBJECT] = 'j'};
	uint8_t small[512];
	size_t cap = (size_t)value->len + 1;
	uint8_t *p = cap <= sizeof(small) ? small : malloc(cap);

	out[0] = '\0';
	if (!p)
		return -ENOMEM;
	p[0] = (uint8_t)tags[value->type];
	int n = 0;
	if (value->type == JSON_STRING) {
		n = json_str(doc, value, p + 1, cap - 1);
	} else if (value->type != JSON_NULL) {
		n = (int)value->len;
		memcpy(p + 1, json_raw(doc, value).p, value->len);
	}
	int r = n < 0 ? n : mac(key, p, (size_t)n + 1, out);
	/* A copy of what must not be kept. */
	OPENSSL_cleanse(p, cap);
	if (p != small)
		free(p);
	return r;
}

int argmac_text(const uint8_t key[ARGMAC_KEY], struct view json, char out[ARGMAC_TEXT])
{
	enum { NODES = 4096 };
	struct json_node *nodes = calloc(NODES, sizeof(*nodes));
	struct json_doc doc;
	int r = nodes ? json_scan(&doc, json, nodes, NODES, NULL) : -ENOMEM;

	if (!r)
		r = argmac_of(key, &doc, &nodes[0], out);
	free(nodes);
	return r;
}

int argmac_id(const uint8_t key[ARGMAC_KEY], char out[ARGMAC_ID])
{
	static const char what[] = "callgate argument key";
	uint8_t in[sizeof(what) - 1 + ARGMAC_KEY], sum[SUM];
	unsigned len = 0;

	memcpy(in, what, sizeof(what) - 1);
	memcpy(in + sizeof(what) - 1, key, ARGMAC_KEY);
	int ok = EVP_Digest(in, sizeof(in), sum, &len, EVP_sha256(), NULL);
	OPENSSL_cleanse(in, sizeof(in));
	if (!ok)
		return -ENOMEM;
	for (size_t i = 0; i < (ARGMAC_ID - 1) / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return 0;
}
