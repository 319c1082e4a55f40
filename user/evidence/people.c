/*
 * people.c - lists from elsewhere: who left or moved, by the HR system, and which hosts there are, by the asset list.
 * Both are CSV with a header line: user,event,at ("leaver" or "mover") and host[,from,to].  More columns are passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "codec/csv.h"
#include "evidence/run.h"

enum { COLUMNS = 4, LEAVERS_MAX = 200000 };

static struct view cell(const struct csv *c, int at)
{
	return at >= 0 && (size_t)at < c->n ? c->field[at] : view_of(NULL, 0);
}

/* A time or a day, as records write it.  false: neither. */
static bool time_of(struct view v, char out[WALL_TEXT])
{
	char text[64];
	struct wall t;

	run_text(text, sizeof(text), "%.*s%s", (int)(v.n < 40 ? v.n : 40), (const char *)v.p, v.n == LAYOUT_DATE - 1 ? "T00:00:00Z" : "");
	if (wall_parse(text, &t))
		return false;
	wall_text(t, out);
	return true;
}

static int bad(struct run *r, const char *list, unsigned line, const char *what)
{
	run_text(r->why, EXPORT_WHY, "%s, line %u: %s", list, line, what);
	return -ERR_MALFORMED;
}

static int take_leaver(struct run *r, const struct csv *c, const int at[COLUMNS])
{
	struct view user = cell(c, at[0]), event = cell(c, at[1]);
	struct leaver l = {.mover = view_is(event, "mover")};

	if (!user.n || user.n >= sizeof(l.user) || (!l.mover && !view_is(event, "leaver")) || !time_of(cell(c, at[2]), l.at))
		return bad(r, "the HR list", c->line, "wants user, event (leaver or mover), at (a time or a day)");
	if (r->nleavers == LEAVERS_MAX)
		return bad(r, "the HR list", c->line, "too many lines");
	run_text(l.user, sizeof(l.user), "%.*s", (int)user.n, (const char *)user.p);
	void *more = reallocarray(r->leavers, r->nleavers + 1, sizeof(l));
	if (!more)
		return -ENOMEM;
	r->leavers = more;
	r->leavers[r->nleavers++] = l;
	return 0;
}

static int take_asset(struct run *r, const struct csv *c, const int at[COLUMNS])
{
	struct view host = cell(c, at[0]), from = cell(c, at[1]), to = cell(c, at[2]);
	char name[NAMES_HOST];

	run_text(name, sizeof(name), "%.*s", (int)(host.n < NAMES_HOST - 1 ? host.n : NAMES_HOST - 1), (const char *)host.p);
	if (!layout_host(name) || strlen(name) != host.n)
		return bad(r, "the asset list", c->line, "that is no host's name");
	struct asset *a = map_get(&r->assets, host);
	if (!a)
		return -ENOMEM;
	if ((from.n && !time_of(from, a->from)) || (to.n && !time_of(to, a->to)))
		return bad(r, "the asset list", c->line, "from and to are times or days");
	return 0;
}

static int take_list(struct run *r, struct view text, const char *list, const char *const names[COLUMNS], unsigned must,
    int (*take)(struct run *r, const struct csv *c, const int at[COLUMNS]))
{
	uint8_t *copy = malloc(text.n + 1);
	struct csv c;
	int at[COLUMNS], r2 = copy ? 1 : -ENOMEM;

	if (!copy)
		return r2;
	memcpy(copy, text.p, text.n);
	csv_begin(&c, copy, text.n);
	r2 = csv_row(&c);
	for (unsigned i = 0; i < COLUMNS; i++)
		at[i] = r2 > 0 && names[i] ? csv_column(&c, names[i]) : -1;
	for (unsigned i = 0; r2 > 0 && i < must; i++)
		if (at[i] < 0)
			r2 = bad(r, list, c.line, "the header lacks a column that is needed");
	while (r2 > 0 && (r2 = csv_row(&c)) > 0) {
		int e = take(r, &c, at);
		if (e)
			r2 = e;
	}
	if (r2 < 0 && !r->why[0])
		run_text(r->why, EXPORT_WHY, "%s, line %u: %s", list, c.line, err_text(r2));
	free(copy);
	return r2 < 0 ? r2 : 0;
}

int people_read(struct run *r)
{
	static const char *const leaver[COLUMNS] = {"user", "event", "at"}, *const asset[COLUMNS] = {"host", "from", "to"};
	int e = 0;

	r->have_assets = r->o->assets.p != NULL;
	if (r->o->hr.p)
		e = take_list(r, r->o->hr, "the HR list", leaver, 3, take_leaver);
	if (!e && r->have_assets)
		e = take_list(r, r->o->assets, "the asset list", asset, 1, take_asset);
	return e;
}

void people_call(struct run *r, const char *person, const char *ts, struct view id)
{
	for (size_t i = 0; *person && i < r->nleavers; i++) {
		struct leaver *l = &r->leavers[i];
		if (strcmp(l->at, ts) > 0 || strcmp(l->user, person) != 0)
			continue;
		if (!l->calls++)
			run_text(l->first_call, sizeof(l->first_call), "%.*s", (int)(id.n < 79 ? id.n : 79), (const char *)id.p);
	}
}

static void later(const char *at, unsigned hours, char out[WALL_TEXT])
{
	struct wall t = {0};

	if (wall_parse(at, &t))
		t.ns = 0;
	wall_text((struct wall){t.ns + (int64_t)hours * 3600 * INT64_C(1000000000)}, out);
}

void people_grant(struct run *r, const char *user, const struct grant *g)
{
	for (size_t i = 0; *user && i < r->nleavers; i++) {
		struct leaver *l = &r->leavers[i];
		char limit[WALL_TEXT];
		if (strcmp(l->user, user) != 0 || !grants_force(g, l->at))
			continue;
		later(l->at, r->o->leaver_hours, limit);
		l->held++;
		if (g->how && strcmp(g->ended, limit) <= 0)
			l->in_time++;
		else if (g->how)
			l->late++;
		else
			l->open++;
		l->reviewed += !g->how && strcmp(g->reviewed, l->at) >= 0;
		if (g->how && strcmp(g->ended, l->last_end) > 0)
			run_text(l->last_end, sizeof(l->last_end), "%s", g->ended);
	}
}

static void leaver_finding(struct run *r, const struct leaver *l, const char *kind, const char *text)
{
	run_finding(r, kind, SH_LEAVERS, "", l->user, l->at, l->last_end, "%s", text);
}

/* A mover keeps what was looked at again after the move; a leaver keeps nothing. */
static const char *judge(struct run *r, const struct leaver *l, char limit[WALL_TEXT])
{
	const char *result = "good";

	later(l->at, r->o->leaver_hours, limit);
	bool over = strcmp(limit, r->to) < 0;
	if (l->mover) {
		if (l->open > l->reviewed && over)
			leaver_finding(r, l, "mover-kept-grants", result = "grants of the old role are in force and were not reviewed after the move");
		return result;
	}
	if (l->open && over)
		leaver_finding(r, l, "leaver-kept-grants", result = "grants are still in force");
	else if (l->late)
		leaver_finding(r, l, "leaver-late", result = "grants ended later than agreed");
	else if (l->open)
		result = "the agreed hours are not over";
	if (l->calls)
		leaver_finding(r, l, "leaver-called", result = l->open || l->late ? "grants outlived the person, and calls were made after the end" : "calls were allowed after the end");
	return result;
}

void people_write(struct run *r)
{
	struct bundle *b = r->b;

	for (size_t i = 0; i < r->nleavers; i++) {
		struct leaver *l = &r->leavers[i];
		char limit[WALL_TEXT];
		row_str(b, SH_LEAVERS, l->user);
		row_str(b, SH_LEAVERS, l->mover ? "mover" : "leaver");
		row_str(b, SH_LEAVERS, l->at);
		row_num(b, SH_LEAVERS, l->held);
		row_num(b, SH_LEAVERS, l->in_time);
		row_num(b, SH_LEAVERS, l->late);
		row_num(b, SH_LEAVERS, l->open);
		row_num(b, SH_LEAVERS, l->reviewed);
		row_str(b, SH_LEAVERS, l->last_end);
		row_num(b, SH_LEAVERS, l->mover ? 0 : l->calls);
		row_str(b, SH_LEAVERS, l->mover ? "" : l->first_call);
		row_str(b, SH_LEAVERS, judge(r, l, limit));
		row_end(b, SH_LEAVERS, l->at);
	}
	struct map_entry **at = map_sorted(&r->assets);
	for (size_t i = 0; at && i < r->assets.n; i++) {
		const struct asset *a = (const struct asset *)at[i]->data;
		const char *name = (const char *)at[i]->key.p;
		if (a->seen || (a->to[0] && strcmp(a->to, r->from) <= 0) || (a->from[0] && strcmp(a->from, r->to) >= 0))
			continue;
		row_str(b, SH_HOSTS, name);
		row_str(b, SH_HOSTS, "yes");
		for (int k = 0; k < 9; k++)
			row_str(b, SH_HOSTS, "");
		row_str(b, SH_HOSTS, "not enrolled");
		row_end(b, SH_HOSTS, NULL);
		run_finding(r, "host-not-enrolled", SH_HOSTS, name, "", r->from, r->to, "the asset list names a host of which the store has nothing");
	}
	free(at);
}
