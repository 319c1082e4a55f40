/* policy_check.c - see policy_check.h. */
#include <stdio.h>

#include "policy/pol.h"
#include "tools/policy_check.h"

static void on_problem(void *arg, const struct pol_problem *p)
{
	fprintf(stderr, "%s:%u:%u: %s: %s%s\n", (const char *)arg, p->line, p->column, p->pointer[0] ? p->pointer : "/", p->warning ? "warning: " : "", p->text);
}

int policy_check(const char *file, struct view doc, char *hash)
{
	union {
		const char *in;
		void *out;
	} name = {file};
	struct pol *p = NULL;
	int r = pol_load(doc, on_problem, name.out, &p);

	hash[0] = '\0';
	if (!r)
		snprintf(hash, POL_HASH_HEX, "%s", pol_hash(p));
	pol_free(&p);
	return r;
}
