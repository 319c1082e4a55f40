/*
 * job_change.c - what each change does: an event for the journal, and the roster that holds after it.
 * Nothing here is in force yet: job.c makes it so when the journal has it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/check.h"
#include "admin/job.h"
#include "admin/tryout.h"
#include "admin/world.h"
#include "base/err.h"

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

/* Who, and why if they said so: on every event. */
static json_t *event_of(const struct job *j, const char *name)
{
	return json_pack("{s:s s:o s:s* s:s*}", "event", name, "by", job_by(j), "reason", arg(j, "reason"), "ticket", arg(j, "ticket"));
}

/* The event is complete: what would hold after it, and would the workers take that? */
static void try_and_write(struct job *j)
{
	char why[CHECK_WHY];

	if (!j->event || roster_copy(&j->a->roster, &j->next) || roster_apply(&j->next, j->event)) {
		job_fail(j, "memory", "out of memory: nothing was changed");
		return;
	}
	j->generation = j->a->generation + 1;
	j->world_fd = world_try(j->a, &j->next, j->generation, why);
	if (j->world_fd < 0) {
		j->world_fd = -1;
		job_fail(j, "malformed", why);
		return;
	}
	job_write(j);
}

static void server_add(struct job *j)
{
	char why[CHECK_WHY];
	json_t *s = check_server(json_object_get(j->args, "server"), &j->a->roster, why);

	if (!s) {
		job_fail(j, "malformed", why);
		return;
	}
	j->event = event_of(j, "server.add");
	json_object_set_new(j->event, "server", s);
	j->answer = json_pack("{s:O}", "server", s);
	try_and_write(j);
}

static void server_remove(struct job *j)
{
	char why[CHECK_WHY];
	int r = check_server_gone(arg(j, "name"), &j->a->roster, why);

	if (r) {
		job_fail(j, err_name(r), why);
		return;
	}
	j->event = event_of(j, "server.remove");
	json_object_set(j->event, "name", json_object_get(j->args, "name"));
	try_and_write(j);
}

static void grant_add(struct job *j)
{
	char why[CHECK_WHY], id[16], now_text[WALL_TEXT];
	struct wall now = wall_now();
	json_t *g = check_grant(json_object_get(j->args, "grant"), &j->a->roster, now, why);
	int r = g ? check_grant_id(&j->a->roster, id) : 0;

	if (!g || r) {
		json_decref(g);
		job_fail(j, g ? err_name(r) : "malformed", g ? err_text(r) : why);
		return;
	}
	wall_text(now, now_text);
	json_object_set_new(g, "id", json_string(id));
	json_object_set_new(g, "issued_at", json_string(now_text));
	json_object_set_new(g, "issued_by", job_by(j));
	if (!json_object_get(g, "user") && json_is_integer(json_object_get(g, "uid"))) {
		const char *name = admin_name_of(j->a, (uint32_t)json_integer_value(json_object_get(g, "uid")));
		if (name)
			json_object_set_new(g, "user", json_string(name));
	}
	j->event = event_of(j, "grant.add");
	json_object_set_new(j->event, "id", json_string(id));
	json_object_set_new(j->event, "grant", g);
	j->answer = json_pack("{s:O}", "grant", g);
	try_and_write(j);
}

static void grant_revoke(struct job *j)
{
	json_t *g = json_object_get(j->a->roster.grants, arg(j, "id"));

	if (!g) {
		job_fail(j, "not-found", "no such grant; see: callgate grant list");
		return;
	}
	j->event = event_of(j, "grant.revoke");
	json_object_set(j->event, "id", json_object_get(j->args, "id"));
	json_object_set(j->event, "grant", g);
	j->answer = json_pack("{s:O}", "grant", g);
	try_and_write(j);
}

static void policy_apply(struct job *j)
{
	struct buf problems = {0};
	char hash[TRYOUT_HASH];
	const char *name = arg(j, "name"), *doc = arg(j, "document");

	if (!check_name(name)) {
		job_fail(j, "malformed", "a policy's name is 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit");
		return;
	}
	int r = tryout_policy(view_str(doc), &problems, hash);
	j->answer = json_pack("{s:s s:s s:o?}", "name", name, "hash", hash, "problems",
	    json_loadb((const char *)buf_view(&problems).p, problems.len, 0, NULL));
	buf_free(&problems);
	if (r) {
		job_fail(j, err_name(r), "the document has errors; the policy in force stays as it is");
		return;
	}
	const json_t *old = json_object_get(json_object_get(j->a->roster.policies, name), "hash");
	j->event = event_of(j, "policy.apply");
	json_object_set_new(j->event, "name", json_string(name));
	json_object_set_new(j->event, "hash", json_string(hash));
	json_object_set(j->event, "document", json_object_get(j->args, "document"));
	json_object_set_new(j->event, "previous", json_string_value(old) ? json_string(json_string_value(old)) : json_null());
	try_and_write(j);
}

static void ask_vault(struct job *j, json_t *request, struct view secret)
{
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	struct buf tail = {0};
	int r = text ? 0 : -ENOMEM;

	json_decref(request);
	if (!r && secret.n) {
		r = buf_put(&tail, VIEW_LIT("\0"));
		if (!r)
			r = buf_put(&tail, secret);
	}
	if (!r)
		r = job_ask(j, &j->a->vault, M_VAULT_DO, view_str(text), buf_view(&tail), JOB_VAULT, ADMIN_PEER_MS);
	buf_wipe(&tail);
	free(text);
	secret_free(&j->secret);
	if (r)
		job_fail(j, "unavailable", "callgate-vault does not run: nothing was changed");
}

static void vault_set(struct job *j)
{
	if (!check_name(arg(j, "name")) || !j->secret) {
		job_fail(j, "malformed", "a credential's name is 1 to 63 of a-z 0-9 . _ -, and it needs a secret");
		return;
	}
	ask_vault(j, json_pack("{s:s s:s s:s* s:O*}", "op", "set", "name", arg(j, "name"), "type", arg(j, "type"), "hosts",
	    json_object_get(j->args, "hosts")), secret_view(j->secret));
}

static void vault_remove(struct job *j)
{
	ask_vault(j, json_pack("{s:s s:s}", "op", "remove", "name", arg(j, "name")), view_of(NULL, 0));
}

void job_change_vault(struct job *j, struct view text)
{
	json_t *v = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	const char *error = json_string_value(json_object_get(v, "error")), *say = json_string_value(json_object_get(v, "text"));
	const char *type = arg(j, "type");

	if (!json_is_true(json_object_get(v, "ok"))) {
		job_fail(j, error ? error : "unavailable", say ? say : "callgate-vault gave no readable answer");
		json_decref(v);
		return;
	}
	j->event = event_of(j, j->kind == R_VAULT_SET ? "credential.set" : "credential.remove");
	json_object_set_new(j->event, "name", json_string(arg(j, "name")));
	json_object_set(j->event, "version", json_object_get(v, "version"));
	if (j->kind == R_VAULT_SET)
		json_object_set_new(j->event, "type", json_string(type ? type : "bearer"));
	j->answer = json_pack("{s:s s:O?}", "name", arg(j, "name"), "version", json_object_get(v, "version"));
	json_decref(v);
	try_and_write(j);
}

void job_change(struct job *j)
{
	static void (*const fn[R_COUNT])(struct job *) = {
	    [R_SERVER_ADD] = server_add,
	    [R_SERVER_REMOVE] = server_remove,
	    [R_GRANT_ADD] = grant_add,
	    [R_GRANT_REVOKE] = grant_revoke,
	    [R_POLICY_APPLY] = policy_apply,
	    [R_VAULT_SET] = vault_set,
	    [R_VAULT_REMOVE] = vault_remove,
	};
	if (fn[j->kind])
		fn[j->kind](j);
	else
		job_fail(j, "unsupported", "this request is not known here");
}
