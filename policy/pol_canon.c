/* pol_canon.c - see pol_canon.h. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/dec.h"
#include "policy/pol_canon.h"

enum { TEXT_MAX = 64 << 10, DIGITS_MAX = 4096 };

struct canon {
	const struct json_doc *doc;
	SHA256_CTX sha;
	uint8_t *text; /* scratch for one unescaped string */
	int err;
};

/* The OpenSSL calls of old style work in the caller's memory; the new ones allocate. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void add(struct canon *c, const void *p, size_t n)
{
	SHA256_Update(&c->sha, p, n);
}
#pragma GCC diagnostic pop

static void tag(struct canon *c, char kind, uint64_t n)
{
	add(c, &kind, 1);
	add(c, &n, sizeof(n));
}

static void string(struct canon *c, int len)
{
	if (len < 0) {
		c->err = -ERR_TOO_LONG;
		return;
	}
	tag(c, 's', (uint64_t)len);
	add(c, c->text, (size_t)len);
}

static void number(struct canon *c, const struct json_node *n)
{
	struct dec d;
	if (dec_parse(json_raw(c->doc, n), &d) || d.point > DIGITS_MAX || d.point < -DIGITS_MAX) {
		c->err = -ERR_RANGE;
		return;
	}
	tag(c, 'n', 0);
	struct dec_text t = dec_text(&d);
	for (int b = dec_text_next(&t); b >= 0; b = dec_text_next(&t))
		add(c, &(uint8_t){(uint8_t)b}, 1);
}

struct member {
	const struct json_node *n;
	const struct json_doc *doc;
};

/* Equal names cannot be: the scanner refuses them. */
static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	uint8_t s[512], t[512];
	int n = json_key(x->doc, x->n, s, sizeof(s)), m = json_key(y->doc, y->n, t, sizeof(t));
	if (n < 0 || m < 0)
		return (n > 0) - (m > 0);
	int r = memcmp(s, t, (size_t)(n < m ? n : m));
	return r ? r : (n > m) - (n < m);
}

static void value(struct canon *c, const struct json_node *n);

static void object(struct canon *c, const struct json_node *n)
{
	struct member m[POL_CANON_MEMBERS];
	size_t count = 0;
	if (n->count > POL_CANON_MEMBERS) {
		c->err = -ERR_TOO_LONG;
		return;
	}
	for (const struct json_node *k = json_first(c->doc, n); k; k = json_next(c->doc, n, k)) {
		if (k->key_len >= 512)
			c->err = -ERR_TOO_LONG;
		m[count++] = (struct member){k, c->doc};
	}
	if (c->err)
		return;
	if (count)
		qsort(m, count, sizeof(m[0]), by_name);
	tag(c, 'o', count);
	for (size_t i = 0; i < count && !c->err; i++) {
		string(c, json_key(c->doc, m[i].n, c->text, TEXT_MAX));
		value(c, m[i].n);
	}
}

/* Recursion is bounded by the scanner's depth. */
static void value(struct canon *c, const struct json_node *n)
{
	if (n->type == JSON_STRING) {
		string(c, json_str(c->doc, n, c->text, TEXT_MAX));
	} else if (n->type == JSON_NUMBER) {
		number(c, n);
	} else if (n->type == JSON_OBJECT) {
		object(c, n);
	} else if (n->type == JSON_ARRAY) {
		tag(c, 'a', n->count);
		for (const struct json_node *k = json_first(c->doc, n); k && !c->err; k = json_next(c->doc, n, k))
			value(c, k);
	} else {
		tag(c, 'c', n->type);
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
int pol_canon(const struct json_doc *doc, const struct json_node *args, uint8_t out[POL_CANON_LEN])
{
	uint8_t text[TEXT_MAX];
	struct canon c = {.doc = doc, .text = text};
	SHA256_Init(&c.sha);
	if (args && args->type != JSON_NULL)
		value(&c, args);
	else
		tag(&c, 'o', 0);
	SHA256_Final(out, &c.sha);
	return c.err;
}
#pragma GCC diagnostic pop
