/* pol_fit.c - see pol_fit.h.  Where it cannot be sure that a condition never matches, it says nothing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/catalogue.h"
#include "policy/pol_fit.h"
#include "policy/pol_internal.h"

enum { NODES_MAX = 1 << 20, NAME = 1024 };

struct fit {
	const struct pol *p;
	struct json_doc doc, list; /* the policy; the server's tools */
	const struct json_node *tools;
	pol_problem_fn *report;
	void *arg;
	int found;
};

static void warn(struct fit *f, const struct json_node *at, const char *pointer, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void warn(struct fit *f, const struct json_node *at, const char *pointer, const char *fmt, ...)
{
	struct json_error where = json_where(f->doc.in, at->off);
	struct pol_problem p = {.warning = true, .line = where.line, .column = where.column};
	va_list ap;

	snprintf(p.pointer, sizeof(p.pointer), "%s", pointer);
	va_start(ap, fmt);
	vsnprintf(p.text, sizeof(p.text), fmt, ap);
	va_end(ap);
	f->found++;
	if (f->report)
		f->report(f->arg, &p);
}

/* ---- the server's list ---- */

static bool same_but_case(const struct json_doc *doc, const struct json_node *s, struct view name)
{
	char text[NAME];
	int n = json_str(doc, s, text, sizeof(text));

	return n >= 0 && view_ieq(view_of(text, (size_t)n), name);
}

/* The tool of that name; *near: one that differs in case only. */
static const struct json_node *listed(const struct fit *f, struct view name, const struct json_node **near)
{
	*near = NULL;
	for (const struct json_node *t = json_first(&f->list, f->tools); t; t = json_next(&f->list, f->tools, t)) {
		const struct json_node *n = json_get(&f->list, t, VIEW_LIT("name"));
		if (!n || n->type != JSON_STRING)
			continue;
		if (json_str_eq(&f->list, n, name))
			return t;
		if (same_but_case(&f->list, n, name))
			*near = n;
	}
	return NULL;
}

/* ---- what the schema lets an argument be ---- */

enum { T_NULL = 1, T_BOOL = 2, T_NUMBER = 4, T_STRING = 8, T_ARRAY = 16, T_OBJECT = 32, T_ANY = 63 };

static unsigned type_named(const struct json_doc *doc, const struct json_node *n)
{
	static const struct {
		const char *name;
		unsigned type;
	} row[] = {{"null", T_NULL}, {"boolean", T_BOOL}, {"number", T_NUMBER}, {"integer", T_NUMBER}, {"string", T_STRING}, {"array", T_ARRAY}, {"object", T_OBJECT}};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (json_str_eq(doc, n, view_str(row[i].name)))
			return row[i].type;
	return T_ANY;
}

/* Any other keyword that combines schemas: nothing is sure. */
static bool plain(const struct json_doc *doc, const struct json_node *schema)
{
	static const char *const combines[] = {"$ref", "anyOf", "oneOf", "allOf", "if", "not", "patternProperties", "dependentSchemas", "$dynamicRef"};

	if (!schema || schema->type != JSON_OBJECT)
		return false;
	for (size_t i = 0; i < sizeof(combines) / sizeof(*combines); i++)
		if (json_get(doc, schema, view_str(combines[i])))
			return false;
	return true;
}

static unsigned types(const struct json_doc *doc, const struct json_node *schema)
{
	const struct json_node *t = json_get(doc, schema, VIEW_LIT("type"));
	unsigned all = 0;

	if (!t || !plain(doc, schema))
		return T_ANY;
	if (t->type == JSON_STRING)
		return type_named(doc, t);
	for (const struct json_node *k = json_first(doc, t); k; k = json_next(doc, t, k))
		all |= type_named(doc, k);
	return all ? all : T_ANY;
}

static unsigned type_of(const struct pol_val *v)
{
	static const unsigned of[] = {[JSON_NULL] = T_NULL, [JSON_FALSE] = T_BOOL, [JSON_TRUE] = T_BOOL, [JSON_NUMBER] = T_NUMBER, [JSON_STRING] = T_STRING,
	    [JSON_ARRAY] = T_ARRAY, [JSON_OBJECT] = T_OBJECT};

	return of[v->type];
}

/* Can an argument of one of ${may} equal the value?  Scalars compare by their text, so only lists, objects and null are apart. */
static bool may_equal(unsigned may, const struct pol_val *v)
{
	unsigned t = type_of(v);

	if (t & (T_STRING | T_NUMBER | T_BOOL))
		return t == T_STRING ? may & (T_STRING | T_NUMBER | T_BOOL) : may & (t | T_STRING);
	return may & t;
}

/* Is the value one of the schema's "enum"? */
static bool in_enum(const struct json_doc *doc, const struct json_node *list, const struct pol_val *v)
{
	for (const struct json_node *k = json_first(doc, list); k; k = json_next(doc, list, k))
		if (pol_value_eq(v, doc, k))
			return true;
	return false;
}

/* Why the condition can never hold for an argument of this schema, or NULL. */
static const char *never(const struct json_doc *doc, const struct json_node *schema, const struct pol_cond *c)
{
	unsigned may = types(doc, schema);
	const struct json_node *list = plain(doc, schema) ? json_get(doc, schema, VIEW_LIT("enum")) : NULL;
	const struct pol_val *one = &c->value;
	uint32_t n = 1;

	switch (c->op) {
	case OP_LT:
	case OP_LTE:
	case OP_GT:
	case OP_GTE:
		return may & T_NUMBER ? NULL : "the argument is never a number";
	case OP_REGEX:
		return may & T_STRING ? NULL : "the argument is never text";
	case OP_CONTAINS:
		return may & (T_STRING | T_ARRAY) ? NULL : "the argument is neither text nor a list";
	case OP_IN:
		one = c->value.kid;
		n = c->value.n;
		break;
	case OP_EQ:
		break;
	default:
		return NULL;
	}
	bool typed = false, named = !list;
	for (uint32_t i = 0; i < n; i++) {
		typed = typed || may_equal(may, &one[i]);
		named = named || in_enum(doc, list, &one[i]);
	}
	return !typed ? "the argument never has that type" : !named ? "the value is none of those that the schema allows" : NULL;
}

/* A property that differs in case only. */
static bool property_near(const struct json_doc *doc, const struct json_node *props, struct view name, char *near, size_t cap)
{
	for (const struct json_node *k = props ? json_first(doc, props) : NULL; k; k = json_next(doc, props, k)) {
		int n = json_key(doc, k, near, cap - 1);
		near[n < 0 ? 0 : n] = '\0';
		if (n >= 0 && view_ieq(view_of(near, (size_t)n), name))
			return true;
	}
	return false;
}

/* ---- one condition ---- */

static void condition(struct fit *f, const struct json_node *tool, const struct pol_cond *c, const struct json_node *at, const char *pointer)
{
	const struct json_node *schema = json_get(&f->list, tool, VIEW_LIT("inputSchema"));
	char near[256];

	for (uint32_t i = 0; i < c->path.n; i++) {
		if (!plain(&f->list, schema))
			return;
		if (!(types(&f->list, schema) & T_OBJECT)) {
			warn(f, at, pointer, "no call can meet it: what stands before \"%.*s\" is no object by the tool's schema", (int)(c->path.name[i].n < 64 ? c->path.name[i].n : 64),
			    (const char *)c->path.name[i].p);
			return;
		}
		const struct json_node *props = json_get(&f->list, schema, VIEW_LIT("properties"));
		const struct json_node *next = props ? json_get(&f->list, props, c->path.name[i]) : NULL;
		if (!next && property_near(&f->list, props, c->path.name[i], near, sizeof(near))) {
			warn(f, at, pointer, "the tool has no such argument, but it has \"%.100s\": case counts", near);
			return;
		}
		if (!next) {
			if (props)
				warn(f, at, pointer, "the tool's schema has no argument \"%.*s\"", (int)(c->path.name[i].n < 64 ? c->path.name[i].n : 64), (const char *)c->path.name[i].p);
			return;
		}
		schema = next;
	}
	const char *why = never(&f->list, schema, c);
	if (why)
		warn(f, at, pointer, "can never hold: %s by the tool's schema", why);
}

static void rules(struct fit *f, const struct json_node *tool, const struct pol_rules *list, const struct json_node *node, const char *pointer)
{
	char where[512];
	const struct json_node *rule = node ? json_first(&f->doc, node) : NULL;

	for (uint32_t i = 0; rule && i < list->n; i++, rule = json_next(&f->doc, node, rule)) {
		const struct json_node *conds = json_get(&f->doc, rule, VIEW_LIT("conditions")), *at = conds ? json_first(&f->doc, conds) : NULL;
		for (uint32_t k = 0; at && k < list->rule[i].n; k++, at = json_next(&f->doc, conds, at)) {
			snprintf(where, sizeof(where), "%.400s/%u/conditions/%u", pointer, i, k);
			condition(f, tool, &list->rule[i].cond[k], at, where);
		}
	}
}

static void classify(struct fit *f, const struct json_node *tool, const struct pol_tool *t, const struct json_node *at)
{
	char description[4096] = "";
	const struct json_node *d = json_get(&f->list, tool, VIEW_LIT("description"));
	struct catalogue_class k;

	int n = d && d->type == JSON_STRING ? json_str(&f->list, d, description, sizeof(description)) : 0;
	struct catalogue_tool c = {.name = t->name, .description = view_of(description, n > 0 ? (size_t)n : 0), .doc = &f->list,
	    .schema = json_get(&f->list, tool, VIEW_LIT("inputSchema")), .annotations = json_get(&f->list, tool, VIEW_LIT("annotations"))};
	catalogue_classify(&c, &k);
	if (k.risk >= RISK_DESTRUCTIVE && !t->require.n && !t->deny_if.n && !t->limits.n && !pol_eval_extra(f->p, t->name))
		warn(f, at, t->pointer, "is %s (%.120s), and nothing bounds it", catalogue_name(k.risk), k.evidence);
}

static void tool(struct fit *f, const struct pol_tool *t, const struct json_node *node)
{
	const struct json_node *near, *is = listed(f, t->name, &near);
	char where[512], name[256];

	if (!is && near) {
		int n = json_str(&f->list, near, name, sizeof(name) - 1);
		name[n < 0 ? 0 : n] = '\0';
		warn(f, node, t->pointer, "the server has no such tool, but it has \"%.100s\": case counts", name);
		return;
	}
	if (!is) {
		warn(f, node, t->pointer, "the server does not list this tool");
		return;
	}
	snprintf(where, sizeof(where), "%.480s/require", t->pointer);
	rules(f, is, &t->require, json_get(&f->doc, node, VIEW_LIT("require")), where);
	snprintf(where, sizeof(where), "%.480s/deny_if", t->pointer);
	rules(f, is, &t->deny_if, json_get(&f->doc, node, VIEW_LIT("deny_if")), where);
	classify(f, is, t, node);
}

static const struct json_node *list_of(const struct json_doc *doc)
{
	const struct json_node *n = &doc->node[0], *result = json_get(doc, n, VIEW_LIT("result"));

	n = result ? result : n;
	if (n->type == JSON_OBJECT)
		n = json_get(doc, n, VIEW_LIT("tools"));
	return n && n->type == JSON_ARRAY ? n : NULL;
}

static uint32_t nodes_needed(struct view v)
{
	uint32_t n = 2;

	for (size_t i = 0; i < v.n && n < NODES_MAX; i++)
		n += v.p[i] == ',' || v.p[i] == ':' || v.p[i] == '[' || v.p[i] == '{';
	return n;
}

static int scan(struct json_doc *doc, struct view text, struct json_node **node)
{
	uint32_t max = nodes_needed(text);

	*node = calloc(max, sizeof(**node));
	return *node ? json_scan(doc, text, *node, max, NULL) : -ENOMEM;
}

int pol_fit(struct view document, struct view tools, pol_problem_fn *report, void *arg)
{
	struct fit f = {.report = report, .arg = arg};
	struct json_node *a = NULL, *b = NULL;
	struct pol *p = NULL;
	int r = pol_load(document, NULL, NULL, &p);

	f.p = p;
	r = r ? r : scan(&f.doc, document, &a);
	r = r ? r : scan(&f.list, tools, &b);
	if (!r) {
		f.tools = list_of(&f.list);
		r = f.tools ? 0 : -ERR_MALFORMED;
	}
	const struct json_node *all = r ? NULL : json_get(&f.doc, &f.doc.node[0], VIEW_LIT("tools"));
	/* In the document's order; the compiled ones are sorted. */
	for (const struct json_node *n = all ? json_first(&f.doc, all) : NULL; n; n = json_next(&f.doc, all, n)) {
		char name[NAME];
		int len = json_key(&f.doc, n, name, sizeof(name));
		const struct pol_tool *t = len < 0 ? NULL : pol_eval_tool(p, view_of(name, (size_t)len));
		if (t)
			tool(&f, t, n);
	}
	pol_free(&p);
	free(a);
	free(b);
	return r ? r : f.found;
}
