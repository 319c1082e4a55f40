/* ended.c - see ended.h. */
#include "base/err.h"
#include "gate/call.h"
#include "gate/claim.h"
#include "gate/ended.h"
#include "gate/path.h"
#include "gate/record.h"

const struct world_server *ended_server(struct conn *c)
{
	const struct call *k = c->call;
	struct view path;

	if (k->by_stream)
		return world_server_named(c->g->world, view_str(k->server->name));
	return path_of(call_head(c)->target, &path) ? NULL : world_server(c->g->world, view_str(c->host), c->port, path);
}

/* A request that is not judged yet moves to the new world; false when it would be another kind of request there. */
static bool move(struct conn *c)
{
	struct call *k = c->call;

	if (k->world == c->g->world)
		return true;
	const struct world_server *s = ended_server(c);
	if (!s != !k->server)
		return false;
	k->server = s;
	k->grant = NULL;
	k->credential = NULL;
	world_unref(&k->world);
	k->world = world_ref(c->g->world);
	return true;
}

static bool granted(struct conn *c)
{
	struct call *k = c->call;
	const struct world_server *s = ended_server(c);
	struct subject who = claim_of(c);

	k->ended_why = "(no grant)";
	return s && world_grant(c->g->world, &who, s, wall_now(), &k->ended_why);
}

static bool stands(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;

	if (!c->tls)
		return c->state != S_RELAY || !c->host[0] || !world_host(g->world, view_str(c->host), c->port);
	if (!k)
		return true;
	if (c->state == S_BODY || c->state == S_OTHER || c->state == S_JUDGE || c->state == S_APPROVE)
		return move(c);
	return !k->grant || k->observed || k->ended || granted(c);
}

static void end(struct conn *c)
{
	struct call *k = c->call;

	if (!k) {
		record_connection(c, "relay", -ERR_DENIED);
	} else {
		k->status = "aborted";
		k->err = -ERR_DENIED;
		if (!k->number)
			record_refused(c, -ERR_DENIED, "the grant ended, and with it this open stream or request", 0);
	}
	(void)conn_reset(c);
	conn_end(c);
}

static void on_overdue(void *arg)
{
	struct conn *c = arg;
	struct call *k = c->call;

	if (k && !k->result_done) {
		k->status = "aborted";
		k->err = -ERR_TIMEOUT;
	}
	(void)conn_reset(c);
	conn_end(c);
}

/* The call has left, at least in part: what it does at the server is done.  True when ${c} must be stepped. */
static bool let_finish(struct conn *c)
{
	struct call *k = c->call;

	k->ended = true;
	k->withheld = k->risk != RISK_READ;
	k->detail = k->withheld ? "the grant ended while the call ran; its answer was withheld" : "the grant ended while the call ran";
	if (timer_set(c->g->loop, &c->overdue, GATE_ENDED_MS, on_overdue, c)) {
		end(c);
		return false;
	}
	if (!k->withheld || (c->state != S_HOLD && c->state != S_STREAM && c->state != S_RELEASE))
		return false;
	conn_goto(c, S_WITHHELD, 0);
	return true;
}

/* Deal with one whose ground is gone; it may be gone itself afterwards. */
static void meet(struct conn *c)
{
	const struct call *k = c->call;

	if (!k || k->kind != CALL_TOOL || !k->number) {
		end(c);
	} else if (!k->sent) {
		conn_goto(c, S_ENDED, 0);
		conn_step(c);
	} else if (let_finish(c)) {
		conn_step(c);
	}
}

static bool timely(struct conn *c)
{
	const struct call *k = c->call;
	const struct world_grant *g = k ? k->grant : NULL;

	return !g || !g->expires.ns || g->expires.ns > wall_now().ns || stands(c);
}

/* First all are looked at, then those are met whose ground is gone: what is done to one may end another, which leaves both lists by itself. */
static void look(struct gate *g, bool (*good)(struct conn *c))
{
	struct list gone;

	if (!g->world)
		return;
	list_init(&gone);
	LIST_EACH(it, &g->conns) {
		struct conn *c = LIST_ENTRY(it, struct conn, node);
		g->head_of = NULL;
		if (!good(c))
			list_add_tail(&gone, &c->gone);
	}
	while (!list_empty(&gone)) {
		struct conn *c = LIST_ENTRY(gone.next, struct conn, gone);
		list_del(&c->gone);
		g->head_of = NULL;
		meet(c);
	}
	g->head_of = NULL;
}

void ended_by_world(struct gate *g)
{
	look(g, stands);
}

void ended_by_time(struct gate *g)
{
	look(g, timely);
}
