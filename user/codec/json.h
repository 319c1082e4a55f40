/*
 * json.h - a strict one-pass JSON scanner that yields spans of its input, no tree.
 * Floor: codec.      Source: RFC 8259, narrowed by the strict profile of docs/WIRE.md.
 *
 * Strict: exactly one value; UTF-8 without byte order mark, without invalid sequences; no lone surrogate escapes; no NUL in a
 * key; no duplicate key in any object (compared after unescaping); depth at most JSON_DEPTH; numbers as RFC 8259 writes
 * them, exponent and digits bounded so that every accepted number is finite in double precision.
 * Time is linear in the input, whatever the input: an object of more than JSON_MEMBERS members is refused, and so is one whose
 * keys were chosen to collide (both -ERR_TOO_LONG).
 * Any input is legal to pass.  No I/O, no globals, no allocation: the caller lends the node array.
 */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include "base/view.h"

enum { JSON_DEPTH = 64, JSON_MEMBERS = 1 << 16 };

enum json_type { JSON_NONE, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/*
 * One value.  Nodes are in document order (pre-order), so a node's subtree is the run [i, i + span).
 * Members: key_off/key_len is the raw key between its quotes; key_esc says that it holds escapes.
 */
struct json_node {
	uint32_t off, len;   /* the raw value in the input, quotes and brackets included */
	uint32_t key_off;
	uint32_t key_len;
	uint32_t span;       /* nodes of this subtree, itself included */
	uint32_t count;      /* children of an array or object */
	uint32_t slot, link; /* the scanner's own: a hash table of keys lies in the nodes while an object is closed */
	uint8_t type;        /* enum json_type */
	uint8_t key_esc, esc; /* the key, the string, holds a backslash */
	uint8_t depth;
};

struct json_doc {
	struct view in; /* borrowed */
	struct json_node *node; /* the caller's array; node[0] is the root */
	uint32_t n, max;
};

struct json_error {
	uint32_t off;          /* byte where the input stopped being acceptable */
	uint32_t line, column; /* from 1; column counts bytes */
};

/**
 * json_scan(doc, in, nodes, max, err):
 * Scan the whole of ${in}.  0, or -ERR_MALFORMED, -ERR_ENCODING, -ERR_TOO_DEEP, -ERR_DUPLICATE_KEY, -ERR_RANGE, -ERR_TOO_LONG
 * (more than ${max} values); then ${err}, unless NULL, says where, and ${doc} holds no node.  Truncated input is -ERR_MALFORMED;
 * a NUL in a key is -ERR_ENCODING.
 */
int json_scan(struct json_doc *doc, struct view in, struct json_node *nodes, uint32_t max, struct json_error *err)
    __attribute__((warn_unused_result));

/** json_get(doc, obj, key): The member of ${obj} whose unescaped key is ${key}, or NULL; also NULL when ${obj} is NULL or no object. */
const struct json_node *json_get(const struct json_doc *doc, const struct json_node *obj, struct view key);

/** json_first(doc, n), json_next(doc, parent, child): Walk the children of an array or object; NULL at the end. */
const struct json_node *json_first(const struct json_doc *doc, const struct json_node *n);
const struct json_node *json_next(const struct json_doc *doc, const struct json_node *parent, const struct json_node *child);

/** json_raw(doc, n): The value as it stands in the input. */
struct view json_raw(const struct json_doc *doc, const struct json_node *n);

/** json_str(doc, n, out, cap): Unescape a string into ${out}; bytes written, or -ERR_TOO_LONG.  A string without escapes can be read in place with json_plain(). */
int json_str(const struct json_doc *doc, const struct json_node *n, void *out, size_t cap);
int json_key(const struct json_doc *doc, const struct json_node *n, void *out, size_t cap);
/** json_plain(doc, n, out): The bytes of a string that holds no escape; false otherwise. */
bool json_plain(const struct json_doc *doc, const struct json_node *n, struct view *out);

/** json_str_eq(doc, n, v): Is ${n} a string that unescapes to ${v}?  json_key_eq(): the same for the key of member ${n}. */
bool json_str_eq(const struct json_doc *doc, const struct json_node *n, struct view v);
bool json_key_eq(const struct json_doc *doc, const struct json_node *n, struct view v);

/** json_where(in, off): Line and column of byte ${off}. */
struct json_error json_where(struct view in, uint32_t off);

#endif
