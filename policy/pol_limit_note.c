/*
 * pol_limit_note.c - what a record says of a charge, and counting it again from there.
 * Floor: policy.      Source: docs/POLICY.md "limits".
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy/pol_limit_internal.h"

enum { NAME_SHOWN = 40, HEX = 32 }; /* sixteen of the longest fit the text */

static const char *const scope_name[SCOPE_COUNT] = {"grant", "user", "server", "tool"};
/* How much of the window's start is written tells a calendar window's kind; a sliding one is named. */
static const struct {
	int shown;
	const char *tail;
} window_text[WINDOW_COUNT] = {[WINDOW_MINUTE] = {16, ""}, [WINDOW_HOUR] = {13, ""}, [WINDOW_DAY] = {10, ""}, [WINDOW_MONTH] = {7, ""},
    [WINDOW_SLIDING_MINUTE] = {19, "~minute"}, [WINDOW_SLIDING_HOUR] = {19, "~hour"}, [WINDOW_SLIDING_DAY] = {19, "~day"}};

quota_hash_t limit_name(quota_hash_t hash, enum pol_scope scope, const struct pol_who *who, struct view tool)
{
	uint8_t tag[2] = {0xff, (uint8_t)scope};
	if (scope == SCOPE_GRANT)
		return quota_hash_sized(hash, view_str(who->grant));
	hash = quota_hash(hash, view_of(tag, sizeof(tag)));
	if (scope == SCOPE_USER)
		return quota_hash(hash, view_of(&who->uid, sizeof(who->uid)));
	hash = quota_hash_sized(hash, view_str(who->server));
	return scope == SCOPE_TOOL ? quota_hash_sized(hash, tool) : hash;
}

static bool clean(struct view name)
{
	if (!name.n || name.n > NAME_SHOWN || name.p[0] == '#')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] == 0x7f || name.p[i] == '=' || name.p[i] == '@' || name.p[i] == '/')
			return false;
	return true;
}

void limit_note(struct pol_charge *charge, const struct pol_limit *limit, const struct quota_claim *q)
{
	char amount[64], at[WALL_TEXT], name[NAME_SHOWN + 1], list[64] = "";
	size_t used = strlen(charge->text);

	/* A name that would not be read back is written as the number that stands for it. */
	if (clean(limit->counter))
		snprintf(name, sizeof(name), "%.*s", (int)limit->counter.n, (const char *)limit->counter.p);
	else
		snprintf(name, sizeof(name), "#%016llx%016llx", (unsigned long long)(limit->hash >> 64), (unsigned long long)limit->hash);
	if (limit->list == LIST_ALL)
		snprintf(list, sizeof(list), "all_tools/");
	else if (limit->list != LIST_TOOL)
		snprintf(list, sizeof(list), "x-callgate/%s%s/", limit->list == LIST_EXTRA_ALL ? "all/" : "", scope_name[limit->scope]);
	dec_units_text(q->amount, POL_LIMIT_SCALE, amount, sizeof(amount));
	wall_text((struct wall){quota_table_start(q->kind, q->window) * 1000000000}, at);
	snprintf(charge->text + used, sizeof(charge->text) - used, "%s%s%s=%s@%.*s%s", used ? "\x1f" : "", list, name, amount,
	    window_text[limit->window].shown, at, window_text[limit->window].tail);
}

static bool cut(struct view *v, const char *prefix)
{
	if (!view_starts(*v, view_str(prefix)))
		return false;
	*v = view_skip(*v, strlen(prefix));
	return true;
}

static bool list_and_scope(struct view *v, enum pol_list *list, enum pol_scope *scope)
{
	*scope = SCOPE_GRANT;
	*list = cut(v, "all_tools/") ? LIST_ALL : LIST_TOOL;
	if (*list == LIST_ALL || !cut(v, "x-callgate/"))
		return true;
	*list = cut(v, "all/") ? LIST_EXTRA_ALL : LIST_EXTRA_TOOL;
	for (; *scope < SCOPE_COUNT; ++*scope) {
		char prefix[16];
		snprintf(prefix, sizeof(prefix), "%s/", scope_name[*scope]);
		if (cut(v, prefix))
			return true;
	}
	return false;
}

/* "2026-11-03T10~hour" and its like: the kind, and a second within the window. */
static bool window_read(struct view v, unsigned *kind, int64_t *seconds)
{
	static const char rest[] = "0000-01-01T00:00:00Z";
	char text[32];
	struct wall at;
	for (*kind = 0; *kind < WINDOW_COUNT; ++*kind) {
		size_t shown = (size_t)window_text[*kind].shown;
		if (v.n == shown + strlen(window_text[*kind].tail) && view_is(view_skip(v, shown), window_text[*kind].tail)) {
			memcpy(text, rest, sizeof(rest));
			memcpy(text, v.p, shown);
			if (wall_parse(text, &at))
				return false;
			*seconds = at.ns / 1000000000;
			return true;
		}
	}
	return false;
}

static bool hex_read(struct view v, quota_hash_t *out)
{
	*out = 0;
	for (size_t i = 0; i < v.n; i++) {
		uint8_t c = v.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*out = *out << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return v.n == HEX;
}

static bool replay_one(struct pol_limits *l, struct view v, const struct pol_who *who, struct view tool)
{
	const uint8_t *at = v.n ? memrchr(v.p, '@', v.n) : NULL;
	struct quota_claim q = {0};
	enum pol_list list;
	enum pol_scope scope;
	quota_hash_t hash;
	int64_t seconds;
	struct dec d;

	if (!at || !window_read(view_skip(v, (size_t)(at - v.p) + 1), &q.kind, &seconds))
		return false;
	v.n = (size_t)(at - v.p);
	const uint8_t *eq = v.n ? memrchr(v.p, '=', v.n) : NULL;
	if (!eq || dec_parse(view_skip(v, (size_t)(eq - v.p) + 1), &d) || dec_units(&d, POL_LIMIT_SCALE, &q.amount))
		return false;
	v.n = (size_t)(eq - v.p);
	if (!list_and_scope(&v, &list, &scope) || !v.n)
		return false;
	bool all = list == LIST_ALL || list == LIST_EXTRA_ALL;
	if (v.p[0] != '#')
		hash = quota_hash_limit(q.kind, (uint8_t)list, all ? VIEW_LIT("") : tool, v);
	else if (!hex_read(view_skip(v, 1), &hash))
		return false;
	q.name = limit_name(hash, scope, who, tool);
	q.window = quota_table_window(q.kind, seconds);
	return quota_table_count(l->table, &q, who->worker) == QUOTA_YES;
}

unsigned pol_limits_replay(struct pol_limits *l, struct view text, const struct pol_who *who, struct view tool)
{
	unsigned counted = 0;
	while (text.n) {
		const uint8_t *end = memchr(text.p, 0x1f, text.n);
		struct view one = end ? view_of(text.p, (size_t)(end - text.p)) : text;
		counted += replay_one(l, one, who, tool);
		text = view_skip(text, one.n + (end ? 1 : 0));
	}
	return counted;
}
