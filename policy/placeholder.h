/*
 * placeholder.h - fake keys for clients' configurations, in the file of world.h, and how one is found in what a client sends.
 * Floor: policy (uses codec, base, libcrypto).      Owns: nothing; everything lies in the arena that loads it.
 *
 *   "placeholders":[{"id","credential","mark","sha256":HEX}]
 * A key is any beginning, then PLACEHOLDER_LEN letters and digits, of which the first PLACEHOLDER_MARK are the machine's mark and the others
 * random, then any end.  The mark makes it cheap to find; it is secret like the key.  The digest is of the PLACEHOLDER_LEN bytes.
 * Found is a key as it was made; not one that was cut, escaped, or put into another encoding.
 */
#ifndef POLICY_PLACEHOLDER_H
#define POLICY_PLACEHOLDER_H

#include "policy/arena.h"

struct json_doc;
struct json_node;

enum { PLACEHOLDER_MARK = 6, PLACEHOLDER_LEN = 36, PLACEHOLDER_SHA256 = 32, PLACEHOLDER_TRIES = 64 };

struct placeholder {
	const char *id, *credential;
	uint8_t sha256[PLACEHOLDER_SHA256];
};

struct placeholders {
	struct placeholder *one; /* sorted by digest */
	size_t n, marks;
	uint8_t (*mark)[PLACEHOLDER_MARK]; /* each once: one, unless a journal was put together from two */
};

/** placeholder_load(a, doc, list, out): ${list} NULL: none.  0, -ERR_MALFORMED, -ENOMEM. */
int placeholder_load(struct arena *a, const struct json_doc *doc, const struct json_node *list, struct placeholders *out) __attribute__((warn_unused_result));

/** Is ${p} where it belongs? */
typedef bool placeholder_home_fn(const void *arg, const struct placeholder *p);

/**
 * placeholder_find(all, text, home, arg):
 * The first one in ${text} that is not at ${home} (NULL: none is), or NULL.  Beyond PLACEHOLDER_TRIES marks it looks no further and answers with one that
 * is nobody's, whose id is "(many)": who writes the mark that often knows a key and hides it.
 */
const struct placeholder *placeholder_find(const struct placeholders *all, struct view text, placeholder_home_fn *home, const void *arg);

/** placeholder_blank(all, p, n): Write '*' over every key, or the beginning of one. */
void placeholder_blank(const struct placeholders *all, uint8_t *p, size_t n);

#endif
