/* learned.c - see learned.h. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "gate/learned.h"

enum { BUCKETS = 4096, DESCRIPTION = 4096, SERVERS = 256, SERVER = 64 };

struct share { /* of the table, that a server has */
	char server[SERVER];
	size_t n;
};

struct entry {
	struct entry *next;
	struct learned_tool tool;
	struct share *of;
	bool told;
	uint8_t *schema; /* what tool.schema shows */
	size_t len;
	char name[];
};

struct learned {
	struct entry *bucket[BUCKETS];
	size_t n, shares, untold;
	struct share share[SERVERS];
	uint64_t seed; /* names are chosen by servers: nobody may fill one bucket on purpose */
	char text[DESCRIPTION];
};

struct learned *learned_new(void)
{
	struct learned *l = calloc(1, sizeof(*l));

	if (l && getrandom(&l->seed, sizeof(l->seed), 0) != sizeof(l->seed))
		learned_free(&l);
	return l;
}

void learned_free(struct learned **lp)
{
	struct learned *l = *lp;

	*lp = NULL;
	for (size_t i = 0; l && i < BUCKETS; i++)
		for (struct entry *e = l->bucket[i], *next; e; e = next) {
			next = e->next;
			free(e->schema);
			free(e);
		}
	free(l);
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ b[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

static size_t bucket(const struct learned *l, const char *server, struct view name)
{
	return mix(mix(l->seed, server, strlen(server) + 1), name.p, name.n) % BUCKETS;
}

static struct entry *find(const struct learned *l, const char *server, struct view name)
{
	for (struct entry *e = l->bucket[bucket(l, server, name)]; e; e = e->next)
		if (e->len == name.n && memcmp(e->name, name.p, name.n) == 0 && strcmp(e->of->server, server) == 0)
			return e;
	return NULL;
}

const struct learned_tool *learned_find(const struct learned *l, const char *server, struct view name)
{
	struct entry *e = l ? find(l, server, name) : NULL;

	return e ? &e->tool : NULL;
}

static struct share *share_of(struct learned *l, const char *server)
{
	for (size_t i = 0; i < l->shares; i++)
		if (strcmp(l->share[i].server, server) == 0)
			return &l->share[i];
	if (l->shares == SERVERS || strlen(server) >= SERVER)
		return NULL;
	struct share *s = &l->share[l->shares++];
	snprintf(s->server, sizeof(s->server), "%s", server);
	return s;
}

static struct entry *add(struct learned *l, const char *server, struct view name)
{
	size_t at = bucket(l, server, name);
	struct share *of = share_of(l, server);
	struct entry *e = NULL;

	if (of && l->n < LEARNED_TOOLS && of->n < LEARNED_SERVER)
		e = calloc(1, sizeof(*e) + name.n + 1);
	if (!e)
		return NULL;
	e->of = of;
	of->n++;
	memcpy(e->name, name.p, name.n);
	e->len = name.n;
	e->next = l->bucket[at];
	l->bucket[at] = e;
	l->n++;
	return e;
}

/* Text of a member, unescaped; a description that is too long is classified by its beginning. */
static struct view text(struct learned *l, const struct json_doc *doc, const struct json_node *tool, const char *key)
{
	const struct json_node *n = json_get(doc, tool, view_str(key));
	struct view v = view_of(NULL, 0);

	if (!n || n->type != JSON_STRING || json_plain(doc, n, &v))
		return v;
	int len = json_str(doc, n, l->text, sizeof(l->text));
	return len < 0 ? view_of(doc->in.p + n->off + 1, n->len - 2) : view_of(l->text, (size_t)len);
}

static void keep_schema(struct entry *e, struct view raw)
{
	free(e->schema);
	e->schema = raw.n && raw.n <= LEARNED_SCHEMA ? malloc(raw.n) : NULL;
	if (e->schema)
		memcpy(e->schema, raw.p, raw.n);
	e->tool.schema = view_of(e->schema, e->schema ? raw.n : 0);
}

static void take(struct learned *l, const char *server, const struct json_doc *doc, const struct json_node *node)
{
	char own[LEARNED_NAME];
	const struct json_node *n = json_get(doc, node, VIEW_LIT("name"));
	struct learned_tool seen = {.risk = RISK_UNKNOWN};

	int len = n && n->type == JSON_STRING ? json_str(doc, n, own, sizeof(own)) : -1;
	if (len < 0 || catalogue_hash(doc, node, seen.hash))
		return;
	struct view name = view_of(own, (size_t)len);
	struct entry *e = find(l, server, name);
	bool known = e != NULL;
	if (known && memcmp(e->tool.hash, seen.hash, sizeof(seen.hash)) == 0)
		return;
	struct catalogue_tool t = {.server = view_str(server), .name = name, .description = text(l, doc, node, "description"), .doc = doc,
	    .schema = json_get(doc, node, VIEW_LIT("inputSchema")), .annotations = json_get(doc, node, VIEW_LIT("annotations"))};
	catalogue_classify(&t, &seen.now);
	seen.risk = known && e->tool.risk > seen.now.risk ? e->tool.risk : seen.now.risk;
	if (!e)
		e = add(l, server, name);
	if (!e)
		return;
	l->untold += !known || e->told;
	e->told = false;
	e->tool = seen;
	keep_schema(e, t.schema ? json_raw(doc, t.schema) : view_of(NULL, 0));
}

static void take_message(struct learned *l, const char *server, const struct json_doc *doc, const struct json_node *msg)
{
	const struct json_node *tools = json_get(doc, json_get(doc, msg, VIEW_LIT("result")), VIEW_LIT("tools"));

	if (!tools || tools->type != JSON_ARRAY)
		return;
	for (const struct json_node *t = json_first(doc, tools); t; t = json_next(doc, tools, t))
		if (t->type == JSON_OBJECT)
			take(l, server, doc, t);
}

void learned_take(struct learned *l, const char *server, const struct json_doc *doc)
{
	const struct json_node *root = &doc->node[0];

	if (root->type == JSON_OBJECT)
		take_message(l, server, doc, root);
	for (const struct json_node *m = root->type == JSON_ARRAY ? json_first(doc, root) : NULL; m; m = json_next(doc, root, m))
		take_message(l, server, doc, m);
}

void learned_tell(struct learned *l, size_t most, learned_tell_fn *fn, void *arg)
{
	for (size_t i = 0; l->untold && most && i < BUCKETS; i++)
		for (struct entry *e = l->bucket[i]; e && most; e = e->next) {
			if (e->told)
				continue;
			if (fn(arg, e->of->server, view_of(e->name, e->len), &e->tool))
				return;
			e->told = true;
			l->untold--;
			most--;
		}
}

void learned_retell(struct learned *l)
{
	l->untold = l->n;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct entry *e = l->bucket[i]; e; e = e->next)
			e->told = false;
}
