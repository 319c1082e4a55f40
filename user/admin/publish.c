/*
 * publish.c - see publish.h.
 * Each form names its members: what a server or grant carries besides (owner, ticket, reason) stays here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "admin/catalog.h"
#include "admin/publish.h"
#include "base/jsonw.h"
#include "ipc/msg.h"

/* Nearly all of a world is strings and numbers of grants: these need no text of their own first. */
static void raw(struct jsonw *w, const char *key, const json_t *value)
{
	if (json_is_string(value)) {
		jsonw_text(w, key, view_of(json_string_value(value), json_string_length(value)));
		return;
	}
	if (json_is_integer(value)) {
		jsonw_int(w, key, json_integer_value(value));
		return;
	}
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (value && !text)
		w->err = -ENOMEM;
	if (text)
		jsonw_raw(w, key, view_str(text));
	free(text);
}

static void members(struct jsonw *w, const json_t *o, const char *const *key)
{
	for (; *key; key++)
		raw(w, *key, json_object_get(o, *key));
}

/*
 * Grants that come one after the other mostly have the same few texts, at the same places: true for a pair of texts that was told lately, so
 * that what is asked for each pair is asked seldom.
 */
enum { LATELY = 64 };
struct lately {
	const char *one[LATELY], *two[LATELY];
};

static bool lately(struct lately *l, const char *one, const char *two)
{
	size_t i = ((uintptr_t)one * 31 + (uintptr_t)two) % LATELY;
	bool known = l->one[i] == one && l->two[i] == two;

	l->one[i] = one;
	l->two[i] = two;
	return known;
}

/* Every document that a grant uses, once; and which name stands for which: a grant whose policy has no document is denied, "(no policy)". */
static void world_policies(struct jsonw *w, const struct roster *r)
{
	json_t *used = json_object(), *names = json_object(), *seen = json_object(), *p;
	struct grant_ref g = {0};
	struct lately told = {0};
	const char *name;

	while (grants_next(&r->grants, &g)) {
		name = grant_ref_text(&g, GT_POLICY);
		if (name && !lately(&told, name, NULL) && json_object_set_new(used, name, json_true()))
			w->err = -ENOMEM;
	}
	/* In the order of the policies, which is the journal's. */
	jsonw_open(w, "policies", '{');
	json_object_foreach(r->policies, name, p) {
		json_t *hash = json_object_get(p, "hash");
		if (!json_is_string(hash) || !json_object_get(used, name))
			continue;
		if (json_object_set(names, name, hash))
			w->err = -ENOMEM;
		if (json_object_get(seen, json_string_value(hash)))
			continue;
		if (json_object_set_new(seen, json_string_value(hash), json_true()))
			w->err = -ENOMEM;
		raw(w, json_string_value(hash), json_object_get(p, "document"));
	}
	jsonw_close(w, '}');
	raw(w, "policy_names", names);
	json_decref(used);
	json_decref(names);
	json_decref(seen);
}

static void world_placeholders(struct jsonw *w, const struct roster *r)
{
	static const char *const plain[] = {"id", "mark", "sha256", NULL};
	const char *id;
	json_t *p;

	jsonw_open(w, "placeholders", '[');
	json_object_foreach(r->placeholders, id, p) {
		const char *credential = json_string_value(json_object_get(p, "credential"));
		jsonw_open(w, NULL, '{');
		members(w, p, plain);
		/* As the servers and grants that the workers know. */
		if (credential)
			jsonw_str(w, "credential", roster_item(r, credential));
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

/* Which credentials the vault keeps under another name: {} but for those of a signed bundle. */
static void world_items(struct jsonw *w, const struct roster *r)
{
	const char *name, *item;
	json_t *c;

	jsonw_open(w, "credential_items", '{');
	json_object_foreach(r->credentials, name, c)
		if ((item = json_string_value(json_object_get(c, "item"))))
			jsonw_str(w, name, item);
	jsonw_close(w, '}');
}

int publish_world(const struct roster *r, uint64_t generation, const char *mode, struct buf *out)
{
	static const char *const server[] = {"name", "match", "credential", "inject", "mode", NULL};
	struct jsonw w = jsonw_on(out);
	const char *key;
	json_t *value;

	jsonw_open(&w, NULL, '{');
	jsonw_uint(&w, "generation", generation);
	jsonw_str(&w, "mode", mode);
	jsonw_open(&w, "servers", '[');
	json_object_foreach(r->servers, key, value) {
		jsonw_open(&w, NULL, '{');
		members(&w, value, server);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	world_items(&w, r);
	world_policies(&w, r);
	catalog_publish(&w, r);
	world_placeholders(&w, r);
	jsonw_close(&w, '}');
	int ret = jsonw_end(&w);
	static const struct grants none;
	if (!ret)
		ret = buf_put(out, VIEW_LIT("\0"));
	return ret ? ret : grants_table(r->damage[0] ? &none : &r->grants, out);
}

size_t publish_generation(struct view text)
{
	const uint8_t *comma = text.n ? memchr(text.p, ',', text.n) : NULL;

	return comma ? (size_t)(comma - text.p) : text.n;
}

/* Credentials that grants use instead of the server's own: server -> {credential: true}.  NULL: no memory. */
static json_t *grant_credentials(const struct roster *r)
{
	json_t *all = json_object();
	struct grant_ref g = {0};
	struct lately told = {0};
	bool ok = all;

	while (ok && grants_next(&r->grants, &g)) {
		const char *server = grant_ref_text(&g, GT_SERVER), *name = grant_ref_text(&g, GT_CREDENTIAL);
		if (!name || lately(&told, server, name))
			continue;
		json_t *of = json_object_get(all, server);
		if (!of) {
			of = json_object();
			ok = json_object_set_new(all, server, of) == 0;
		}
		ok = ok && json_object_set_new(of, name, json_true()) == 0;
	}
	if (ok)
		return all;
	json_decref(all);
	return NULL;
}

int publish_hosts(const struct roster *r, struct buf *out)
{
	static const char *const server[] = {"name", "match", NULL};
	struct jsonw w = jsonw_on(out);
	json_t *value, *yes, *credentials = grant_credentials(r);
	const char *name, *key;

	if (!credentials)
		return -ENOMEM;
	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "op", "hosts");
	jsonw_open(&w, "servers", '[');
	json_object_foreach(r->servers, name, value) {
		jsonw_open(&w, NULL, '{');
		members(&w, value, server);
		const char *own = json_string_value(json_object_get(value, "credential"));
		if (own)
			jsonw_str(&w, "credential", roster_item(r, own));
		jsonw_open(&w, "credentials", '[');
		json_object_foreach(json_object_get(credentials, name), key, yes)
			jsonw_str(&w, NULL, roster_item(r, key));
		jsonw_close(&w, ']');
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
	json_decref(credentials);
	return jsonw_end(&w);
}

/* A literal address is redirected by address; a name by its port at any address. */
static struct m_dest dest_of(const json_t *match)
{
	const char *host = json_string_value(json_object_get(match, "host"));
	const json_t *port = json_object_get(match, "port");
	struct m_dest d = {.port_be = htons(port ? (uint16_t)json_integer_value(port) : 443)};
	struct in_addr v4;

	if (host && inet_pton(AF_INET, host, &v4) == 1) {
		memcpy(d.addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		memcpy(d.addr + 12, &v4, 4);
		d.prefix = 128;
	} else if (host && inet_pton(AF_INET6, host, d.addr) == 1) {
		d.prefix = 128;
	}
	return d;
}

static bool dest_known(const struct buf *out, const struct m_dest *d)
{
	struct view v = buf_view(out);

	for (; v.n; v = view_skip(v, sizeof(*d)))
		if (memcmp(v.p, d, sizeof(*d)) == 0)
			return true;
	return false;
}

int publish_dests(const struct roster *r, struct buf *out)
{
	const char *name;
	json_t *value, *match;
	size_t i;

	json_object_foreach(r->servers, name, value) {
		json_array_foreach(json_object_get(value, "match"), i, match) {
			struct m_dest d = dest_of(match);
			int ret = dest_known(out, &d) ? 0 : buf_put(out, view_of(&d, sizeof(d)));
			if (ret)
				return ret;
		}
	}
	return 0;
}

int publish_names(const struct roster *r, struct buf *out)
{
	const char *name;
	json_t *value, *match;
	size_t i;

	json_object_foreach(r->servers, name, value) {
		json_array_foreach(json_object_get(value, "match"), i, match) {
			const char *host = json_string_value(json_object_get(match, "host"));
			struct m_dest d = dest_of(match);
			int ret = !host || d.prefix ? 0 : buf_printf(out, "%u %s", ntohs(d.port_be), host);
			if (!ret && host && !d.prefix)
				ret = buf_put(out, VIEW_LIT("\0"));
			if (ret)
				return ret;
		}
	}
	return 0;
}
