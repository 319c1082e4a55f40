/*
 * job_bundle.c - a signed bundle: who may sign, taking one, and what it leaves to this workstation.  See job.h, parcel.h, bundle_plan.h.
 *
 * Nothing is touched before the signature, the host, the version and everything the bundle would put in force were looked at.  Then the vault
 * takes the credentials under names that nothing uses yet, then the journal takes the events, which count when the last one is there, and with
 * that all of it holds at once: here, in the journal, and in the world that the workers get.  What breaks off before leaves what was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/bundle_plan.h"
#include "admin/job.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/log.h"

struct job_bundle {
	struct parcel p;
	struct bundle_plan plan;
	char signer[NOTE_NAME];
	size_t at;    /* the credential that the vault was asked for; events written */
	bool same;    /* it is in force already */
	bool named;   /* the vault has said which key it has */
	bool writing;
};

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

void job_bundle_free(struct job *j)
{
	if (!j->bundle)
		return;
	parcel_free(&j->bundle->p);
	bundle_plan_free(&j->bundle->plan);
	free(j->bundle);
	j->bundle = NULL;
}

json_t *job_bundle_offered(const struct job *j)
{
	const struct job_bundle *b = j->bundle;

	return b ? json_pack("{s:s s:o*}", "sha256", b->p.sha256, "version", b->p.version ? json_integer((json_int_t)b->p.version) : NULL) : NULL;
}

/* ---- what it leaves to this workstation ---- */

/* Of which kind a change is; NULL: of none that a bundle carries.  What only takes away (grant.revoke) is always the workstation's to do. */
static const char *kind_of(const struct job *j)
{
	const json_t *p;

	switch (j->kind) {
	case R_SERVER_ADD:
	case R_SERVER_REMOVE:
		return "servers";
	case R_GRANT_ADD:
		return "grants";
	case R_POLICY_APPLY:
	case R_POLICY_ROLLBACK:
		return "policies";
	case R_VAULT_SET:
	case R_VAULT_REVERT:
		return "credentials";
	case R_PROPOSAL_CONFIRM:
		p = json_object_get(j->a->roster.proposals, text(j->args, "id"));
		return !p ? NULL : json_object_get(p, "grant") ? "grants" : "policies";
	default:
		return NULL;
	}
}

static bool permitted(const struct roster *r, const char *kind)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(r->bundle, "local"), i, v)
		if (strcmp(json_string_value(v), kind) == 0)
			return true;
	return !roster_bundle(r);
}

bool job_bundle_permits(struct job *j)
{
	const struct roster *r = &j->a->roster;
	const char *kind = kind_of(j), *name = text(j->args, "name");
	bool vault = j->kind == R_VAULT_SET || j->kind == R_VAULT_REMOVE || j->kind == R_VAULT_REVERT;
	char signer[NOTE_NAME];
	uint8_t key[SIGN_PUBLIC];

	if (kind && !permitted(r, kind)) {
		if (note_key(view_str(text(r->bundle, "signer")), signer, key))
			signer[0] = '\0';
		snprintf(j->why, sizeof(j->why), "bundle %llu of %s is in force and leaves %s to whoever signs the bundles", (unsigned long long)roster_bundle(r),
		    signer + (strncmp(signer, PARCEL_SIGNER, strlen(PARCEL_SIGNER)) == 0 ? strlen(PARCEL_SIGNER) : 0), kind);
	} else if (vault && name && (bundle_item(name) || json_object_get(json_object_get(r->credentials, name), "item"))) {
		snprintf(j->why, sizeof(j->why), "credential %.63s comes with the signed bundles and changes with them", name);
	} else {
		return true;
	}
	job_refuse(j);
	return false;
}

/* ---- who may sign ---- */

void job_bundle_trust(struct job *j)
{
	const char *vkey = text(j->args, "signer"), *old = text(j->a->roster.bundle, "signer");
	char name[NOTE_NAME];
	uint8_t key[SIGN_PUBLIC];

	if (note_key(view_str(vkey), name, key) || !parcel_signer(name)) {
		job_fail(j, "invalid", "/signer: must be the public key that callgate fleet bundle-key made: callgate-bundle/ORG+HASH+KEY");
		return;
	}
	j->answer = json_pack("{s:s}", "signer", name);
	if (old && strcmp(old, vkey) == 0)
		job_done(j, json_incref(j->answer));
	else if (old && !json_is_true(json_object_get(j->args, "replace")))
		job_fail(j, "exists", "another key signs the bundles of this workstation; --replace puts this one in its place");
	else
		job_write(j, json_pack("{s:s s:s s:s*}", "event", "bundle.trust", "signer", vkey, "previous", old));
}

/* ---- taking one ---- */

/* What holds afterwards, by the same way as when the journal is read. */
static int build(struct job *j)
{
	struct job_bundle *b = j->bundle;
	json_t *e;
	size_t i;

	roster_free(&j->next);
	int r = roster_copy(&j->a->roster, &j->next);
	json_array_foreach(b->plan.events, i, e) {
		json_t *as_read = r ? NULL : job_dated(e);
		if (!r)
			r = roster_apply(&j->next, as_read);
		json_decref(as_read);
	}
	if (r) {
		snprintf(j->why, sizeof(j->why), "what it says cannot be put in force: %s", err_text(r));
		return r;
	}
	return world_try(j->a, &j->next, j->why);
}

static int look(struct job *j)
{
	struct job_bundle *b = j->bundle;
	const json_t *file = json_object_get(j->args, "bundle");
	const struct roster *r = &j->a->roster;
	const char *vkey = text(r->bundle, "signer"), *in_force = text(r->bundle, "sha256");
	uint8_t key[SIGN_PUBLIC];
	json_t *e;
	size_t i;
	int ret = parcel_open(view_of(json_string_value(file), json_string_length(file)), vkey ? vkey : "", &b->p, j->why);

	if (ret)
		return ret;
	b->same = in_force && strcmp(in_force, b->p.sha256) == 0;
	if (b->same)
		return 0;
	ret = parcel_fits(&b->p, j->a->host, roster_bundle(r), j->why);
	if (!ret && note_key(view_str(vkey), b->signer, key))
		ret = -ERR_MALFORMED;
	if (!ret)
		ret = bundle_plan(&b->p, r, b->signer, j->a->names, wall_now(), &b->plan, j->why);
	json_array_foreach(b->plan.events, i, e)
		job_event(j, e);
	return ret ? ret : build(j);
}

static void write_all(struct job *j)
{
	if (build(j)) {
		job_fail(j, "unavailable", j->why);
		return;
	}
	j->bundle->writing = true;
	j->bundle->at = 0;
	job_line(j, json_incref(json_array_get(j->bundle->plan.events, 0)));
}

/* The event of the credential that the vault is asked for. */
static json_t *event_of(const struct job_bundle *b)
{
	const char *name = text(json_array_get(json_object_get(b->p.manifest, "credentials"), b->at), "name");
	json_t *e;
	size_t i;

	json_array_foreach(b->plan.events, i, e)
		if (strcmp(text(e, "event"), "credential.set") == 0 && strcmp(text(e, "name"), name) == 0)
			return e;
	return NULL;
}

static void ask_vault(struct job *j)
{
	struct job_bundle *b = j->bundle;
	const json_t *e = b->named && b->at < b->p.n ? event_of(b) : NULL;
	char what[BOX_WHAT] = "", *q;
	json_t *ask;

	if (b->at == b->p.n) {
		write_all(j);
		return;
	}
	if (e)
		parcel_what(b->p.version, b->p.host, text(e, "name"), what);
	ask = e ? json_pack("{s:s s:s s:s}", "op", "unseal", "name", text(e, "item"), "what", what) : json_pack("{s:s}", "op", "box");
	q = ask ? json_dumps(ask, JSON_COMPACT) : NULL;
	json_decref(ask);
	if (q)
		job_ask(j, &j->a->vault, M_VAULT_DO, view_of(q, strlen(q) + (e ? 1 : 0)), e ? b->p.box[b->at] : view_of(NULL, 0), JOB_VAULT, ADMIN_PEER_MS);
	else
		job_fail(j, "unavailable", "no memory");
	free(q);
}

void job_bundle_vault(struct job *j, const json_t *answer)
{
	struct job_bundle *b = j->bundle;
	const char *why = text(answer, "text"), *public = text(answer, "public");

	if (!json_is_true(json_object_get(answer, "ok"))) {
		if (b->named)
			snprintf(j->why, sizeof(j->why), "its credential %.63s cannot be taken: %.200s", text(event_of(b), "name"), why ? why : "the vault gave no answer that can be read");
		if (b->named)
			job_refuse(j);
		else
			job_fail(j, "unavailable", why ? why : "the vault gave no answer that can be read");
		return;
	}
	if (!b->named && (!public || strcmp(public, b->p.vault) != 0)) {
		snprintf(j->why, sizeof(j->why), "its credentials are sealed to the vault of another machine, or to one that was made anew: enrol this workstation again");
		job_refuse(j);
		return;
	}
	if (b->named) {
		json_object_set(event_of(b), "version", json_object_get(answer, "version"));
		b->at++;
	}
	b->named = true;
	ask_vault(j);
}

bool job_bundle_more(struct job *j)
{
	struct job_bundle *b = j->bundle;

	if (!b || ++b->at >= json_array_size(b->plan.events))
		return false;
	job_line(j, json_incref(json_array_get(b->plan.events, b->at)));
	return true;
}

/* Nobody uses them any more; what is not removed now is with the next bundle. */
void job_bundle_tidy(struct admin *a)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(a->roster.bundle, "stale"), i, v) {
		json_t *ask = json_pack("{s:s s:O}", "op", "remove", "name", v);
		char *q = ask ? json_dumps(ask, JSON_COMPACT) : NULL;
		if (q && a->vault.fd >= 0 && edge_send(&a->vault, M_VAULT_DO, ++a->last_tag, view_str(q), -1))
			log_detail("the vault keeps %s a while longer", json_string_value(v));
		free(q);
		json_decref(ask);
	}
}

void job_bundle_apply(struct job *j)
{
	int r;

	j->bundle = calloc(1, sizeof(*j->bundle));
	r = j->bundle ? look(j) : -ENOMEM;
	if (r && r != -ENOMEM) {
		job_refuse(j);
		return;
	}
	if (r) {
		job_fail(j, "unavailable", err_text(r));
		return;
	}
	j->answer = json_pack("{s:I s:s}", "version", (json_int_t)j->bundle->p.version, "sha256", j->bundle->p.sha256);
	if (j->bundle->same) {
		json_object_set_new(j->answer, "note", json_string("this bundle is in force already"));
		job_done(j, json_incref(j->answer));
		return;
	}
	json_object_set_new(j->answer, "changes", json_integer((json_int_t)json_array_size(j->bundle->plan.events) - 1));
	if (json_array_size(j->bundle->plan.left_out))
		json_object_set(j->answer, "left_out", j->bundle->plan.left_out);
	ask_vault(j);
}
