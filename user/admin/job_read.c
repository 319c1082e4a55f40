/* job_read.c - what each request that only reads does.  See job.h. */
#include <stdio.h>
#include <stdlib.h>

#include "admin/explain.h"
#include "admin/history.h"
#include "admin/job.h"
#include "admin/problems.h"
#include "admin/publish.h"
#include "base/err.h"

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

static json_t *values(json_t *map)
{
	json_t *out = json_array(), *v;
	const char *key;

	json_object_foreach(map, key, v)
		json_array_append(out, v);
	return out;
}

static void list(struct job *j, const char *member, json_t *rows)
{
	json_t *body = json_pack("{s:o}", member, rows);

	if (j->a->roster.damage[0])
		json_object_set_new(body, "warning", json_string(j->a->roster.damage));
	job_done(j, body);
}

static void show(struct job *j, json_t *map, const char *member, const char *name)
{
	json_t *v = json_object_get(map, name);

	if (v) {
		job_done(j, json_pack("{s:O}", member, v));
		return;
	}
	snprintf(j->why, sizeof(j->why), "there is no %s %.64s", member, name);
	job_fail(j, "not-found", j->why);
}

static void server_list(struct job *j)
{
	list(j, "servers", values(j->a->roster.servers));
}

static void server_show(struct job *j)
{
	show(j, j->a->roster.servers, "server", arg(j, "name"));
}

static void grant_show(struct job *j)
{
	json_t *map = json_object(), *g = grants_get(&j->a->roster.grants, arg(j, "id"));

	if (g)
		json_object_set_new(map, arg(j, "id"), g);
	show(j, map, "grant", arg(j, "id"));
	json_decref(map);
}

static int by_order(const void *a, const void *b)
{
	const struct grant_ref *x = a, *y = b;

	return x->row->order < y->row->order ? -1 : x->row->order > y->row->order;
}

static bool of_uid(const struct grant_ref *g, const json_t *uid)
{
	return g->row->flags & GRANT_UID ? json_is_integer(uid) && json_integer_value(uid) == (json_int_t)g->row->uid : json_is_null(uid);
}

/* As they were given, the oldest first. */
static void grant_list(struct job *j)
{
	const json_t *uid = json_object_get(j->args, "uid");
	const char *server = arg(j, "server");
	const struct grants *all = &j->a->roster.grants;
	struct grant_ref g = {0}, *found = calloc(grants_count(all) + 1, sizeof(*found));
	json_t *out = json_array();
	size_t n = 0;

	while (found && n < grants_count(all) && grants_next(all, &g))
		if ((!uid || of_uid(&g, uid)) && (!server || strcmp(grant_ref_text(&g, GT_SERVER), server) == 0))
			found[n++] = g;
	if (n)
		qsort(found, n, sizeof(*found), by_order);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(out, grants_json(&found[i]));
	free(found);
	list(j, "grants", out);
}

static size_t grants_with(const struct roster *r, const char *policy)
{
	struct grant_ref g = {0};
	size_t n = 0;

	while (grants_next(&r->grants, &g)) {
		const char *p = grant_ref_text(&g, GT_POLICY);
		n += p && strcmp(p, policy) == 0;
	}
	return n;
}

static void policy_list(struct job *j)
{
	json_t *out = json_array(), *p;
	const char *name;

	json_object_foreach(j->a->roster.policies, name, p) {
		json_t *row = history_head(p);
		json_object_set_new(row, "grants", json_integer((json_int_t)grants_with(&j->a->roster, name)));
		json_array_append_new(out, row);
	}
	list(j, "policies", out);
}

static json_t *policy_of(struct job *j)
{
	json_t *p = json_object_get(j->a->roster.policies, arg(j, "name"));

	if (p)
		return p;
	snprintf(j->why, sizeof(j->why), "there is no policy %.64s", arg(j, "name"));
	job_fail(j, "not-found", j->why);
	return NULL;
}

/* The one in force, or an earlier one. */
static void policy_show(struct job *j)
{
	json_t *wanted = json_object_get(j->args, "version");
	json_int_t version = json_integer_value(wanted);
	json_t *p = policy_of(j); /* NULL: the job has ended */

	if (!p)
		return;
	json_t *v = json_is_integer(wanted) ? history_version(p, version) : p;
	if (v && json_object_get(v, "document")) {
		json_t *out = json_copy(v);
		json_object_del(out, "history");
		json_object_set(out, "name", json_object_get(p, "name"));
		job_done(j, json_pack("{s:o}", "policy", out));
		return;
	}
	snprintf(j->why, sizeof(j->why), "policy %.63s: version %lld %s", arg(j, "name"), (long long)version,
	    v ? "is no longer kept here; its document is in the journal" : "does not exist");
	job_fail(j, "not-found", j->why);
}

/* Judged by the same file that the workers have. */
static void policy_explain(struct job *j)
{
	const json_t *tool = json_object_get(j->args, "tool"), *args = json_object_get(j->args, "arguments");
	const json_t *uid = json_object_get(j->args, "uid"), *login = json_object_get(j->args, "login_uid");
	struct explain_call call = {.server = view_str(arg(j, "server")), .tool = view_of(json_string_value(tool), json_string_length(tool)),
	    .args = view_of(json_string_value(args), json_string_length(args)), .uid = (uint32_t)json_integer_value(uid),
	    .login_uid = json_is_integer(login) ? (uint32_t)json_integer_value(login) : UINT32_MAX, .agent = arg(j, "agent") ? arg(j, "agent") : ""};
	struct buf world = {0}, out = {0};
	char why[EXPLAIN_WHY] = "";
	json_error_t err;
	int r = json_is_integer(uid) ? publish_world(&j->a->roster, j->a->generation, j->a->mode, &world) : -ERR_MALFORMED;

	r = r ? r : explain_world(buf_view(&world), &call, why, &out);
	struct view v = buf_view(&out);
	json_t *answer = r ? NULL : json_loadb((const char *)v.p, v.n, 0, &err);
	buf_free(&world);
	buf_free(&out);
	if (answer)
		job_done(j, answer);
	else
		job_fail(j, r == -ERR_NOT_FOUND ? "not-found" : "invalid", why[0] ? why : err_text(r));
}

static void policy_history(struct job *j)
{
	json_t *p = policy_of(j);

	if (p)
		list(j, "versions", history_list(p));
}

bool job_policy(struct job *j, const char *what, char hash[65])
{
	const json_t *doc = json_object_get(j->args, "document");
	struct problems p;
	json_error_t err;
	int r = problems_find(view_of(json_string_value(doc), json_string_length(doc)), &p);
	struct view v = buf_view(&p.json);

	j->answer = json_pack("{s:o* s:I s:I}", "problems", json_loadb((const char *)v.p, v.n, 0, &err), "errors",
	    (json_int_t)p.errors, "warnings", (json_int_t)p.warnings);
	buf_free(&p.json);
	if (r) {
		snprintf(j->why, sizeof(j->why), "the document has %zu error%s%s", p.errors, p.errors == 1 ? "" : "s", what);
		job_fail(j, "invalid", p.errors ? j->why : err_text(r));
		return false;
	}
	memcpy(hash, p.hash, sizeof(p.hash));
	json_object_set_new(j->answer, "hash", json_string(hash));
	return true;
}

static void policy_check(struct job *j)
{
	char hash[PROBLEMS_HASH];

	if (job_policy(j, "", hash))
		job_done(j, json_incref(j->answer));
}

/* ---- what other processes know ---- */

/* The signed bundle in force, or NULL. */
static json_t *bundle_of(const struct roster *r)
{
	json_t *b = roster_bundle(r) ? json_copy(r->bundle) : NULL;

	json_object_del(b, "stale");
	return b;
}

static json_t *in_force(const struct admin *a)
{
	json_t *workers = json_array();

	for (size_t i = 0; i < ADMIN_WORKERS; i++) {
		const struct admin_worker *w = &a->worker[i];
		if (w->edge.fd >= 0)
			json_array_append_new(workers, json_pack("{s:i s:I s:s}", "slot", (int)w->edge.slot, "generation",
			    (json_int_t)w->holds, "status", w->status ? err_name(w->status) : "ok"));
	}
	return json_pack("{s:b s:I s:s s:i s:i s:i s:i s:o s:o*}", "ready", a->folded, "generation", (json_int_t)a->generation, "mode", a->mode, "servers",
	    (int)json_object_size(a->roster.servers), "grants", (int)grants_count(&a->roster.grants), "policies",
	    (int)json_object_size(a->roster.policies), "credentials", (int)json_object_size(a->roster.credentials), "workers", workers, "bundle", bundle_of(&a->roster));
}

/* Ask what of ${from} answers; returns whether it was sent. */
static bool also(struct job *j, struct edge *e, enum msg type)
{
	if (e->fd < 0 || edge_send(e, type, j->tag, view_of(NULL, 0), -1))
		return false;
	j->pending |= MSG_P(e->peer);
	return true;
}

static void await(struct job *j, uint64_t ms)
{
	j->stage = JOB_ASKED;
	j->deadline = mono_after_ms(mono_now(), ms);
	if (j->pending)
		admin_wake_at(j->a);
	else
		job_read_late(j);
}

static void status(struct job *j)
{
	struct admin *a = j->a;

	j->answer = json_pack("{s:o}", "in_force", in_force(a));
	if (a->roster.damage[0])
		json_object_set_new(j->answer, "warning", json_string(a->roster.damage));
	j->tag = ++a->last_tag;
	also(j, &a->sup, M_STATUS_GET);
	also(j, &a->audit, M_AUDIT_GET);
	await(j, ADMIN_STATUS_MS);
}

static void audit_status(struct job *j)
{
	j->tag = ++j->a->last_tag;
	also(j, &j->a->audit, M_AUDIT_GET);
	await(j, ADMIN_STATUS_MS);
}

static void ask_vault(struct job *j, const char *op, const char *after)
{
	json_t *q = json_pack("{s:s s:s*}", "op", op, "after", after);
	char *text = json_dumps(q, JSON_COMPACT);

	json_decref(q);
	j->pending = MSG_P(P_VAULT);
	job_ask(j, &j->a->vault, M_VAULT_DO, view_str(text), view_of(NULL, 0), JOB_ASKED, ADMIN_PEER_MS);
	free(text);
}

static void vault_list(struct job *j)
{
	ask_vault(j, "list", NULL);
}

static void ca_show(struct job *j)
{
	ask_vault(j, "ca", NULL);
}

static void bundle_key(struct job *j)
{
	ask_vault(j, "box", NULL);
}

/* A long list comes in pieces. */
static void got_list(struct job *j, json_t *v)
{
	json_t *piece = json_object_get(v, "credentials"), *all = json_object_get(j->answer, "credentials");

	if (!all) {
		j->answer = json_pack("{s:O}", "credentials", piece);
		all = piece;
	} else {
		json_array_extend(all, piece);
	}
	json_t *last = json_array_get(all, json_array_size(all) - 1);
	const char *name = json_string_value(json_object_get(last, "name"));
	if (json_is_true(json_object_get(v, "more")) && json_array_size(piece) && name)
		ask_vault(j, "list", name);
	else
		job_done(j, json_incref(j->answer));
}

static void got_vault(struct job *j, json_t *v)
{
	const char *error = json_string_value(json_object_get(v, "error")), *text = json_string_value(json_object_get(v, "text"));

	if (!json_is_true(json_object_get(v, "ok")))
		job_fail(j, error ? error : "unavailable", text ? text : "the vault gave no answer that can be read");
	else if (j->kind == R_VAULT_LIST && json_is_array(json_object_get(v, "credentials")))
		got_list(j, v);
	else
		job_done(j, json_incref(v));
}

void job_read_reply(struct job *j, enum party from, const struct frame *f)
{
	json_error_t err;
	json_t *v = json_loadb((const char *)f->body.p, f->body.n, JSON_REJECT_DUPLICATES, &err);

	if (!(j->pending & MSG_P(from))) {
		json_decref(v);
		return;
	}
	j->pending &= ~MSG_P(from);
	if (from == P_VAULT) {
		got_vault(j, v);
		json_decref(v);
		return;
	}
	if (!j->answer)
		j->answer = json_object();
	if (v)
		json_object_set_new(j->answer, from == P_SUP ? "service" : "audit", v);
	if (!j->pending)
		job_done(j, json_incref(j->answer));
}

/* What did not come is named; what came is shown all the same. */
void job_read_late(struct job *j)
{
	json_t *missing = json_array();
	static const enum party asked[] = {P_SUP, P_AUDIT};

	if (j->kind != R_STATUS) {
		json_decref(missing);
		job_fail(j, "unavailable", j->kind == R_AUDIT_STATUS ? "callgate-audit does not answer" : "callgate-vault does not answer");
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (!json_object_get(j->answer, asked[i] == P_SUP ? "service" : "audit"))
			json_array_append_new(missing, json_string(party_name(asked[i])));
	if (!j->answer)
		j->answer = json_object();
	json_object_set_new(j->answer, "silent", missing);
	job_done(j, json_incref(j->answer));
}

void job_read(struct job *j)
{
	static const struct {
		int kind;
		void (*fn)(struct job *);
	} row[] = {
	    {R_STATUS, status},
	    {R_AUDIT_STATUS, audit_status},
	    {R_CA_SHOW, ca_show},
	    {R_BUNDLE_KEY, bundle_key},
	    {R_SERVER_LIST, server_list},
	    {R_SERVER_SHOW, server_show},
	    {R_GRANT_LIST, grant_list},
	    {R_GRANT_SHOW, grant_show},
	    {R_POLICY_LIST, policy_list},
	    {R_POLICY_SHOW, policy_show},
	    {R_POLICY_HISTORY, policy_history},
	    {R_POLICY_EXPLAIN, policy_explain},
	    {R_POLICY_CHECK, policy_check},
	    {R_CATALOG_LIST, job_catalog_list},
	    {R_CATALOG_SHOW, job_catalog_show},
	    {R_VAULT_LIST, vault_list},
	    {R_PROPOSAL_LIST, job_proposal_list},
	    {R_PROPOSAL_SHOW, job_proposal_show},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (row[i].kind != j->kind)
			continue;
		row[i].fn(j);
		return;
	}
	job_fail(j, "unknown-request", "no such request");
}

/* ---- what is kept under an id ---- */

void job_list(struct job *j, const char *name, json_t *map, const char *but)
{
	json_t *list = json_array(), *v;
	const char *id;

	json_object_foreach(map, id, v) {
		json_t *row = json_copy(v);
		json_object_del(row, but);
		json_array_append_new(list, row);
	}
	job_done(j, json_pack("{s:o}", name, list));
}

json_t *job_named(struct job *j, const json_t *map, const char *what, const char *see)
{
	const char *id = json_string_value(json_object_get(j->args, "id"));
	json_t *v = json_object_get(map, id);

	if (v)
		return v;
	snprintf(j->why, sizeof(j->why), "no %s has the id %.32s; see: %s", what, id, see);
	job_fail(j, "not-found", j->why);
	return NULL;
}
