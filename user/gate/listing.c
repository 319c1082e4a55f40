/* listing.c - see listing.h. */
#include "base/err.h"
#include "gate/listing.h"

enum { TOOL_NAME_MAX = 1024 };

struct cut { /* writes the message, leaving out or replacing spans in order */
	const struct json_doc *doc;
	const struct pol *pol;
	listing_hide *hide;
	void *arg;
	struct buf *out;
	uint32_t at; /* input is copied up to here */
	uint32_t changes;
	int err;
};

static void copy_to(struct cut *k, uint32_t off)
{
	if (!k->err && off > k->at)
		k->err = buf_put(k->out, view_of(k->doc->in.p + k->at, off - k->at));
	k->at = off;
}

static bool visible(const struct cut *k, const struct json_node *tool)
{
	uint8_t text[TOOL_NAME_MAX];
	const struct json_node *name = json_get(k->doc, tool, VIEW_LIT("name"));
	struct view v;

	if (!name || name->type != JSON_STRING || !k->pol)
		return false;
	if (!json_plain(k->doc, name, &v)) {
		int n = json_str(k->doc, name, text, sizeof(text));
		if (n < 0)
			return false;
		v = view_of(text, (size_t)n);
	}
	return pol_visible(k->pol, v) == POL_LISTED && !(k->hide && k->hide(k->arg, v, k->doc, tool));
}

static void cut_tools(struct cut *k, const struct json_node *tools)
{
	bool any = false;
	uint32_t open = tools->off + 1, close = tools->off + tools->len - 1;

	copy_to(k, open);
	for (const struct json_node *t = json_first(k->doc, tools); t; t = json_next(k->doc, tools, t)) {
		if (t->type != JSON_OBJECT || !visible(k, t)) {
			k->changes++;
			continue;
		}
		if (any && !k->err)
			k->err = buf_put(k->out, VIEW_LIT(","));
		any = true;
		k->at = t->off;
		copy_to(k, t->off + t->len);
	}
	k->at = close;
}

/* A list made for one subject must not be kept for another. */
static void cut_scope(struct cut *k, const struct json_node *scope)
{
	copy_to(k, scope->off);
	if (!k->err)
		k->err = buf_put(k->out, VIEW_LIT("\"private\""));
	k->at = scope->off + scope->len;
}

static int cut_message(struct cut *k, const struct json_node *msg)
{
	if (msg->type != JSON_OBJECT)
		return 0;
	const struct json_node *result = json_get(k->doc, msg, VIEW_LIT("result"));
	if (!result || result->type != JSON_OBJECT)
		return 0;
	const struct json_node *tools = json_get(k->doc, result, VIEW_LIT("tools"));
	if (!tools)
		return 0;
	if (tools->type != JSON_ARRAY)
		return -ERR_MALFORMED;
	const struct json_node *scope = json_get(k->doc, result, VIEW_LIT("cacheScope"));
	if (scope && scope->off < tools->off)
		cut_scope(k, scope);
	cut_tools(k, tools);
	if (scope && scope->off > tools->off)
		cut_scope(k, scope);
	return 0;
}

int listing_filter(const struct json_doc *doc, const struct pol *p, listing_hide *hide, void *arg, struct buf *out)
{
	struct cut k = {.doc = doc, .pol = p, .hide = hide, .arg = arg, .out = out};
	const struct json_node *root = &doc->node[0];
	int r = 0;

	buf_reset(out);
	if (root->type == JSON_ARRAY) {
		/* Old servers answer a batch with one. */
		for (const struct json_node *m = json_first(doc, root); !r && m; m = json_next(doc, root, m))
			r = cut_message(&k, m);
	} else {
		r = cut_message(&k, root);
	}
	if (r)
		return r;
	if (!k.changes)
		return 0;
	copy_to(&k, (uint32_t)doc->in.n);
	return k.err ? k.err : 1;
}
