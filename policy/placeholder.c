/* placeholder.c - see placeholder.h. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hex.h"
#include "codec/json.h"
#include "policy/placeholder.h"

static bool letter(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static size_t letters(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && letter(p[i]))
		i++;
	return i;
}

static bool text(const struct json_doc *doc, const struct json_node *obj, const char *key, struct view *out)
{
	const struct json_node *n = json_get(doc, obj, view_str(key));

	return n && n->type == JSON_STRING && json_plain(doc, n, out) && out->n && !memchr(out->p, '\0', out->n);
}

static void add_mark(struct placeholders *all, const uint8_t *mark)
{
	for (size_t i = 0; i < all->marks; i++)
		if (memcmp(all->mark[i], mark, PLACEHOLDER_MARK) == 0)
			return;
	memcpy(all->mark[all->marks++], mark, PLACEHOLDER_MARK);
}

static int load_one(struct arena *a, const struct json_doc *doc, const struct json_node *n, struct placeholders *all)
{
	struct placeholder *p = &all->one[all->n];
	struct view id, credential, mark, sum;

	if (n->type != JSON_OBJECT || !text(doc, n, "id", &id) || !text(doc, n, "credential", &credential) || !text(doc, n, "mark", &mark) ||
	    !text(doc, n, "sha256", &sum) || mark.n != PLACEHOLDER_MARK || letters(mark.p, mark.n) != mark.n || hex_bytes(sum, p->sha256, sizeof(p->sha256)))
		return -ERR_MALFORMED;
	p->id = arena_copy(a, id);
	p->credential = arena_copy(a, credential);
	if (!p->id || !p->credential)
		return -ENOMEM;
	add_mark(all, mark.p);
	all->n++;
	return 0;
}

static int by_digest(const void *x, const void *y)
{
	const struct placeholder *a = x, *b = y;

	return memcmp(a->sha256, b->sha256, PLACEHOLDER_SHA256);
}

int placeholder_load(struct arena *a, const struct json_doc *doc, const struct json_node *list, struct placeholders *out)
{
	int r = 0;

	*out = (struct placeholders){0};
	if (!list)
		return 0;
	if (list->type != JSON_ARRAY)
		return -ERR_MALFORMED;
	out->one = arena_take(a, list->count, sizeof(*out->one));
	out->mark = arena_take(a, list->count, sizeof(*out->mark));
	if (!out->one || !out->mark)
		return -ENOMEM;
	for (const struct json_node *n = json_first(doc, list); n && !r; n = json_next(doc, list, n))
		r = load_one(a, doc, n, out);
	if (!r && out->n)
		qsort(out->one, out->n, sizeof(*out->one), by_digest);
	return r;
}

static const struct placeholder *known(const struct placeholders *all, const uint8_t *p)
{
	struct placeholder key;
	unsigned n = 0;

	if (EVP_Digest(p, PLACEHOLDER_LEN, key.sha256, &n, EVP_sha256(), NULL) != 1)
		return NULL;
	return bsearch(&key, all->one, all->n, sizeof(key), by_digest);
}

const struct placeholder *placeholder_find(const struct placeholders *all, struct view in, placeholder_home_fn *home, const void *arg)
{
	static const struct placeholder many = {.id = "(many)", .credential = "(many)"};
	unsigned tries = 0;

	for (size_t i = 0; i < all->marks; i++) {
		struct view v = in;
		for (const uint8_t *at; v.n && (at = memmem(v.p, v.n, all->mark[i], PLACEHOLDER_MARK));) {
			v = view_skip(v, (size_t)(at - v.p));
			if (++tries > PLACEHOLDER_TRIES)
				return &many;
			if (letters(v.p, v.n < PLACEHOLDER_LEN ? v.n : PLACEHOLDER_LEN) == PLACEHOLDER_LEN) {
				const struct placeholder *p = known(all, v.p);
				if (p && (!home || !home(arg, p)))
					return p;
			}
			v = view_skip(v, 1);
		}
	}
	return NULL;
}

void placeholder_blank(const struct placeholders *all, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < all->marks; i++) {
		uint8_t *from = p;
		size_t left = n;
		for (uint8_t *at; left && (at = memmem(from, left, all->mark[i], PLACEHOLDER_MARK));) {
			left -= (size_t)(at - from);
			size_t some = letters(at, left < PLACEHOLDER_LEN ? left : PLACEHOLDER_LEN);
			memset(at, '*', some);
			from = at + some;
			left -= some;
		}
	}
}
