/* record.c - see record.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "gate/approve.h"
#include "gate/bait.h"
#include "gate/flow.h"
#include "gate/loan.h"
#include "gate/record.h"
#include "policy/argmac.h"

enum { KEYS_MAX = 512, KEY_MAX = 512, MACS_MAX = 170 };

static void text(struct rec *r, enum rec_field f, const char *s)
{
	if (s)
		rec_text(r, f, view_str(s));
}

static void who(struct rec *r, const struct conn *c)
{
	static const char *const strength[] = {"none", "weak", "medium", "strong"};
	const struct cg_flow *f = &c->flow;

	rec_u32(r, F_UID, f->uid);
	rec_u32(r, F_LOGINUID, f->loginuid);
	rec_u32(r, F_GID, f->gid);
	rec_u32(r, F_PID, f->tgid);
	rec_u64(r, F_START, f->start_ns);
	rec_u64(r, F_EXE_INO, f->exe_ino);
	rec_u32(r, F_EXE_DEV, f->exe_dev);
	rec_u64(r, F_CGROUP_ID, f->cgroup);
	rec_u64(r, F_NETNS, f->netns);
	rec_u64(r, F_CONNECT_NS, f->connect_ns);
	rec_text(r, F_COMM, view_of(f->comm, strnlen(f->comm, sizeof(f->comm))));
	text(r, F_AGENT_STRENGTH, strength[c->described && c->who.agent[0] && c->who.strength <= IDENT_STRONG ? c->who.strength : IDENT_NONE]);
	text(r, F_EXE_SHA256, c->exe_sha256[0] ? c->exe_sha256 : "unknown");
	if (f->agent_root)
		rec_u32(r, F_AGENT_ROOT, f->agent_root);
	if (!c->described)
		return;
	text(r, F_SCRIPT, c->who.script);
	text(r, F_CONTAINER, c->who.container);
	text(r, F_TTY, c->who.tty);
	text(r, F_CHAIN, c->who.chain);
	text(r, F_EXE, c->who.exe);
	text(r, F_CGROUP, c->who.cgroup);
	text(r, F_UNIT, c->who.unit);
	text(r, F_AGENT, c->who.agent);
}

/* Where the request goes, or went, when it is not where the client wanted to go. */
static void reached(struct rec *r, const struct conn *c)
{
	char addr[64];

	if (!elsewhere_is(c))
		return;
	flow_addr_text(c->elsewhere.reached, addr, sizeof(addr));
	text(r, F_SERVER_ADDR, addr);
}

static void where(struct rec *r, const struct conn *c)
{
	text(r, F_HOST, c->host);
	text(r, F_ADDR, c->addr);
	rec_u32(r, F_PORT, c->port);
	reached(r, c);
	rec_u32(r, F_SLOT, c->g->conf.slot);
	if (c->g->world)
		rec_u64(r, F_GENERATION, world_generation(c->g->world));
}

static void blank(const void *w, uint8_t *p, size_t n)
{
	world_blank(w, p, n);
}

static int put(struct conn *c, bool wait)
{
	struct gate *g = c->g;
	struct view v;

	g->rec.u.head.flags = wait ? REC_WAIT : 0;
	/* A client may have put one into its name, the name of an argument, anything that it says. */
	const struct world *w = c->call ? c->call->world : g->world;
	if (w && world_baited(w))
		rec_texts(&g->rec, blank, w);
	v = rec_end(&g->rec);
	if (!v.n)
		return g->rec.err ? g->rec.err : -EINVAL;
	if (!g->conf.ring)
		return -ERR_UNAVAILABLE;
	/* In their order: the number of a call only grows. */
	if (!owed_pay(g))
		return -EAGAIN;
	return shring_put(g->conf.ring, v, &c->ack_pos);
}

/* The same for what has happened already: nobody can hold it back. */
static void put_past(struct conn *c)
{
	uint64_t pos = c->ack_pos;
	int r = put(c, false);

	if (r == -EAGAIN)
		owed_keep(c->g, rec_end(&c->g->rec));
	else if (r && r != -ERR_UNAVAILABLE)
		owed_lose(c->g);
	c->ack_pos = pos;
}

struct arg {
	struct view key;
	const struct json_node *value;
};

static int by_bytes(const void *a, const void *b)
{
	const struct view *x = &((const struct arg *)a)->key, *y = &((const struct arg *)b)->key;
	size_t n = x->n < y->n ? x->n : y->n;
	int r = n ? memcmp(x->p, y->p, n) : 0;

	return r ? r : x->n < y->n ? -1 : x->n > y->n;
}

static struct arg arg[KEYS_MAX]; /* one thread; too large for a stack frame */
static size_t args_n;

int record_keys(const struct json_doc *doc, const struct json_node *args, struct buf *out)
{
	static uint8_t unescaped[8192];
	size_t n = 0, used = 0, cut = 0;

	buf_reset(out);
	args_n = 0;
	if (!args)
		return 0;
	for (const struct json_node *m = json_first(doc, args); m; m = json_next(doc, args, m)) {
		struct view k = view_of(doc->in.p + m->key_off, m->key_len);
		if (n == KEYS_MAX) {
			cut = 1;
			break;
		}
		if (m->key_esc) {
			int len = json_key(doc, m, unescaped + used, sizeof(unescaped) - used);
			if (len < 0) {
				cut = 1;
				continue;
			}
			k = view_of(unescaped + used, (size_t)len);
			for (size_t i = 0; i < k.n; i++)
				if (unescaped[used + i] == 0x1f)
					unescaped[used + i] = '?';
			used += k.n;
		}
		arg[n++] = (struct arg){view_head(k, KEY_MAX), m};
	}
	args_n = n;
	qsort(arg, n, sizeof(arg[0]), by_bytes);
	for (size_t i = 0; i < n; i++) {
		int r = i ? buf_put(out, VIEW_LIT("\x1f")) : 0;
		r = r ? r : buf_put(out, arg[i].key);
		if (r)
			return r;
	}
	return cut ? -ENOBUFS : 0;
}

int record_macs(const struct json_doc *doc, const struct json_node *args, const uint8_t *key, struct buf *out)
{
	char id[ARGMAC_ID], one[ARGMAC_TEXT];

	buf_reset(out);
	if (!args || !args_n)
		return 0;
	int r = argmac_id(key, id);
	if (!r)
		r = buf_puts(out, id);
	for (size_t i = 0; !r && i < args_n && i < MACS_MAX; i++) {
		r = argmac_of(key, doc, arg[i].value, one);
		if (!r)
			r = buf_printf(out, "\x1f%s", one);
	}
	return r ? r : args_n > MACS_MAX ? -ENOBUFS : 0;
}

static void plain(struct rec *r, enum rec_field f, const struct json_doc *doc, const struct json_node *obj, const char *name)
{
	struct view v;
	const struct json_node *n = obj ? json_get(doc, obj, view_str(name)) : NULL;

	if (n && n->type == JSON_STRING && json_plain(doc, n, &v))
		rec_text(r, f, v);
}

static size_t hex_of(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = "0123456789abcdef"[p[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
	}
	return 2 * n;
}

static void what(struct rec *r, struct conn *c)
{
	struct gate *g = c->g;
	const struct call *k = c->call;
	const struct pol_decision *d = &g->decision;
	const struct world_grant *grant = k->grant;
	char hex[2 * CATALOGUE_HASH];

	text(r, F_SERVER, k->server->name);
	rec_text(r, F_METHOD, g->rpc.method);
	rec_text(r, F_TOOL, g->rpc.is_call ? g->rpc.tool : g->rpc.target);
	if (k->kind == CALL_TOOL) {
		const struct learned_tool *t = learned_find(g->learned, k->server->name, g->rpc.tool);
		text(r, F_RISK, catalogue_name(k->risk));
		if (t)
			rec_text(r, F_TOOL_HASH, view_of(hex, hex_of(t->hash, sizeof(t->hash), hex)));
	}
	if (g->rpc.is_call) {
		(void)!record_keys(&g->doc, g->rpc.arguments, &g->text);
		rec_text(r, F_ARG_KEYS, buf_view(&g->text));
		if (g->conf.arg_key && record_macs(&g->doc, g->rpc.arguments, g->conf.arg_key, &g->text) != -ENOMEM)
			rec_text(r, F_ARG_MACS, buf_view(&g->text));
	}
	rec_text(r, F_RPC_ID, g->rpc.id);
	text(r, F_VERDICT, d->verdict == POL_ALLOW ? "allow" : "deny");
	text(r, F_RULE, d->rule);
	text(r, F_AUTHORISED_BY, d->verdict == POL_ALLOW ? d->authorised_by : NULL);
	if (d->rule_index >= 0 && d->rule[0] == '/')
		rec_u32(r, F_RULE_INDEX, (uint32_t)d->rule_index);
	if (grant) {
		text(r, F_GRANT, grant->id);
		text(r, F_POLICY, grant->policy_hash);
		text(r, F_POLICY_NAME, grant->policy_name);
	}
	if (k->charged)
		text(r, F_CHARGES, k->charge.text);
	if (k->held && k->held->id[0])
		text(r, F_APPROVAL, k->held->id);
	text(r, F_CREDENTIAL, k->credential);
	text(r, F_MODE, k->observed ? "observe" : "enforce");
	plain(r, F_TRACE, &g->doc, g->rpc.meta, "traceparent");
	plain(r, F_TRACESTATE, &g->doc, g->rpc.meta, "tracestate");
}

static void call(struct conn *c)
{
	struct gate *g = c->g;
	const struct http1_head *h = call_head(c);

	rec_begin(&g->rec, REC_CALL, c->call->number, c->call->began.ns);
	who(&g->rec, c);
	where(&g->rec, c);
	what(&g->rec, c);
	rec_text(&g->rec, F_AGENT_CLAIM, http1_get(h, "user-agent", NULL));
	rec_text(&g->rec, F_SESSION, http1_get(h, "mcp-session-id", NULL));
	rec_text(&g->rec, F_PROTO, http1_get(h, "mcp-protocol-version", NULL));
}

int record_call(struct conn *c)
{
	call(c);
	return put(c, c->call->durable && (c->g->decision.verdict == POL_ALLOW || c->call->observed));
}

void record_turned_away(struct conn *c)
{
	c->call->number = ++c->g->next_call;
	call(c);
	put_past(c);
}

static void result(struct conn *c)
{
	struct gate *g = c->g;
	const struct call *k = c->call;
	struct mono now = mono_now();

	rec_begin(&g->rec, REC_RESULT, k->number, now.ns);
	rec_u32(&g->rec, F_UID, c->flow.uid);
	rec_u32(&g->rec, F_PID, c->flow.tgid);
	text(&g->rec, F_SERVER, k->server->name);
	reached(&g->rec, c);
	text(&g->rec, F_STATUS, k->status);
	if (k->http)
		rec_u32(&g->rec, F_HTTP, k->http);
	if (k->err)
		text(&g->rec, F_ERROR, err_name(k->err));
	text(&g->rec, F_RPC_CODE, k->rpc_code);
	text(&g->rec, F_DETAIL, k->detail);
	if (k->lease)
		rec_u32(&g->rec, F_CRED_VERSION, k->lease->version);
	rec_u64(&g->rec, F_DUR_US, mono_since_us(k->began, now));
	rec_u64(&g->rec, F_BYTES_IN, k->bytes_in);
	rec_u64(&g->rec, F_BYTES_OUT, k->bytes_out);
	rec_u32(&g->rec, F_SLOT, g->conf.slot);
}

int record_result(struct conn *c)
{
	result(c);
	return put(c, c->call->durable);
}

void record_closed(struct conn *c)
{
	result(c);
	put_past(c);
}

void record_connection(struct conn *c, const char *verdict, int err)
{
	struct mono now = mono_now();

	rec_begin(&c->g->rec, REC_CONNECTION, 0, now.ns);
	who(&c->g->rec, c);
	where(&c->g->rec, c);
	text(&c->g->rec, F_VERDICT, verdict);
	if (err)
		text(&c->g->rec, F_ERROR, err_name(err));
	rec_u64(&c->g->rec, F_DUR_US, mono_since_us(c->began, now));
	rec_u64(&c->g->rec, F_BYTES_IN, c->in);
	rec_u64(&c->g->rec, F_BYTES_OUT, c->out);
	put_past(c);
}

void record_refused(struct conn *c, int err, const char *detail, unsigned http)
{
	struct gate *g = c->g;

	rec_begin(&g->rec, REC_REFUSED, 0, mono_now().ns);
	who(&g->rec, c);
	where(&g->rec, c);
	text(&g->rec, F_VERDICT, "refuse");
	if (c->call && c->call->server)
		text(&g->rec, F_SERVER, c->call->server->name);
	if (err)
		text(&g->rec, F_ERROR, err_name(err));
	text(&g->rec, F_DETAIL, detail);
	if (http)
		rec_u32(&g->rec, F_HTTP, http);
	put_past(c);
	g->denied++;
}

void record_stray(struct conn *c, const struct placeholder *p, const char *at)
{
	struct gate *g = c->g;
	const struct call *k = c->call;
	bool observed = k && k->server ? k->observed : g->conf.observe;
	char detail[128];

	snprintf(detail, sizeof(detail), "placeholder %s, %s", p->id, at);
	rec_begin(&g->rec, REC_ALERT, k ? k->number : 0, mono_now().ns);
	who(&g->rec, c);
	where(&g->rec, c);
	if (k && k->server)
		text(&g->rec, F_SERVER, k->server->name);
	text(&g->rec, F_VERDICT, observed ? "allow" : "refuse");
	text(&g->rec, F_RULE, BAIT_RULE);
	text(&g->rec, F_CREDENTIAL, p->credential);
	text(&g->rec, F_MODE, observed ? "observe" : "enforce");
	text(&g->rec, F_DETAIL, detail);
	put_past(c);
}
