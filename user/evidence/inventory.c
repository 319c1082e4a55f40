/* inventory.c - what was used, beside what is registered: servers, tools, credentials, programs, policies. */
#include <stdio.h>
#include <stdlib.h>

#include "evidence/run.h"

static void exception(struct run *r, const char *kind, const char *host, const char *subject, const char *since, const char *detail)
{
	row_str(r->b, SH_INVENTORY_EXCEPTIONS, kind);
	row_str(r->b, SH_INVENTORY_EXCEPTIONS, host);
	row_str(r->b, SH_INVENTORY_EXCEPTIONS, subject);
	row_str(r->b, SH_INVENTORY_EXCEPTIONS, since);
	row_str(r->b, SH_INVENTORY_EXCEPTIONS, detail);
	row_end(r->b, SH_INVENTORY_EXCEPTIONS, since);
	run_finding(r, kind, SH_INVENTORY_EXCEPTIONS, host, subject, since, "", "%s", detail);
}

static void seen_cells(struct run *r, enum sheet s, const struct seen *seen)
{
	row_num(r->b, s, seen->allowed);
	row_num(r->b, s, seen->denied);
	row_str(r->b, s, seen->first);
	row_str(r->b, s, seen->last);
	row_end(r->b, s, seen->first);
}

/* The next part of a key; parts end with a zero byte, the last may end without. */
static struct view part(struct view *key)
{
	const uint8_t *nul = key->n ? memchr(key->p, '\0', key->n) : NULL;
	struct view v = view_head(*key, nul ? (size_t)(nul - key->p) : key->n);

	*key = view_skip(*key, v.n + 1);
	return v;
}

/* ---- of one host ---- */

static void credentials(struct host *h)
{
	struct run *r = h->run;
	struct map_entry **at = map_sorted(&h->credentials);

	for (size_t i = 0; at && i < h->credentials.n; i++) {
		const struct credential *c = (const struct credential *)at[i]->data;
		row_str(r->b, SH_CREDENTIALS, h->name);
		row_text(r->b, SH_CREDENTIALS, at[i]->key);
		row_str(r->b, SH_CREDENTIALS, c->type);
		row_num(r->b, SH_CREDENTIALS, c->version);
		row_str(r->b, SH_CREDENTIALS, c->set_at);
		row_str(r->b, SH_CREDENTIALS, c->removed_at);
		row_num(r->b, SH_CREDENTIALS, c->releases);
		row_str(r->b, SH_CREDENTIALS, c->last);
		row_end(r->b, SH_CREDENTIALS, c->set_at);
		if (!c->set_at[0])
			exception(r, "credential-not-registered", h->name, (const char *)at[i]->key.p, c->last, "the vault released a credential that no journal event made");
	}
	free(at);
}

static void programs(struct host *h)
{
	struct run *r = h->run;
	struct map_entry **at = map_sorted(&h->locals);

	for (size_t i = 0; at && i < h->locals.n; i++) {
		struct view key = at[i]->key;
		row_str(r->b, SH_AGENTS, h->name);
		for (int k = 0; k < 5; k++)
			row_text(r->b, SH_AGENTS, part(&key));
		seen_cells(r, SH_AGENTS, &((const struct local *)at[i]->data)->seen);
	}
	free(at);
}

void inventory_host(struct host *h)
{
	credentials(h);
	programs(h);
	if (h->locals.turned_away)
		run_finding(h->run, "inventory-cut", SH_AGENTS, h->name, "", "", "", "more distinct programs than a table holds: %llu calls are not in it",
		    (unsigned long long)h->locals.turned_away);
}

/* ---- of all ---- */

static void servers(struct run *r)
{
	struct map_entry **at = map_sorted(&r->servers);

	for (size_t i = 0; at && i < r->servers.n; i++) {
		const struct server *s = (const struct server *)at[i]->data;
		const char *name = (const char *)at[i]->key.p;
		bool registered = s->registered_at[0];
		row_text(r->b, SH_SERVERS, at[i]->key);
		row_str(r->b, SH_SERVERS, registered ? "yes" : "no");
		row_str(r->b, SH_SERVERS, s->registered_at);
		row_str(r->b, SH_SERVERS, s->owner);
		row_str(r->b, SH_SERVERS, s->destination);
		row_str(r->b, SH_SERVERS, s->credential);
		row_num(r->b, SH_SERVERS, s->hosts);
		seen_cells(r, SH_SERVERS, &s->seen);
		if (!registered)
			exception(r, "server-not-registered", "", name, s->seen.first, "records name a server that no journal registers");
		else if (s->seen.first[0] && strcmp(s->seen.first, s->registered_at) < 0)
			exception(r, "server-used-before-registered", "", name, s->seen.first, "the first call is older than the first registration");
		else if (!s->owner[0])
			exception(r, "server-without-owner", "", name, s->registered_at, "nobody is named who owns it");
	}
	free(at);
}

static void tools(struct run *r)
{
	struct map_entry **at = map_sorted(&r->tools);

	for (size_t i = 0; at && i < r->tools.n; i++) {
		const struct tool *t = (const struct tool *)at[i]->data;
		struct view key = at[i]->key;
		for (int k = 0; k < 3; k++)
			row_text(r->b, SH_TOOLS, part(&key));
		row_str(r->b, SH_TOOLS, t->risk == CLASS_NONE ? "" : run_class_name[t->risk]);
		seen_cells(r, SH_TOOLS, &t->seen);
	}
	free(at);
	if (r->tools.turned_away)
		run_finding(r, "inventory-cut", SH_TOOLS, "", "", "", "", "more distinct tools than a table holds: %llu calls are not in it", (unsigned long long)r->tools.turned_away);
}

static const char *highest(const struct identity *i)
{
	static const enum run_class order[] = {CLASS_FINANCIAL, CLASS_DESTRUCTIVE, CLASS_EXECUTE, CLASS_NONE, CLASS_WRITE, CLASS_READ};

	for (size_t k = 0; k < CLASSES; k++)
		if (i->by_class[order[k]])
			return order[k] == CLASS_NONE ? "not classed" : run_class_name[order[k]];
	return "";
}

static void identities(struct run *r)
{
	struct map_entry **at = map_sorted(&r->identities);
	struct bundle *b = r->b;

	for (size_t i = 0; at && i < r->identities.n; i++) {
		const struct identity *d = (const struct identity *)at[i]->data;
		struct view key = at[i]->key;
		row_text(b, SH_IDENTITIES, part(&key));
		row_str(b, SH_IDENTITIES, d->strength);
		for (int k = 0; k < 3; k++)
			row_text(b, SH_IDENTITIES, part(&key));
		row_str(b, SH_IDENTITIES, highest(d));
		for (int k = CLASS_READ; k <= CLASS_FINANCIAL; k++)
			row_num(b, SH_IDENTITIES, d->by_class[k]);
		row_num(b, SH_IDENTITIES, d->seen.denied);
		row_num(b, SH_IDENTITIES, d->persons);
		row_num(b, SH_IDENTITIES, d->hosts);
		row_str(b, SH_IDENTITIES, d->seen.first);
		row_str(b, SH_IDENTITIES, d->seen.last);
		row_end(b, SH_IDENTITIES, d->seen.first);
	}
	free(at);
}

static const char *policy_result(struct run *r, const char *hash, const struct policy *p)
{
	bool in_period = p->calls || (strcmp(p->first_at, r->from) >= 0 && p->first_at[0]);

	if (!p->applied) {
		run_finding(r, "policy-unknown", SH_POLICIES, "", hash, "", "", "records name a policy that no journal brought into force");
		return "in no journal";
	}
	if (!p->approved) {
		if (in_period)
			run_finding(r, "policy-not-approved", SH_POLICY_VERSIONS, p->first_on, hash, p->first_at, "", "%s came into force without an approver and without a ticket", p->names);
		return "not approved";
	}
	return p->text ? "good" : "its text is not there";
}

static void policies(struct run *r)
{
	struct map_entry **at = map_sorted(&r->policies);
	struct bundle *b = r->b;

	for (size_t i = 0; at && i < r->policies.n; i++) {
		const struct policy *p = (const struct policy *)at[i]->data;
		const char *hash = (const char *)at[i]->key.p;
		char file[128];
		run_text(file, sizeof(file), "policies/%.64s.json", hash);
		row_str(b, SH_POLICY_VERSIONS, hash);
		row_str(b, SH_POLICY_VERSIONS, p->names);
		row_str(b, SH_POLICY_VERSIONS, p->first_at);
		row_str(b, SH_POLICY_VERSIONS, p->first_on);
		row_str(b, SH_POLICY_VERSIONS, p->by);
		row_str(b, SH_POLICY_VERSIONS, p->approved_by);
		row_str(b, SH_POLICY_VERSIONS, p->approved ? "yes" : "no");
		row_str(b, SH_POLICY_VERSIONS, p->ticket);
		row_num(b, SH_POLICY_VERSIONS, p->hosts);
		row_str(b, SH_POLICY_VERSIONS, p->calls ? "yes" : "no");
		row_num(b, SH_POLICY_VERSIONS, p->calls);
		row_str(b, SH_POLICY_VERSIONS, p->text ? file : "");
		row_end(b, SH_POLICY_VERSIONS, p->first_at);
		row_str(b, SH_POLICIES, hash);
		row_str(b, SH_POLICIES, p->calls ? "yes" : "no");
		row_str(b, SH_POLICIES, p->applied ? "yes" : "no");
		row_str(b, SH_POLICIES, p->approved ? "yes" : "no");
		row_str(b, SH_POLICIES, policy_result(r, hash, p));
		row_end(b, SH_POLICIES, p->first_at);
	}
	free(at);
}

void inventory_write(struct run *r)
{
	servers(r);
	tools(r);
	identities(r);
	policies(r);
}
