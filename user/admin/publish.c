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

static void world_grant_out(struct jsonw *w, const struct roster *r, const json_t *g)
{
	static const char *const plain[] = {
	    "id", "uid", "user", "login_uid", "via", "gid", "agent", "exe_sha256", "unit", "cgroup", "token_sha256", "server", "credential", "expires_at", NULL};
	const char *name = json_string_value(json_object_get(g, "policy"));
	const json_t *p = name ? json_object_get(r->policies, name) : NULL;

	jsonw_open(w, NULL, '{');
	members(w, g, plain);
	/* The document that carries this name now; without one the call is denied: "(no policy)". */
	if (p) {
		raw(w, "policy", json_object_get(p, "hash"));
		jsonw_str(w, "policy_name", name);
	}
	jsonw_close(w, '}');
}

/* Every document that a grant uses, once. */
static void world_policies(struct jsonw *w, const struct roster *r)
{
	json_t *seen = json_object();
	const char *id;
	json_t *g;

	jsonw_open(w, "policies", '{');
	json_object_foreach(r->grants, id, g) {
		const char *name = json_string_value(json_object_get(g, "policy"));
		const json_t *p = name ? json_object_get(r->policies, name) : NULL;
		const char *hash = json_string_value(json_object_get(p, "hash"));
		if (!hash || json_object_get(seen, hash))
			continue;
		if (json_object_set_new(seen, hash, json_true()))
			w->err = -ENOMEM;
		raw(w, hash, json_object_get(p, "document"));
	}
	jsonw_close(w, '}');
	json_decref(seen);
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
	jsonw_open(&w, "grants", '[');
	if (!r->damage[0]) {
		json_object_foreach(r->grants, key, value) {
			const char *of = json_string_value(json_object_get(value, "server"));
			if (of && json_object_get(r->servers, of))
				world_grant_out(&w, r, value);
		}
	}
	jsonw_close(&w, ']');
	world_policies(&w, r);
	catalog_publish(&w, r);
	jsonw_close(&w, '}');
	return jsonw_end(&w);
}

size_t publish_generation(struct view text)
{
	const uint8_t *comma = text.n ? memchr(text.p, ',', text.n) : NULL;

	return comma ? (size_t)(comma - text.p) : text.n;
}

/* Credentials that a grant uses instead of the server's own. */
static void hosts_credentials(struct jsonw *w, const struct roster *r, const char *server)
{
	json_t *seen = json_object(), *g;
	const char *id;

	jsonw_open(w, "credentials", '[');
	json_object_foreach(r->grants, id, g) {
		const char *of = json_string_value(json_object_get(g, "server"));
		const char *name = json_string_value(json_object_get(g, "credential"));
		if (!of || !name || strcmp(of, server) != 0 || json_object_get(seen, name))
			continue;
		if (json_object_set_new(seen, name, json_true()))
			w->err = -ENOMEM;
		jsonw_str(w, NULL, name);
	}
	jsonw_close(w, ']');
	json_decref(seen);
}

int publish_hosts(const struct roster *r, struct buf *out)
{
	static const char *const server[] = {"name", "match", "credential", NULL};
	struct jsonw w = jsonw_on(out);
	const char *name;
	json_t *value;

	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "op", "hosts");
	jsonw_open(&w, "servers", '[');
	json_object_foreach(r->servers, name, value) {
		jsonw_open(&w, NULL, '{');
		members(&w, value, server);
		hosts_credentials(&w, r, name);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	jsonw_close(&w, '}');
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
