/* otherpath.c - see otherpath.h. */
#include <stdio.h>

#include "gate/otherpath.h"

static bool is_rpc(const struct json_doc *doc, const struct json_node *n)
{
	return n->type == JSON_OBJECT && json_get(doc, n, VIEW_LIT("jsonrpc")) && json_get(doc, n, VIEW_LIT("method"));
}

/* ${v} stands behind a quote: is it the name, some of its letters perhaps escaped? */
static bool is_name(struct view v)
{
	for (const char *c = "jsonrpc"; *c; c++) {
		bool escaped = v.n && v.p[0] == '\\';
		char escape[8] = "";
		if (escaped)
			snprintf(escape, sizeof(escape), "\\u00%02x", (uint8_t)*c);
		if (escaped ? !view_ieq(view_head(v, 6), view_str(escape)) : !v.n || v.p[0] != (uint8_t)*c)
			return false;
		v = view_skip(v, escaped ? 6 : 1);
	}
	return v.n && v.p[0] == '"';
}

static bool holds_name(struct view v)
{
	for (const uint8_t *q; v.n && (q = memchr(v.p, '"', v.n));) {
		v = view_skip(v, (size_t)(q - v.p) + 1);
		if (is_name(v))
			return true;
	}
	return false;
}

bool otherpath_is_rpc(struct gate *g, struct view body)
{
	struct json_doc *doc = &g->doc;

	if (json_scan(doc, body, g->nodes, GATE_NODES, NULL)) {
		/* A server may be less strict than we are.  Inside a JSON string the quotes would carry backslashes. */
		return holds_name(body);
	}
	const struct json_node *root = &doc->node[0];
	if (root->type != JSON_ARRAY)
		return is_rpc(doc, root);
	for (const struct json_node *n = json_first(doc, root); n; n = json_next(doc, root, n))
		if (is_rpc(doc, n))
			return true;
	return false;
}
