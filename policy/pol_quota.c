/*
 * pol_quota.c - read limits.
 * Floor: policy, inside.      Source: docs/POLICY.md "limits".
 */
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_load_internal.h"
#include "policy/quota_hash.h"

static const char *const windows[WINDOW_COUNT] = {"minute", "hour", "day", "month", "sliding_minute", "sliding_hour", "sliding_day"};
static const char *const scopes[SCOPE_COUNT] = {"grant", "user", "server", "tool"};

struct reading { /* a limit and whether each amount was given */
	struct pol_limit *limit;
	bool increment, increment_from;
	bool extra; /* stands in x-callgate */
};

static void limit_counter(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	if (!pol_load_text(l, n, &r->limit->counter))
		return;
	if (!r->limit->counter.n)
		pol_diag_error(l, n, -ERR_MALFORMED, "must not be empty");
}

static void limit_window(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	int known = r->extra ? WINDOW_COUNT : WINDOW_MONTH;
	for (int i = 0; i < known; i++) {
		r->limit->window = (enum pol_window)i;
		if (json_str_eq(&l->doc, n, view_str(windows[i])))
			return;
	}
	r->limit->window = WINDOW_MINUTE;
	pol_diag_error(l, n, -ERR_MALFORMED, r->extra ?
	    "must be \"minute\", \"hour\", \"day\", \"month\", \"sliding_minute\", \"sliding_hour\" or \"sliding_day\"" :
	    "must be \"minute\", \"hour\" or \"day\"; others stand in x-callgate");
}

static void limit_max(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	(void)pol_load_whole(l, n, 1, &r->limit->max);
}

static void limit_scope(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	int known = r->extra ? SCOPE_COUNT : SCOPE_USER;
	for (int i = 0; i < known; i++) {
		r->limit->scope = (enum pol_scope)i;
		if (json_str_eq(&l->doc, n, view_str(scopes[i])))
			return;
	}
	r->limit->scope = SCOPE_GRANT;
	pol_diag_error(l, n, -ERR_MALFORMED, r->extra ? "must be \"grant\", \"user\", \"server\" or \"tool\"" :
	    "must be \"grant\"; others stand in x-callgate");
}

static void limit_increment(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	r->increment = true;
	(void)pol_load_whole(l, n, 1, &r->limit->increment);
}

static void limit_increment_from(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	r->increment_from = true;
	(void)pol_rules_path(l, n, &r->limit->from);
}

static void limit_on_deny(struct pol_loader *l, const struct json_node *n, void *into)
{
	struct reading *r = into;
	r->limit->has_text = pol_load_text(l, n, &r->limit->on_deny);
	if (r->limit->on_deny.n >= POL_TEXT_MAX)
		pol_diag_warning(l, n, "is longer than %d bytes and will be cut", POL_TEXT_MAX - 1);
}

static void read_any(struct pol_loader *l, const struct json_node *n, struct pol_limit *into, bool extra)
{
	static const struct pol_field fields[] = {
	    {"counter", limit_counter, true},
	    {"window", limit_window, true},
	    {"max", limit_max, true},
	    {"scope", limit_scope, false},
	    {"increment", limit_increment, false},
	    {"increment_from", limit_increment_from, false},
	    {"on_deny", limit_on_deny, false},
	};
	struct reading r = {.limit = into, .extra = extra};
	r.limit->increment = 1;
	pol_load_fields(l, n, fields, sizeof(fields) / sizeof(fields[0]), &r);
	if (r.increment && r.increment_from)
		pol_diag_error(l, n, -ERR_MALFORMED, "has both increment and increment_from");
}

static void read_limit(struct pol_loader *l, const struct json_node *n, void *into)
{
	read_any(l, n, into, false);
}

static void read_extra_limit(struct pol_loader *l, const struct json_node *n, void *into)
{
	read_any(l, n, into, true);
}

/* Counters of one list, sorted, to find one that is used twice. */
static void check_counters(struct pol_loader *l, const struct json_node *n, const struct pol_limit_list *list)
{
	struct view *name = pol_load_take(l, list->n, sizeof(*name));
	if (!name)
		return;
	for (uint32_t i = 0; i < list->n; i++)
		name[i] = list->limit[i].counter;
	qsort(name, list->n, sizeof(*name), pol_eval_view_cmp);
	for (uint32_t i = 1; i < list->n; i++)
		if (name[i].n && view_eq(name[i], name[i - 1]))
			pol_diag_error(l, n, -ERR_EXISTS, "uses the counter \"%.64s\" twice", (const char *)name[i].p);
}

/* Limits of all tools are static: an amount taken from an argument would mean something else for every tool. */
static void check_static(struct pol_loader *l, const struct json_node *n)
{
	uint32_t i = 0;
	for (const struct json_node *m = json_first(&l->doc, n); m; m = json_next(&l->doc, n, m), i++) {
		const struct json_node *from = json_get(&l->doc, m, VIEW_LIT("increment_from"));
		if (!from)
			continue;
		size_t back = pol_diag_index(l, i);
		pol_diag_key(l, from);
		pol_diag_error(l, from, -ERR_MALFORMED, "is not possible for all tools together");
		pol_diag_back(l, back);
	}
}

void pol_quota_read(struct pol_loader *l, const struct json_node *n, const char *base, enum pol_list list, struct view tool,
    struct pol_limit_list *out)
{
	bool extra = list == LIST_EXTRA_TOOL || list == LIST_EXTRA_ALL;
	out->limit = pol_load_list(l, n, sizeof(*out->limit), extra ? read_extra_limit : read_limit, &out->n);
	if (!out->limit)
		return;
	for (uint32_t i = 0; i < out->n; i++) {
		struct pol_limit *lim = &out->limit[i];
		lim->list = list;
		lim->name = pol_load_pointer(l, n, base, lim->counter, "");
		lim->hash = quota_hash_limit((unsigned)lim->window, (uint8_t)list, tool, lim->counter);
	}
	check_counters(l, n, out);
	if (list == LIST_ALL || list == LIST_EXTRA_ALL)
		check_static(l, n);
}
