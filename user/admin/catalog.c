/* catalog.c - see catalog.h. */
#include <errno.h>
#include <stdio.h>

#include "admin/catalog.h"
#include "base/err.h"
#include "policy/catalogue.h"

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && *s ? s : NULL;
}

static enum risk risk_of(const json_t *o, const char *key)
{
	const char *s = text(o, key);

	return s ? catalogue_risk(view_str(s)) : RISK_UNKNOWN;
}

static size_t all_tools(const struct roster *r)
{
	const char *key;
	json_t *v;
	size_t n = 0;

	json_object_foreach(r->catalog, key, v)
		n += json_object_size(v);
	return n;
}

json_t *catalog_find(const struct roster *r, const char *server, const json_t *tool)
{
	const char *name = json_string_value(tool);

	return name && server ? json_object_get(json_object_get(r->catalog, server), name) : NULL;
}

/* The values are shared with other rosters: what changes is copied. */
static int put(struct roster *r, const char *server, const json_t *tool, json_t *entry)
{
	json_t *old = json_object_get(r->catalog, server), *map = old ? json_copy(old) : json_object();

	if (!entry || !map || json_object_set_new(map, json_string_value(tool), entry)) {
		json_decref(map);
		return -ENOMEM;
	}
	return json_object_set_new(r->catalog, server, map) ? -ENOMEM : 0;
}

static bool holds(const json_t *list, const json_t *hash)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_equal(v, hash))
			return true;
	return false;
}

/* ${hash} at the end of a list of at most CATALOG_HASHES. */
static json_t *with_hash(const json_t *old, json_t *hash)
{
	json_t *list = json_array(), *v;
	size_t i;

	json_array_foreach(old, i, v)
		if (!json_equal(v, hash))
			json_array_append(list, v);
	if (json_array_size(list) == CATALOG_HASHES)
		json_array_remove(list, 0);
	json_array_append(list, hash);
	return list;
}

static bool hex64(const json_t *v)
{
	const char *s = json_string_value(v);

	return s && strlen(s) == 2 * CATALOGUE_HASH && strspn(s, "0123456789abcdef") == 2 * CATALOGUE_HASH;
}

static int learn_one(struct roster *r, const char *server, const json_t *event, const json_t *def)
{
	static const char *const said[] = {"confidence", "evidence", "known", "hash", "schema"};
	json_t *tool = json_object_get(def, "tool"), *hash = json_object_get(def, "hash"), *now = json_object_get(def, "class");
	enum risk risk = risk_of(def, "class");

	if (!json_is_string(tool) || !hex64(hash) || risk == RISK_UNKNOWN)
		return -ERR_MALFORMED;
	json_t *old = catalog_find(r, server, tool);
	if (!old && (all_tools(r) >= CATALOG_ALL || json_object_size(json_object_get(r->catalog, server)) >= CATALOG_SERVER))
		return 0;
	bool other = old && !json_equal(json_object_get(old, "hash"), hash);
	json_t *e = old ? json_copy(old) : json_pack("{s:s s:O s:O? s:i}", "server", server, "tool", tool, "first_seen", json_object_get(event, "ts"), "changes", 0);
	for (size_t i = 0; e && i < sizeof(said) / sizeof(*said); i++)
		if (json_object_get(def, said[i]))
			json_object_set(e, said[i], json_object_get(def, said[i]));
		else
			json_object_del(e, said[i]);
	if (!e)
		return -ENOMEM;
	json_object_set(e, "now", now);
	/* A changed definition raises and never lowers; the same one, read by other rules, says what these say. */
	if (!other || risk > risk_of(old, "class"))
		json_object_set(e, "class", now);
	if (other) {
		json_object_set(e, "changed_at", json_object_get(event, "ts"));
		json_object_set_new(e, "changes", json_integer(json_integer_value(json_object_get(old, "changes")) + 1));
	}
	json_object_set_new(e, "hashes", with_hash(json_object_get(old, "hashes"), hash));
	return put(r, server, tool, e);
}

int catalog_learn(struct roster *r, const json_t *event)
{
	const json_t *list = json_object_get(event, "tools");
	const char *server = text(event, "server");
	json_t *def;
	size_t i;
	int ret = server && json_is_array(list) ? 0 : -ERR_MALFORMED;

	json_array_foreach(list, i, def)
		ret = ret ? ret : learn_one(r, server, event, def);
	return ret;
}

int catalog_override(struct roster *r, const json_t *event)
{
	const char *server = text(event, "server");
	json_t *tool = json_object_get(event, "tool"), *class = json_object_get(event, "class");

	if (!server || !json_is_string(tool) || (!json_is_null(class) && risk_of(event, "class") == RISK_UNKNOWN))
		return -ERR_MALFORMED;
	json_t *old = catalog_find(r, server, tool);
	json_t *e = old ? json_copy(old) : json_pack("{s:s s:O s:i}", "server", server, "tool", tool, "changes", 0);
	json_t *o = json_pack("{s:O s:O* s:O? s:O? s:O*}", "class", class, "hash", json_object_get(event, "hash"), "by", json_object_get(event, "by"), "at",
	    json_object_get(event, "ts"), "reason", json_object_get(event, "reason"));
	if (!e || !o) {
		json_decref(e);
		json_decref(o);
		return -ENOMEM;
	}
	if (json_is_null(class))
		json_object_del(e, "override");
	else
		json_object_set(e, "override", o);
	json_decref(o);
	return put(r, server, tool, e);
}

static int approve_one(struct roster *r, const char *server, const json_t *event, const json_t *def)
{
	json_t *tool = json_object_get(def, "tool"), *hash = json_object_get(def, "hash"), *old = catalog_find(r, server, tool);

	if (!json_is_string(tool) || !hex64(hash))
		return -ERR_MALFORMED;
	json_t *e = old ? json_copy(old) : json_pack("{s:s s:O s:i}", "server", server, "tool", tool, "changes", 0);
	if (!e)
		return -ENOMEM;
	json_object_set_new(e, "approved", with_hash(json_object_get(old, "approved"), hash));
	json_object_set(e, "approved_by", json_object_get(event, "by"));
	json_object_set(e, "approved_at", json_object_get(event, "ts"));
	if (json_equal(hash, json_object_get(old, "hash")))
		json_object_set(e, "class", json_object_get(old, "now"));
	return put(r, server, tool, e);
}

int catalog_approve(struct roster *r, const json_t *event)
{
	const json_t *list = json_object_get(event, "tools");
	const char *server = text(event, "server");
	json_t *def;
	size_t i;
	int ret = server && json_is_array(list) ? 0 : -ERR_MALFORMED;

	json_array_foreach(list, i, def)
		ret = ret ? ret : approve_one(r, server, event, def);
	return ret;
}

int catalog_forget(struct roster *r, const json_t *event)
{
	static const char *const gone[] = {"approved", "approved_by", "approved_at"};
	const json_t *list = json_object_get(event, "tools");
	const char *server = text(event, "server");
	json_t *tool;
	size_t i;
	int ret = server && json_is_array(list) ? 0 : -ERR_MALFORMED;

	json_array_foreach(list, i, tool) {
		json_t *old = catalog_find(r, server, tool), *e = old ? json_copy(old) : NULL;
		for (size_t k = 0; e && k < sizeof(gone) / sizeof(*gone); k++)
			json_object_del(e, gone[k]);
		if (old && !ret)
			ret = put(r, server, tool, e);
		else
			json_decref(e);
	}
	return ret;
}

/* ---- what workers say ---- */

static void hex(const uint8_t *p, char out[2 * CATALOGUE_HASH + 1])
{
	for (size_t i = 0; i < CATALOGUE_HASH; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static bool terminated(const char *s, size_t cap)
{
	return memchr(s, '\0', cap) != NULL;
}

void catalog_hear(const struct roster *r, const struct m_tool *m, struct view schema, json_t *heard)
{
	char sum[2 * CATALOGUE_HASH + 1];

	if (!terminated(m->server, sizeof(m->server)) || !terminated(m->evidence, sizeof(m->evidence)) || m->len >= sizeof(m->name) ||
	    memchr(m->name, '\0', m->len) || m->risk < RISK_READ || m->risk >= RISK_COUNT || !json_object_get(r->servers, m->server))
		return;
	json_t *tool = json_stringn(m->name, m->len);
	hex(m->hash, sum);
	json_t *shape = schema.n ? json_stringn((const char *)schema.p, schema.n) : NULL;
	json_t *def = json_pack("{s:O s:s s:s s:i s:s s:b s:o*}", "tool", tool, "hash", sum, "class", catalogue_name((enum risk)m->risk), "confidence",
	    (int)(m->confidence <= 100 ? m->confidence : 0), "evidence", m->evidence, "known", m->known != 0, "schema", shape);
	const json_t *old = catalog_find(r, m->server, tool);
	/* Servers that show different people different definitions come back to ones that are known: that is no news. */
	bool news = def && (!old || !holds(json_object_get(old, "hashes"), json_object_get(def, "hash")) ||
	    (json_equal(json_object_get(old, "hash"), json_object_get(def, "hash")) && !json_equal(json_object_get(old, "now"), json_object_get(def, "class"))));
	json_t *map = json_object_get(heard, m->server);
	if (news && !map) {
		map = json_object();
		json_object_set_new(heard, m->server, map);
	}
	if (news && json_object_size(map) < CATALOG_SERVER)
		json_object_set(map, json_string_value(tool), def);
	json_decref(def);
	json_decref(tool);
}

json_t *catalog_batch(json_t *heard, const char *server)
{
	json_t *map = json_object_get(heard, server), *list = json_array(), *def;
	const char *tool;
	void *next;
	size_t bytes = 0;

	json_object_foreach_safe(map, next, tool, def) {
		bytes += json_dumpb(def, NULL, 0, JSON_COMPACT);
		if (json_array_size(list) && (json_array_size(list) == CATALOG_BATCH || bytes > CATALOG_EVENT))
			break;
		json_array_append(list, def);
		json_object_del(map, tool);
	}
	json_t *event = json_array_size(list) ? json_pack("{s:s s:s s:O}", "event", "catalog.learn", "server", server, "tools", list) : NULL;
	json_decref(list);
	if (!json_object_size(map))
		json_object_del(heard, server);
	return event;
}

void catalog_again(const struct roster *r, const json_t *event, json_t *heard)
{
	const char *server = text(event, "server");
	json_t *map = server ? json_object_get(heard, server) : NULL, *def;
	size_t i;

	json_array_foreach(json_object_get(event, "tools"), i, def) {
		const json_t *tool = json_object_get(def, "tool"), *old = catalog_find(r, server, tool);
		if (holds(json_object_get(old, "hashes"), json_object_get(def, "hash")))
			continue;
		if (!map) {
			map = json_object();
			json_object_set_new(heard, server, map);
		}
		if (!json_object_get(map, json_string_value(tool)))
			json_object_set(map, json_string_value(tool), def);
	}
}

/* ---- what counts ---- */

/* Is the person's word about the definition that the server shows now? */
static bool overridden(const json_t *e)
{
	const json_t *o = json_object_get(e, "override"), *of = json_object_get(o, "hash");

	return o && (!of || !json_object_get(e, "hash") || json_equal(of, json_object_get(e, "hash")));
}

static enum risk counts(const json_t *e)
{
	enum risk said = risk_of(json_object_get(e, "override"), "class"), seen = risk_of(e, "class");

	return overridden(e) ? said : said > seen ? said : seen;
}

static const char *state_of(const json_t *e)
{
	const json_t *approved = json_object_get(e, "approved"), *hash = json_object_get(e, "hash");

	return !approved ? "new" : !hash || holds(approved, hash) ? "approved" : "changed";
}

json_t *catalog_row(const json_t *entry)
{
	json_t *row = json_copy((json_t *)(uintptr_t)entry);

	json_object_set_new(row, "class", json_string(catalogue_name(counts(entry))));
	json_object_set_new(row, "state", json_string(state_of(entry)));
	return row;
}

static void strings(struct jsonw *w, const char *key, const json_t *list)
{
	json_t *v;
	size_t i;

	if (!list)
		return;
	jsonw_open(w, key, '[');
	json_array_foreach(list, i, v)
		jsonw_str(w, NULL, json_string_value(v));
	jsonw_close(w, ']');
}

void catalog_publish(struct jsonw *w, const struct roster *r)
{
	const char *server, *tool;
	json_t *map, *e;

	jsonw_open(w, "tools", '[');
	json_object_foreach(r->catalog, server, map) {
		if (!json_object_get(r->servers, server))
			continue;
		json_object_foreach(map, tool, e) {
			enum risk risk = counts(e);
			jsonw_open(w, NULL, '{');
			jsonw_str(w, "server", server);
			jsonw_str(w, "tool", tool);
			jsonw_str(w, "class", catalogue_name(risk));
			if (text(e, "hash"))
				jsonw_str(w, "hash", text(e, "hash"));
			if (overridden(e))
				jsonw_bool(w, "by_person", true);
			strings(w, "approved", json_object_get(e, "approved"));
			jsonw_close(w, '}');
		}
	}
	jsonw_close(w, ']');
}
