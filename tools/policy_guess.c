/* policy_guess.c - see policy_guess.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_explain.h"
#include "tools/policy_guess.h"

struct guess {
	struct pol *p;
};

struct first {
	char *why;
	size_t cap;
};

static void first_error(void *arg, const struct pol_problem *p)
{
	struct first *f = arg;

	if (!p->warning && !f->why[0])
		snprintf(f->why, f->cap, "line %u, column %u, %.100s: %.200s", p->line, p->column, p->pointer, p->text);
}

int guess_new(struct view document, char *why, size_t cap, struct guess **out)
{
	struct first f = {why, cap};
	struct guess *g = calloc(1, sizeof(*g));

	why[0] = '\0';
	*out = NULL;
	int r = g ? pol_load(document, first_error, &f, &g->p) : -ENOMEM;
	if (r) {
		if (!why[0])
			snprintf(why, cap, "%s", err_text(r));
		guess_free(&g);
		return r;
	}
	*out = g;
	return 0;
}

void guess_free(struct guess **gp)
{
	struct guess *g = *gp;

	*gp = NULL;
	if (g)
		pol_free(&g->p);
	free(g);
}

enum guess_says guess_call(const struct guess *g, struct view tool, const struct view *keys, size_t n, const char **rule, uint32_t *limits)
{
	enum pol_says s = pol_guess(g->p, tool, keys, n, rule, limits);

	return s == POL_SAYS_PASSES ? GUESS_PASSES : s == POL_SAYS_DEPENDS ? GUESS_DEPENDS : GUESS_DENIES;
}
