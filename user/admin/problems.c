/* problems.c - see problems.h. */
#include <stdio.h>

#include "admin/problems.h"
#include "base/jsonw.h"
#include "policy/pol_fit.h"
#include "policy/world.h"

_Static_assert((int)PROBLEMS_HASH == (int)POL_HASH_HEX, "the same digest");

struct gather {
	struct problems *p;
	struct jsonw w;
};

static void report(void *arg, const struct pol_problem *q)
{
	struct gather *g = arg;

	if (q->warning)
		g->p->warnings++;
	else
		g->p->errors++;
	if (g->p->errors + g->p->warnings > PROBLEMS_MAX)
		return;
	jsonw_open(&g->w, NULL, '{');
	jsonw_uint(&g->w, "line", q->line);
	jsonw_uint(&g->w, "column", q->column);
	jsonw_str(&g->w, "pointer", q->pointer);
	jsonw_str(&g->w, "text", q->text);
	jsonw_bool(&g->w, "warning", q->warning);
	jsonw_close(&g->w, '}');
}

int problems_find(struct view doc, struct problems *p)
{
	struct gather g = {.p = p, .w = jsonw_on(&p->json)};
	struct pol *pol = NULL;

	*p = (struct problems){0};
	jsonw_open(&g.w, NULL, '[');
	int r = pol_load(doc, report, &g, &pol);
	jsonw_close(&g.w, ']');
	if (!r)
		r = jsonw_end(&g.w);
	if (!r)
		snprintf(p->hash, sizeof(p->hash), "%s", pol_hash(pol));
	pol_free(&pol);
	return r;
}

int problems_fit(struct view doc, struct view tools, struct problems *p)
{
	struct gather g = {.p = p, .w = jsonw_on(&p->json)};

	*p = (struct problems){0};
	jsonw_open(&g.w, NULL, '[');
	int r = pol_fit(doc, tools, report, &g);
	jsonw_close(&g.w, ']');
	return r < 0 ? r : jsonw_end(&g.w);
}

int problems_world(struct view json, char *why, size_t why_len)
{
	struct world *w = NULL;
	int r = world_load(json, why, why_len, &w);

	world_unref(&w);
	return r;
}
