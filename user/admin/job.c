/* job.c - see job.h.  The stages of admin.h; what a request does is in job_read.c and job_change.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"
#include "admin/world.h"
#include "base/err.h"
#include "base/log.h"

enum { QUEUE_MS = 15000 };

static void job_free(struct job *j)
{
	if (j->client)
		j->client->job = NULL;
	if (j->a->holder == j) {
		j->a->holder = NULL;
		world_untry(j->a);
	}
	if (j->kind == JOB_LEARN)
		job_catalog_end(j);
	list_del(&j->node);
	secret_free(&j->secret);
	json_decref(j->args);
	json_decref(j->proposal);
	json_decref(j->event);
	json_decref(j->answer);
	job_bundle_free(j);
	roster_free(&j->next);
	free(j);
}

/* Answer the client once; the job may have to go on without it. */
static void answer(struct job *j, json_t *body)
{
	struct client *c = j->client;

	j->client = NULL;
	if (c)
		client_answer(c, body);
	else
		json_decref(body);
}

static void end(struct job *j, json_t *body)
{
	struct admin *a = j->a;
	bool held = a->holder == j;

	answer(j, body);
	job_free(j);
	if (held)
		job_next(a);
}

void job_done(struct job *j, json_t *members)
{
	json_t *body = json_pack("{s:b}", "ok", 1);

	if (members)
		json_object_update(body, members);
	json_decref(members);
	end(j, body);
}

static json_t *failure(const struct job *j, const char *error, const char *text)
{
	json_t *body = json_pack("{s:b s:s s:s}", "ok", 0, "error", error, "text", text);

	if (j->answer)
		json_object_update(body, j->answer);
	return body;
}

void job_fail(struct job *j, const char *error, const char *text)
{
	end(j, failure(j, error, text));
}

bool job_ask(struct job *j, struct edge *e, enum msg type, struct view head, struct view tail, enum job_stage next, uint64_t ms)
{
	char text[128];
	int r = -ERR_CLOSED;

	j->tag = ++j->a->last_tag;
	if (e->fd >= 0)
		r = edge_send2(e, type, j->tag, head, tail, -1);
	if (r) {
		snprintf(text, sizeof(text), "%s cannot be asked: %s", party_name(e->peer), err_text(r));
		job_fail(j, "unavailable", text);
		return false;
	}
	j->stage = next;
	j->deadline = mono_after_ms(mono_now(), ms);
	admin_wake_at(j->a);
	return true;
}

/* ---- who is asking ---- */

static void wait_turn(struct job *j)
{
	j->stage = JOB_QUEUED;
	j->deadline = mono_after_ms(mono_now(), QUEUE_MS);
	job_next(j->a);
}

/* Every refusal is a record, so somebody who is refused again and again would fill the disk: beyond a number they take turns. */
static bool too_many(struct admin *a, struct mono now)
{
	if (now.ns >= mono_after_ms(a->refusals_from, ADMIN_REFUSALS_MS).ns) {
		a->refusals_from = now;
		a->refusals = 0;
	}
	return ++a->refusals > ADMIN_REFUSALS;
}

static void refused(struct job *j)
{
	struct mono now = mono_now();

	if (j->stage != JOB_HELD && too_many(j->a, now)) {
		j->stage = JOB_HELD;
		j->deadline = mono_after_ms(now, ADMIN_HELD_MS);
		admin_wake_at(j->a);
		return;
	}
	job_fail(j, "denied", j->why);
}

/* The refusal is written before it is answered: a crowd of refusals is as slow as the disk. */
static void refuse(struct job *j)
{
	struct admin *a = j->a;
	json_t *e = json_pack("{s:s s:s s:s s:s s:o}", "kind", "journal", "event", "refused", "do", request_name(j->kind),
	    "reason", j->why, "by", job_by(j));
	json_t *offered = e ? job_bundle_offered(j) : NULL;
	if (offered)
		json_object_set_new(e, "offered", offered);
	char *text = e ? json_dumps(e, JSON_COMPACT) : NULL;
	int r = -ENOMEM;

	log_notice("refused %s by uid %u, pid %u: %s", request_name(j->kind), j->uid, j->pid, j->why);
	j->tag = ++a->last_tag;
	if (text)
		r = a->audit.fd >= 0 ? edge_send(&a->audit, M_JOURNAL_ADD, j->tag, view_str(text), -1) : -ERR_CLOSED;
	free(text);
	json_decref(e);
	if (r) {
		log_error("a refusal could not be recorded: %s", err_text(r));
		refused(j);
		return;
	}
	j->stage = JOB_REFUSED;
	j->deadline = mono_after_ms(mono_now(), ADMIN_PEER_MS);
	admin_wake_at(a);
}

void job_refuse(struct job *j)
{
	struct admin *a = j->a;
	bool held = a->holder == j;

	if (held) {
		a->holder = NULL;
		world_untry(a);
	}
	refuse(j);
	if (held)
		job_next(a);
}

static bool may(const struct job *j, const struct perm_caller *caller, char why[PERM_WHY])
{
	const struct approval *ap = job_approve_of(j);
	unsigned work = job_work(j);

	return ap ? perm_approve(caller, &j->a->users, work, ap->call.uid, ap->call.auid, why) : perm_change(caller, &j->a->users, work, why);
}

static void judge(struct job *j)
{
	char why[PERM_WHY];
	static uint32_t group[PERM_GROUPS + 1];
	struct perm_caller caller = {
	    .uid = j->uid,
	    .group = group,
	    .groups = j->client ? client_groups(j->client, group, PERM_GROUPS + 1) : 0,
	    .sender = j->sender,
	    .sender_uid = j->sender_uid,
	    .alive = j->client && client_alive(j->client),
	    .who = j->who.status == 1 ? NULL : &j->who,
	};

	if (may(j, &caller, why)) {
		wait_turn(j);
		return;
	}
	snprintf(j->why, sizeof(j->why), "%s", why);
	refuse(j);
}

static void ask_who(struct job *j)
{
	struct m_describe q = {.tgid = j->pid};
	struct edge *e = &j->a->ident;

	j->tag = ++j->a->last_tag;
	j->stage = JOB_WHO;
	j->deadline = mono_after_ms(mono_now(), ADMIN_WHO_MS);
	int r = e->fd >= 0 ? edge_send(e, M_DESCRIBE, j->tag, view_of(&q, sizeof(q)), -1) : -ERR_CLOSED;
	if (r)
		judge(j);
	else
		admin_wake_at(j->a);
}

/* Whole grants are in the journal alone: before it was read, a list of them would be without all or most of it. */
static bool shows_grants(const struct job *j)
{
	return j->kind == R_GRANT_LIST || j->kind == R_GRANT_SHOW;
}

void job_start(struct client *c, struct request *r)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		c->closing = true;
		return;
	}
	j->a = c->a;
	j->client = c;
	c->job = j;
	j->kind = r->kind;
	j->args = r->args;
	r->args = NULL;
	j->uid = c->uid;
	j->pid = c->pid;
	j->sender = c->sender;
	j->sender_uid = c->sender_uid;
	j->who.status = 1;
	list_add_tail(&c->a->jobs, &j->node);
	if (r->secret.n) {
		j->secret = secret_new(r->secret);
		if (!j->secret) {
			job_fail(j, "unavailable", "no memory for the secret");
			return;
		}
	}
	if (request_flags(j->kind) & REQ_CHANGE)
		ask_who(j);
	else if (shows_grants(j) && (c->a->early || c->a->world_fd < 0))
		wait_turn(j);
	else
		job_read(j);
}

void job_internal(struct admin *a, json_t *event)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		json_decref(event);
		return;
	}
	*j = (struct job){.a = a, .kind = JOB_LEARN, .who = {.status = 1}, .args = json_pack("{s:o}", "event", event)};
	list_add_tail(&a->jobs, &j->node);
	a->learning = true;
	wait_turn(j);
}

/* ---- one change at a time ---- */

void job_next(struct admin *a)
{
	if (a->holder || !a->folded)
		return;
	LIST_EACH(n, &a->jobs) {
		struct job *j = LIST_ENTRY(n, struct job, node);
		if (j->stage != JOB_QUEUED)
			continue;
		if (shows_grants(j)) {
			job_read(j);
			job_next(a);
			return;
		}
		a->holder = j;
		job_change(j);
		/* It may have ended at once, and the next one begun: start from the front in any case. */
		if (!a->holder)
			job_next(a);
		return;
	}
}

static json_t *taken(struct job *j)
{
	json_t *body = j->answer ? json_incref(j->answer) : json_object();
	size_t workers = 0, late = 0, bad = 0;

	for (size_t i = 0; i < ADMIN_WORKERS; i++) {
		const struct admin_worker *w = &j->a->worker[i];
		workers += w->edge.fd >= 0;
		late += w->edge.fd >= 0 && !world_taken_by(w, j->generation);
		bad += w->edge.fd >= 0 && world_taken_by(w, j->generation) && w->holds < j->generation;
	}
	json_object_set_new(body, "generation", json_integer((json_int_t)j->generation));
	json_object_set_new(body, "workers", json_integer((json_int_t)workers));
	if (late)
		json_object_set_new(body, "warning", json_string("a worker has not answered yet; it gets the change when it does"));
	else if (bad)
		json_object_set_new(body, "warning", json_string("a worker did not take the change; see its log"));
	else if (!workers)
		json_object_set_new(body, "warning", json_string("no worker runs; the change holds when one starts"));
	return body;
}

void job_world(struct admin *a)
{
	LIST_EACH(n, &a->jobs) {
		struct job *j = LIST_ENTRY(n, struct job, node);
		if (j->stage == JOB_WORLD && world_taken(a, j->generation))
			job_done(j, taken(j));
	}
}

/* ---- replies, time, loss ---- */

static void got_who(struct job *j, const struct frame *f)
{
	j->who = *(const struct m_described *)(const void *)f->body.p;
	/* 1 is ours: "nothing known". */
	if (j->who.status > 0)
		j->who.status = -ERR_MALFORMED;
	j->who.agent[NAME_LEN - 1] = j->who.exe[PATH_LEN - 1] = '\0';
	judge(j);
}

static void got_vault(struct job *j, const struct frame *f)
{
	json_error_t err;
	json_t *v = json_loadb((const char *)f->body.p, f->body.n, JSON_REJECT_DUPLICATES, &err);

	job_change_vault(j, v);
	json_decref(v);
}

static void got_journal(struct job *j, const struct frame *f)
{
	if (j->stage == JOB_REFUSED)
		refused(j);
	else
		job_written(j, (const void *)f->body.p);
}

void job_reply(struct admin *a, enum party from, const struct frame *f)
{
	static const struct {
		enum msg type;
		unsigned stages; /* bits of enum job_stage */
		void (*fn)(struct job *, const struct frame *);
	} row[] = {
	    {M_DESCRIBED, 1u << JOB_WHO, got_who},
	    {M_VAULT_DID, 1u << JOB_VAULT, got_vault},
	    {M_JOURNAL_ACK, 1u << JOB_JOURNAL | 1u << JOB_REFUSED, got_journal},
	};

	LIST_EACH(n, &a->jobs) {
		struct job *j = LIST_ENTRY(n, struct job, node);
		if (j->stage == JOB_ASKED && j->tag == f->tag) {
			job_read_reply(j, from, f);
			return;
		}
		for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
			if (row[i].type != f->type || j->tag != f->tag || !(row[i].stages & 1u << j->stage))
				continue;
			row[i].fn(j, f);
			return;
		}
	}
}

/* What was sent may still be done: say so, and keep the place until the peer has spoken or gone. */
static void unsure(struct job *j, const char *text)
{
	if (j->client)
		answer(j, failure(j, "timeout", text));
	j->deadline = (struct mono){UINT64_MAX};
}

static void late(struct job *j)
{
	switch (j->stage) {
	case JOB_WHO:
		judge(j);
		break;
	case JOB_QUEUED:
		job_fail(j, "busy", j->a->folded ? "an earlier change is not through yet" : "the journal is not read yet");
		break;
	case JOB_VAULT:
		unsure(j, "the vault does not answer; whether the credential was changed is not known");
		break;
	case JOB_JOURNAL:
		unsure(j, "the journal does not answer; whether the change was made is not known");
		break;
	case JOB_REFUSED:
	case JOB_HELD:
		refused(j);
		break;
	case JOB_WORLD:
		job_done(j, taken(j));
		break;
	default:
		job_read_late(j);
	}
}

void job_expire(struct admin *a, struct mono now)
{
	/* A handler may end other jobs too, so each round begins at the front. */
	for (bool again = true; again;) {
		again = false;
		LIST_EACH(n, &a->jobs) {
			struct job *j = LIST_ENTRY(n, struct job, node);
			if (j->deadline.ns > now.ns)
				continue;
			late(j);
			again = true;
			break;
		}
	}
}

static bool waits_for(const struct job *j, enum party peer)
{
	static const enum party stage[JOB_STAGES] = {
	    [JOB_WHO] = P_IDENT,
	    [JOB_VAULT] = P_VAULT,
	    [JOB_JOURNAL] = P_AUDIT,
	    [JOB_REFUSED] = P_AUDIT,
	};
	return j->stage == JOB_ASKED ? (j->pending & MSG_P(peer)) != 0 : stage[j->stage] == peer;
}

static void lost(struct job *j, enum party peer)
{
	char text[128];

	if (j->stage != JOB_VAULT && j->stage != JOB_JOURNAL) {
		late(j);
		return;
	}
	snprintf(text, sizeof(text), "%s ended before it answered; look whether the change was made", party_name(peer));
	job_fail(j, "unavailable", text);
}

void job_lost(struct admin *a, enum party peer)
{
	for (bool again = true; again;) {
		again = false;
		LIST_EACH(n, &a->jobs) {
			struct job *j = LIST_ENTRY(n, struct job, node);
			if (!waits_for(j, peer))
				continue;
			lost(j, peer);
			again = true;
			break;
		}
	}
}

void job_drop_all(struct admin *a)
{
	a->folded = false; /* nothing begins any more */
	while (!list_empty(&a->jobs))
		job_free(LIST_ENTRY(a->jobs.next, struct job, node));
}
