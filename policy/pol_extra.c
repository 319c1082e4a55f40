/*
 * pol_extra.c - read "x-callgate", what this product adds to the document.
 * Floor: policy, inside.      Source: docs/POLICY.md "x-callgate".
 */
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_load_internal.h"

static void extra_version(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct dec d;
	int64_t v = 0;
	(void)into;
	if (n->type != JSON_NUMBER || dec_parse(json_raw(&l->doc, n), &d) || dec_int(&d, &v) || v != 1)
		pol_diag_error(l, n, -ERR_MALFORMED, "must be the number 1");
}

static void read_method(struct pol_loader *l, const struct json_node *n, struct pol_method *m)
{
	if (!pol_load_key(l, n, &m->name))
		return;
	m->pointer = pol_load_pointer(l, n, "/x-callgate/methods", m->name, "");
	m->allow = json_str_eq(&l->doc, n, VIEW_LIT("allow"));
	if (!m->allow && !json_str_eq(&l->doc, n, VIEW_LIT("deny")))
		pol_diag_error(l, n, -ERR_MALFORMED, "must be \"allow\" or \"deny\"");
	if (!m->name.n || view_is(m->name, "tools/call"))
		pol_diag_error(l, n, -ERR_MALFORMED, m->name.n ? "calls are judged by tools, not by methods" : "must name a method");
}

static void extra_methods(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	uint32_t i = 0;
	if (n->type != JSON_OBJECT) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must be an object");
		return;
	}
	p->method = pol_load_take(l, n->count, sizeof(*p->method));
	if (!p->method)
		return;
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m), i++) {
		size_t back = pol_diag_key(l, m);
		read_method(l, m, &p->method[i]);
		pol_diag_back(l, back);
	}
	p->n_methods = i;
	if (i)
		qsort(p->method, i, sizeof(*p->method), pol_eval_view_cmp);
}

static void extra_limits(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	pol_quota_read(l, n, "/x-callgate/limits", LIST_EXTRA_ALL, VIEW_LIT(""), &p->extra_all);
}

void pol_extra_read(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {
	    {"version", extra_version, true},
	    {"methods", extra_methods, false},
	    {"tools", pol_extra_tools, false},
	    {"limits", extra_limits, false},
	};
	pol_load_fields(l, n, fields, sizeof(fields) / sizeof(fields[0]), into);
}
