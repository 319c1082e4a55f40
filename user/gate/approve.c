/* approve.c - see approve.h: judging, asking, hearing. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/record.h"
#include "policy/pol_canon.h"

/* ---- judging ---- */

static void refuse(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void refuse(struct conn *c, const char *fmt, ...)
{
	struct pol_decision *d = &c->g->decision;
	va_list ap;

	snprintf(d->rule, sizeof(d->rule), "%s", d->approve);
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	d->verdict = POL_DENY;
	d->approve = NULL;
	d->rule_index = -1;
	d->authorised_by[0] = '\0';
}

/* Nothing is held while a person thinks. */
static void give_back(struct conn *c)
{
	struct call *k = c->call;

	if (k->charged)
		pol_settle(c->g->conf.limits, &k->charge, POL_REFUND);
	k->charged = false;
}

static bool granted(const struct call *k)
{
	const struct held *h = k->held;

	return h && h->said.word == APPROVAL_YES && strcmp(h->grant, k->grant->id) == 0 && strcmp(h->policy, k->grant->policy_hash) == 0;
}

/* Why the call does not pass, for the agent's model to read. */
static void not_granted(struct conn *c)
{
	const struct held *h = c->call->held;
	const struct m_approval *m = &h->said;

	if (m->word == APPROVAL_NO)
		refuse(c, "a person said no to this call (approval %s)%s%s", h->id, m->reason[0] ? ": " : "", m->reason);
	else if (m->word == APPROVAL_WAITING)
		refuse(c, "waiting for approval %s: a person has to approve this call. Repeat the same call, with the same arguments; when it is approved "
		          "it passes once, within 10 minutes", h->id);
	else if (m->status == -ERR_FULL)
		refuse(c, "too many calls wait for an approval already; none is asked for this one");
	else if (m->status == -ERR_TOO_LONG)
		refuse(c, "a person has to approve this call, and its arguments are too long to be compared with what was approved");
	else if (m->status == -ERR_DENIED)
		refuse(c, "a person has to approve this call, and the rules have just changed; repeat the call");
	else
		refuse(c, "a person has to approve this call, and nobody can be asked now");
}

const struct words_approval *approve_words(const struct call *k)
{
	static struct words_approval w; /* one thread */
	const struct held *h = k->held;

	if (!h || !h->id[0])
		return NULL;
	w = (struct words_approval){h->id, h->said.word == APPROVAL_WAITING};
	return &w;
}

static bool can_be_shown(const struct conn *c)
{
	struct view tool = c->g->rpc.tool;

	return tool.n < sizeof(((struct m_approval_ask *)NULL)->tool) && !(tool.n && memchr(tool.p, '\0', tool.n));
}

int approve_judge(struct conn *c)
{
	struct call *k = c->call;
	const struct held *h = k->held;

	if (granted(k)) {
		k->began = mono_now(); /* it waited for a person, not for us */
		return 0;
	}
	give_back(c);
	if (k->observed || !k->reply_wanted)
		refuse(c, k->observed ? "policy wants a person to approve this call" : "a person has to approve this call, and nobody waits for its answer");
	else if (h && h->over)
		not_granted(c);
	else if (!can_be_shown(c))
		refuse(c, "policy wants a person to approve this call, and its tool's name cannot be shown to one");
	else
		return 1;
	return 0;
}

/* ---- asking ---- */

/* At most ${max} bytes of names, none of them cut. */
static struct view whole_keys(struct view keys, size_t max)
{
	if (keys.n <= max)
		return keys;
	while (max && keys.p[max] != 0x1f)
		max--;
	return view_head(keys, max);
}

static int question(struct conn *c, const uint8_t canon[POL_CANON_LEN], struct buf *out)
{
	struct gate *g = c->g;
	const struct call *k = c->call;
	struct view args = g->rpc.arguments ? json_raw(&g->doc, g->rpc.arguments) : view_of(NULL, 0);

	(void)!record_keys(&g->doc, g->rpc.arguments, &g->text);
	struct view keys = whole_keys(buf_view(&g->text), APPROVAL_KEYS_MAX);
	struct m_approval_ask m = {.uid = c->flow.uid, .auid = c->flow.loginuid, .pid = c->flow.tgid, .risk = k->risk, .keys_len = (uint32_t)keys.n,
	    .args_len = args.n <= APPROVAL_ARGS_MAX ? (uint32_t)args.n : 0, .args_bytes = args.n};
	memcpy(m.canon, canon, sizeof(m.canon));
	snprintf(m.server, sizeof(m.server), "%s", k->server->name);
	snprintf(m.grant, sizeof(m.grant), "%s", k->grant->id);
	snprintf(m.policy, sizeof(m.policy), "%s", k->grant->policy_hash);
	snprintf(m.agent, sizeof(m.agent), "%s", c->described ? c->who.agent : "");
	if (g->rpc.tool.n)
		memcpy(m.tool, g->rpc.tool.p, g->rpc.tool.n);
	buf_reset(out);
	int r = buf_put(out, view_of(&m, sizeof(m)));
	r = r ? r : buf_put(out, keys);
	return r ? r : buf_put(out, view_head(args, m.args_len));
}

enum step approve_ask(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	uint8_t canon[POL_CANON_LEN];

	if (!k->held)
		k->held = calloc(1, sizeof(*k->held));
	if (!k->held)
		return conn_reset(c);
	struct held *h = k->held;
	h->news = false;
	snprintf(h->grant, sizeof(h->grant), "%s", k->grant->id);
	snprintf(h->policy, sizeof(h->policy), "%s", k->grant->policy_hash);
	h->said = (struct m_approval){.word = APPROVAL_CANNOT, .status = -ERR_UNAVAILABLE};
	conn_goto(c, S_APPROVE, APPROVE_ASK_MS);
	int r = pol_canon(&g->doc, g->rpc.arguments, canon);
	r = r ? r : question(c, canon, &g->out);
	if (r) {
		/* What cannot be compared cannot be approved either: state FAILED, as when nobody is there. */
		ask_forget(&c->approve);
		c->approve.state = ASK_FAILED;
		c->approve.err = r;
		return STEP_MORE;
	}
	ask_send(g, &c->approve, &g->admin, M_APPROVAL_ASK, buf_view(&g->out));
	buf_wipe(&g->out);
	return STEP_MORE;
}

/* ---- hearing ---- */

void approve_heard(struct conn *c, const struct m_approval *m)
{
	struct held *h = c->call ? c->call->held : NULL;

	if (!h)
		return;
	h->said = *m;
	h->said.id[APPROVAL_ID - 1] = h->said.reason[APPROVAL_REASON - 1] = '\0';
	if (h->said.id[0])
		memcpy(h->id, h->said.id, sizeof(h->id));
	if (m->word > APPROVAL_YES)
		h->said.word = APPROVAL_CANNOT;
}

static bool due(const struct conn *c)
{
	return c->state == S_APPROVE && c->call->held->news && c->approve.state != ASK_PENDING;
}

void approve_news(struct gate *g, const char *id)
{
	LIST_EACH(it, &g->conns) {
		struct conn *c = LIST_ENTRY(it, struct conn, node);
		if (c->state == S_APPROVE && (!id || strcmp(c->call->held->id, id) == 0))
			c->call->held->news = true;
	}
	/* A step may change the list: look again from its start. */
	for (bool found = true; found;) {
		found = false;
		LIST_EACH(it, &g->conns) {
			struct conn *c = LIST_ENTRY(it, struct conn, node);
			if (!due(c) || c->stepping)
				continue;
			conn_step(c);
			found = true;
			break;
		}
	}
}

void approve_end(struct conn *c)
{
	struct call *k = c->call;

	ask_forget(&c->approve);
	if (k->held && k->held->streaming)
		c->g->n_held--;
	free(k->held);
	k->held = NULL;
}
