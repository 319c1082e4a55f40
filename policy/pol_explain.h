/*
 * pol_explain.h - why a call is allowed or denied, rule by rule; and what can be said when only the names of its arguments are known.
 * Floor: policy.      Source: docs/POLICY.md "explain", "simulate".      No I/O; counters are not looked at.
 */
#ifndef POLICY_POL_EXPLAIN_H
#define POLICY_POL_EXPLAIN_H

#include "policy/pol.h"

enum pol_says { POL_SAYS_DENIES = 0, POL_SAYS_PASSES, POL_SAYS_DEPENDS, POL_SAYS_AFTER /* not reached: something before it denied */, POL_SAYS_COUNTS };

struct pol_step {
	const char *rule; /* as it stands in records, or "hide", "default" */
	enum pol_says says;
	char text[512];   /* what was looked at, and what it gave; printable, UTF-8 as far as the document was */
};
typedef void pol_step_fn(void *arg, const struct pol_step *s);

/**
 * pol_explain(p, tool, doc, args, fn, arg, out):
 * pol_judge(), and each rule that it looks at or would look at, in order, with the value that each condition met.  The decision is
 * pol_judge()'s own.
 */
void pol_explain(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args, pol_step_fn *fn, void *arg,
    struct pol_decision *out);

/**
 * pol_guess(p, tool, keys, n, rule, limits):
 * The verdict of a call of which only the names of its top-level arguments are known: POL_SAYS_DENIES and the rule in ${rule} (to be shown),
 * POL_SAYS_PASSES, or POL_SAYS_DEPENDS and the first rule that cannot be told.  ${limits}: how many limits it would have to meet besides.
 */
enum pol_says pol_guess(const struct pol *p, struct view tool, const struct view *keys, size_t n, const char **rule, uint32_t *limits);

#endif
