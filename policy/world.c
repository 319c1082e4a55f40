/*
 * world.c - see world.h.
 * Invariants:
 *  1. Grants are sorted by server name and id, so that those of one server are a run.
 *  2. Nothing is changed after world_load(); world_ref() and world_unref() are the only writers.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/world_internal.h"

enum { NODES_FIRST = 1 << 12, NODES_MAX = 1 << 24, POLICIES_MAX = 65536 };

struct loading {
	struct json_doc doc;
	bool has_table; /* the grants are not in the text but behind it */
	struct view table;
	struct world *w;
	char *why;
	size_t why_len;
};

static int bad(struct loading *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(struct loading *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(l->why, l->why_len, fmt, ap);
	va_end(ap);
	return -ERR_MALFORMED;
}

/* A string member as text of the arena, NULL when absent or null; *ok turns false when it is something else. */
static char *text(struct loading *l, const struct json_node *obj, const char *key, bool *ok)
{
	const struct json_node *n = json_get(&l->doc, obj, view_str(key));
	if (!n || n->type == JSON_NULL)
		return NULL;
	char *out = n->type == JSON_STRING ? arena_take(&l->w->arena, 1, n->len + 1) : NULL;
	int len = out ? json_str(&l->doc, n, out, n->len) : -1;
	if (len < 0 || memchr(out, '\0', (size_t)len))
		*ok = false;
	return len < 0 ? NULL : out;
}

static bool number(struct loading *l, const struct json_node *n, uint64_t max, uint64_t *out)
{
	struct view v = n->type == JSON_NUMBER ? json_raw(&l->doc, n) : view_of(NULL, 0);

	*out = 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9' || *out > (max - (uint64_t)(v.p[i] - '0')) / 10)
			return false;
		*out = *out * 10 + (uint64_t)(v.p[i] - '0');
	}
	return v.n > 0;
}

static int load_match(struct loading *l, const struct json_node *n, struct world_match *m)
{
	bool ok = true;
	uint64_t port = 443;
	const struct json_node *p = json_get(&l->doc, n, VIEW_LIT("port"));

	char *host = text(l, n, "host", &ok);
	m->path = text(l, n, "path", &ok);
	if (!ok || !host || !*host || (m->path && m->path[0] != '/'))
		return bad(l, "a match needs a host, and a path that begins with '/'");
	if (p && (!number(l, p, 65535, &port) || !port))
		return bad(l, "the port of %.64s is no port number", host);
	m->port = (uint16_t)port;
	for (char *c = host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	m->host = host;
	return 0;
}

static int load_server(struct loading *l, const struct json_node *n, struct world_server *s)
{
	bool ok = true;
	const struct json_node *list = json_get(&l->doc, n, VIEW_LIT("match")), *inject = json_get(&l->doc, n, VIEW_LIT("inject"));

	s->name = text(l, n, "name", &ok);
	s->credential = text(l, n, "credential", &ok);
	const char *mode = text(l, n, "mode", &ok);
	if (inject && inject->type == JSON_OBJECT) {
		s->inject_header = text(l, inject, "header", &ok);
		s->inject_format = text(l, inject, "format", &ok);
	}
	if (!ok || !s->name || (s->inject_format && !strstr(s->inject_format, "{secret}")))
		return bad(l, "a server needs a name, and {secret} in the format of its credential");
	if (mode && strcmp(mode, "observe") && strcmp(mode, "enforce"))
		return bad(l, "the mode of server %.64s is neither enforce nor observe", s->name);
	s->observe = mode ? strcmp(mode, "observe") == 0 : l->w->observe;
	if (!list || list->type != JSON_ARRAY || !list->count)
		return bad(l, "server %.64s has no match", s->name);
	struct world_match *m = arena_take(&l->w->arena, list->count, sizeof(*m));
	if (!m)
		return -ENOMEM;
	s->match = m;
	for (const struct json_node *c = json_first(&l->doc, list); c; c = json_next(&l->doc, list, c)) {
		int r = c->type == JSON_OBJECT ? load_match(l, c, &m[s->matches++]) : bad(l, "a match of %.64s is no object", s->name);
		if (r)
			return r;
	}
	return 0;
}

static int by_hash(const void *a, const void *b)
{
	const struct named_policy *x = a, *y = b;
	return strcmp(x->hash, y->hash);
}

const struct named_policy *world_policy(const struct world *w, const char *hash)
{
	struct named_policy key = {.hash = hash};

	return w->policies ? bsearch(&key, w->policy, w->policies, sizeof(key), by_hash) : NULL;
}

/* An id that may be absent; null stands for "any". */
static int load_id(struct loading *l, const struct json_node *n, const char *key, bool *has, uint32_t *id)
{
	const struct json_node *v = json_get(&l->doc, n, view_str(key));
	uint64_t x = 0;

	*has = v && v->type != JSON_NULL;
	if (*has && !number(l, v, UINT32_MAX - 1, &x))
		return bad(l, "the %s of a grant is no user number", key);
	*id = (uint32_t)x;
	return 0;
}

static int load_grant(struct loading *l, const struct json_node *n, struct world_grant *g)
{
	bool ok = true, has_uid;

	g->id = text(l, n, "id", &ok);
	g->server = text(l, n, "server", &ok);
	g->credential = text(l, n, "credential", &ok);
	g->agent = text(l, n, "agent", &ok);
	g->policy_name = text(l, n, "policy_name", &ok);
	g->policy_hash = text(l, n, "policy", &ok);
	g->unit = text(l, n, "unit", &ok);
	g->cgroup = text(l, n, "cgroup", &ok);
	g->token_sha256 = text(l, n, "token_sha256", &ok);
	const char *via = text(l, n, "via", &ok);
	const char *digest = text(l, n, "exe_sha256", &ok), *expires = text(l, n, "expires_at", &ok);
	if (!ok || !g->id || !g->server)
		return bad(l, "a grant needs an id and a server");
	int r = load_id(l, n, "uid", &has_uid, &g->uid);
	if (!r)
		r = load_id(l, n, "login_uid", &g->has_login_uid, &g->login_uid);
	if (!r)
		r = load_id(l, n, "gid", &g->has_gid, &g->gid);
	if (r)
		return r;
	/* "Everybody" is said with null; a field that was lost must not widen a grant. */
	if (!has_uid && !json_get(&l->doc, n, VIEW_LIT("uid")))
		return bad(l, "grant %.64s has no uid", g->id);
	g->any_uid = !has_uid;
	g->su = via != NULL;
	if (via && strcmp(via, "su") != 0)
		return bad(l, "the via of grant %.64s is not su", g->id);
	if (expires && (wall_parse(expires, &g->expires) || !g->expires.ns))
		return bad(l, "the expiry of grant %.64s is no time", g->id);
	const struct named_policy *p = g->policy_hash ? world_policy(l->w, g->policy_hash) : NULL;
	g->policy = p ? p->pol : NULL;
	g->exe_sha256 = digest;
	return 0;
}

static int load_policy(struct loading *l, const struct json_node *n)
{
	struct world *w = l->w;
	struct named_policy *p = &w->policy[w->policies];
	char *doc = n->type == JSON_STRING ? malloc(n->len + 1) : NULL, *hash = arena_take(&w->arena, 1, n->key_len + 1);
	int len = doc ? json_str(&l->doc, n, doc, n->len) : -1;
	int r = len < 0 || !hash || json_key(&l->doc, n, hash, n->key_len) != POL_HASH_HEX - 1 ? bad(l, "a policy is not text under its hash") : 0;

	if (!r)
		r = pol_load(view_of(doc, (size_t)len), NULL, NULL, &p->pol);
	if (!r) {
		p->hash = hash;
		w->policies++;
		if (strcmp(pol_hash(p->pol), hash) != 0)
			r = bad(l, "policy %.64s is not the document of that hash", hash);
	} else if (l->why[0] == '\0') {
		bad(l, "policy %.64s: %s", hash ? hash : "?", err_text(r));
	}
	free(doc);
	return r;
}

static int by_server(const void *a, const void *b)
{
	const struct world_grant *x = a, *y = b;
	int r = strcmp(x->server, y->server);
	return r ? r : strcmp(x->id, y->id);
}

static int load_list(struct loading *l, const struct json_node *list)
{
	struct world *w = l->w;
	int r = 0;

	w->grant = arena_take(&w->arena, list->count, sizeof(*w->grant));
	if (!w->grant)
		return -ENOMEM;
	for (const struct json_node *n = json_first(&l->doc, list); n && !r; n = json_next(&l->doc, list, n))
		r = load_grant(l, n, &w->grant[w->grants++]);
	if (!r && w->grants)
		qsort(w->grant, w->grants, sizeof(*w->grant), by_server);
	return r;
}

static const struct json_node *list_of(struct loading *l, const char *key, enum json_type type)
{
	const struct json_node *n = json_get(&l->doc, &l->doc.node[0], view_str(key));
	return n && n->type == type ? n : NULL;
}

/*
 * The vault keeps what came with a signed bundle under another name, so that what is in force and what is to be do not meet.  The same text comes
 * again and again.
 */
static const char *item_of(struct loading *l, const struct json_node *items, const char *name)
{
	const struct json_node *n = json_get(&l->doc, items, view_str(name));
	bool ok = true;
	char *item = n ? text(l, items, name, &ok) : NULL;

	return !ok ? NULL : item ? item : name;
}

static int load_items(struct loading *l)
{
	const struct json_node *items = list_of(l, "credential_items", JSON_OBJECT);
	const char *last = NULL, *is = NULL;
	size_t n = items && items->count ? l->w->servers + l->w->grants : 0;

	for (size_t i = 0; i < n; i++) {
		const char **at = i < l->w->servers ? &l->w->server[i].credential : &l->w->grant[i - l->w->servers].credential;
		if (*at && *at != last) {
			last = *at;
			is = item_of(l, items, last);
			if (!is)
				return bad(l, "the name of credential %.64s in the vault is no text", last);
		}
		if (*at)
			*at = is;
	}
	return 0;
}

static int load_all(struct loading *l)
{
	struct world *w = l->w;
	const struct json_node *servers = list_of(l, "servers", JSON_ARRAY), *grants = list_of(l, "grants", JSON_ARRAY);
	const struct json_node *policies = list_of(l, "policies", JSON_OBJECT), *g = list_of(l, "generation", JSON_NUMBER);
	bool ok = true;
	const char *mode = text(l, &l->doc.node[0], "mode", &ok);
	int r = 0;

	if (!servers || !grants == !l->has_table || !policies || !g || !number(l, g, UINT64_MAX / 16, &w->generation))
		return bad(l, "generation, servers, policies and one kind of grants must be there");
	w->observe = mode && strcmp(mode, "observe") == 0;
	if (!ok || (mode && !w->observe && strcmp(mode, "enforce") != 0))
		return bad(l, "mode must be \"enforce\" or \"observe\"");
	w->server = arena_take(&w->arena, servers->count, sizeof(*w->server));
	w->policy = arena_take(&w->arena, policies->count, sizeof(*w->policy));
	if (!w->server || !w->policy)
		return -ENOMEM;
	for (const struct json_node *n = json_first(&l->doc, policies); n && !r; n = json_next(&l->doc, policies, n))
		r = load_policy(l, n);
	if (!r && w->policies)
		qsort(w->policy, w->policies, sizeof(*w->policy), by_hash);
	for (const struct json_node *n = json_first(&l->doc, servers); n && !r; n = json_next(&l->doc, servers, n))
		r = load_server(l, n, &w->server[w->servers++]);
	if (!r)
		r = grants ? load_list(l, grants) : world_table_load(w, &l->doc, l->table, l->why, l->why_len);
	if (!r)
		r = load_items(l);
	if (!r)
		r = world_index_make(w);
	if (!r)
		r = world_tools_load(&w->arena, &l->doc, json_get(&l->doc, &l->doc.node[0], VIEW_LIT("tools")), &w->tools);
	if (r && !l->why[0])
		bad(l, "what is known of the tools cannot be read");
	if (!r && (r = placeholder_load(&w->arena, &l->doc, json_get(&l->doc, &l->doc.node[0], VIEW_LIT("placeholders")), &w->placeholders)))
		bad(l, "the placeholders cannot be read");
	return r;
}

/* The caller of json_scan() lends the nodes; nobody knows beforehand how many it takes. */
static int scan(struct loading *l, struct view json, struct json_node **nodes)
{
	int r = -ERR_TOO_LONG;

	for (uint32_t max = NODES_FIRST; r == -ERR_TOO_LONG && max <= NODES_MAX; max *= 4) {
		free(*nodes);
		*nodes = calloc(max, sizeof(**nodes));
		if (!*nodes)
			return -ENOMEM;
		r = json_scan(&l->doc, json, *nodes, max, NULL);
	}
	return r;
}

int world_load(struct view file, char *why, size_t why_len, struct world **out)
{
	struct json_node *nodes = NULL;
	struct loading l = {.why = why, .why_len = why_len};
	/* JSON holds no NUL byte: the first one ends it. */
	const uint8_t *end = file.n ? memchr(file.p, '\0', file.n) : NULL;
	struct view json = view_head(file, end ? (size_t)(end - file.p) : file.n);

	l.has_table = end;
	l.table = view_skip(file, json.n + 1);

	*out = NULL;
	why[0] = '\0';
	l.w = calloc(1, sizeof(*l.w));
	if (!l.w)
		return -ENOMEM;
	l.w->refs = 1;
	int r = scan(&l, json, &nodes);
	if (!r)
		r = l.doc.node[0].type == JSON_OBJECT ? load_all(&l) : bad(&l, "must be an object");
	free(nodes);
	if (r) {
		if (!why[0])
			snprintf(why, why_len, "%s", err_text(r));
		world_unref(&l.w);
		return r;
	}
	*out = l.w;
	return 0;
}

struct world *world_ref(struct world *w)
{
	w->refs++;
	return w;
}

void world_unref(struct world **wp)
{
	struct world *w = *wp;

	*wp = NULL;
	if (!w || --w->refs)
		return;
	for (size_t i = 0; i < w->policies; i++)
		pol_free(&w->policy[i].pol);
	arena_free(&w->arena);
	free(w);
}

uint64_t world_generation(const struct world *w)
{
	return w->generation;
}

/* A server has a credential of its own, or one comes with a grant for it. */
static bool has_credential(const struct world *w, const struct world_server *s)
{
	for (size_t i = 0; !s->credential && i < w->grants; i++)
		if (w->grant[i].credential && strcmp(w->grant[i].server, s->name) == 0)
			return true;
	return s->credential != NULL;
}

static bool any_server(const struct world *w, struct view host, uint16_t port, bool brokered)
{
	for (size_t i = 0; i < w->servers; i++)
		for (size_t j = 0; j < w->server[i].matches; j++)
			if (world_same_place(&w->server[i].match[j], host, port) && (!brokered || has_credential(w, &w->server[i])))
				return true;
	return false;
}

bool world_host(const struct world *w, struct view host, uint16_t port)
{
	return any_server(w, host, port, false);
}

bool world_brokered(const struct world *w, struct view host, uint16_t port)
{
	return any_server(w, host, port, true);
}

/*
 * How much of ${path} the match explains, or -1.  "/mcp" and "/mcp/" cover "/mcp", "/mcp/x" and "/mcp?x", never "/mcpx": servers answer
 * both spellings, so a registered one must not leave the other unjudged.
 */
static long covers(const struct world_match *m, struct view path)
{
	struct view p = view_str(m->path);
	if (!m->path)
		return 0;
	if (p.p[p.n - 1] == '/')
		p.n--;
	if (!view_starts(path, p))
		return -1;
	return p.n == path.n || path.p[p.n] == '/' || path.p[p.n] == '?' || path.p[p.n] == '#' ? (long)p.n + 1 : -1;
}

const struct world_server *world_server(const struct world *w, struct view host, uint16_t port, struct view path)
{
	const struct world_server *best = NULL;
	long most = -1;

	for (size_t i = 0; i < w->servers; i++)
		for (size_t j = 0; j < w->server[i].matches; j++) {
			const struct world_match *m = &w->server[i].match[j];
			long n = world_same_place(m, host, port) ? covers(m, path) : -1;
			if (n > most) {
				most = n;
				best = &w->server[i];
			}
		}
	return best;
}

const struct world_tool *world_tool(const struct world *w, const struct world_server *server, struct view name)
{
	return world_tools_find(&w->tools, view_str(server->name), name);
}

const struct world_server *world_server_named(const struct world *w, struct view name)
{
	for (size_t i = 0; i < w->servers; i++)
		if (view_is(name, w->server[i].name))
			return &w->server[i];
	return NULL;
}

size_t world_run_start(const struct world *w, const char *server)
{
	size_t low = 0, high = w->grants;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(w->grant[mid].server, server) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
