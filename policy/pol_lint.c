/*
 * pol_lint.c - warn about what loads but probably does not do what was meant.
 * Floor: policy, inside.      Source: docs/POLICY.md "warnings".
 */
#include <stdlib.h>

#include "policy/catalogue.h"
#include "policy/pol_load_internal.h"

struct paths { /* of one tool that a require demands to exist, sorted */
	struct view *path;
	uint32_t n;
};

static struct paths demanded(struct pol_loader *l, const struct pol_tool *t)
{
	struct paths out = {0};
	uint32_t most = 0;
	for (uint32_t i = 0; i < t->require.n; i++)
		most += t->require.rule[i].n;
	out.path = pol_load_take(l, most, sizeof(*out.path));
	for (uint32_t i = 0; out.path && i < t->require.n; i++)
		for (uint32_t k = 0; k < t->require.rule[i].n; k++) {
			const struct pol_cond *c = &t->require.rule[i].cond[k];
			if (c->op == OP_EXISTS && c->value.type == JSON_TRUE)
				out.path[out.n++] = c->path.text;
		}
	if (out.n)
		qsort(out.path, out.n, sizeof(*out.path), pol_eval_view_cmp);
	return out;
}

static bool demands(const struct paths *d, struct view path)
{
	return d->n && bsearch(&path, d->path, d->n, sizeof(*d->path), pol_eval_view_cmp);
}

/* Names of git references: servers often take them in any case, a comparison here does not. */
static bool branch_like(const struct pol_cond *c)
{
	static const char *const names[] = {"branch", "base", "ref", "head", "target_branch", "source_branch"};
	struct view last = c->path.name[c->path.n - 1];
	if (c->op != OP_EQ && c->op != OP_IN && c->op != OP_CONTAINS)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(last, names[i]))
			return true;
	return false;
}

static void lint_deny_cond(struct pol_loader *l, const struct paths *d, const struct pol_cond *c)
{
	const struct json_node *n = &l->doc.node[c->node];
	if ((c->op == OP_NEQ || c->op == OP_NOT_IN) && !demands(d, c->path.text))
		pol_diag_warning(l, n, "is passed by leaving the argument out: add a require with exists, or write a require instead");
	if (branch_like(c))
		pol_diag_warning(l, n, "compares by case: a name in another case is not denied");
}

static void lint_deny_if(struct pol_loader *l, const struct pol_tool *t)
{
	struct paths d = demanded(l, t);
	size_t list = pol_diag_name(l, VIEW_LIT("deny_if"));
	for (uint32_t i = 0; i < t->deny_if.n; i++) {
		size_t rule = pol_diag_index(l, i);
		(void)pol_diag_name(l, VIEW_LIT("conditions"));
		for (uint32_t k = 0; k < t->deny_if.rule[i].n; k++) {
			size_t cond = pol_diag_index(l, k);
			lint_deny_cond(l, &d, &t->deny_if.rule[i].cond[k]);
			pol_diag_back(l, cond);
		}
		pol_diag_back(l, rule);
	}
	pol_diag_back(l, list);
}

static void lint_require(struct pol_loader *l, const struct pol_tool *t)
{
	size_t list = pol_diag_name(l, VIEW_LIT("require"));
	for (uint32_t i = 0; i < t->require.n; i++) {
		size_t rule = pol_diag_index(l, i);
		if (t->require.rule[i].n == 0)
			pol_diag_warning(l, &l->doc.node[t->require.rule[i].node], "has no conditions and therefore no effect");
		pol_diag_back(l, rule);
	}
	pol_diag_back(l, list);
}

/* By its name alone: more is known of a server's own list (pol_fit.h). */
static void lint_class(struct pol_loader *l, const struct pol_tool *t)
{
	struct catalogue_tool c = {.name = t->name};
	struct catalogue_class k;

	if (t->require.n || t->deny_if.n || t->limits.n || pol_eval_extra(l->p, t->name))
		return;
	catalogue_classify(&c, &k);
	if (k.risk >= RISK_DESTRUCTIVE)
		pol_diag_warning(l, &l->doc.node[t->node], "is %s by its name, and nothing bounds it", catalogue_name(k.risk));
}

static void lint_tool(struct pol_loader *l, const struct pol_tool *t)
{
	const struct pol *p = l->p;
	const struct json_node *n = &l->doc.node[t->node];
	if (p->n_hide && bsearch(&t->name, p->hide, p->n_hide, sizeof(*p->hide), pol_eval_view_cmp))
		pol_diag_warning(l, n, "is hidden as well: hiding wins");
	lint_require(l, t);
	lint_deny_if(l, t);
	if (!p->hide_all)
		lint_class(l, t);
}

/* What x-callgate says of a tool that nobody may call. */
static void lint_extra(struct pol_loader *l)
{
	const struct pol *p = l->p;
	size_t root = pol_diag_name(l, VIEW_LIT("x-callgate"));
	(void)pol_diag_name(l, VIEW_LIT("tools"));
	for (uint32_t i = 0; i < p->n_extra; i++) {
		const struct pol_extra *x = &p->extra[i];
		bool listed = p->allow;
		for (uint32_t k = 0; k < p->n_tools && !listed; k++)
			listed = view_eq(p->tool[k].name, x->name);
		if (listed)
			continue;
		size_t back = pol_diag_name(l, x->name);
		pol_diag_warning(l, &l->doc.node[x->node], "has no effect: default is deny, and \"tools\" does not list this tool");
		pol_diag_back(l, back);
	}
	pol_diag_back(l, root);
}

void pol_lint(struct pol_loader *l, const struct json_node *tools)
{
	const struct pol *p = l->p;
	if (!l->report)
		return;
	lint_extra(l);
	if (!tools)
		return;
	size_t root = pol_diag_key(l, tools);
	if (!p->allow && p->hide_all && p->n_tools)
		pol_diag_warning(l, tools, "has no effect: \"hide\" holds \"*\"");
	for (uint32_t i = 0; i < p->n_tools; i++) {
		size_t back = pol_diag_name(l, p->tool[i].name);
		lint_tool(l, &p->tool[i]);
		pol_diag_back(l, back);
	}
	pol_diag_back(l, root);
}
