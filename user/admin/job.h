/*
 * job.h - one request on its way through the stages of admin.h.
 * Process: callgate-admin.      Floor: admin.      Owns: everything it points to but its client.
 */
#ifndef ADMIN_JOB_H
#define ADMIN_JOB_H

#include "admin/client.h"
#include "admin/request.h"
#include "base/secret.h"

enum job_stage { JOB_WHO, JOB_QUEUED, JOB_VAULT, JOB_JOURNAL, JOB_REFUSED, JOB_WORLD, JOB_ASKED };

struct job {
	struct list node;
	struct admin *a;
	struct client *client; /* NULL: it has gone; a change goes on */
	int kind;
	enum job_stage stage;
	uint64_t tag;
	struct mono deadline;
	json_t *args;
	struct secret *secret;
	uint32_t uid, pid;
	struct m_described who; /* status 1: not known */
	json_t *event;          /* what the journal gets */
	struct roster next;     /* what will hold then */
	int world_fd;           /* its sealed file, -1: none */
	uint64_t generation;
	json_t *answer;         /* members of the answer gathered so far */
	unsigned pending;       /* JOB_ASKED: set of MSG_P() still to answer */
	char refusal[PERM_WHY];
};

/* job.c: the stages. */
void job_start(struct client *c, struct request *r);
void job_free(struct job *j);
void job_expire(struct admin *a, struct mono now);
/** job_reply(a, from, f): A reply that a job waits for. */
void job_reply(struct admin *a, enum party from, const struct frame *f);
/** job_lost(a, peer): The edge to ${peer} has gone: what waits for it fails. */
void job_lost(struct admin *a, enum party peer);
/** job_world(a): A worker has answered, or gone. */
void job_world(struct admin *a);
/** job_next(a): The journal was folded, or a change is through: begin with the next one. */
void job_next(struct admin *a);
void job_done(struct job *j, json_t *answer);
void job_fail(struct job *j, const char *error, const char *text);
int job_ask(struct job *j, struct edge *e, enum msg type, struct view head, struct view tail, enum job_stage next, uint64_t ms)
    __attribute__((warn_unused_result));
/** job_write(j): j->event into the journal; j->next in force after it. */
void job_write(struct job *j);

/* job_read.c, job_change.c: what each request does. */
void job_read(struct job *j);
void job_read_reply(struct job *j, enum party from, const struct frame *f);
void job_read_late(struct job *j);
void job_change(struct job *j);
void job_change_vault(struct job *j, struct view answer);
/** job_by(j): The "by" of an event. */
json_t *job_by(const struct job *j);

#endif
