/*
 * job_proposal.c - changes that another person confirms before they hold ("four eyes").  See job.h.
 * A proposal is an event of the journal like any other, and does nothing.  Confirmed, it goes the way of a change that was asked for just
 * then: everything is checked again.  Ending a grant never waits for anybody.
 */
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"

enum { PROPOSALS = 100 };

static const char *id_of(const struct job *j)
{
	return json_string_value(json_object_get(j->args, "id"));
}

static unsigned work_of(int kind)
{
	return request_flags(kind) / REQ_ADMIN;
}

static int kind_of(const json_t *proposal)
{
	return json_object_get(proposal, "grant") ? R_GRANT_ADD : R_POLICY_APPLY;
}

unsigned job_work(const struct job *j)
{
	const json_t *p = j->kind == R_PROPOSAL_CONFIRM || j->kind == R_PROPOSAL_WITHDRAW ? json_object_get(j->a->roster.proposals, id_of(j)) : NULL;

	return work_of(p ? kind_of(p) : j->kind);
}

uint32_t job_person(const struct job *j)
{
	return j->who.status == 0 && j->who.loginuid != UINT32_MAX ? j->who.loginuid : j->uid;
}

json_t *job_person_json(const struct job *j)
{
	const char *name = admin_name_of(j->a, job_person(j));

	return json_pack("{s:I s:I s:s*}", "uid", (json_int_t)j->uid, "person", (json_int_t)job_person(j), "user", name);
}

bool job_propose(struct job *j, const json_t *ask)
{
	char id[16];

	if (j->proposal || !(j->a->users.four_eyes & work_of(kind_of(ask))))
		return false;
	if (json_object_size(j->a->roster.proposals) >= PROPOSALS) {
		job_fail(j, "busy", "too many proposals wait; confirm or withdraw some first: callgate proposal list");
		return true;
	}
	json_t *e = json_copy((json_t *)(uintptr_t)ask); /* only read */
	if (!e || check_id(j->a->roster.proposals, id)) {
		json_decref(e);
		job_fail(j, "unavailable", "no memory, or no randomness for an id");
		return true;
	}
	if (!j->answer)
		j->answer = json_object();
	json_object_set_new(j->answer, "proposal", json_string(id));
	json_object_set_new(e, "event", json_string("proposal.add"));
	json_object_set_new(e, "id", json_string(id));
	json_object_set_new(e, "proposed_by", job_person_json(j));
	job_write(j, e);
	return true;
}

/* The proposal that the request names, or NULL after the job has ended. */
static json_t *named(struct job *j)
{
	return job_named(j, j->a->roster.proposals, "proposal", "callgate proposal list");
}

/* Two persons, as far as logins tell: root that nobody logged in as may be anybody, and so confirms nothing. */
static bool another_person(struct job *j, const json_t *p)
{
	json_int_t by = json_integer_value(json_object_get(json_object_get(p, "proposed_by"), "person"));

	if (by == (json_int_t)job_person(j))
		snprintf(j->why, sizeof(j->why), "%.32s was proposed by this person (uid %u); another one confirms it", id_of(j), job_person(j));
	else if (job_person(j) == 0)
		snprintf(j->why, sizeof(j->why), "who acts as root here cannot be told, since no login is known; a proposal is confirmed by a person");
	else
		return true;
	return false;
}

bool job_proposal_confirm(struct job *j)
{
	static const char *const key[] = {"grant", "name", "document", "rollback_to", "reason", "ticket"};
	json_t *p = named(j);

	if (!p)
		return false;
	if (!another_person(j, p)) {
		job_fail(j, "denied", j->why);
		return false;
	}
	for (size_t i = 0; i < sizeof(key) / sizeof(*key); i++) {
		json_t *v = json_object_get(p, key[i]);
		if (v && !json_object_get(j->args, key[i]))
			json_object_set(j->args, key[i], v);
	}
	j->proposal = json_incref(p);
	return true;
}

void job_proposal_withdraw(struct job *j)
{
	if (named(j))
		job_write(j, json_pack("{s:s s:s}", "event", "proposal.withdraw", "id", id_of(j)));
}

void job_proposal_list(struct job *j)
{
	job_list(j, "proposals", j->a->roster.proposals, "document");
}

void job_proposal_show(struct job *j)
{
	json_t *p = named(j);

	if (p)
		job_done(j, json_pack("{s:O}", "proposal", p));
}
