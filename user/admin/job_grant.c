/* job_grant.c - what the requests that give, end and review grants do.  See job.h. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "admin/job.h"

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

static json_t *now_text(void)
{
	char at[WALL_TEXT];

	wall_text(wall_now(), at);
	return json_string(at);
}

/* What is no error, but probably not meant. */
static void grant_warn(struct job *j, const json_t *grant)
{
	const json_t *uid = json_object_get(grant, "uid");

	if (!json_object_get(grant, "policy"))
		json_object_set_new(j->answer, "note", json_string("the grant names no policy: every call is denied, (no policy)"));
	else if (json_is_integer(uid) && !perm_governed(&j->a->users, (uint32_t)json_integer_value(uid)))
		json_object_set_new(j->answer, "note", json_string("this user is not governed: see \"users\" in callgate.json"));
}

static bool user_fits(struct job *j, const json_t *grant)
{
	const json_t *uid = json_object_get(grant, "uid");
	const char *user = json_string_value(json_object_get(grant, "user"));
	const char *name = json_is_integer(uid) ? admin_name_of(j->a, (uint32_t)json_integer_value(uid)) : NULL;

	if (!user || (json_is_integer(uid) && (!name || strcmp(user, name) == 0)))
		return true;
	snprintf(j->why, sizeof(j->why), "/user: \"%.64s\" is not the account of this uid", user);
	return false;
}

/* A bearer token of 200 random bits goes into the answer alone; the grant keeps its digest. */
static bool give_token(struct job *j, json_t *grant)
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";
	uint8_t rnd[40], sum[32];
	char token[4 + sizeof(rnd) + 1] = "cgt_", hex[65];
	unsigned n = 0;

	if (getrandom(rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return false;
	for (size_t i = 0; i < sizeof(rnd); i++)
		token[4 + i] = set[rnd[i] & 31];
	bool ok = EVP_Digest(token, sizeof(token) - 1, sum, &n, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; ok && i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	ok = ok && json_object_set_new(grant, "token_sha256", json_string(hex)) == 0 &&
	     json_object_set_new(j->answer, "token", json_string(token)) == 0;
	explicit_bzero(token, sizeof(token));
	explicit_bzero(rnd, sizeof(rnd));
	return ok;
}

void job_grant_add(struct job *j)
{
	const json_t *asked = json_object_get(j->args, "grant");
	json_t *g = check_grant(asked, &j->a->roster, wall_now(), j->why);
	char id[16];

	if (!g || !user_fits(j, g)) {
		json_decref(g);
		job_fail(j, "invalid", j->why);
		return;
	}
	if (!j->answer)
		j->answer = json_object();
	bool token = json_is_true(json_object_get(g, "token"));
	json_object_del(g, "token");
	json_t *ask = json_pack("{s:s s:o}", "do", "grant.add", "grant", json_deep_copy(asked));
	bool proposed = job_propose(j, ask);
	json_decref(ask);
	if (proposed) {
		json_decref(g);
		return;
	}
	if (check_grant_id(&j->a->roster, id) || (token && !give_token(j, g))) {
		json_decref(g);
		job_fail(j, "unavailable", "no randomness for an id or a token");
		return;
	}
	json_object_set_new(g, "id", json_string(id));
	json_object_set_new(g, "issued_by", job_person_json(j));
	json_object_set_new(g, "issued_at", now_text());
	if (j->proposal)
		json_object_set(g, "proposed_by", json_object_get(j->proposal, "proposed_by"));
	json_object_set_new(j->answer, "id", json_string(id));
	json_object_set(j->answer, "grant", g);
	grant_warn(j, g);
	job_write(j, json_pack("{s:s s:s s:o}", "event", "grant.add", "id", id, "grant", g));
}

/* The grant that the request names; new; or NULL after the job has ended. */
static json_t *named(struct job *j)
{
	const char *id = arg(j, "id");
	json_t *g = grants_get(&j->a->roster.grants, id);

	if (g)
		return g;
	snprintf(j->why, sizeof(j->why), "no grant in force has the id %.32s", id);
	job_fail(j, "not-found", j->why);
	return NULL;
}

void job_grant_revoke(struct job *j)
{
	json_t *g = named(j);

	json_decref(g);
	if (g)
		job_write(j, json_pack("{s:s s:s}", "event", "grant.revoke", "id", arg(j, "id")));
}

static bool is_person(const struct job *j, const json_t *by)
{
	const json_t *who = json_object_get(by, "person") ? json_object_get(by, "person") : json_object_get(by, "uid");

	return json_is_integer(who) && json_integer_value(who) == (json_int_t)job_person(j);
}

/* A review is worth something only when neither who gave the grant nor who has it makes it. */
static bool may_review(struct job *j, const json_t *g)
{
	const json_t *uid = json_object_get(g, "uid");

	if (is_person(j, json_object_get(g, "issued_by")) || is_person(j, json_object_get(g, "proposed_by"))) {
		snprintf(j->why, sizeof(j->why), "%.32s was issued by this person (uid %u); another one reviews it", arg(j, "id"), job_person(j));
		return false;
	}
	if (json_is_integer(uid) && json_integer_value(uid) == (json_int_t)job_person(j)) {
		snprintf(j->why, sizeof(j->why), "%.32s is for this person (uid %u); another one reviews it", arg(j, "id"), job_person(j));
		return false;
	}
	return true;
}

void job_grant_review(struct job *j)
{
	const char *decision = arg(j, "decision");
	json_t *g = named(j);

	if (!g)
		return;
	bool may = may_review(j, g);
	json_decref(g);
	if (strcmp(decision, "keep") != 0 && strcmp(decision, "revoke") != 0) {
		job_fail(j, "invalid", "/decision: must be keep or revoke");
		return;
	}
	if (!arg(j, "reason")) {
		job_fail(j, "invalid", "/reason: a review says why");
		return;
	}
	if (!may) {
		job_fail(j, "denied", j->why);
		return;
	}
	job_write(j, json_pack("{s:s s:s s:s s:o}", "event", "grant.review", "id", arg(j, "id"), "decision", decision, "reviewer", job_person_json(j)));
}
