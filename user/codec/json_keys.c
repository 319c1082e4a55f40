/*
 * json_keys.c - no object may hold a key twice.
 * Floor: codec.
 * Few members: a 64-bit filter over length and edge bytes, and a comparison only when it hits.  Many, or escaped keys: a hash
 * table laid into the nodes of the object's own subtree, of which there are at least as many as members.  Chains are
 * bounded: an honest document never comes near the bound, one made of collisions is refused instead of being slow.
 */
#include "base/err.h"
#include "codec/json_internal.h"

enum { FEW = 16, CHAIN_MAX = 20 };

static bool same_key(const struct json_doc *doc, const struct json_node *a, const struct json_node *b)
{
	struct view x = json_key_view(doc, a), y = json_key_view(doc, b);
	if (!a->key_esc && !b->key_esc)
		return view_eq(x, y);
	struct json_bytes i = {.p = x.p, .end = x.p + x.n}, j = {.p = y.p, .end = y.p + y.n};
	for (;;) {
		int c = json_bytes_next(&i);
		if (c != json_bytes_next(&j))
			return false;
		if (c < 0)
			return true;
	}
}

static inline unsigned edge_bit(struct view key)
{
	unsigned h = (unsigned)key.n;
	if (key.n)
		h += key.p[0] * 7u + key.p[key.n - 1] * 31u + key.p[key.n / 2] * 13u;
	return (h ^ h >> 6) & 63;
}

static int check_few(const struct json_doc *doc, uint32_t at, uint32_t *off)
{
	const struct json_node *obj = &doc->node[at];
	uint64_t seen = 0;
	uint32_t c = at + 1;
	for (uint32_t i = 0; i < obj->count; i++, c += doc->node[c].span) {
		const struct json_node *n = &doc->node[c];
		uint64_t bit = 1ull << edge_bit(json_key_view(doc, n));
		if (seen & bit)
			for (uint32_t e = at + 1; e < c; e += doc->node[e].span)
				if (same_key(doc, &doc->node[e], n)) {
					*off = n->key_off - 1;
					return -ERR_DUPLICATE_KEY;
				}
		seen |= bit;
	}
	return 0;
}

/* FNV-1a over the unescaped bytes, then mixed, because the bucket is taken from the high bits. */
static uint32_t hash_key(const struct json_doc *doc, const struct json_node *n)
{
	struct view k = json_key_view(doc, n);
	uint64_t h = 0xcbf29ce484222325ull;
	if (!n->key_esc) {
		for (size_t i = 0; i < k.n; i++)
			h = (h ^ k.p[i]) * 0x100000001b3ull;
	} else {
		struct json_bytes it = {.p = k.p, .end = k.p + k.n};
		for (int c; (c = json_bytes_next(&it)) >= 0;)
			h = (h ^ (uint64_t)c) * 0x100000001b3ull;
	}
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return (uint32_t)(h >> 32);
}

static int check_many(struct json_doc *doc, uint32_t at, uint32_t *off)
{
	uint32_t count = doc->node[at].count;
	struct json_node *bucket = &doc->node[at + 1]; /* ${count} of them; slot 0 means empty: node 0 is the root, never a member */
	for (uint32_t i = 0; i < count; i++)
		bucket[i].slot = 0;
	uint32_t c = at + 1;
	for (uint32_t i = 0; i < count; i++, c += doc->node[c].span) {
		struct json_node *n = &doc->node[c];
		uint32_t *slot = &bucket[(uint64_t)hash_key(doc, n) * count >> 32].slot;
		unsigned chain = 0;
		*off = n->key_off - 1;
		for (uint32_t e = *slot; e; e = doc->node[e].link) {
			if (same_key(doc, &doc->node[e], n))
				return -ERR_DUPLICATE_KEY;
			if (++chain == CHAIN_MAX)
				return -ERR_TOO_LONG;
		}
		n->link = *slot;
		*slot = c;
	}
	return 0;
}

int json_keys_check(struct json_doc *doc, uint32_t at, bool escapes, uint32_t *off)
{
	return doc->node[at].count <= FEW && !escapes ? check_few(doc, at, off) : check_many(doc, at, off);
}
