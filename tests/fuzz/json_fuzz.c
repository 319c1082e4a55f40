/*
 * json_fuzz.c - the scanner against another reader (jansson), value by value.
 * What we accept, it accepts and reads the same; what it accepts and we refuse, we refuse only for a limit of ours.
 */
/* Both name their types alike. */
#define JSON_OBJECT OTHER_OBJECT
#define JSON_ARRAY OTHER_ARRAY
#define JSON_STRING OTHER_STRING
#define JSON_TRUE OTHER_TRUE
#define JSON_FALSE OTHER_FALSE
#define JSON_NULL OTHER_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#include <stdlib.h>

#include "base/err.h"
#include "codec/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 1 << 16, TEXT = 1 << 16 };

static struct json_node nodes[NODES];
static char text[TEXT];

#define CHECK(x) ((x) ? (void)0 : abort())

static void same(const struct json_doc *doc, const struct json_node *n, const json_t *j);

static void same_object(const struct json_doc *doc, const struct json_node *n, const json_t *j)
{
	CHECK(json_object_size(j) == n->count);
	for (const struct json_node *m = json_first(doc, n); m; m = json_next(doc, n, m)) {
		int len = json_key(doc, m, text, TEXT - 1);
		CHECK(len >= 0);
		text[len] = 0;
		CHECK(strlen(text) == (size_t)len);
		CHECK(json_key_eq(doc, m, view_of(text, (size_t)len)));
		CHECK(json_get(doc, n, view_of(text, (size_t)len)) == m);
		const json_t *other = json_object_get(j, text);
		CHECK(other);
		same(doc, m, other);
	}
}

static void same_array(const struct json_doc *doc, const struct json_node *n, const json_t *j)
{
	size_t i = 0;
	for (const struct json_node *m = json_first(doc, n); m; m = json_next(doc, n, m))
		same(doc, m, json_array_get(j, i++));
	CHECK(i == n->count && i == json_array_size(j));
}

static void same(const struct json_doc *doc, const struct json_node *n, const json_t *j)
{
	static const int types[] = {-1, OTHER_NULL, OTHER_FALSE, OTHER_TRUE, JSON_REAL, OTHER_STRING, OTHER_ARRAY, OTHER_OBJECT};
	CHECK(n->off + n->len <= doc->in.n && n->span >= 1 && n + n->span <= doc->node + doc->n);
	CHECK((int)json_typeof(j) == types[n->type]);
	if (n->type == JSON_OBJECT)
		same_object(doc, n, j);
	if (n->type == JSON_ARRAY)
		same_array(doc, n, j);
	if (n->type == JSON_STRING) {
		struct view theirs = view_of(json_string_value(j), json_string_length(j));
		int len = json_str(doc, n, text, TEXT);
		CHECK(len >= 0 && view_eq(view_of(text, (size_t)len), theirs));
		CHECK(json_str_eq(doc, n, theirs));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc;
	struct json_error err;
	json_error_t theirs;
	if (size >= TEXT)
		return 0;
	int r = json_scan(&doc, view_of(data, size), nodes, NODES, &err);
	json_t *j = json_loadb((const char *)data, size,
			       JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &theirs);
	if (r == 0) {
		CHECK(j && doc.n && doc.node[0].span == doc.n);
		same(&doc, doc.node, j);
	} else {
		CHECK(err.off <= size && doc.n == 0);
		/* it takes a raw NUL for the end of its input */
		CHECK(!j || memchr(data, 0, size) || r == -ERR_TOO_DEEP || r == -ERR_TOO_LONG || r == -ERR_RANGE);
	}
	json_decref(j);
	return 0;
}
