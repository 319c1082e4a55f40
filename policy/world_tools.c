/* world_tools.c - see world_tools.h. */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "codec/json.h"
#include "policy/world_tools.h"

static bool text(struct arena *a, const struct json_doc *doc, const struct json_node *obj, const char *key, struct view *out)
{
	const struct json_node *n = json_get(doc, obj, view_str(key));
	char *p = n && n->type == JSON_STRING ? arena_take(a, 1, n->len + 1) : NULL;
	int len = p ? json_str(doc, n, p, n->len) : -1;

	*out = view_of(p, len < 0 ? 0 : (size_t)len);
	return len >= 0;
}

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex(const struct json_doc *doc, const struct json_node *n, uint8_t out[CATALOGUE_HASH])
{
	struct view v;

	if (!n || n->type != JSON_STRING || !json_plain(doc, n, &v) || v.n != 2 * CATALOGUE_HASH)
		return false;
	for (size_t i = 0; i < CATALOGUE_HASH; i++) {
		int high = digit(v.p[2 * i]), low = digit(v.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int load_one(struct arena *a, const struct json_doc *doc, const struct json_node *n, struct world_tool *t)
{
	struct view class;
	const struct json_node *hash = json_get(doc, n, VIEW_LIT("hash")), *person = json_get(doc, n, VIEW_LIT("by_person"));
	const struct json_node *list = json_get(doc, n, VIEW_LIT("approved"));

	if (n->type != JSON_OBJECT || !text(a, doc, n, "server", &t->server) || !text(a, doc, n, "tool", &t->name) || !text(a, doc, n, "class", &class))
		return -ERR_MALFORMED;
	t->risk = catalogue_risk(class);
	t->by_person = person && person->type == JSON_TRUE;
	t->has_hash = hash != NULL;
	if (t->risk == RISK_UNKNOWN || (hash && !hex(doc, hash, t->hash)) || (list && (list->type != JSON_ARRAY || list->count > WORLD_TOOLS_APPROVED)))
		return -ERR_MALFORMED;
	for (const struct json_node *k = list ? json_first(doc, list) : NULL; k; k = json_next(doc, list, k))
		if (!hex(doc, k, t->approved[t->n_approved++]))
			return -ERR_MALFORMED;
	return 0;
}

static int by_name(const void *x, const void *y)
{
	const struct world_tool *a = x, *b = y;
	const struct view *p[2][2] = {{&a->server, &b->server}, {&a->name, &b->name}};

	for (size_t i = 0; i < 2; i++) {
		const struct view *u = p[i][0], *v = p[i][1];
		size_t n = u->n < v->n ? u->n : v->n;
		int r = n ? memcmp(u->p, v->p, n) : 0;
		if (r || u->n != v->n)
			return r ? r : u->n < v->n ? -1 : 1;
	}
	return 0;
}

int world_tools_load(struct arena *a, const struct json_doc *doc, const struct json_node *list, struct world_tools *out)
{
	int r = 0;

	*out = (struct world_tools){0};
	if (!list)
		return 0;
	if (list->type != JSON_ARRAY)
		return -ERR_MALFORMED;
	out->tool = arena_take(a, list->count, sizeof(*out->tool));
	if (!out->tool)
		return -ENOMEM;
	for (const struct json_node *n = json_first(doc, list); n && !r; n = json_next(doc, list, n))
		r = load_one(a, doc, n, &out->tool[out->n++]);
	if (!r && out->n)
		qsort(out->tool, out->n, sizeof(*out->tool), by_name);
	return r;
}

const struct world_tool *world_tools_find(const struct world_tools *t, struct view server, struct view name)
{
	struct world_tool key = {.server = server, .name = name};

	return t->n ? bsearch(&key, t->tool, t->n, sizeof(key), by_name) : NULL;
}

static bool is_approved(const struct world_tool *t, const uint8_t *hash)
{
	for (uint32_t i = 0; i < t->n_approved; i++)
		if (memcmp(t->approved[i], hash, CATALOGUE_HASH) == 0)
			return true;
	return false;
}

bool world_tools_changed(const struct world_tool *t, const uint8_t *hash)
{
	if (!t || !t->n_approved || (!hash && !t->has_hash))
		return false;
	return !is_approved(t, hash ? hash : t->hash);
}

enum risk world_tools_risk(const struct world_tool *t, const uint8_t *hash, enum risk seen)
{
	if (!t)
		return seen;
	bool same = !hash || !t->has_hash || memcmp(hash, t->hash, CATALOGUE_HASH) == 0;
	/* A word about one definition is none about the next. */
	if (same && (t->by_person || (t->has_hash && is_approved(t, t->hash))))
		return t->risk;
	return t->risk > seen ? t->risk : seen;
}
