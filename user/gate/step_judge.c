/*
 * step_judge.c - who asks for what, and may they?  Then the record, and the credential.
 * States S_JUDGE, S_ACK, S_LEASE.      Source: docs/POLICY.md "order of evaluation"; docs/ARCHITECTURE.md "one call".
 * The order is the promise: verdict, record, (its acknowledgement,) credential, server.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/bait.h"
#include "gate/call.h"
#include "gate/claim.h"
#include "gate/headers.h"
#include "gate/loan.h"
#include "gate/question.h"
#include "gate/record.h"
#include "gate/relist.h"
#include "gate/server.h"
#include "gate/session.h"
#include "gate/tasks.h"
#include "gate/tools.h"
#include "gate/words.h"

static void deny(struct pol_decision *d, const char *rule, const char *text)
{
	d->verdict = POL_DENY;
	d->unknown_tool = false;
	d->rule_index = -1;
	d->limits = 0;
	d->approve = NULL;
	d->authorised_by[0] = '\0';
	snprintf(d->rule, sizeof(d->rule), "%s", rule);
	snprintf(d->text, sizeof(d->text), "%s", text);
}

static void reserve(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;

	if (!g->decision.limits || g->decision.verdict != POL_ALLOW)
		return;
	if (!g->conf.limits) {
		char text[160];
		snprintf(text, sizeof(text), "limits cannot be counted now%s%s", g->conf.limits_why ? ": " : "", g->conf.limits_why ? g->conf.limits_why : "");
		deny(&g->decision, "(limits unavailable)", text);
		return;
	}
	struct pol_who who = {k->grant->id, k->server->name, c->flow.uid, g->conf.slot, wall_now()};
	pol_reserve(g->conf.limits, k->grant->policy, &who, g->rpc.tool, &g->doc, g->rpc.arguments, &g->decision, &k->charge);
	k->charged = g->decision.verdict == POL_ALLOW;
}

/* A method without a rule of its own: GET and DELETE of the transport, and answers to the server's questions. */
static void allow_transport(struct pol_decision *d)
{
	deny(d, "", "");
	d->verdict = POL_ALLOW;
}

/* Without a durable record nothing may happen that uses a credential or calls a tool, whatever the policy, also where it only observes. */
static bool held(struct conn *c)
{
	struct call *k = c->call;
	enum shring_why why = c->g->conf.ring ? shring_held(c->g->conf.ring) : SHRING_GO;

	if (why == SHRING_GO || (k->kind != CALL_TOOL && !k->credential))
		return false;
	k->observed = false;
	deny(&c->g->decision, why == SHRING_FULL ? "(audit disk full)" : "(audit unavailable)",
	    why == SHRING_FULL ? "the disk of the audit trail is full: nothing that needs a record is done until there is room"
			       : "records cannot be written now: nothing that needs one is done until they can");
	return true;
}

static void decide(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	struct pol_decision *d = &g->decision;
	const char *why = "(no grant)";

	claim_token(call_head(c), c->token);
	struct subject who = claim_of(c);
	k->grant = world_grant(k->world, &who, k->server, wall_now(), &why);
	k->observed = g->conf.observe || k->server->observe;
	k->credential = !k->grant ? NULL : k->grant->credential ? k->grant->credential : k->server->credential;
	if (k->grant && !k->server->inject_header)
		k->credential = NULL;
	if (!k->grant)
		deny(d, why, "this user and program hold no valid grant for this server");
	else if (!k->grant->policy)
		deny(d, "(no policy)", "the grant for this server has no policy");
	else if (k->kind == CALL_GET || k->kind == CALL_DELETE)
		allow_transport(d);
	else if (g->rpc.kind == RPC_RESPONSE && (k->observed || question_answered(c)))
		allow_transport(d);
	else if (g->rpc.kind == RPC_RESPONSE)
		deny(d, "(no question)", "the server has asked nothing with this id in this session, or has been answered");
	else if (k->kind == CALL_TOOL)
		pol_judge(k->grant->policy, g->rpc.tool, &g->doc, g->rpc.arguments, d);
	else
		pol_method(k->grant->policy, g->rpc.method, d);
	if (k->bait)
		deny(d, BAIT_RULE, BAIT_TEXT);
	if ((d->verdict == POL_ALLOW || k->observed) && held(c))
		return;
	if (k->kind == CALL_TOOL && tools_judge(c))
		deny(d, "(changed definition)", "the server has changed what this tool is since it was approved; somebody has to approve it again");
	if (k->kind == CALL_TOOL)
		reserve(c);
}

/* The message in the body.  STEP_MORE: read and understood; otherwise it was refused. */
static enum step read_message(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	struct view body = call_body(c);
	struct rpc *m = &g->rpc;

	int r = json_scan(&g->doc, body, g->nodes, GATE_NODES, NULL);
	if (r)
		return say_refused(c, 400, r == -ERR_MALFORMED || r == -ERR_ENCODING ? WORDS_PARSE : WORDS_REQUEST, r,
		    "the body is not one strict JSON document");
	r = rpc_read(&g->doc, m);
	if (m->id.n) {
		k->id_off = (uint32_t)(m->id.p - body.p);
		k->id_len = (uint32_t)m->id.n;
	}
	if (r)
		return say_refused(c, 400, WORDS_REQUEST, r,
		    r == -ERR_BATCH ? "JSON-RPC batches are not accepted" : "the body is not one strict JSON-RPC message");
	k->reply_wanted = m->kind == RPC_REQUEST;
	k->kind = m->is_call ? CALL_TOOL : view_is(m->method, "tools/list") ? CALL_LIST : CALL_METHOD;
	const char *why = headers_agree(call_head(c), &g->doc, m, &k->new_era);
	return why ? say_refused(c, 400, WORDS_HEADERS, -ERR_AMBIGUOUS, why) : STEP_MORE;
}

/* The record could not be written: nothing may happen until there is room for it, and not for long. */
static enum step hold_back(struct conn *c)
{
	struct call *k = c->call;

	if (k->charged)
		pol_settle(c->g->conf.limits, &k->charge, POL_REFUND);
	k->charged = false;
	k->number = 0;
	if (!c->timer.pos && !c->late)
		conn_goto(c, S_JUDGE, GATE_AUDIT_MS);
	if (c->late || !c->g->conf.ring) {
		deny(&c->g->decision, "(audit unavailable)", "the call cannot be recorded now");
		record_turned_away(c);
		bait_tell(c);
		return say_denied(c);
	}
	c->ack_pos = 0;
	gate_await_ack(c->g, &c->ack);
	return STEP_WAIT;
}

enum step step_judge(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;

	if (conn_gone(c) && !k->held)
		return STEP_END;
	if (claim_pending(c))
		return STEP_WAIT;
	(void)bait_look(c);
	bool get = k->kind == CALL_GET || k->kind == CALL_DELETE;
	if (get) {
		memset(&g->rpc, 0, offsetof(struct rpc, scratch));
		g->rpc.method = call_head(c)->method;
	} else {
		enum step s = read_message(c);
		if (s != STEP_MORE || !c->call || c->state != S_JUDGE)
			return s;
	}
	struct view session = http1_get(call_head(c), "mcp-session-id", NULL);
	if (session.n && !session_ok(g->sessions, k->server->name, session, c->flow.uid))
		return say_refused(c, 404, WORDS_SESSION, -ERR_DENIED, "the session belongs to another user");
	if (!get && !tasks_ok(c))
		return say_refused(c, 400, WORDS_PARAMS, -ERR_DENIED, "the task belongs to another user");
	decide(c);
	if (k->kind == CALL_TOOL && g->decision.verdict == POL_ALLOW && g->decision.approve && approve_judge(c))
		return approve_ask(c);
	bool denied = g->decision.verdict != POL_ALLOW;
	/* A tool that nobody classed is not known to read only; what was charged has to outlive a power cut. */
	bool only_reads = k->kind == CALL_TOOL && k->risk == RISK_READ && !k->charged;
	k->durable = g->conf.strict == GATE_ALL || (g->conf.strict == GATE_CLASS && !only_reads);
	if (k->kind == CALL_TOOL || denied) {
		k->number = ++g->next_call;
		g->calls++;
		if (record_call(c))
			return hold_back(c);
		bait_tell(c);
	}
	if (k->held && k->held->left)
		return STEP_END;
	if (denied && !k->observed)
		return say_denied(c);
	k->tells = relist_wanted(c);
	k->allowed = true;
	if (k->number && k->durable)
		return conn_goto(c, S_ACK, GATE_AUDIT_MS);
	return conn_goto(c, S_LEASE, 0);
}

enum step step_ack(struct conn *c)
{
	struct gate *g = c->g;

	server_prepare(c);
	if (shring_acked(g->conf.ring) >= c->ack_pos) {
		list_del(&c->ack);
		return conn_goto(c, S_LEASE, 0);
	}
	if (conn_gone(c))
		return STEP_END;
	if (c->late) {
		list_del(&c->ack);
		return say_fail(c, -ERR_UNAVAILABLE, "its record did not reach the disk in time");
	}
	gate_await_ack(c->g, &c->ack);
	return STEP_WAIT;
}

enum step step_lease(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	char text[256];

	if (conn_gone(c))
		return STEP_END;
	if (!k->credential || k->lease)
		return conn_goto(c, S_SERVER, 0);
	/* After a refusal it is what the vault says to it; others may just have been lent what was refused. */
	k->lease = k->refused ? NULL : loan_find(g, k->credential, k->server->name, c->host, c->port);
	if (k->lease)
		return STEP_MORE;
	server_prepare(c);
	if (c->lease.state == ASK_IDLE) {
		conn_goto(c, S_LEASE, GATE_VAULT_MS);
		loan_ask(g, c);
	}
	if (c->lease.state == ASK_PENDING && !c->late)
		return STEP_WAIT;
	int err = c->lease.err ? c->lease.err : -ERR_TIMEOUT;
	snprintf(text, sizeof(text), "the vault did not lend the credential \"%s\" (%s)", k->credential, err_text(err));
	return say_fail(c, err, text);
}
