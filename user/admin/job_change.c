/* job_change.c - what each request that changes something does, once the caller is known to be allowed.  See job.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/credential.h"
#include "admin/history.h"
#include "admin/job.h"
#include "admin/problems.h"
#include "admin/world.h"
#include "base/err.h"

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

static void server_add(struct job *j)
{
	json_t *s = check_server(json_object_get(j->args, "server"), &j->a->roster, j->why);

	if (!s) {
		job_fail(j, "invalid", j->why);
		return;
	}
	j->answer = json_pack("{s:O}", "server", s);
	job_write(j, json_pack("{s:s s:s s:o}", "event", "server.add", "name", json_string_value(json_object_get(s, "name")), "server", s));
}

static void server_remove(struct job *j)
{
	int r = check_server_gone(arg(j, "name"), &j->a->roster, j->why);

	if (r)
		job_fail(j, r == -ERR_NOT_FOUND ? "not-found" : "in-use", j->why);
	else
		job_write(j, json_pack("{s:s s:s}", "event", "server.remove", "name", arg(j, "name")));
}

static void policy_apply(struct job *j)
{
	const char *name = arg(j, "name");
	const json_t *old = json_object_get(j->a->roster.policies, name), *previous = json_object_get(old, "hash");
	char hash[PROBLEMS_HASH];

	if (!check_name(name)) {
		job_fail(j, "invalid", "/name: must be 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit");
		return;
	}
	if (!job_policy(j, "; what is in force stays", hash))
		return;
	json_object_set_new(j->answer, "name", json_string(name));
	if (previous && strcmp(json_string_value(previous), hash) == 0) {
		json_object_set_new(j->answer, "note", json_string("this document is in force already"));
		job_done(j, json_incref(j->answer));
		return;
	}
	json_t *ask = json_pack("{s:s s:s s:s s:O s:O*}", "do", "policy.apply", "name", name, "hash", hash, "document", json_object_get(j->args, "document"),
	    "rollback_to", json_object_get(j->args, "rollback_to"));
	bool proposed = job_propose(j, ask);
	json_decref(ask);
	if (proposed)
		return;
	json_int_t version = json_integer_value(json_object_get(old, "version")) + 1;
	json_object_set_new(j->answer, "version", json_integer(version));
	job_write(j, json_pack("{s:s s:s s:s s:O s:O* s:I s:O*}", "event", "policy.apply", "name", name, "hash", hash, "document",
	    json_object_get(j->args, "document"), "previous", previous, "version", version, "rollback_to", json_object_get(j->args, "rollback_to")));
}

static void confirm(struct job *j)
{
	if (!job_proposal_confirm(j))
		return;
	if (json_object_get(j->proposal, "grant"))
		job_grant_add(j);
	else
		policy_apply(j);
}

/* An earlier version becomes the next one: nothing is taken back, and the history says what happened. */
static void policy_rollback(struct job *j)
{
	const json_t *p = json_object_get(j->a->roster.policies, arg(j, "name")), *wanted = json_object_get(j->args, "version");
	json_t *v = !p ? NULL : json_is_integer(wanted) ? history_version(p, json_integer_value(wanted)) : history_before(p);
	json_t *doc = json_object_get(v, "document");

	if (!doc) {
		snprintf(j->why, sizeof(j->why), !p ? "there is no policy %.63s" : !v ? "policy %.63s has no such version; see policy history" :
		    "policy %.63s: that version is no longer kept here; apply its document again from the journal", arg(j, "name"));
		job_fail(j, "not-found", j->why);
		return;
	}
	json_object_set(j->args, "document", doc);
	json_object_set(j->args, "rollback_to", json_object_get(v, "version"));
	policy_apply(j);
}

/* ---- credentials: the vault first, because it alone knows the version that the journal tells ---- */

static void ask_vault(struct job *j, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);

	json_decref(request);
	if (!text) {
		job_fail(j, "unavailable", "no memory");
		return;
	}
	/* The secret follows the text's own NUL byte. */
	struct view head = view_of(text, strlen(text) + (j->secret ? 1 : 0));
	struct view tail = j->secret ? secret_view(j->secret) : view_of(NULL, 0);
	if (job_ask(j, &j->a->vault, M_VAULT_DO, head, tail, JOB_VAULT, ADMIN_PEER_MS))
		secret_free(&j->secret);
	free(text);
}

static void vault_set(struct job *j)
{
	if (!check_name(arg(j, "name"))) {
		job_fail(j, "invalid", "/name: must be 1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit");
		return;
	}
	if (!credential_ok(arg(j, "type"), j->secret ? secret_view(j->secret) : view_of(NULL, 0), j->why)) {
		job_fail(j, "invalid", j->why);
		return;
	}
	ask_vault(j, json_pack("{s:s s:s s:s* s:O* s:O*}", "op", "set", "name", arg(j, "name"), "type", arg(j, "type"), "hosts",
	    json_object_get(j->args, "hosts"), "overlap", json_object_get(j->args, "overlap")));
}

static void vault_revert(struct job *j)
{
	ask_vault(j, json_pack("{s:s s:s}", "op", "revert", "name", arg(j, "name")));
}

static void ca_rotate(struct job *j)
{
	ask_vault(j, json_pack("{s:s s:s}", "op", "ca-rotate", "stage", arg(j, "stage")));
}

static const char *credential_user(const struct job *j, const char *name)
{
	const char *key, *c;
	struct grant_ref g = {0};
	json_t *v;

	json_object_foreach(j->a->roster.servers, key, v)
		if ((c = json_string_value(json_object_get(v, "credential"))) && strcmp(c, name) == 0)
			return key;
	while (grants_next(&j->a->roster.grants, &g))
		if ((c = grant_ref_text(&g, GT_CREDENTIAL)) && strcmp(c, name) == 0)
			return grant_ref_text(&g, GT_ID);
	return NULL;
}

static void vault_remove(struct job *j)
{
	const char *user = credential_user(j, arg(j, "name"));

	/* Without it, calls would go out with no credential or fail far from here. */
	if (user) {
		snprintf(j->why, sizeof(j->why), "credential %.63s is used by %.63s; remove that first", arg(j, "name"), user);
		job_fail(j, "in-use", j->why);
		return;
	}
	ask_vault(j, json_pack("{s:s s:s}", "op", "remove", "name", arg(j, "name")));
}

void job_change_vault(struct job *j, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const char *text = json_string_value(json_object_get(answer, "text"));
	const char *type = arg(j, "type");

	if (j->bundle) {
		job_bundle_vault(j, answer);
		return;
	}
	/* Removed before, while the journal could not be written: now it can be said. */
	bool gone = j->kind == R_VAULT_REMOVE && error && strcmp(error, "not-found") == 0 &&
	            json_object_get(j->a->roster.credentials, arg(j, "name"));
	if (!json_is_true(json_object_get(answer, "ok")) && !gone) {
		job_fail(j, error ? error : "unavailable", text ? text : "the vault gave no answer that can be read");
		return;
	}
	if (j->kind == R_CA_ROTATE) {
		j->answer = json_copy((json_t *)(uintptr_t)answer); /* only read */
		job_write(j, json_pack("{s:s s:s s:O s:O*}", "event", "ca.rotate", "stage", arg(j, "stage"), "sha256",
		    json_object_get(answer, "sha256"), "next_sha256", json_object_get(answer, "next_sha256")));
		return;
	}
	json_t *version = json_object_get(answer, "version"), *from = json_object_get(answer, "from");
	json_t *previous = json_object_get(answer, "previous"), *until = json_object_get(answer, "previous_until");
	if (j->kind == R_VAULT_REVERT)
		type = json_string_value(json_object_get(answer, "type"));
	j->answer = json_pack("{s:s s:O* s:O* s:O* s:O*}", "name", arg(j, "name"), "version", version, "from", from, "previous", previous,
	    "previous_until", until);
	if (j->kind == R_VAULT_SET || j->kind == R_VAULT_REVERT)
		job_write(j, json_pack("{s:s s:s s:O s:s s:O* s:O* s:O*}", "event", "credential.set", "name", arg(j, "name"), "version", version, "type",
		    type ? type : "bearer", "from", from, "previous", previous, "previous_until", until));
	else
		job_write(j, json_pack("{s:s s:s s:O*}", "event", "credential.remove", "name", arg(j, "name"), "version", version));
}

/* reason and ticket go into the journal as they are, so they are bounded here for all. */
static bool why_ok(struct job *j)
{
	static const char *const key[] = {"reason", "ticket"};

	for (size_t i = 0; i < 2; i++) {
		const json_t *v = json_object_get(j->args, key[i]);
		if (!v || check_line(json_string_value(v)))
			continue;
		snprintf(j->why, sizeof(j->why), "/%s: must be one line of at most %d bytes", key[i], CHECK_TEXT_MAX);
		job_fail(j, "invalid", j->why);
		return false;
	}
	return true;
}

void job_change(struct job *j)
{
	static const struct {
		int kind;
		void (*fn)(struct job *);
	} row[] = {
	    {R_SERVER_ADD, server_add},
	    {R_SERVER_REMOVE, server_remove},
	    {R_GRANT_ADD, job_grant_add},
	    {R_GRANT_REVOKE, job_grant_revoke},
	    {R_GRANT_REVIEW, job_grant_review},
	    {R_POLICY_APPLY, policy_apply},
	    {R_POLICY_ROLLBACK, policy_rollback},
	    {R_PROPOSAL_CONFIRM, confirm},
	    {R_PROPOSAL_WITHDRAW, job_proposal_withdraw},
	    {R_CATALOG_OVERRIDE, job_catalog_override},
	    {R_CATALOG_APPROVE, job_catalog_approve},
	    {R_CATALOG_FORGET, job_catalog_forget},
	    {R_APPROVE_LIST, job_approve_list},
	    {R_APPROVE_YES, job_approve_decide},
	    {R_APPROVE_NO, job_approve_decide},
	    {JOB_LEARN, job_catalog_learn},
	    {R_VAULT_SET, vault_set},
	    {R_VAULT_REMOVE, vault_remove},
	    {R_VAULT_REVERT, vault_revert},
	    {R_CA_ROTATE, ca_rotate},
	    {R_PLACEHOLDER_ADD, job_placeholder_add},
	    {R_PLACEHOLDER_LIST, job_placeholder_list},
	    {R_PLACEHOLDER_REMOVE, job_placeholder_remove},
	    {R_BUNDLE_TRUST, job_bundle_trust},
	    {R_BUNDLE_APPLY, job_bundle_apply},
	};

	if (j->a->roster.damage[0]) {
		job_fail(j, "damaged", j->a->roster.damage);
		return;
	}
	if (!why_ok(j) || !job_bundle_permits(j))
		return;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (row[i].kind != j->kind)
			continue;
		row[i].fn(j);
		return;
	}
	job_fail(j, "unknown-request", "no such change");
}
