/*
 * pol_extra_tool.c - read what "x-callgate" says of a tool: when, approve, idempotency, limits.
 * Floor: policy, inside.      Source: docs/POLICY.md "x-callgate".
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_load_internal.h"

enum { ONCE_MAX = 86400, DAY_MINUTES = 1440 };

static bool short_text(struct pol_loader *l, const struct json_node *n, char *out, size_t cap)
{
	struct view v;
	if (!pol_load_text(l, n, &v) || v.n >= cap || (v.n && memchr(v.p, '\0', v.n)))
		return false;
	if (v.n)
		memcpy(out, v.p, v.n);
	out[v.n] = '\0';
	return true;
}

static void read_minute(struct pol_loader *l, const struct json_node *n, int *out)
{
	char t[8];
	bool ok = n->type == JSON_STRING && short_text(l, n, t, sizeof(t)) && strlen(t) == 5 && t[2] == ':';
	for (int i = 0; ok && i < 5; i++)
		ok = i == 2 || (t[i] >= '0' && t[i] <= '9');
	*out = ok ? ((t[0] - '0') * 10 + t[1] - '0') * 60 + (t[3] - '0') * 10 + t[4] - '0' : 0;
	if (!ok || *out >= DAY_MINUTES || t[3] > '5')
		pol_diag_error(l, n, -ERR_MALFORMED, "must be a time of the UTC day from \"00:00\" to \"23:59\"");
}

static void when_from(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_when *w = into;
	read_minute(l, n, &w->from);
}

static void when_to(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_when *w = into;
	read_minute(l, n, &w->to);
}

static void when_until(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_when *w = into;
	char t[64] = "";
	w->ends = true;
	if (n->type != JSON_STRING || !short_text(l, n, t, sizeof(t)) || wall_parse(t, &w->until))
		pol_diag_error(l, n, -ERR_MALFORMED, "must be a time like \"2026-12-31T18:00:00Z\"");
}

static void read_day(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	uint32_t *bit = into;
	for (unsigned i = 0; i < 7; i++)
		if (json_str_eq(&l->doc, n, view_str(days[i])))
			*bit = 1u << i;
	if (!*bit)
		pol_diag_error(l, n, -ERR_MALFORMED, "must be one of mon tue wed thu fri sat sun");
}

static void when_days(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_when *w = into;
	uint32_t count, *bit = pol_load_list(l, n, sizeof(*bit), read_day, &count);
	for (uint32_t i = 0; bit && i < count; i++) {
		if (w->days & bit[i])
			pol_diag_error(l, n, -ERR_EXISTS, "names a day twice");
		w->days |= bit[i];
	}
	if (bit && !count)
		pol_diag_error(l, n, -ERR_MALFORMED, "must name a day");
}

static void tool_when(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {
	    {"from", when_from, false}, {"to", when_to, false}, {"days", when_days, false}, {"until", when_until, false}};
	struct pol_extra *x = into;
	x->when.from = x->when.to = -1;
	x->when.name = pol_load_pointer(l, n, "/x-callgate/tools", x->name, "/when");
	pol_load_fields(l, n, fields, 4, &x->when);
	if (n->type != JSON_OBJECT)
		return;
	if ((x->when.from < 0) != (x->when.to < 0) || (x->when.from >= 0 && x->when.from == x->when.to))
		pol_diag_error(l, n, -ERR_MALFORMED, "needs both from and to, and they must differ");
	if (!n->count)
		pol_diag_error(l, n, -ERR_MALFORMED, "must say from and to, days or until");
}

static void approve_conditions(struct pol_loader *l, const struct json_node *n, void *into)
{
	pol_rules_conditions(l, n, into);
}

static void tool_approve(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {{"conditions", approve_conditions, true}};
	struct pol_extra *x = into;
	x->approve.name = pol_load_pointer(l, n, "/x-callgate/tools", x->name, "/approve");
	if (n->type == JSON_OBJECT)
		pol_load_fields(l, n, fields, 1, &x->approve);
	else if (n->type != JSON_TRUE)
		pol_diag_error(l, n, -ERR_MALFORMED, "must be true, or an object with conditions");
}

static void once_seconds(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_extra *x = into;
	if (pol_load_whole(l, n, 1, &x->once) && x->once > ONCE_MAX)
		pol_diag_error(l, n, -ERR_RANGE, "must be at most %d seconds", ONCE_MAX);
}

static void tool_idempotency(struct pol_loader *l, const struct json_node *n, void *into)
{
	static const struct pol_field fields[] = {{"seconds", once_seconds, true}};
	struct pol_extra *x = into;
	x->once_name = pol_load_pointer(l, n, "/x-callgate/tools", x->name, "/idempotency");
	pol_load_fields(l, n, fields, 1, x);
}

static void tool_limits(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol_extra *x = into;
	pol_quota_read(l, n, pol_load_pointer(l, n, "/x-callgate/tools", x->name, "/limits"), LIST_EXTRA_TOOL, x->name, &x->limits);
}

static void read_tool(struct pol_loader *l, const struct json_node *n, struct pol_extra *x)
{
	static const struct pol_field fields[] = {
	    {"when", tool_when, false}, {"approve", tool_approve, false}, {"idempotency", tool_idempotency, false}, {"limits", tool_limits, false}};
	x->node = (uint32_t)(n - l->doc.node);
	if (!pol_load_key(l, n, &x->name))
		return;
	if (!x->name.n || view_is(x->name, "*"))
		pol_diag_error(l, n, -ERR_MALFORMED, "must name a tool");
	pol_load_fields(l, n, fields, 4, x);
}

void pol_extra_tools(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct pol *p = into;
	uint32_t i = 0;
	if (n->type != JSON_OBJECT) {
		pol_diag_error(l, n, -ERR_MALFORMED, "must be an object");
		return;
	}
	p->extra = pol_load_take(l, n->count, sizeof(*p->extra));
	if (!p->extra)
		return;
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m), i++) {
		size_t back = pol_diag_key(l, m);
		read_tool(l, m, &p->extra[i]);
		pol_diag_back(l, back);
	}
	p->n_extra = i;
	if (i)
		qsort(p->extra, i, sizeof(*p->extra), pol_eval_view_cmp);
}
