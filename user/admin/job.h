/*
 * job.h - one request on its way through the stages of admin.h.
 * Process: callgate-admin.      Floor: admin.      Owns: everything it points to but its client.
 */
#ifndef ADMIN_JOB_H
#define ADMIN_JOB_H

#include "admin/check.h"
#include "admin/client.h"
#include "admin/request.h"
#include "base/secret.h"

enum job_stage {
	JOB_WHO,     /* callgate-ident is asked what the caller is */
	JOB_QUEUED,  /* another change is being made, or the journal is not read yet */
	JOB_VAULT,   /* the vault stores or forgets */
	JOB_JOURNAL, /* the journal writes the change */
	JOB_REFUSED, /* the journal writes the refusal */
	JOB_HELD,    /* one of many refusals: its answer waits */
	JOB_WORLD,   /* the workers take what holds now */
	JOB_ASKED,   /* a read waits for other processes */
	JOB_STAGES
};

struct job {
	struct list node;
	struct admin *a;
	struct client *client; /* NULL: gone, or answered already; a change goes on */
	int kind;              /* enum request_kind */
	enum job_stage stage;
	uint64_t tag;
	struct mono deadline;
	json_t *args;
	json_t *proposal;       /* that this change confirms, NULL: none */
	struct secret *secret;
	uint32_t uid, pid, sender, sender_uid; /* sender: as in struct client */
	struct m_described who; /* status 1: not known */
	json_t *event;          /* what the journal gets */
	struct roster next;     /* what holds after that */
	size_t part, parts;     /* of a document that is longer than a line: written so far, in all */
	uint64_t generation;
	json_t *answer;         /* members of the answer gathered so far */
	unsigned pending;       /* JOB_ASKED: set of MSG_P() still to answer */
	struct job_bundle *bundle; /* job_bundle.c; NULL: it is about none */
	char why[CHECK_WHY];
};

/** job_start(c, r): Begin with a request; its args are taken over, its secret copied. */
void job_start(struct client *c, struct request *r);

/* What can happen to jobs: time, a reply, a peer gone, a worker's acknowledgement, room for the next change. */
void job_expire(struct admin *a, struct mono now);
void job_reply(struct admin *a, enum party from, const struct frame *f);
void job_lost(struct admin *a, enum party peer);
void job_world(struct admin *a);
void job_next(struct admin *a);
void job_drop_all(struct admin *a);

/* ---- for what each request does ---- */

/** job_done(j, answer): Answer {"ok":true} with the members of ${answer} (taken over, may be NULL), and end. */
void job_done(struct job *j, json_t *answer);
/** job_fail(j, error, text): Answer {"ok":false}, with the members of j->answer, and end. */
void job_fail(struct job *j, const char *error, const char *text);

/** job_refuse(j): Journal that this is refused, and j->why, then answer so; the next change does not wait for it. */
void job_refuse(struct job *j);

/** job_ask(j, e, type, head, tail, next, ms): Send a frame; the job is in stage ${next} for at most ${ms}.  On failure it has ended. */
bool job_ask(struct job *j, struct edge *e, enum msg type, struct view head, struct view tail, enum job_stage next, uint64_t ms);

/** job_write(j, event): Journal ${event} (taken over; "by", reason and ticket are added), then put it in force, publish, answer. */
void job_write(struct job *j, json_t *event);
/** job_note(j, event): Journal ${event} in the same way, but nothing in force changes by it. */
void job_note(struct job *j, json_t *event);
/** job_event(j, event): Say in ${event} what it is, who makes it and why.  job_dated(event): As it will be read again; new. */
void job_event(const struct job *j, json_t *event);
json_t *job_dated(const json_t *event);
/** job_line(j, event): Write such a one (taken over), and nothing else. */
void job_line(struct job *j, json_t *event);
/** job_written(j, ack): What the journal said. */
void job_written(struct job *j, const struct m_journal_ack *ack);
/** job_by(j): Who makes it: the "by" of an event. */
json_t *job_by(const struct job *j);

/**
 * job_policy(j, hash):
 * Check the document in the request; its problems become part of the answer, good or bad.  On failure the job has ended with ${what}.
 */
bool job_policy(struct job *j, const char *what, char hash[65]);

/** job_internal(a, event): A change of our own, for which nobody asked: ${event} (taken over) is written in its turn. */
void job_internal(struct admin *a, json_t *event);

/* job_catalog.c */
enum { JOB_LEARN = R_COUNT }; /* kind of the change that job_internal() makes: no client can ask for it */
void job_catalog_hear(struct admin *a, const struct m_tool *m, struct view schema);
void job_catalog_learn(struct job *j);
void job_catalog_end(struct job *j);
void job_catalog_override(struct job *j);
void job_catalog_approve(struct job *j);
void job_catalog_forget(struct job *j);
void job_catalog_list(struct job *j);
void job_catalog_show(struct job *j);

/* job_approve.c: M_APPROVAL_ASK; an answer of the journal (true: it was for an approval); the journal, or a worker, has gone. */
void job_approve_ask(struct admin *a, struct edge *e, const struct frame *f);
bool job_approve_line(struct admin *a, const struct frame *f);
void job_approve_lost(struct admin *a);
void job_approve_worker(struct admin *a, uint32_t slot);
/** job_approve_of(j): What a yes or no is about, or NULL. */
const struct approval *job_approve_of(const struct job *j);
void job_approve_list(struct job *j);
void job_approve_decide(struct job *j);
void job_approve_written(struct job *j);

/* job_read.c */
void job_read(struct job *j);
void job_read_reply(struct job *j, enum party from, const struct frame *f);
void job_read_late(struct job *j);
/** job_list(j, name, map, but): Answer with the values of ${map} as a list, without their member ${but}. */
void job_list(struct job *j, const char *name, json_t *map, const char *but);
/** job_named(j, map, what, see): What the request's "id" names in ${map} (borrowed), or NULL after the job has ended; ${see}: the command that lists them. */
json_t *job_named(struct job *j, const json_t *map, const char *what, const char *see);

/* job_change.c: the caller may do it, and it is this job's turn. */
void job_change(struct job *j);
void job_change_vault(struct job *j, const json_t *answer);

/* job_proposal.c: where another person confirms a change ("four eyes"). */
/** job_work(j): The roles whose work the request is, as bits. */
unsigned job_work(const struct job *j);
/** job_propose(j, event): Must another person confirm this?  Then ${event} (borrowed) becomes a proposal, and the job is over or on its way. */
bool job_propose(struct job *j, const json_t *event);
/** job_proposal_confirm(j): Make ${j} the change that its proposal asks for; false: the job is over. */
bool job_proposal_confirm(struct job *j);
void job_proposal_withdraw(struct job *j);
void job_proposal_list(struct job *j);
void job_proposal_show(struct job *j);
/** job_person(j): Who is behind a request: the account that logged in, also when it acts as root. */
uint32_t job_person(const struct job *j);
json_t *job_person_json(const struct job *j);

/* job_bundle.c: signed bundles. */
void job_bundle_trust(struct job *j);
void job_bundle_apply(struct job *j);
void job_bundle_vault(struct job *j, const json_t *answer);
/** job_bundle_permits(j): Does the bundle in force leave this change to the workstation?  When not, the job is over or on its way. */
bool job_bundle_permits(struct job *j);
/** job_bundle_more(j): The journal has a line of it: is there another?  Then that is on its way. */
bool job_bundle_more(struct job *j);
void job_bundle_tidy(struct admin *a);
/** job_bundle_offered(j): What was offered: for the record of a refusal; NULL: no bundle. */
json_t *job_bundle_offered(const struct job *j);
void job_bundle_free(struct job *j);

/* job_placeholder.c, job_grant.c: what each request does. */
void job_placeholder_add(struct job *j);
void job_placeholder_list(struct job *j);
void job_placeholder_remove(struct job *j);
void job_grant_add(struct job *j);
void job_grant_revoke(struct job *j);
void job_grant_review(struct job *j);

#endif
