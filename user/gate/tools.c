/* tools.c - see tools.h. */
#include <errno.h>
#include <stdio.h>

#include "gate/tools.h"

_Static_assert((int)LEARNED_SCHEMA == (int)TOOL_SCHEMA_MAX, "what is kept can be told");

enum { TELL = 32 }; /* in one go: the next ones wait for the next sweep */

void tools_heard(struct conn *c)
{
	struct gate *g = c->g;

	if (c->call->server)
		learned_take(g->learned, c->call->server->name, &g->doc);
}

bool tools_judge(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	const struct world_tool *known = world_tool(k->world, k->server, g->rpc.tool);
	const struct learned_tool *seen = learned_find(g->learned, k->server->name, g->rpc.tool);
	const uint8_t *hash = seen ? seen->hash : NULL;

	/* A tool of which nothing is known counts as Execute, whatever its name sounds like. */
	k->risk = world_tools_risk(known, hash, seen ? seen->risk : RISK_UNKNOWN);
	if (k->risk == RISK_UNKNOWN)
		k->risk = RISK_EXECUTE;
	return g->decision.verdict == POL_ALLOW && world_tools_changed(known, hash);
}

bool tools_changed(void *arg, struct view name, const struct json_doc *doc, const struct json_node *tool)
{
	const struct conn *c = arg;
	const struct world_tool *known = c->call->server ? world_tool(c->call->world, c->call->server, name) : NULL;
	uint8_t hash[CATALOGUE_HASH];

	if (!known || !known->n_approved)
		return false;
	return catalogue_hash(doc, tool, hash) || world_tools_changed(known, hash);
}

static int tell(void *arg, const char *server, struct view name, const struct learned_tool *t)
{
	struct gate *g = arg;
	struct m_tool m = {.risk = t->now.risk, .confidence = t->now.confidence, .known = t->now.known, .len = (uint32_t)name.n};

	if (name.n >= sizeof(m.name) || memchr(name.p, '\0', name.n))
		return 0; /* nothing that a person could name */
	memcpy(m.hash, t->hash, sizeof(m.hash));
	memcpy(m.name, name.p, name.n);
	snprintf(m.server, sizeof(m.server), "%s", server);
	snprintf(m.evidence, sizeof(m.evidence), "%s", t->now.evidence);
	return edge_send2(&g->admin, M_TOOL, 0, view_of(&m, sizeof(m)), t->schema, -1);
}

void tools_tell(struct gate *g)
{
	if (g->admin.fd >= 0)
		learned_tell(g->learned, TELL, tell, g);
}
