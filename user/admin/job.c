/* job.c - see job.h.  The stages, and what ends one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

void job_free(struct job *j)
{
	if (j->a->holder == j)
		j->a->holder = NULL;
	list_del(&j->node);
	json_decref(j->args);
	json_decref(j->event);
	json_decref(j->answer);
	secret_free(&j->secret);
	roster_free(&j->next);
	fd_close(&j->world_fd);
	free(j);
}

void job_done(struct job *j, json_t *answer)
{
	struct admin *a = j->a;

	if (answer)
		json_object_set_new(answer, "ok", json_true());
	if (j->client)
		client_answer(j->client, answer);
	else
		json_decref(answer);
	job_free(j);
	job_next(a);
}

void job_fail(struct job *j, const char *error, const char *text)
{
	struct admin *a = j->a;

	if (j->client)
		client_answer(j->client, json_pack("{s:b s:s s:s s:O?}", "ok", 0, "error", error, "text", text, "problems",
		    json_object_get(j->answer, "problems")));
	job_free(j);
	job_next(a);
}

int job_ask(struct job *j, struct edge *e, enum msg type, struct view head, struct view tail, enum job_stage next, uint64_t ms)
{
	j->tag = ++j->a->last_tag;
	j->stage = next;
	j->deadline = mono_after_ms(mono_now(), ms);
	admin_wake_at(j->a);
	return edge_send2(e, type, j->tag, head, tail, -1);
}

json_t *job_by(const struct job *j)
{
	const char *user = admin_name_of(j->a, j->uid);

	return json_pack("{s:I s:s* s:I s:s*}", "uid", (json_int_t)j->uid, "user", user, "pid", (json_int_t)j->pid, "exe",
	    j->who.status == 0 && j->who.exe[0] ? j->who.exe : NULL);
}

/* Into the journal, durable: then, and only then, does it hold. */
static int to_journal(struct job *j, enum job_stage stage)
{
	char *text = j->event ? json_dumps(j->event, JSON_COMPACT) : NULL;
	int r = text ? job_ask(j, &j->a->audit, M_JOURNAL_ADD, view_str(text), view_of(NULL, 0), stage, ADMIN_PEER_MS) : -ENOMEM;

	free(text);
	return r;
}

void job_write(struct job *j)
{
	int r = to_journal(j, JOB_JOURNAL);

	if (r == -ERR_UNKNOWN_MESSAGE)
		job_fail(j, "too-long", "the change does not fit one journal record of 64 KiB");
	else if (r)
		job_fail(j, "unavailable", "the change cannot be written to the journal now (callgate-audit): nothing was changed");
}

/* A change that was not permitted is written down before it is answered; when that fails it is still refused. */
static void refuse(struct job *j, const char *why)
{
	log_warning("%s by uid %u (pid %u) is refused: %s", request_name(j->kind), j->uid, j->pid, why);
	snprintf(j->refusal, sizeof(j->refusal), "%s", why);
	json_decref(j->event);
	j->event = json_pack("{s:s s:s s:s s:o}", "event", "refused", "do", request_name(j->kind), "reason", why, "by", job_by(j));
	if (to_journal(j, JOB_REFUSED))
		job_fail(j, "refused", j->refusal);
}

static void known(struct job *j)
{
	char why[PERM_WHY];
	struct perm_caller caller = {.uid = j->uid, .alive = j->client && client_alive(j->client), .who = j->who.status == 1 ? NULL : &j->who};

	if (!perm_change(&caller, &j->a->users, why)) {
		refuse(j, why);
		return;
	}
	j->stage = JOB_QUEUED;
	j->deadline = mono_after_ms(mono_now(), ADMIN_PEER_MS);
	job_next(j->a);
}

void job_start(struct client *c, struct request *r)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		client_answer(c, json_pack("{s:b s:s s:s}", "ok", 0, "error", "memory", "text", "out of memory"));
		return;
	}
	*j = (struct job){.a = c->a, .client = c, .kind = r->kind, .args = json_incref(r->args), .uid = c->uid, .pid = c->pid, .world_fd = -1,
	    .who = {.status = 1}};
	if (r->secret.n)
		j->secret = secret_new(r->secret);
	list_add_tail(&c->a->jobs, &j->node);
	c->job = j;
	if (!(request_flags(j->kind) & REQ_CHANGE)) {
		job_read(j);
		return;
	}
	struct m_describe ask = {.tgid = j->pid};
	if (job_ask(j, &j->a->ident, M_DESCRIBE, view_of(&ask, sizeof(ask)), view_of(NULL, 0), JOB_WHO, ADMIN_WHO_MS))
		known(j);
}

void job_next(struct admin *a)
{
	if (a->holder || !a->folded)
		return;
	LIST_EACH(it, &a->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		if (j->stage != JOB_QUEUED)
			continue;
		a->holder = j;
		job_change(j);
		return;
	}
}

static void journal_said(struct job *j, const struct frame *f)
{
	struct m_journal_ack ack;

	memcpy(&ack, f->body.p, sizeof(ack));
	if (j->stage == JOB_REFUSED) {
		job_fail(j, "refused", j->refusal);
		return;
	}
	if (ack.status) {
		job_fail(j, "unavailable", "the journal could not be written: nothing was changed");
		return;
	}
	if (j->world_fd >= 0) {
		world_adopt(j->a, &j->next, j->generation, j->world_fd);
		j->world_fd = -1;
	} else if (j->next.servers) {
		roster_free(&j->a->roster);
		j->a->roster = j->next;
		j->next = (struct roster){0};
	}
	j->stage = JOB_WORLD;
	j->deadline = mono_after_ms(mono_now(), ADMIN_WORLD_MS);
	admin_wake_at(j->a);
	job_world(j->a);
}

void job_world(struct admin *a)
{
	LIST_EACH(it, &a->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		if (j->stage == JOB_WORLD && world_taken(a, j->generation)) {
			json_t *answer = json_incref(j->answer ? j->answer : (j->answer = json_object()));
			job_done(j, answer);
			return; /* job_done() may have begun with the next one */
		}
	}
}

static struct job *by_tag(struct admin *a, uint64_t tag)
{
	LIST_EACH(it, &a->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		if (tag && j->tag == tag)
			return j;
	}
	return NULL;
}

void job_reply(struct admin *a, enum party from, const struct frame *f)
{
	struct job *j = by_tag(a, f->tag);

	if (!j)
		return; /* too late: it was answered without */
	if (j->stage == JOB_WHO && f->type == M_DESCRIBED) {
		memcpy(&j->who, f->body.p, sizeof(j->who));
		known(j);
	} else if ((j->stage == JOB_JOURNAL || j->stage == JOB_REFUSED) && f->type == M_JOURNAL_ACK) {
		journal_said(j, f);
	} else if (j->stage == JOB_VAULT && f->type == M_VAULT_DID) {
		job_change_vault(j, f->body);
	} else if (j->stage == JOB_ASKED) {
		job_read_reply(j, from, f);
	}
}

static void late(struct job *j)
{
	switch (j->stage) {
	case JOB_WHO:
		known(j);
		break;
	case JOB_REFUSED:
		job_fail(j, "refused", j->refusal);
		break;
	case JOB_ASKED:
		job_read_late(j);
		break;
	case JOB_WORLD:
		json_object_set_new(j->answer ? j->answer : (j->answer = json_object()), "pending",
		    json_string("it is in force; a worker has not confirmed it yet"));
		job_done(j, json_incref(j->answer));
		break;
	case JOB_QUEUED:
		job_fail(j, "unavailable", j->a->folded ? "another change is being made; try again" : "the journal has not been read yet; try again");
		break;
	default:
		job_fail(j, "timeout", "no answer in time from the process that keeps it; see callgate status");
		break;
	}
}

void job_expire(struct admin *a, struct mono now)
{
	LIST_EACH(it, &a->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		if (j->deadline.ns <= now.ns) {
			late(j);
			return; /* the list may have changed; the timer is set again at once */
		}
	}
}

void job_lost(struct admin *a, enum party peer)
{
	static const struct {
		enum job_stage stage;
		enum party on;
	} waits[] = {{JOB_WHO, P_IDENT}, {JOB_VAULT, P_VAULT}, {JOB_JOURNAL, P_AUDIT}, {JOB_REFUSED, P_AUDIT}};

	LIST_EACH(it, &a->jobs) {
		struct job *j = LIST_ENTRY(it, struct job, node);
		for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
			if (j->stage == waits[i].stage && peer == waits[i].on)
				j->deadline = (struct mono){0};
		if (j->stage == JOB_ASKED && (j->pending & MSG_P(peer)))
			j->deadline = (struct mono){0};
	}
	admin_wake_at(a);
}
