/*
 * pol_load_internal.h - what the files of the loader share.
 * Floor: policy, inside.
 *
 * A document is read by tables of fields.  A reader never stops at an error: it reports and goes on, so that all
 * problems of a document show at once.  What a failed reader leaves behind is never judged by: pol_load() throws it away.
 */
#ifndef POLICY_POL_LOAD_INTERNAL_H
#define POLICY_POL_LOAD_INTERNAL_H

#include "policy/pol_internal.h"

struct pol_loader {
	struct pol *p;
	struct json_doc doc;
	pol_problem_fn *report;
	void *arg;
	int err;           /* the first error */
	char pointer[512]; /* of the value being read */
	size_t len;        /* of pointer; may pass its size, then the rest is not shown */
	uint32_t *line_start, lines; /* filled by the first problem */
};

typedef void pol_read_fn(struct pol_loader *l, const struct json_node *n, void *into);

struct pol_field {
	const char *key;
	pol_read_fn *read; /* NULL: a known key that this version refuses */
	bool required;
};

/* --- pol_diag.c: where we are, and what is wrong there --- */

size_t pol_diag_key(struct pol_loader *l, const struct json_node *n); /* go into member ${n}; returns what pol_diag_back() needs */
size_t pol_diag_name(struct pol_loader *l, struct view name);
size_t pol_diag_index(struct pol_loader *l, uint32_t i);
void pol_diag_back(struct pol_loader *l, size_t len);
void pol_diag_error(struct pol_loader *l, const struct json_node *n, int err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void pol_diag_warning(struct pol_loader *l, const struct json_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void pol_diag_scan(struct pol_loader *l, int err, const struct json_error *at);

/* --- pol_load.c: general readers --- */

/** pol_load_fields(l, n, fields, count, into): ${n} is an object of these members and no others. */
void pol_load_fields(struct pol_loader *l, const struct json_node *n, const struct pol_field *fields, size_t count, void *into);
/** pol_load_list(l, n, size, read, count): ${n} is an array: read each element into a new array of things of ${size} bytes. */
void *pol_load_list(struct pol_loader *l, const struct json_node *n, size_t size, pol_read_fn *read, uint32_t *count);
bool pol_load_text(struct pol_loader *l, const struct json_node *n, struct view *out);
bool pol_load_key(struct pol_loader *l, const struct json_node *n, struct view *out);
/** pol_load_whole(l, n, least, out): An integer of at least ${least}. */
bool pol_load_whole(struct pol_loader *l, const struct json_node *n, int64_t least, int64_t *out);
/** pol_load_pointer(l, n, base, name, tail): base + "/" + name escaped + tail, in the arena; an error when longer than a rule may be. */
const char *pol_load_pointer(struct pol_loader *l, const struct json_node *n, const char *base, struct view name, const char *tail);
void *pol_load_take(struct pol_loader *l, size_t n, size_t size);

/* --- pol_rules.c, pol_limits.c, pol_extra.c, pol_lint.c --- */

bool pol_rules_path(struct pol_loader *l, const struct json_node *n, struct pol_path *out);
void pol_rules_read(struct pol_loader *l, const struct json_node *n, const char *base, struct pol_rules *out);
/** pol_rules_conditions(l, n, r): The conditions of a rule that is not in a list. */
void pol_rules_conditions(struct pol_loader *l, const struct json_node *n, struct pol_rule *r);
/** pol_quota_read(l, n, base, list, tool, out): ${base} is the start of the rule strings; ${tool} is empty for lists of all tools. */
void pol_quota_read(struct pol_loader *l, const struct json_node *n, const char *base, enum pol_list list, struct view tool,
    struct pol_limit_list *out);
void pol_extra_read(struct pol_loader *l, const struct json_node *n, void *into);
void pol_extra_tools(struct pol_loader *l, const struct json_node *n, void *into); /* pol_extra_tool.c */
void pol_lint(struct pol_loader *l, const struct json_node *tools);

#endif
