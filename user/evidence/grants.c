/* grants.c - the rows of a host's grants, once its journal and its calls were read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/run.h"

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

bool grants_force(const struct grant *g, const char *at)
{
	return strcmp(g->issued, at) < 0 && (!g->how || strcmp(g->ended, at) >= 0);
}

/* A grant ends by itself, too. */
static void expire(struct run *r, struct grant *g)
{
	struct wall t;
	char at[WALL_TEXT];

	if (wall_parse(text(g->o, "expires_at"), &t))
		return;
	wall_text(t, at);
	if (strcmp(at, r->to) >= 0 || (g->how && strcmp(g->ended, at) <= 0))
		return;
	g->how = "expired";
	run_text(g->ended, sizeof(g->ended), "%s", at);
	g->ended_by[0] = g->reason[0] = '\0';
}

static void cell_person(struct bundle *b, enum sheet s, const json_t *o, const char *key)
{
	char who[96];

	journal_person(json_object_get(o, key), who, sizeof(who));
	row_str(b, s, who);
}

/* Who the grant names, or who confirmed it. */
static void approver(const struct grant *g, char who[96])
{
	journal_person(json_object_get(g->o, "approved_by"), who, 96);
	if (!*who)
		run_text(who, 96, "%s", g->confirmed);
}

static void scope(const struct grant *g, char *out, size_t cap)
{
	const char *agent = text(g->o, "agent");

	run_text(out, cap, "%s under %s%s%s", text(g->o, "server"), *text(g->o, "policy") ? text(g->o, "policy") : "(no policy)", *agent ? " for " : "", agent);
}

static void roster_cells(struct host *h, enum sheet s, const char *id, const struct grant *g)
{
	static const char *const narrow[] = {"exe_sha256", "unit", "cgroup", "group", "via", "token_sha256"};
	struct bundle *b = h->run->b;
	char by[200] = "", who[96];
	const char *hash = text(h->policies, text(g->o, "policy"));

	for (size_t i = 0; i < sizeof(narrow) / sizeof(*narrow); i++)
		if (*text(g->o, narrow[i]))
			run_text(by + strlen(by), sizeof(by) - strlen(by), "%s%s=%s", *by ? " " : "", narrow[i], text(g->o, narrow[i]));
	const struct policy *p = map_find(&h->run->policies, view_str(hash));
	row_str(b, s, h->name);
	row_str(b, s, id);
	row_str(b, s, text(g->o, "user"));
	if (json_is_integer(json_object_get(g->o, "uid")))
		row_num(b, s, (uint64_t)json_integer_value(json_object_get(g->o, "uid")));
	else
		row_str(b, s, "every governed user");
	row_str(b, s, text(g->o, "agent"));
	row_str(b, s, by);
	row_str(b, s, text(g->o, "server"));
	row_str(b, s, p ? p->tools : "");
	row_str(b, s, text(g->o, "policy"));
	row_str(b, s, hash);
	row_str(b, s, text(g->o, "credential"));
	cell_person(b, s, g->o, "requested_by");
	approver(g, who);
	row_str(b, s, who);
	cell_person(b, s, g->o, "issued_by");
	row_str(b, s, g->issued);
	row_str(b, s, text(g->o, "expires_at"));
	row_str(b, s, text(g->o, "ticket"));
	row_str(b, s, text(g->o, "reason"));
}

static void issued(struct host *h, const char *id, const struct grant *g)
{
	struct bundle *b = h->run->b;
	char what[256], asked[96], approved[96];
	bool ticket = *text(g->o, "ticket");

	journal_person(json_object_get(g->o, "requested_by"), asked, sizeof(asked));
	approver(g, approved);
	bool same = *asked && strcmp(asked, approved) == 0;
	roster_cells(h, SH_GRANTS_ISSUED, id, g);
	row_str(b, SH_GRANTS_ISSUED, g->first);
	row_str(b, SH_GRANTS_ISSUED, same ? "yes" : "no");
	row_str(b, SH_GRANTS_ISSUED, ticket ? "yes" : "no");
	row_str(b, SH_GRANTS_ISSUED, *approved ? "yes" : "no");
	row_end(b, SH_GRANTS_ISSUED, g->issued);
	scope(g, what, sizeof(what));
	row_str(b, SH_ISSUANCE, h->name);
	row_str(b, SH_ISSUANCE, id);
	row_str(b, SH_ISSUANCE, text(g->o, "user"));
	row_str(b, SH_ISSUANCE, what);
	cell_person(b, SH_ISSUANCE, g->o, "issued_by");
	row_str(b, SH_ISSUANCE, g->issued);
	row_str(b, SH_ISSUANCE, asked);
	row_str(b, SH_ISSUANCE, approved);
	row_str(b, SH_ISSUANCE, text(g->o, "ticket"));
	row_str(b, SH_ISSUANCE, text(g->o, "reason"));
	row_end(b, SH_ISSUANCE, g->issued);
	if (!ticket)
		run_finding(h->run, "grant-without-ticket", SH_GRANTS_ISSUED, h->name, id, g->issued, "", "%s was given %s without a ticket", text(g->o, "user"), what);
	if (!*approved)
		run_finding(h->run, "grant-not-approved", SH_GRANTS_ISSUED, h->name, id, g->issued, "", "%s was given %s and nobody is named who approved it", text(g->o, "user"), what);
	if (same)
		run_finding(h->run, "grant-self-approved", SH_GRANTS_ISSUED, h->name, id, g->issued, "", "%s asked for %s and approved it", asked, what);
}

static void ended(struct host *h, const char *id, const struct grant *g)
{
	struct bundle *b = h->run->b;
	char what[256];

	scope(g, what, sizeof(what));
	row_str(b, SH_REVOCATIONS, h->name);
	row_str(b, SH_REVOCATIONS, id);
	row_str(b, SH_REVOCATIONS, text(g->o, "user"));
	row_str(b, SH_REVOCATIONS, what);
	row_str(b, SH_REVOCATIONS, g->ended);
	row_str(b, SH_REVOCATIONS, g->how);
	row_str(b, SH_REVOCATIONS, g->ended_by);
	row_str(b, SH_REVOCATIONS, g->reason);
	row_str(b, SH_REVOCATIONS, g->ticket);
	row_end(b, SH_REVOCATIONS, g->ended);
}

static void in_force(struct host *h, const char *id, const struct grant *g)
{
	struct run *r = h->run;
	struct bundle *b = r->b;
	uint64_t age = run_seconds(g->issued, r->to) / 86400;
	char what[256];

	scope(g, what, sizeof(what));
	roster_cells(h, SH_ROSTER, id, g);
	row_end(b, SH_ROSTER, g->issued);
	roster_cells(h, SH_GRANTS_END, id, g);
	row_end(b, SH_GRANTS_END, g->issued);
	row_str(b, SH_GRANT_REVIEW, text(g->o, "user"));
	row_str(b, SH_GRANT_REVIEW, h->name);
	row_str(b, SH_GRANT_REVIEW, id);
	row_str(b, SH_GRANT_REVIEW, what);
	row_str(b, SH_GRANT_REVIEW, g->issued);
	row_num(b, SH_GRANT_REVIEW, age);
	row_str(b, SH_GRANT_REVIEW, g->last);
	row_num(b, SH_GRANT_REVIEW, g->allowed);
	row_num(b, SH_GRANT_REVIEW, g->denied);
	row_str(b, SH_GRANT_REVIEW, g->reviewed);
	row_str(b, SH_GRANT_REVIEW, g->reviewer);
	row_str(b, SH_GRANT_REVIEW, g->decision);
	row_end(b, SH_GRANT_REVIEW, g->issued);
	json_array_append_new(r->grants, json_pack("{s:s s:s s:s s:s s:I s:s s:I}", "host", h->name, "grant", id, "user", text(g->o, "user"), "server", text(g->o, "server"),
	    "age_days", (json_int_t)age, "last_use", g->last, "calls", (json_int_t)g->allowed));
	if (g->allowed)
		return;
	row_str(b, SH_UNUSED, h->name);
	row_str(b, SH_UNUSED, id);
	row_str(b, SH_UNUSED, text(g->o, "user"));
	row_str(b, SH_UNUSED, text(g->o, "server"));
	row_str(b, SH_UNUSED, text(g->o, "policy"));
	row_str(b, SH_UNUSED, g->issued);
	row_num(b, SH_UNUSED, age);
	row_str(b, SH_UNUSED, g->last);
	row_num(b, SH_UNUSED, g->allowed);
	row_num(b, SH_UNUSED, g->denied);
	row_end(b, SH_UNUSED, g->issued);
	run_finding(r, "unused-privilege", SH_UNUSED, h->name, id, g->issued, r->to, "%s may call %s and did not in the period", text(g->o, "user"), what);
}

void grants_write(struct host *h)
{
	struct run *r = h->run;
	struct map_entry **at = map_sorted(&h->grants);

	for (size_t i = 0; at && i < h->grants.n; i++) {
		struct grant *g = (struct grant *)at[i]->data;
		const char *id = (const char *)at[i]->key.p;
		expire(r, g);
		if (grants_force(g, r->from)) {
			roster_cells(h, SH_GRANTS_START, id, g);
			row_end(r->b, SH_GRANTS_START, g->issued);
		}
		if (strcmp(g->issued, r->from) >= 0)
			issued(h, id, g);
		if (g->how && strcmp(g->ended, r->from) >= 0)
			ended(h, id, g);
		if (grants_force(g, r->to))
			in_force(h, id, g);
		people_grant(r, text(g->o, "user"), g);
		json_decref(g->o);
	}
	free(at);
}
