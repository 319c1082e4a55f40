/*
 * changes.c - what is changed on a host, as callgate-admin writes it into the journal: servers, policies, grants, reviews.
 * Every event goes through the roster, so that the hash of what is in force is that of the real fold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/problems.h"
#include "admin/publish.h"
#include "audit/entry.h"
#include "fleet.h"

/* Who asks is the user; these three approve, give and review, each with a login of their own, acting as root. */
struct person {
	const char *name;
	uint32_t uid;
};
static const struct person issuer = {"oscar", 2001}, reviewer = {"peggy", 2002};
static const char approver[] = "victor";

static json_t *person_json(const struct person *p)
{
	return json_pack("{s:i s:I s:s}", "uid", 0, "person", (json_int_t)p->uid, "user", p->name);
}

static json_t *by_json(struct host *h, const struct person *p)
{
	uint64_t pid = 5000 + h->serial % 20000;

	return json_pack("{s:i s:I s:s s:s s:I s:I}", "uid", 0, "pid", (json_int_t)pid, "user", "root", "exe", "/usr/local/bin/callgate", "pid_start",
	    (json_int_t)(70000000000 + (json_int_t)h->serial * 1000000), "auid", (json_int_t)p->uid);
}

static void world_hash(struct host *h)
{
	struct buf text = {0};

	if (publish_world(&h->roster, h->generation, "enforce", &text))
		die("what is in force");
	sha_hex(buf_view(&text), h->world_hash);
	buf_free(&text);
}

/* As job_write() does it: the writer adds the time, the fold takes what is read. */
static void write_event(struct host *h, const struct person *p, json_t *event, const char *reason, const char *ticket)
{
	char kind[32], at[WALL_TEXT];

	json_object_set_new(event, "kind", json_string("journal"));
	json_object_set_new(event, "by", by_json(h, p));
	if (reason)
		json_object_set_new(event, "reason", json_string(reason));
	if (ticket)
		json_object_set_new(event, "ticket", json_string(ticket));
	char *body = json_dumps(event, JSON_COMPACT);
	struct jsonw *w = trail_line(h->journal, "journal", sim_wall());
	if (!body || entry_object(w, view_str(body), kind, sizeof(kind)))
		die("an event");
	line_end(h->journal);
	free(body);
	if (trail_commit(h->journal, TRAIL_DURABLE))
		die("the journal");
	wall_text(sim_wall(), at);
	json_object_set_new(event, "ts", json_string(at));
	if (roster_apply(&h->roster, event))
		die("an event that the fold refuses");
	h->generation = h->roster.seq = trail_state(h->journal).seq;
	json_decref(event);
	h->serial++;
	world_hash(h);
	line_policy(h);
	sim.now += 20000000;
}

static void ticket_of(struct host *h, const char *what, char out[NAME])
{
	snprintf(out, NAME, "%s-%d%04u", what, h->number, (unsigned)h->serial);
}

static void add_credential(struct host *h, const struct service *s)
{
	line_release(h, 0, "set", s->name, 1, NULL);
	write_event(h, &issuer, json_pack("{s:s s:s s:i s:s}", "event", "credential.set", "name", s->name, "version", 1, "type", "bearer"), NULL, NULL);
}

static void add_server(struct host *h, const struct service *s)
{
	char ticket[NAME];

	ticket_of(h, "CHG", ticket);
	json_t *server = json_pack("{s:s s:[{s:s s:i s:s}] s:s s:{s:s s:s} s:s}", "name", s->name, "match", "host", s->host, "port", 443, "path", "/mcp", "credential", s->name, "inject",
	    "header", "Authorization", "format", "Bearer {secret}", "owner", s->owner);
	write_event(h, &issuer, json_pack("{s:s s:s s:o}", "event", "server.add", "name", s->name, "server", server), "standard server", ticket);
}

static void set_policy(struct host *h, size_t i, const char *text, bool approved)
{
	struct problems found = {0};
	char ticket[NAME], old[HEX];
	json_int_t version = json_integer_value(json_object_get(json_object_get(h->roster.policies, policies[i].name), "version")) + 1;

	if (problems_find(view_str(text), &found))
		die("policy %s: %.*s", policies[i].name, (int)found.json.len, (const char *)buf_view(&found.json).p);
	buf_free(&found.json);
	snprintf(old, sizeof(old), "%s", h->policy_hash[i]);
	snprintf(h->policy_hash[i], HEX, "%s", found.hash);
	ticket_of(h, "CHG", ticket);
	write_event(h, &issuer, json_pack("{s:s s:s s:s s:s s:s* s:I s:s*}", "event", "policy.apply", "name", policies[i].name, "hash", h->policy_hash[i], "document", text, "previous",
	    *old ? old : NULL, "version", version, "approved_by", approved ? approver : NULL), approved ? "reviewed in the change board" : NULL, approved ? ticket : NULL);
}

enum grant_flags { WITH_TICKET = 1, UNUSED = 2 };

static void add_grant(struct host *h, size_t service, const char *reason, unsigned flags)
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";
	const struct service *s = &services[service];
	struct grant *g = &h->grant[h->grants];
	char ticket[NAME], until[WALL_TEXT], at[WALL_TEXT];
	uint64_t r = chance(&h->rnd);

	if (h->grants == GRANTS)
		die("too many grants");
	h->grants++;
	*g = (struct grant){.service = service, .live = true, .unused = flags & UNUSED};
	snprintf(g->id, sizeof(g->id), "g-");
	for (size_t i = 0; i < 8; i++, r >>= 5)
		g->id[2 + i] = set[r & 31];
	ticket_of(h, "ACC", ticket);
	/* Whole microseconds, as in a line. */
	wall_text((struct wall){plan_day(sim.now) + 90 * DAY}, until);
	wall_text(sim_wall(), at);
	json_t *grant = json_pack("{s:I s:s s:s s:s s:s s:s s:s* s:s s:s s:s s:o s:s}", "uid", (json_int_t)h->uid, "user", h->user, "server", s->name, "policy", s->policy, "requested_by",
	    h->user, "approved_by", approver, "ticket", flags & WITH_TICKET ? ticket : NULL, "reason", reason, "expires_at", until, "id", g->id, "issued_by", person_json(&issuer),
	    "issued_at", at);
	write_event(h, &issuer, json_pack("{s:s s:s s:o}", "event", "grant.add", "id", g->id, "grant", grant), reason, flags & WITH_TICKET ? ticket : NULL);
}

static void revoke(struct host *h, size_t i, const char *reason)
{
	char ticket[NAME];

	if (!h->grant[i].live)
		return;
	ticket_of(h, "ACC", ticket);
	write_event(h, &issuer, json_pack("{s:s s:s}", "event", "grant.revoke", "id", h->grant[i].id), reason, ticket);
	h->grant[i].live = false;
}

static void set_up(struct host *h)
{
	const json_t *unused = plan_plant(h->plan, h->number, "unused", 0);
	size_t first = (size_t)h->number % (SERVICES - 1);

	for (size_t i = 0; i < SERVICES; i++) {
		add_credential(h, &services[i]);
		add_server(h, &services[i]);
	}
	for (size_t i = 0; i < POLICIES; i++)
		set_policy(h, i, policies[i].text, true);
	/* Two or three of the first four servers; payments are for a few. */
	add_grant(h, first, "project access", WITH_TICKET);
	add_grant(h, (first + 1) % (SERVICES - 1), "project access", WITH_TICKET);
	if (h->number % 3 == 0)
		add_grant(h, (first + 2) % (SERVICES - 1), "on call", WITH_TICKET);
	if (h->number % 5 == 0)
		add_grant(h, SERVICES - 1, "finance rota", WITH_TICKET);
	if (unused)
		add_grant(h, h->number % 5 == 0 ? (first + 3) % (SERVICES - 1) : SERVICES - 1, "asked for in advance", WITH_TICKET | UNUSED);
}

static void review(struct host *h)
{
	for (size_t i = 0; i < h->grants; i++)
		if (h->grant[i].live)
			write_event(h, &reviewer, json_pack("{s:s s:s s:s s:o}", "event", "grant.review", "id", h->grant[i].id, "decision", "keep", "reviewer", person_json(&reviewer)),
			    "still needed", NULL);
}

static size_t unheld(const struct host *h)
{
	for (size_t i = 0; i < SERVICES; i++) {
		bool held = false;
		for (size_t k = 0; k < h->grants; k++)
			held |= h->grant[k].live && h->grant[k].service == i;
		if (!held)
			return i;
	}
	die("host %d holds every server", h->number);
}

static void change_policy(struct host *h, const json_t *plant)
{
	const char *name = json_string_value(json_object_get(plant, "policy"));
	size_t i = policy_index(name ? name : services[h->grant[0].service].policy);

	set_policy(h, i, policies[i].next, json_is_true(json_object_get(plant, "approved")));
	h->changed[i] = true;
}

void change_do(struct host *h, const struct due *d)
{
	switch (d->kind) {
	case DUE_SETUP:
		set_up(h);
		break;
	case DUE_REVIEW:
		review(h);
		break;
	case DUE_REVOKE:
		for (size_t i = 0; i < h->grants; i++)
			revoke(h, i, "left the company");
		break;
	case DUE_ROLE:
		revoke(h, 0, "role change");
		add_grant(h, unheld(h), "role change", WITH_TICKET);
		break;
	case DUE_POLICY:
		change_policy(h, d->plant);
		break;
	case DUE_GRANT:
		add_grant(h, unheld(h), "urgent", 0);
		break;
	case DUE_LEAVE:
		h->left_at = sim.now;
		break;
	}
}

static void due(struct host *h, int64_t at, enum due_kind kind, const json_t *plant)
{
	size_t i = h->dues;

	if (h->dues == DUES)
		die("host %d: too many changes", h->number);
	for (h->dues++; i && h->due[i - 1].at > at; i--)
		h->due[i] = h->due[i - 1];
	h->due[i] = (struct due){at, kind, plant};
}

static void each(struct host *h, const char *what, enum due_kind kind)
{
	const json_t *p;

	for (size_t i = 0; (p = plan_plant(h->plan, h->number, what, i)); i++)
		due(h, plan_at(h->plan, p), kind, p);
}

/* A leaver: "revoke" is when the grants end, in hours after; -1: never.  Whoever keeps grants goes on calling. */
static void leaver(struct host *h)
{
	const json_t *p = plan_plant(h->plan, h->number, "leaver", 0);
	int64_t hours = plan_number(p, "revoke", 0);

	if (!p)
		return;
	if (hours >= 0)
		due(h, plan_at(h->plan, p) + hours * HOUR, DUE_REVOKE, p);
	if (hours == 0 || !json_is_true(json_object_get(p, "calls")))
		due(h, plan_at(h->plan, p), DUE_LEAVE, p);
}

void changes_plan(struct host *h)
{
	const struct plan *p = h->plan;

	due(h, p->start, DUE_SETUP, NULL);
	if (p->reviews)
		due(h, p->start + (p->days > 2 ? p->days / 2 : p->days - 1) * DAY + 11 * HOUR, DUE_REVIEW, NULL);
	each(h, "role", DUE_ROLE);
	each(h, "policy", DUE_POLICY);
	each(h, "grant-without-ticket", DUE_GRANT);
	leaver(h);
}
