/*
 * job_journal.c - the stage in which a change is written: who made it and why, in lines that fit a frame.  See job.h.
 * A policy document may be longer than a line: it goes ahead in pieces ("policy.part"), which hold nothing until the event that
 * names them all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"
#include "admin/journal.h"
#include "admin/world.h"
#include "base/err.h"

/* Bytes of a document: written as JSON at most twice as many, since no control character but white space can be in one. */
enum { PIECE = 24 << 10 };

/* A path or label from /proc need not be UTF-8, and the journal must be. */
static json_t *shown(const char *s)
{
	char text[PATH_LEN];
	json_t *v = json_string(s);

	if (v)
		return v;
	snprintf(text, sizeof(text), "%s", s);
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	return json_string(text);
}

json_t *job_by(const struct job *j)
{
	if (j->kind == JOB_LEARN)
		return json_pack("{s:s}", "process", party_name(P_PROXY));
	json_t *o = json_pack("{s:I s:I}", "uid", (json_int_t)j->uid, "pid", (json_int_t)j->pid);

	const char *name = admin_name_of(j->a, j->uid);
	if (name)
		json_object_set_new(o, "user", json_string(name));
	if (j->who.status)
		return o;
	if (j->who.exe[0])
		json_object_set_new(o, "exe", shown(j->who.exe));
	if (j->who.start_ns)
		json_object_set_new(o, "pid_start", json_integer((json_int_t)j->who.start_ns));
	if (j->who.loginuid != UINT32_MAX)
		json_object_set_new(o, "auid", json_integer(j->who.loginuid));
	if (j->who.agent[0])
		json_object_set_new(o, "agent", shown(j->who.agent));
	return o;
}

static void why_of(const struct job *j, json_t *event)
{
	static const char *const key[] = {"reason", "ticket"};

	for (size_t i = 0; i < 2; i++) {
		json_t *v = json_object_get(j->args, key[i]);
		if (v)
			json_object_set(event, key[i], v);
	}
}

/* ---- documents that are longer than a line ---- */

/* Where the ${i}th piece of a document begins: between two characters, so that each piece is text. */
static size_t piece(struct view doc, size_t i)
{
	size_t at = i * PIECE < doc.n ? i * PIECE : doc.n;

	while (at > 0 && at < doc.n && (doc.p[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static struct view document(const struct job *j)
{
	const json_t *doc = json_object_get(j->event, "document");

	return view_of(json_string_value(doc), json_string_length(doc));
}

static json_t *part(const struct job *j)
{
	struct view doc = document(j);
	size_t from = piece(doc, j->part), to = piece(doc, j->part + 1);

	return json_pack("{s:s s:s s:O s:O s:I s:I s:s%}", "kind", "journal", "event", "policy.part", "name", json_object_get(j->event, "name"),
	    "hash", json_object_get(j->event, "hash"), "part", (json_int_t)j->part, "of", (json_int_t)j->parts, "text",
	    (const char *)doc.p + from, to - from);
}

/* The event itself, which then says only of how many pieces its document is. */
static json_t *last(const struct job *j)
{
	json_t *e = json_copy(j->event);

	json_object_del(e, "document");
	json_object_set_new(e, "parts", json_integer((json_int_t)j->parts));
	return e;
}

static void send_line(struct job *j)
{
	json_t *e = !j->parts ? json_incref(j->event) : j->part < j->parts ? part(j) : last(j);
	char *text = e ? json_dumps(e, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(e);
	if (n == 0 || n > MSG_MAX)
		job_fail(j, "too-long", "the change does not fit one line of the journal");
	else
		job_ask(j, &j->a->audit, M_JOURNAL_ADD, view_of(text, n), view_of(NULL, 0), JOB_JOURNAL, ADMIN_PEER_MS);
	free(text);
}

/* As it will be read again: with the time, which is callgate-audit's to give, and here is only nearly the same. */
json_t *job_dated(const json_t *event)
{
	char at[WALL_TEXT];
	json_t *e = json_copy((json_t *)(uintptr_t)event); /* only read */

	wall_text(wall_now(), at);
	json_object_set_new(e, "ts", json_string(at));
	return e;
}

void job_event(const struct job *j, json_t *event)
{
	json_object_set_new(event, "kind", json_string("journal"));
	json_object_set_new(event, "by", job_by(j));
	why_of(j, event);
	if (j->proposal) {
		json_object_set(event, "proposal", json_object_get(j->proposal, "id"));
		json_object_set(event, "proposed_by", json_object_get(j->proposal, "proposed_by"));
	}
}

void job_line(struct job *j, json_t *event)
{
	json_decref(j->event);
	j->event = event;
	size_t n = document(j).n;
	j->part = 0;
	j->parts = n > PIECE ? (n + PIECE - 1) / PIECE : 0;
	send_line(j);
}

void job_note(struct job *j, json_t *event)
{
	job_event(j, event);
	job_line(j, event);
}

void job_write(struct job *j, json_t *event)
{
	struct admin *a = j->a;

	job_event(j, event);
	j->event = event;
	int r = roster_copy(&a->roster, &j->next);
	json_t *as_read = job_dated(event);
	if (!r)
		r = roster_apply(&j->next, as_read);
	json_decref(as_read);
	if (r) {
		job_fail(j, "unavailable", err_text(r));
		return;
	}
	if (world_try(a, &j->next, j->why)) {
		job_fail(j, "invalid", j->why);
		return;
	}
	job_line(j, json_incref(event));
}

/* The journal has it: from here on there is no way back and none is needed. */
void job_written(struct job *j, const struct m_journal_ack *ack)
{
	struct admin *a = j->a;

	if (ack->status) {
		char text[200];
		bool vault = j->kind == R_VAULT_SET || j->kind == R_VAULT_REMOVE || j->kind == R_VAULT_REVERT || j->kind == R_CA_ROTATE;
		snprintf(text, sizeof(text), "the journal cannot be written: %s; %s", err_text(ack->status),
		    vault ? "the vault was changed, the record is missing" : "nothing was changed");
		job_fail(j, "unavailable", text);
		return;
	}
	if (j->part < j->parts) {
		j->part++;
		send_line(j);
		return;
	}
	if (job_bundle_more(j))
		return;
	if (!j->answer)
		j->answer = json_object();
	char at[WALL_TEXT];
	wall_text(wall_now(), at);
	json_object_set_new(j->answer, "at", json_string(at));
	if (j->kind == R_APPROVE_YES || j->kind == R_APPROVE_NO) {
		job_approve_written(j);
		return;
	}
	j->next.seq = ack->seq;
	j->generation = ack->seq;
	j->stage = JOB_WORLD;
	j->deadline = mono_after_ms(mono_now(), ADMIN_WORLD_MS);
	world_adopt_tried(a, &j->next, ack->seq);
	if (j->bundle)
		job_bundle_tidy(a);
	a->holder = NULL;
	admin_wake_at(a);
	job_world(a);
	job_next(a);
	journal_changed(a);
}
