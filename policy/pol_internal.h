/*
 * pol_internal.h - a compiled document, and what its loader, judge and limits share.
 * Floor: policy, inside.      Owns: everything lies in the arena of struct pol, patterns excepted.
 */
#ifndef POLICY_POL_INTERNAL_H
#define POLICY_POL_INTERNAL_H

#include "base/mtime.h"
#include "policy/arena.h"
#include "policy/dec.h"
#include "policy/pol.h"
#include "policy/regex.h"

struct pol_val { /* a JSON value written in the document */
	enum json_type type;
	uint32_t n;      /* of kid */
	struct view key; /* of a member of an object; unescaped */
	union {
		struct view str; /* unescaped */
		struct dec num;
		const struct pol_val *kid;
	};
};

enum pol_op { OP_EQ, OP_NEQ, OP_IN, OP_NOT_IN, OP_LT, OP_LTE, OP_GT, OP_GTE, OP_REGEX, OP_CONTAINS, OP_EXISTS, OP_COUNT };

struct pol_path {
	struct view text; /* with "args." */
	const struct view *name;
	uint32_t n;
};

struct pol_cond {
	struct pol_path path;
	enum pol_op op;
	struct pol_val value;
	const uint32_t *border; /* contains: how far to go back on a mismatch */
	struct regex *re;
	uint32_t node; /* while loading: where it stands */
};

struct pol_rule {
	const struct pol_cond *cond;
	uint32_t n;
	const char *name; /* the rule string */
	struct view on_deny;
	bool has_text;
	uint32_t node;
};

struct pol_rules {
	struct pol_rule *rule;
	uint32_t n;
};

enum { POL_CALL_LIMITS_MAX = 16 }; /* limits that one call may meet; the same as POL_LIMITS_MAX */

/* The numbers are those of quota_table.h.  The format knows the first three, x-callgate all. */
enum pol_window { WINDOW_MINUTE, WINDOW_HOUR, WINDOW_DAY, WINDOW_MONTH, WINDOW_SLIDING_MINUTE, WINDOW_SLIDING_HOUR, WINDOW_SLIDING_DAY, WINDOW_COUNT };
enum pol_scope { SCOPE_GRANT, SCOPE_USER, SCOPE_SERVER, SCOPE_TOOL, SCOPE_COUNT };
/* Which list a limit stands in; the letter is part of the counter's name. */
enum pol_list { LIST_TOOL = 't', LIST_ALL = 'a', LIST_EXTRA_TOOL = 'x', LIST_EXTRA_ALL = 'y' };

struct pol_limit {
	const char *name; /* the rule string */
	struct view counter, on_deny;
	bool has_text;
	enum pol_window window;
	enum pol_scope scope;
	enum pol_list list;
	int64_t max, increment;
	struct pol_path from; /* n 0: ${increment} */
	unsigned __int128 hash; /* of list, tool, counter and window: whose it is, is mixed in later */
};

struct pol_limit_list {
	struct pol_limit *limit;
	uint32_t n;
};

struct pol_tool {
	struct view name;
	const char *pointer; /* /tools/NAME */
	struct pol_rules require, deny_if;
	struct pol_limit_list limits;
	uint32_t node;
};

struct pol_when {
	const char *name; /* the rule string; NULL: no such rule */
	int from, to;     /* minutes of the UTC day; both -1: any time.  ${to} below ${from}: over midnight */
	uint32_t days;    /* bits, Monday is 0; 0: every day */
	struct wall until;
	bool ends;
};

struct pol_extra { /* of one tool, in x-callgate */
	struct view name;
	struct pol_when when;
	struct pol_rule approve; /* its name NULL: no approval is needed */
	const char *once_name;
	int64_t once; /* seconds; 0: repeats are nobody's business */
	struct pol_limit_list limits;
	uint32_t node;
};

struct pol_method {
	struct view name;
	const char *pointer;
	bool allow;
};

struct pol_regex_list {
	struct pol_regex_list *next;
	struct regex *re;
};

struct pol {
	struct arena arena;
	struct pol_regex_list *regexes;
	char hash[POL_HASH_HEX];
	bool allow; /* the default */
	bool hide_all;
	struct view *hide; /* sorted */
	uint32_t n_hide;
	struct pol_tool *tool; /* sorted by name */
	uint32_t n_tools;
	struct pol_limit_list all;
	struct pol_extra *extra; /* sorted by name */
	uint32_t n_extra;
	struct pol_limit_list extra_all;
	struct pol_method *method; /* sorted by name */
	uint32_t n_methods;
};

/* --- pol_value.c: values and conditions against a call's arguments --- */

enum pol_truth { TRUTH_NO, TRUTH_YES, TRUTH_OPEN /* not to be told within the bounds */ };

bool pol_value_eq(const struct pol_val *v, const struct json_doc *doc, const struct json_node *n);
const struct json_node *pol_value_at(const struct pol_path *path, const struct json_doc *doc, const struct json_node *args);
enum pol_truth pol_value_test(const struct pol_cond *c, const struct json_doc *doc, const struct json_node *args);
/** pol_value_border(needle, out): Fill ${out}, one number for each byte of the needle. */
void pol_value_border(struct view needle, uint32_t *out);

/* --- pol_eval.c --- */

const struct pol_tool *pol_eval_tool(const struct pol *p, struct view name);
const struct pol_extra *pol_eval_extra(const struct pol *p, struct view name);
/** pol_eval_deny(out, rule, index, text, len): Make ${out} a denial by ${rule}; the text is cut at a whole character. */
void pol_eval_deny(struct pol_decision *out, const char *rule, int index, struct view text);
int pol_eval_view_cmp(const void *a, const void *b); /* struct view, for qsort and bsearch */

#endif
