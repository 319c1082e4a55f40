/* relist.c - see relist.h. */
#include "gate/claim.h"
#include "gate/ended.h"
#include "gate/passing.h"
#include "gate/relist.h"

bool relist_wanted(const struct conn *c)
{
	const struct gate *g = c->g;
	const struct json_doc *doc = &g->doc;

	if (c->call->kind == CALL_GET)
		return true;
	if (c->call->kind != CALL_METHOD || !view_is(g->rpc.method, "subscriptions/listen"))
		return false;
	const struct json_node *params = json_get(doc, &doc->node[0], VIEW_LIT("params"));
	const struct json_node *filter = params ? json_get(doc, params, VIEW_LIT("notifications")) : NULL;
	const struct json_node *tools = filter && filter->type == JSON_OBJECT ? json_get(doc, filter, VIEW_LIT("toolsListChanged")) : NULL;
	return tools && tools->type == JSON_TRUE;
}

void relist_due(struct conn *c)
{
	struct call *k = c->call;
	struct buf event = {0};

	/* A listen stream begins with the server's word that it listens. */
	if (!k->relist || (k->kind == CALL_METHOD && !k->spoken))
		return;
	int r = buf_puts(&event, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"");
	if (!r && k->kind == CALL_METHOD)
		r = buf_printf(&event, ",\"params\":{\"_meta\":{\"io.modelcontextprotocol/subscriptionId\":" VIEW_FMT "}}", VIEW_ARG(call_id(c)));
	r = r ? r : buf_puts(&event, "}\n\n");
	/* If it does not fit now, it is tried again behind the next event. */
	if (!r && passing_event(c, buf_view(&event)) == 0)
		k->relist = false;
	buf_free(&event);
}

static void move(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	struct subject who = claim_of(c);
	const struct world_server *server = ended_server(c);
	const char *why;
	const struct world_grant *grant = server ? world_grant(g->world, &who, server, wall_now(), &why) : NULL;

	if (!grant || !grant->policy || !k->grant->policy) /* what has ended is met elsewhere */
		return;
	bool changed = strcmp(grant->policy_hash, k->grant->policy_hash) != 0;
	k->server = server;
	k->grant = grant;
	k->credential = !server->inject_header ? NULL : grant->credential ? grant->credential : server->credential;
	world_unref(&k->world);
	k->world = world_ref(g->world);
	k->relist = k->relist || changed;
	relist_due(c);
}

void relist_by_world(struct gate *g)
{
	LIST_EACH(it, &g->conns) {
		struct conn *c = LIST_ENTRY(it, struct conn, node);
		const struct call *k = c->call;
		g->head_of = NULL;
		if (k && k->tells && k->grant && !k->observed && !k->ended && k->world != g->world && c->state == S_STREAM && k->by_event)
			move(c);
	}
	g->head_of = NULL;
}
