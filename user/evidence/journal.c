/*
 * journal.c - what the journal says: policies and servers of all hosts in a first pass, then grants, reviews and credentials host by host.
 * Events are those of docs/ARCHITECTURE.md "The journal".  A line that does not parse is counted, not guessed at.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "admin/roster.h"
#include "base/err.h"
#include "evidence/run.h"

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

void journal_person(const json_t *v, char *out, size_t cap)
{
	const char *user = json_is_string(v) ? json_string_value(v) : text(v, "user");
	const json_t *uid = json_object_get(v, "uid"), *login = json_object_get(v, "person") ? json_object_get(v, "person") : json_object_get(v, "auid");

	if (!json_is_string(v) && !*user && json_is_integer(uid))
		run_text(out, cap, "uid:%" JSON_INTEGER_FORMAT, json_integer_value(uid));
	else
		run_text(out, cap, "%s", user);
	/* Who acts as root is the account that logged in. */
	size_t n = strlen(out);
	if (json_is_integer(login) && json_integer_value(login) != json_integer_value(uid) && json_integer_value(login) != UINT32_MAX)
		run_text(out + n, cap - n, " (login %" JSON_INTEGER_FORMAT ")", json_integer_value(login));
}

struct user *journal_user(struct host *h, uint64_t uid, bool make)
{
	char key[24];
	size_t n = (size_t)snprintf(key, sizeof(key), "%" PRIu64, uid);

	return make ? map_get(&h->users, view_of(key, n)) : map_find(&h->users, view_of(key, n));
}

static void learn_user(struct host *h, const json_t *o)
{
	const json_t *uid = json_object_get(o, "uid"), *person = json_object_get(o, "person");
	const char *name = text(o, "user");

	if (!*name || !json_is_integer(uid) || (person && !json_equal(uid, person)))
		return;
	struct user *u = journal_user(h, (uint64_t)json_integer_value(uid), true);
	if (u && !u->name[0])
		run_text(u->name, sizeof(u->name), "%s", name);
}

/* ---- policies ---- */

static bool same_person(const json_t *a, const json_t *b)
{
	static const char *const login[] = {"person", "auid", "uid"};
	const json_t *x = NULL, *y = NULL;

	for (size_t i = 0; i < sizeof(login) / sizeof(*login); i++) {
		x = x ? x : json_object_get(a, login[i]);
		y = y ? y : json_object_get(b, login[i]);
	}
	return x && y && json_equal(x, y);
}

/* Who confirmed what another person proposed: the service saw to it that they are two. */
static bool confirmed(const json_t *e, char who[96])
{
	const json_t *proposed = json_object_get(e, "proposed_by"), *by = json_object_get(e, "by");

	if (!json_is_object(proposed) || !json_is_object(by) || same_person(proposed, by))
		return false;
	journal_person(by, who, 96);
	return *who != '\0';
}

static bool approves(const json_t *e, char who[96])
{
	char by[96];

	if (confirmed(e, who))
		return true;
	journal_person(json_object_get(e, "approved_by"), who, 96);
	journal_person(json_object_get(e, "by"), by, sizeof(by));
	return *who && strcmp(who, by) != 0;
}

/* A document in pieces: see user/admin/job_journal.c; the first piece begins anew. */
static void policy_part(struct host *h, const json_t *e)
{
	const char *hash = text(e, "hash");

	if (!h->parts)
		h->parts = json_object();
	if (json_integer_value(json_object_get(e, "part")) == 0)
		json_object_set_new(h->parts, hash, json_array());
	json_array_append(json_object_get(h->parts, hash), json_object_get(e, "text"));
}

static void document(struct host *h, const json_t *e)
{
	const char *hash = text(e, "hash");
	const json_t *whole = json_object_get(e, "document"), *parts = json_object_get(h->parts, hash), *piece;
	struct buf all = {.max = 16 << 20};
	size_t i;
	int r = 0;

	if (json_is_string(whole)) {
		files_document(h->run, hash, view_of(json_string_value(whole), json_string_length(whole)));
		return;
	}
	json_array_foreach(parts, i, piece)
		r = r ? r : buf_put(&all, view_of(json_string_value(piece), json_string_length(piece)));
	if (!r && all.len)
		files_document(h->run, hash, buf_view(&all));
	if (parts)
		json_object_del(h->parts, hash);
	buf_free(&all);
}

static void policy_first_pass(struct host *h, const json_t *e)
{
	char who[96] = "";
	struct policy *p = map_get(&h->run->policies, view_str(text(e, "hash")));

	if (!p)
		return;
	if (strcmp(text(e, "event"), "policy.approve") == 0) {
		journal_person(json_object_get(e, "by"), who, sizeof(who));
		run_text(p->approved_by, sizeof(p->approved_by), "%s", who);
		p->approved = true;
		return;
	}
	bool approved = approves(e, who);
	if (approved || *text(e, "ticket"))
		p->approved = true;
	if (approved && !p->approved_by[0])
		run_text(p->approved_by, sizeof(p->approved_by), "%s", who);
	if (!p->ticket[0])
		run_text(p->ticket, sizeof(p->ticket), "%s", text(e, "ticket"));
	if (!strstr(p->names, text(e, "name")))
		run_text(p->names + strlen(p->names), sizeof(p->names) - strlen(p->names), "%s%s", p->names[0] ? " " : "", text(e, "name"));
	if (!p->applied || strcmp(text(e, "ts"), p->first_at) < 0) {
		run_text(p->first_at, sizeof(p->first_at), "%s", text(e, "ts"));
		run_text(p->first_on, sizeof(p->first_on), "%s", h->name);
		journal_person(json_object_get(e, "by"), p->by, sizeof(p->by));
	}
	p->applied = true;
	document(h, e);
	p->hosts += !map_find(&h->deployed, view_str(text(e, "hash")));
	map_get(&h->deployed, view_str(text(e, "hash")));
}

static void policy_row(struct host *h, enum sheet s, const json_t *e, const char *previous)
{
	struct bundle *b = h->run->b;
	char by[96], approved[96];

	journal_person(json_object_get(e, "by"), by, sizeof(by));
	if (!approves(e, approved))
		approved[0] = '\0';
	row_str(b, s, h->name);
	row_str(b, s, text(e, "name"));
	row_num(b, s, (uint64_t)json_integer_value(json_object_get(e, "version")));
	row_str(b, s, text(e, "hash"));
	if (s == SH_POLICY_HISTORY)
		row_str(b, s, previous);
	row_str(b, s, text(e, "ts"));
	row_str(b, s, by);
	if (s == SH_DEPLOYMENTS) {
		const char *first = map_find(&h->deployed, view_str(text(e, "hash")));
		row_str(b, s, first);
	} else {
		row_str(b, s, approved);
		row_str(b, s, text(e, "ticket"));
		row_str(b, s, text(e, "reason"));
		if (json_is_integer(json_object_get(e, "rollback_to")))
			row_num(b, s, (uint64_t)json_integer_value(json_object_get(e, "rollback_to")));
		else
			row_str(b, s, "");
	}
	row_end(b, s, text(e, "ts"));
}

static void policy_apply(struct host *h, const json_t *e)
{
	const char *before = text(h->policies, text(e, "name"));
	struct run *r = h->run;

	if (strcmp(text(e, "ts"), r->from) >= 0) {
		const char *hash = text(e, "hash");
		const struct policy *p = map_find(&r->policies, view_str(hash));
		policy_row(h, SH_POLICY_HISTORY, e, before);
		json_array_append_new(r->timeline, json_pack("{s:s s:s s:s s:s s:b}", "host", h->name, "at", text(e, "ts"), "policy", text(e, "name"), "hash", hash,
		    "approved", p && p->approved));
	}
	policy_row(h, SH_DEPLOYMENTS, e, before);
	json_object_set(h->policies, text(e, "name"), json_object_get(e, "hash"));
}

/* ---- grants ---- */

static void grant_add(struct host *h, json_t *e)
{
	json_t *o = json_object_get(e, "grant");
	struct grant *g = *text(o, "id") ? map_get(&h->grants, view_str(text(o, "id"))) : NULL;

	if (!g || g->o) {
		h->run->rejects++;
		return;
	}
	g->o = json_incref(o);
	run_text(g->issued, sizeof(g->issued), "%s", text(e, "ts"));
	run_text(g->ticket, sizeof(g->ticket), "%s", *text(o, "ticket") ? text(o, "ticket") : text(e, "ticket"));
	confirmed(e, g->confirmed);
	learn_user(h, o);
}

static void grant_end(struct host *h, const json_t *e, const char *how)
{
	struct grant *g = map_find(&h->grants, view_str(text(e, "id")));

	if (!g || g->how)
		return;
	g->how = how;
	run_text(g->ended, sizeof(g->ended), "%s", text(e, "ts"));
	run_text(g->reason, sizeof(g->reason), "%s", text(e, "reason"));
	if (*text(e, "ticket"))
		run_text(g->ticket, sizeof(g->ticket), "%s", text(e, "ticket"));
	journal_person(json_object_get(e, strcmp(how, "review") == 0 ? "reviewer" : "by"), g->ended_by, sizeof(g->ended_by));
}

static void grant_review(struct host *h, const json_t *e)
{
	struct grant *g = map_find(&h->grants, view_str(text(e, "id")));
	const json_t *who = json_object_get(e, "reviewer");
	struct bundle *b = h->run->b;
	char name[96], issuer[96] = "";

	journal_person(who, name, sizeof(name));
	if (g) {
		run_text(g->reviewed, sizeof(g->reviewed), "%s", text(e, "ts"));
		run_text(g->reviewer, sizeof(g->reviewer), "%s", name);
		run_text(g->decision, sizeof(g->decision), "%s", text(e, "decision"));
		journal_person(json_object_get(g->o, "issued_by"), issuer, sizeof(issuer));
	}
	if (strcmp(text(e, "ts"), h->run->from) >= 0) {
		row_str(b, SH_REVIEW_ENTRIES, h->name);
		row_str(b, SH_REVIEW_ENTRIES, text(e, "id"));
		row_str(b, SH_REVIEW_ENTRIES, g ? text(g->o, "user") : "");
		row_str(b, SH_REVIEW_ENTRIES, text(e, "ts"));
		row_str(b, SH_REVIEW_ENTRIES, text(e, "decision"));
		row_str(b, SH_REVIEW_ENTRIES, name);
		row_str(b, SH_REVIEW_ENTRIES, issuer);
		row_str(b, SH_REVIEW_ENTRIES, g && same_person(who, g->o) ? "yes" : "no");
		row_str(b, SH_REVIEW_ENTRIES, g && same_person(who, json_object_get(g->o, "issued_by")) ? "yes" : "no");
		row_str(b, SH_REVIEW_ENTRIES, text(e, "reason"));
		row_end(b, SH_REVIEW_ENTRIES, text(e, "ts"));
	}
	if (strcmp(text(e, "decision"), "revoke") == 0)
		grant_end(h, e, "review");
}

/* ---- servers, credentials ---- */

static void server_add(struct host *h, const json_t *e)
{
	const json_t *o = json_object_get(e, "server"), *m = json_array_get(json_object_get(o, "match"), 0);
	struct server *s = map_get(&h->run->servers, view_str(text(o, "name")));

	if (!s)
		return;
	s->hosts++;
	if (s->registered_at[0] && strcmp(s->registered_at, text(e, "ts")) <= 0)
		return;
	run_text(s->registered_at, sizeof(s->registered_at), "%s", text(e, "ts"));
	run_text(s->owner, sizeof(s->owner), "%s", text(o, "owner"));
	run_text(s->credential, sizeof(s->credential), "%s", text(o, "credential"));
	run_text(s->destination, sizeof(s->destination), "%s:%" JSON_INTEGER_FORMAT "%s", text(m, "host"), json_integer_value(json_object_get(m, "port")), text(m, "path"));
}

static void credential(struct host *h, const json_t *e)
{
	struct credential *c = map_get(&h->credentials, view_str(text(e, "name")));

	if (!c)
		return;
	if (strcmp(text(e, "event"), "credential.remove") == 0) {
		run_text(c->removed_at, sizeof(c->removed_at), "%s", text(e, "ts"));
		return;
	}
	c->removed_at[0] = '\0';
	c->version = (uint64_t)json_integer_value(json_object_get(e, "version"));
	run_text(c->type, sizeof(c->type), "%s", text(e, "type"));
	run_text(c->set_at, sizeof(c->set_at), "%s", text(e, "ts"));
}

static void event(struct host *h, json_t *e)
{
	const char *name = text(e, "event");
	bool first = h->first_pass;

	if (strcmp(text(e, "ts"), h->run->to) >= 0)
		return;
	if (first && (strcmp(name, "policy.apply") == 0 || strcmp(name, "policy.approve") == 0))
		policy_first_pass(h, e);
	else if (first && strcmp(name, "policy.part") == 0)
		policy_part(h, e);
	else if (first && strcmp(name, "server.add") == 0)
		server_add(h, e);
	else if (first)
		return;
	else if (strcmp(name, "policy.apply") == 0)
		policy_apply(h, e);
	else if (strcmp(name, "grant.add") == 0)
		grant_add(h, e);
	else if (strcmp(name, "grant.revoke") == 0)
		grant_end(h, e, "revoked");
	else if (strcmp(name, "grant.review") == 0)
		grant_review(h, e);
	else if (strncmp(name, "credential.", 11) == 0)
		credential(h, e);
	learn_user(h, json_object_get(e, "by"));
}

/* What a signed bundle changes counts when its last event is there: what a crash cut short never held. */
static void in_its_turn(struct host *h, json_t *e)
{
	json_t *held;
	size_t i;

	if (!h->of_bundle)
		h->of_bundle = json_array();
	if (roster_of_bundle(e)) {
		if (json_integer_value(json_object_get(json_object_get(e, "bundle"), "item")) == 0)
			json_array_clear(h->of_bundle);
		json_array_append(h->of_bundle, e);
		return;
	}
	if (strcmp(text(e, "event"), "bundle.apply") == 0 && strcmp(text(e, "ts"), h->run->to) < 0) {
		json_array_foreach(h->of_bundle, i, held)
			event(h, held);
		json_array_clear(h->of_bundle);
	}
	event(h, e);
}

int journal_line(struct host *h, struct view line, const struct proved_at *at)
{
	json_t *e = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);

	(void)at;
	if (!e)
		h->run->rejects++;
	else if (strcmp(text(e, "kind"), "journal") == 0)
		in_its_turn(h, e);
	json_decref(e);
	return bundle_err(h->run->b);
}
