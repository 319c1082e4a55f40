/* otherpath.c - see otherpath.h. */
#include "gate/otherpath.h"

static bool is_rpc(const struct json_doc *doc, const struct json_node *n)
{
	return n->type == JSON_OBJECT && json_get(doc, n, VIEW_LIT("jsonrpc")) && json_get(doc, n, VIEW_LIT("method"));
}

bool otherpath_is_rpc(struct gate *g, struct view body)
{
	struct json_doc *doc = &g->doc;

	if (json_scan(doc, body, g->nodes, GATE_NODES, NULL)) {
		/* A server may be less strict than we are.  Inside a JSON string the quotes would carry backslashes. */
		return body.n && memmem(body.p, body.n, "\"jsonrpc\"", 9);
	}
	const struct json_node *root = &doc->node[0];
	if (root->type != JSON_ARRAY)
		return is_rpc(doc, root);
	for (const struct json_node *n = json_first(doc, root); n; n = json_next(doc, root, n))
		if (is_rpc(doc, n))
			return true;
	return false;
}
