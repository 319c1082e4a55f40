/* tryout.c - see tryout.h. */
#include <stdio.h>

#include "admin/tryout.h"
#include "base/jsonw.h"
#include "policy/world.h"

int tryout_world(struct view json, char *why, size_t len)
{
	struct world *w = NULL;
	int r = world_load(json, why, len, &w);

	world_unref(&w);
	return r;
}

static void on_problem(void *arg, const struct pol_problem *p)
{
	struct jsonw *w = arg;

	jsonw_open(w, NULL, '{');
	jsonw_bool(w, "warning", p->warning);
	jsonw_uint(w, "line", p->line);
	jsonw_uint(w, "column", p->column);
	jsonw_str(w, "pointer", p->pointer);
	jsonw_str(w, "text", p->text);
	jsonw_close(w, '}');
}

int tryout_policy(struct view doc, struct buf *problems, char hash[TRYOUT_HASH])
{
	struct jsonw w = jsonw_on(problems);
	struct pol *p = NULL;

	hash[0] = '\0';
	jsonw_open(&w, NULL, '[');
	int r = pol_load(doc, on_problem, &w, &p);
	jsonw_close(&w, ']');
	if (!r)
		snprintf(hash, TRYOUT_HASH, "%s", pol_hash(p));
	pol_free(&p);
	return r ? r : jsonw_end(&w);
}
