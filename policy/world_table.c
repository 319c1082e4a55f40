/* world_table.c - the grants of a world that come as a table.  See world.h and grant_table.h. */
#include <errno.h>
#include <stdlib.h>

#include "policy/grant_table.h"
#include "policy/world_internal.h"

static int server_by_name(const void *a, const void *b)
{
	const struct world_server *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

/*
 * What a text of the table stands for, looked up once as long as the same offset comes again and again, which is the usual case: texts are
 * shared.  ${slot} is of a size that fits the cache.
 */
enum { MEMO = 256 };
struct memo {
	struct {
		uint32_t text;
		const void *is;
	} slot[MEMO];
};

struct from_table {
	struct world *w;
	const struct json_doc *doc;
	struct grant_table t;
	char *pool; /* the arena's copy */
	struct world_server **by_name;
	const struct json_node *names; /* policy name -> digest */
	struct memo server, policy;
};

static const struct named_policy *policy_named(struct from_table *f, uint32_t text)
{
	char hash[POL_HASH_HEX];
	const struct json_node *n = json_get(f->doc, f->names, view_str(f->pool + text));
	int len = n && n->type == JSON_STRING ? json_str(f->doc, n, hash, sizeof(hash) - 1) : -1;

	if (len < 0)
		return NULL;
	hash[len] = '\0';
	return world_policy(f->w, hash);
}

static const void *memo_policy(struct from_table *f, uint32_t text)
{
	if (f->policy.slot[text % MEMO].text != text) {
		f->policy.slot[text % MEMO].text = text;
		f->policy.slot[text % MEMO].is = policy_named(f, text);
	}
	return f->policy.slot[text % MEMO].is;
}

/* Where in by_name, or NULL: a grant for a server that is not there is not in force. */
static struct world_server *const *memo_server(struct from_table *f, uint32_t text)
{
	if (f->server.slot[text % MEMO].text != text) {
		struct world_server key = {.name = f->pool + text}, *at = &key;
		f->server.slot[text % MEMO].text = text;
		f->server.slot[text % MEMO].is = f->w->servers ? bsearch(&at, f->by_name, f->w->servers, sizeof(at), server_by_name) : NULL;
	}
	return f->server.slot[text % MEMO].is;
}

static void grant_of(struct from_table *f, const struct grant_row *r, struct world_grant *g)
{
	const char *text[GT_TEXTS];
	const struct named_policy *p = r->text[GT_POLICY] ? memo_policy(f, r->text[GT_POLICY]) : NULL;

	for (size_t i = 0; i < GT_TEXTS; i++)
		text[i] = r->text[i] ? f->pool + r->text[i] : NULL;
	*g = (struct world_grant){.id = text[GT_ID], .server = text[GT_SERVER], .credential = text[GT_CREDENTIAL], .agent = text[GT_AGENT], .unit = text[GT_UNIT],
	    .cgroup = text[GT_CGROUP], .token_sha256 = text[GT_TOKEN_SHA256], .exe_sha256 = text[GT_EXE_SHA256], .su = r->flags & GRANT_SU,
	    .any_uid = r->flags & GRANT_ANY_UID, .uid = r->uid, .has_gid = r->flags & GRANT_GID, .gid = r->gid, .has_login_uid = r->flags & GRANT_LOGIN_UID,
	    .login_uid = r->login_uid, .expires = {r->expires_ns}};
	/* The document that carries the name now; without one the call is denied: "(no policy)". */
	if (p) {
		g->policy_name = text[GT_POLICY];
		g->policy_hash = p->hash;
		g->policy = p->pol;
	}
}

/* Rows come by id: counting how many each server has gives the order by server and id in two passes. */
static int place_grants(struct from_table *f, size_t *at)
{
	struct world *w = f->w;
	size_t n = 0;

	for (uint32_t i = 0; i < f->t.rows; i++) {
		struct grant_row r = grant_table_row(&f->t, i);
		struct world_server *const *s = memo_server(f, r.text[GT_SERVER]);
		if (s)
			at[s - f->by_name]++;
	}
	for (size_t i = 0; i < w->servers; i++) {
		size_t mine = at[i];
		at[i] = n;
		n += mine;
	}
	w->grant = arena_take(&w->arena, n, sizeof(*w->grant));
	if (!w->grant)
		return -ENOMEM;
	w->grants = n;
	for (uint32_t i = 0; i < f->t.rows; i++) {
		struct grant_row r = grant_table_row(&f->t, i);
		struct world_server *const *s = memo_server(f, r.text[GT_SERVER]);
		if (s)
			grant_of(f, &r, &w->grant[at[s - f->by_name]++]);
	}
	return 0;
}

int world_table_load(struct world *w, const struct json_doc *doc, struct view table, char *why, size_t why_len)
{
	struct from_table f = {.w = w, .doc = doc, .names = json_get(doc, &doc->node[0], VIEW_LIT("policy_names"))};
	int r = grant_table_open(table, &f.t, why, why_len);

	if (r)
		return r;
	f.pool = arena_copy(&w->arena, view_of(f.t.pool, f.t.pool_n));
	f.by_name = arena_take(&w->arena, w->servers, sizeof(*f.by_name));
	size_t *at = calloc(w->servers + 1, sizeof(*at));
	if (!f.pool || !f.by_name || !at)
		r = -ENOMEM;
	for (size_t i = 0; !r && i < w->servers; i++)
		f.by_name[i] = &w->server[i];
	if (!r && w->servers)
		qsort(f.by_name, w->servers, sizeof(*f.by_name), server_by_name);
	if (!r)
		r = place_grants(&f, at);
	free(at);
	return r;
}
