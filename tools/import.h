/*
 * import.h - the tree of a YAML document, read strictly.  See policy_import.c.
 */
#ifndef TOOLS_IMPORT_H
#define TOOLS_IMPORT_H

#include <yaml.h>

#include "base/jsonw.h"

enum { IMPORT_NAME = 512, IMPORT_SAID = 256 };

struct import {
	const char *file;
	yaml_document_t doc;
	struct jsonw w;
	bool deny; /* the default */
	int errors;
	size_t said[IMPORT_SAID], n_said; /* where errors were found: a rule is read more than once */
	const yaml_node_t *all; /* rules of "*", or NULL */
};

/** import_bad(m, at, fmt, ...): An error at a place; each place is told once. */
void import_bad(struct import *m, const yaml_node_t *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** import_text(n): The bytes of a scalar; empty for anything else.  import_is(n, s): Is it this text? */
struct view import_text(const yaml_node_t *n);
bool import_is(const yaml_node_t *n, const char *s);
yaml_node_t *import_node(struct import *m, int id);
yaml_node_t *import_member(struct import *m, const yaml_node_t *map, const char *key);
bool import_seq(const yaml_node_t *n);

/** import_known(m, map, what, keys): A mapping of these keys alone (NULL: any), each once. */
void import_known(struct import *m, const yaml_node_t *map, const char *what, const char *const *keys);

/** import_value(m, n, key, depth): Write a value as JSON; digits stay as they are written. */
void import_value(struct import *m, const yaml_node_t *n, const char *key, unsigned depth);

#endif
