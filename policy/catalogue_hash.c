/* catalogue_hash.c - one number for a definition, however its server writes it down. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "codec/json.h"
#include "policy/catalogue.h"

enum { PIECE = 4096 };

struct member {
	uint8_t key[CATALOGUE_HASH], value[CATALOGUE_HASH];
};

static int sha(const char *tag, struct view a, uint8_t out[CATALOGUE_HASH])
{
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	int ok = x && EVP_DigestInit_ex(x, EVP_sha256(), NULL) && EVP_DigestUpdate(x, tag, 1) && EVP_DigestUpdate(x, a.p, a.n) &&
	         EVP_DigestFinal_ex(x, out, NULL);

	EVP_MD_CTX_free(x);
	return ok ? 0 : -ENOMEM;
}

/* Text as it is meant, not as it is escaped. */
static int sha_text(const struct json_doc *doc, const struct json_node *n, bool key, uint8_t out[CATALOGUE_HASH])
{
	size_t cap = (key ? n->key_len : n->len) + 1;
	char small[PIECE], *p = cap <= sizeof(small) ? small : malloc(cap);

	if (!p)
		return -ENOMEM;
	int len = key ? json_key(doc, n, p, cap) : json_str(doc, n, p, cap);
	int r = len < 0 ? len : sha("s", view_of(p, (size_t)len), out);
	if (p != small)
		free(p);
	return r;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct member));
}

static int sha_node(const struct json_doc *doc, const struct json_node *n, bool whole, uint8_t out[CATALOGUE_HASH]);

static int sha_kids(const struct json_doc *doc, const struct json_node *n, bool whole, uint8_t out[CATALOGUE_HASH])
{
	bool object = n->type == JSON_OBJECT;
	struct member *m = calloc(n->count ? n->count : 1, sizeof(*m));
	size_t k = 0;
	int r = m ? 0 : -ENOMEM;

	for (const struct json_node *c = json_first(doc, n); !r && c; c = json_next(doc, n, c)) {
		if (whole && json_key_eq(doc, c, VIEW_LIT("_meta")))
			continue;
		r = object ? sha_text(doc, c, true, m[k].key) : 0;
		r = r ? r : sha_node(doc, c, false, m[k].value);
		k++;
	}
	if (!r && object)
		qsort(m, k, sizeof(*m), by_key);
	r = r ? r : sha(object ? "o" : "a", view_of(m, k * sizeof(*m)), out);
	free(m);
	return r;
}

static int sha_node(const struct json_doc *doc, const struct json_node *n, bool whole, uint8_t out[CATALOGUE_HASH])
{
	if (n->type == JSON_OBJECT || n->type == JSON_ARRAY)
		return sha_kids(doc, n, whole, out);
	if (n->type == JSON_STRING)
		return sha_text(doc, n, false, out);
	return sha("v", json_raw(doc, n), out);
}

int catalogue_hash(const struct json_doc *doc, const struct json_node *tool, uint8_t out[CATALOGUE_HASH])
{
	return sha_node(doc, tool, true, out);
}
