/*
 * job_approve.c - approvals: workers ask, a person decides, the journal has all of it first.  See job.h and approval.h.
 * A worker's word is believed in what it says of its own calls, as everywhere; whether there is a yes is known only here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "admin/job.h"
#include "base/err.h"
#include "base/log.h"
#include "policy/catalogue.h"

enum { SWEEP_MS = 10000 };

static const char *arg(const struct job *j, const char *key)
{
	return json_string_value(json_object_get(j->args, key));
}

/* Arguments do not stay longer than they must. */
static void sweep(void *arg_)
{
	struct admin *a = arg_;
	approval_sweep(&a->approvals, mono_boot_now());
	if (!a->approvals.n)
		pump_timer_off(a->pump, sweep, a);
	else if (pump_timer(a->pump, mono_after_ms(mono_now(), SWEEP_MS), sweep, a))
		log_error("no room for a timer");
}

static struct view keys_of(const struct approval *ap)
{
	return view_head(buf_view(&ap->tail), ap->call.keys_len);
}

/* What a process wrote need not be text. */
static json_t *text_or_null(const char *s, size_t n)
{
	json_t *v = json_stringn(s, n);

	return v ? v : json_null();
}

static json_t *key_list(struct view keys)
{
	json_t *out = json_array();

	while (keys.n) {
		const uint8_t *sep = memchr(keys.p, 0x1f, keys.n);
		size_t n = sep ? (size_t)(sep - keys.p) : keys.n;
		json_array_append_new(out, text_or_null((const char *)keys.p, n));
		keys = view_skip(keys, n + 1);
	}
	return out;
}

/* What the journal and the list say of the call; never an argument's value. */
static json_t *about(const struct admin *a, const struct approval *ap)
{
	const struct m_approval_ask *c = &ap->call;
	json_t *o = json_pack("{s:s s:I s:s* s:I s:s s:o s:o s:s s:s}", "id", ap->id, "uid", (json_int_t)c->uid, "user", admin_name_of(a, c->uid),
	    "pid", (json_int_t)c->pid, "server", c->server, "tool", text_or_null(c->tool, strlen(c->tool)), "arg_keys", key_list(keys_of(ap)),
	    "grant", c->grant, "policy", c->policy);

	if (c->auid != UINT32_MAX)
		json_object_set_new(o, "auid", json_integer(c->auid));
	if (c->agent[0])
		json_object_set_new(o, "agent", text_or_null(c->agent, strlen(c->agent)));
	if (c->risk > RISK_UNKNOWN && c->risk <= RISK_FINANCIAL)
		json_object_set_new(o, "class", json_string(catalogue_name((enum risk)c->risk)));
	return o;
}

/* ---- workers ---- */

static void reply(struct admin *a, uint32_t slot, uint64_t tag, const struct approval *ap, enum approval_word word, int status)
{
	struct m_approval m = {.word = word, .status = status};
	struct edge *e = &a->worker[slot].edge;

	if (!tag || e->fd < 0)
		return;
	if (ap)
		memcpy(m.id, ap->id, sizeof(m.id));
	if (ap && word == APPROVAL_NO)
		snprintf(m.reason, sizeof(m.reason), "%s", ap->reason);
	int r = edge_send(e, M_APPROVAL, tag, view_of(&m, sizeof(m)), -1);
	if (r)
		log_warning("worker %u cannot be told of an approval: %s", slot, err_text(r));
}

/* Is it still the grant's policy, and the grant still this user's?  A worker may lag behind, or lie. */
static bool stands(void *arg_, const struct m_approval_ask *c)
{
	const struct admin *a = arg_;
	struct grant_ref g;
	bool there = grants_find(&a->roster.grants, c->grant, &g);
	const char *server = there ? grant_ref_text(&g, GT_SERVER) : NULL, *policy = there ? grant_ref_text(&g, GT_POLICY) : NULL;
	const char *hash = policy ? json_string_value(json_object_get(json_object_get(a->roster.policies, policy), "hash")) : NULL;

	if (!server || !hash || a->roster.damage[0] || strcmp(server, c->server) != 0 || strcmp(hash, c->policy) != 0)
		return false;
	return !(g.row->flags & GRANT_UID) || g.row->uid == c->uid;
}

/* A line for the journal, whose acknowledgement goes to job_approve_line(). */
static int note(struct admin *a, struct approval *ap, const char *event, uint32_t slot, uint64_t tag)
{
	json_t *e = about(a, ap);

	json_object_set_new(e, "kind", json_string("journal"));
	json_object_set_new(e, "event", json_string(event));
	json_object_set_new(e, "by", json_pack("{s:s s:I}", "process", party_name(P_PROXY), "slot", (json_int_t)slot));
	char *text = json_dumps(e, JSON_COMPACT);
	int r = text ? edge_send(&a->audit, M_JOURNAL_ADD, ++a->last_tag, view_str(text), -1) : -ERR_TOO_LONG;

	free(text);
	json_decref(e);
	if (r)
		return r;
	ap->line = a->last_tag;
	ap->to_slot = slot;
	ap->to_tag = tag;
	return 0;
}

/* A yes is spent before the worker hears of it: if it never does, nobody has made the call. */
static void use(struct admin *a, struct approval *ap, uint32_t slot, uint64_t tag)
{
	int r = note(a, ap, "approval.use", slot, tag);

	if (r)
		reply(a, slot, tag, ap, APPROVAL_CANNOT, -ERR_UNAVAILABLE);
	else
		ap->state = APPROVAL_S_USED;
}

static void began(struct admin *a, struct approval *ap, uint32_t slot, uint64_t tag)
{
	int r = note(a, ap, "approval.ask", slot, tag);

	if (!r)
		return;
	reply(a, slot, tag, NULL, APPROVAL_CANNOT, -ERR_UNAVAILABLE);
	approval_drop(&a->approvals, ap);
}

void job_approve_ask(struct admin *a, struct edge *e, const struct frame *f)
{
	struct m_approval_ask call;
	struct view tail;
	struct approval *ap = NULL;
	int r = approval_take(f->body, &call, &tail);

	sweep(a);
	if (!r && (!a->folded || a->audit.fd < 0))
		r = -ERR_UNAVAILABLE;
	if (!r && !stands(a, &call))
		r = -ERR_DENIED;
	r = r ? r : approval_ask(&a->approvals, &call, tail, e->slot, mono_boot_now(), &ap);
	if (r == -ERR_FULL) {
		/* Of another policy's time there may be some that take a place and can no longer be used. */
		approval_prune(&a->approvals, stands, a);
		r = approval_ask(&a->approvals, &call, tail, e->slot, mono_boot_now(), &ap);
	}
	if (r < 0) {
		reply(a, e->slot, f->tag, NULL, APPROVAL_CANNOT, r);
		return;
	}
	if (r == 1)
		began(a, ap, e->slot, f->tag);
	else if (ap->state == APPROVAL_S_YES)
		use(a, ap, e->slot, f->tag);
	else
		reply(a, e->slot, f->tag, ap, ap->state == APPROVAL_S_NO ? APPROVAL_NO : APPROVAL_WAITING, 0);
	sweep(a);
}

/* The line is written, or it is not (${status}), or nobody knows (-ERR_CLOSED). */
static void settled(struct admin *a, struct approval *ap, int status)
{
	bool used = ap->state == APPROVAL_S_USED;

	ap->line = 0;
	if (!status && !used)
		approval_open(ap, mono_boot_now());
	reply(a, ap->to_slot, ap->to_tag, ap, status ? APPROVAL_CANNOT : used ? APPROVAL_YES : APPROVAL_WAITING, status ? -ERR_UNAVAILABLE : 0);
	if (status && used && status != -ERR_CLOSED)
		ap->state = APPROVAL_S_YES; /* certainly not written, and so not used */
	else if (status || used)
		approval_drop(&a->approvals, ap);
}

bool job_approve_line(struct admin *a, const struct frame *f)
{
	const struct m_journal_ack *ack = (const void *)f->body.p;
	struct approval *ap = f->type == M_JOURNAL_ACK ? approval_by_line(&a->approvals, f->tag) : NULL;

	if (ap)
		settled(a, ap, ack->status == -ERR_CLOSED ? -ERR_UNAVAILABLE : ack->status);
	return ap != NULL;
}

void job_approve_lost(struct admin *a)
{
	LIST_EACH(it, &a->approvals.rows) {
		struct approval *ap = LIST_ENTRY(it, struct approval, node);
		if (ap->line)
			settled(a, ap, -ERR_CLOSED);
	}
}

void job_approve_worker(struct admin *a, uint32_t slot)
{
	/* The next worker of this slot counts its tags anew: no answer of the old one's may reach it. */
	LIST_EACH(it, &a->approvals.rows) {
		struct approval *ap = LIST_ENTRY(it, struct approval, node);
		if (ap->to_slot == slot)
			ap->to_tag = 0;
	}
}

/* ---- people ---- */

const struct approval *job_approve_of(const struct job *j)
{
	return j->kind == R_APPROVE_YES || j->kind == R_APPROVE_NO ? approval_find(&j->a->approvals, arg(j, "id")) : NULL;
}

static json_t *at(struct wall t)
{
	char text[WALL_TEXT];

	wall_text(t, text);
	return json_string(text);
}

static json_t *row(const struct admin *a, const struct approval *ap, struct mono now)
{
	json_t *o = about(a, ap);
	struct view args = view_skip(buf_view(&ap->tail), ap->call.keys_len);

	json_object_set_new(o, "state", json_string(approval_state_name(ap->state)));
	json_object_set_new(o, "asked_at", at(ap->asked));
	json_object_set_new(o, "expires_at", at((struct wall){wall_now().ns + (int64_t)(ap->until.ns - now.ns)}));
	if (args.n)
		json_object_set_new(o, "arguments", text_or_null((const char *)args.p, args.n));
	json_object_set_new(o, "argument_bytes", json_integer((json_int_t)ap->call.args_bytes));
	if (ap->reason[0])
		json_object_set_new(o, "reason", text_or_null(ap->reason, strlen(ap->reason)));
	return o;
}

void job_approve_list(struct job *j)
{
	struct mono now = mono_boot_now();
	json_t *out = json_array();

	sweep(j->a);
	LIST_EACH(it, &j->a->approvals.rows) {
		const struct approval *ap = LIST_ENTRY(it, struct approval, node);
		if (ap->state != APPROVAL_S_ASKED && ap->state != APPROVAL_S_USED)
			json_array_append_new(out, row(j->a, ap, now));
	}
	job_done(j, json_pack("{s:o}", "approvals", out));
}

void job_approve_decide(struct job *j)
{
	bool yes = j->kind == R_APPROVE_YES;

	sweep(j->a);
	const struct approval *ap = job_approve_of(j);
	if (!ap || ap->state == APPROVAL_S_ASKED) {
		snprintf(j->why, sizeof(j->why), "nothing waits under %.32s: see callgate approve list (a request is forgotten after %d minutes)", arg(j, "id"),
		    APPROVAL_ASK_S / 60);
		job_fail(j, "not-found", j->why);
		return;
	}
	if (ap->state != APPROVAL_S_WAITING) {
		snprintf(j->why, sizeof(j->why), "%.32s is decided already: %s", ap->id, ap->state == APPROVAL_S_NO ? "no" : "yes");
		job_fail(j, "exists", j->why);
		return;
	}
	if (yes && !stands(j->a, &ap->call)) {
		snprintf(j->why, sizeof(j->why), "the grant or its policy has changed since %.32s was asked; the call has to be made again", ap->id);
		job_fail(j, "invalid", j->why);
		return;
	}
	json_t *event = about(j->a, ap);
	json_object_set_new(event, "event", json_string(yes ? "approval.yes" : "approval.no"));
	j->answer = json_pack("{s:s s:s s:O s:I}", "id", ap->id, "decision", yes ? "yes" : "no", "tool", json_object_get(event, "tool"), "seconds",
	    (json_int_t)APPROVAL_HOLDS_S);
	job_note(j, event);
}

void job_approve_written(struct job *j)
{
	struct admin *a = j->a;
	struct approval *ap = approval_find(&a->approvals, arg(j, "id"));
	struct m_approval_news news = {.id = ""};

	if (!ap || !approval_decide(ap, j->kind == R_APPROVE_YES, arg(j, "reason"), mono_boot_now())) {
		job_fail(j, "not-found", "the request ended before the decision was written; the call has to be made again");
		return;
	}
	memcpy(news.id, ap->id, sizeof(news.id));
	for (size_t i = 0; i < ADMIN_WORKERS; i++) {
		struct edge *e = &a->worker[i].edge;
		int r = e->fd < 0 ? 0 : edge_send(e, M_APPROVAL_NEWS, 0, view_of(&news, sizeof(news)), -1);
		if (r) /* it asks again by itself */
			log_warning("worker %zu was not told of a decision: %s", i, err_text(r));
	}
	job_done(j, json_incref(j->answer));
}
