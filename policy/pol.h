/*
 * pol.h - the policy language: load a document, judge a call.
 * Floor: policy (uses codec, base).  No I/O, no clock, no globals.
 * Source: docs/POLICY.md.      The zero verdict is deny.
 */
#ifndef POLICY_POL_H
#define POLICY_POL_H

#include "base/buf.h"
#include "codec/json.h"

struct pol; /* a compiled document; immutable, may be shared by readers */

enum { POL_RULE_MAX = 1024, POL_TEXT_MAX = 1024, POL_DOC_MAX = 16 << 20, POL_HASH_HEX = 65 };

struct pol_problem {
	bool warning;
	uint32_t line, column;
	char pointer[512]; /* JSON Pointer of the field */
	char text[256];
};
/* Receives each error and warning; may be NULL. */
typedef void pol_problem_fn(void *arg, const struct pol_problem *p);

/** pol_load(doc, report, arg, out): Parse, check, compile.  0, or the first error's negative number; every problem is reported. */
int pol_load(struct view doc, pol_problem_fn *report, void *arg, struct pol **out) __attribute__((warn_unused_result));
void pol_free(struct pol **p);

/** pol_hash(p): SHA-256 of the document's bytes in hex.  Borrowed from ${p}. */
const char *pol_hash(const struct pol *p);

enum pol_verdict { POL_DENY = 0, POL_ALLOW = 1 };

enum pol_visible { POL_HIDDEN = 0, POL_LISTED = 1 };

struct pol_decision {
	enum pol_verdict verdict;
	bool unknown_tool; /* refused whatever its arguments: answer "Unknown tool", and keep it out of lists */
	char rule[POL_RULE_MAX];
	char authorised_by[POL_RULE_MAX]; /* of an allow */
	char text[POL_TEXT_MAX];          /* for the agent, of a denial */
	int rule_index;                   /* -1: none */
	uint32_t limits; /* how many limits apply, a "when" and an "idempotency" included: see pol_limit.h */
	const char *approve; /* of an allow: the rule by which a person has to approve this call first; NULL: none.  Borrowed from the policy */
};

/**
 * pol_judge(p, tool, doc, args, out):
 * Steps 2 to 5 of docs/POLICY.md "order of evaluation" (hide, default, require, deny_if); limits are settled by pol_limit.h afterwards.
 * ${args} is the arguments object inside ${doc}, or NULL.  Never fails: what cannot be judged is denied.  Allocates nothing.
 */
void pol_judge(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args,
    struct pol_decision *out);

/** pol_method(p, method, out): May this other method pass? */
void pol_method(const struct pol *p, struct view method, struct pol_decision *out);

/** pol_visible(p, tool): Does the tool belong into tools/list? */
enum pol_visible pol_visible(const struct pol *p, struct view tool);

#endif
