/* bundle_plan.c - see bundle_plan.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/bundle_plan.h"
#include "admin/problems.h"
#include "admin/roster_internal.h"
#include "base/err.h"

struct planning {
	const struct parcel *p;
	const char *signer;
	json_t *names;
	struct wall now;
	struct roster roster; /* as it will be after the events so far */
	struct bundle_plan *out;
	json_t *keep;  /* ids of grants that stay */
	json_t *wants; /* grants to be added */
	char *why;
};

static int no(struct planning *pl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int no(struct planning *pl, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(pl->why, CHECK_WHY, fmt, ap);
	va_end(ap);
	return -ERR_MALFORMED;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* May the workstation have its own of this kind? */
static bool permits(const struct planning *pl, const char *kind)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(pl->p->manifest, "local"), i, v)
		if (strcmp(json_string_value(v), kind) == 0)
			return true;
	return false;
}

/* One event more (taken over), which holds for those behind it. */
static int emit(struct planning *pl, json_t *e)
{
	char at[WALL_TEXT];
	json_t *dated = e ? json_copy(e) : NULL;
	int r = dated ? 0 : -ENOMEM;

	wall_text(pl->now, at);
	if (!r && json_object_set_new(dated, "ts", json_string(at)))
		r = -ENOMEM;
	if (!r)
		r = roster_one(&pl->roster, dated);
	json_t *of = json_pack("{s:I s:I}", "version", (json_int_t)pl->p->version, "item", (json_int_t)json_array_size(pl->out->events));
	if (!r && (!of || json_object_set(e, "bundle", of) || json_array_append(pl->out->events, e)))
		r = -ENOMEM;
	json_decref(of);
	json_decref(dated);
	json_decref(e);
	return r;
}

void bundle_item_next(const struct roster *r, const char *credential, char out[BUNDLE_ITEM])
{
	const char *item = roster_item(r, credential);
	size_t n = strlen(item), a = strlen(BUNDLE_ITEM_A);
	bool is_a = n > a && strcmp(item + n - a, BUNDLE_ITEM_A) == 0;

	snprintf(out, BUNDLE_ITEM, "%.*s%s", PARCEL_NAME_MAX, credential, is_a ? BUNDLE_ITEM_B : BUNDLE_ITEM_A);
}

bool bundle_item(const char *name)
{
	size_t n = strlen(name), a = strlen(BUNDLE_ITEM_A);

	return n > a && (strcmp(name + n - a, BUNDLE_ITEM_A) == 0 || strcmp(name + n - a, BUNDLE_ITEM_B) == 0);
}

/* ---- grants ---- */

static bool from_bundle(const json_t *grant)
{
	return json_object_get(json_object_get(grant, "issued_by"), "bundle");
}

/* Does ${g} say what ${want} says, besides who gave it when? */
static bool same_grant(const json_t *want, const json_t *g)
{
	static const char *const more[] = {"id", "issued_by", "issued_at", "reviewed_by", "reviewed_at"};
	size_t n = 0;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)want, key, v) /* only read */
		if (!json_equal(v, json_object_get(g, key)))
			return false;
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		n += json_object_get(g, more[i]) != NULL;
	return json_object_size(g) == json_object_size(want) + n;
}

static int revoke(struct planning *pl, const char *id)
{
	return emit(pl, json_pack("{s:s s:s}", "event", "grant.revoke", "id", id));
}

static int leave_out(struct planning *pl, const json_t *g, const char *why)
{
	return json_array_append_new(pl->out->left_out, json_sprintf("a grant of %s for %s: %s", text(g, "user") ? text(g, "user") : "a user", text(g, "server") ? text(g, "server") : "?", why))
	    ? -ENOMEM : 0;
}

/* "user" alone becomes the number that it has here; false: there is no such account. */
static bool find_user(const struct planning *pl, json_t *g)
{
	const char *user = text(g, "user"), *uid;
	json_t *name;

	if (json_object_get(g, "uid") || !user)
		return true;
	json_object_foreach(pl->names, uid, name)
		if (strcmp(json_string_value(name), user) == 0)
			return json_object_set_new(g, "uid", json_integer(strtoll(uid, NULL, 10))) == 0;
	return false;
}

static bool over(const struct planning *pl, const json_t *g)
{
	const char *at = text(g, "expires_at");
	struct wall t;

	return at && wall_parse(at, &t) == 0 && t.ns <= pl->now.ns;
}

/* One grant of the bundle: it is there, or takes the place of the one that is, or is to be added. */
static int want_grant(struct planning *pl, const json_t *as_signed)
{
	json_t *g = json_is_object(as_signed) ? json_deep_copy(as_signed) : NULL, *have = NULL;
	char *id = NULL;
	int r;

	if (!g || json_object_get(g, "token")) {
		json_decref(g);
		return no(pl, "a grant is no object, or asks for a token, which only its workstation can give");
	}
	if (!find_user(pl, g) || over(pl, g)) {
		r = leave_out(pl, g, over(pl, g) ? "it is over" : "this machine has no such account");
		json_decref(g);
		return r;
	}
	r = check_grant_equal(g, &pl->roster, pl->now, &id);
	if (r == -ERR_MALFORMED)
		r = 0; /* check_grant() says what is wrong */
	if (!r && id)
		have = grants_get(&pl->roster.grants, id);
	if (have && from_bundle(have) && same_grant(g, have))
		r = json_object_set_new(pl->keep, id, json_true()) ? -ENOMEM : 0;
	else {
		if (!r && id)
			r = revoke(pl, id);
		if (!r)
			r = json_array_append(pl->wants, g) ? -ENOMEM : 0;
	}
	free(id);
	json_decref(have);
	json_decref(g);
	return r;
}

static int end_grants(struct planning *pl)
{
	struct grant_ref ref = {0};
	json_t *gone = json_array(), *v;
	size_t i;
	int r = gone ? 0 : -ENOMEM;

	while (!r && grants_next(&pl->roster.grants, &ref)) {
		const char *id = grant_ref_text(&ref, GT_ID), *server = grant_ref_text(&ref, GT_SERVER);
		json_t *g = json_object_get(pl->keep, id) ? NULL : grants_json(&ref);
		bool stays = json_object_get(pl->keep, id) || (permits(pl, "grants") && !from_bundle(g));
		/* Of a server that is gone nothing can be granted. */
		if ((!stays || !json_object_get(pl->roster.servers, server)) && json_array_append_new(gone, json_string(id)))
			r = -ENOMEM;
		json_decref(g);
	}
	json_array_foreach(gone, i, v)
		r = r ? r : revoke(pl, json_string_value(v));
	json_decref(gone);
	return r;
}

static int add_grants(struct planning *pl)
{
	char id[16], at[WALL_TEXT];
	json_t *want;
	size_t i;
	int r = 0;

	wall_text(pl->now, at);
	json_array_foreach(pl->wants, i, want) {
		json_t *g = check_grant(want, &pl->roster, pl->now, pl->why);
		r = !g ? -ERR_MALFORMED : check_grant_id(&pl->roster, id);
		json_t *by = json_pack("{s:s s:I}", "user", pl->signer, "bundle", (json_int_t)pl->p->version);
		if (!r && (json_object_set_new(g, "id", json_string(id)) || json_object_set(g, "issued_by", by) || json_object_set_new(g, "issued_at", json_string(at))))
			r = -ENOMEM;
		json_decref(by);
		if (!r)
			r = emit(pl, json_pack("{s:s s:s s:O}", "event", "grant.add", "id", id, "grant", g));
		json_decref(g);
		if (r)
			break;
	}
	return r;
}

/* ---- servers ---- */

/* As the bundle wants them: name -> the whole object. */
static int want_servers(struct planning *pl, json_t *out)
{
	struct roster none;
	const json_t *s;
	size_t i;
	int r = roster_init(&none);

	json_array_foreach(json_object_get(pl->p->manifest, "servers"), i, s) {
		json_t *whole = r ? NULL : check_server(s, &none, pl->why);
		if (!r && !whole)
			r = -ERR_MALFORMED;
		else if (!r && json_object_get(out, text(whole, "name")))
			r = no(pl, "server %s is there twice", text(whole, "name"));
		if (!r && json_object_set(out, text(whole, "name"), whole))
			r = -ENOMEM;
		json_decref(whole);
	}
	roster_free(&none);
	return r;
}

static bool same_server(const json_t *want, json_t *have)
{
	json_t *bare = json_copy(have);
	bool same;

	json_object_del(bare, "bundle");
	same = json_equal(want, bare);
	json_decref(bare);
	return same;
}

static int servers(struct planning *pl)
{
	json_t *want = json_object(), *have, *s, *was = json_copy(pl->roster.servers);
	const char *name;
	int r = want && was ? want_servers(pl, want) : -ENOMEM;

	json_object_foreach(was, name, have) {
		s = json_object_get(want, name);
		if (r || (!s && permits(pl, "servers") && !json_object_get(have, "bundle")))
			continue;
		if (s && json_object_get(have, "bundle") && same_server(s, have))
			continue;
		r = emit(pl, json_pack("{s:s s:s}", "event", "server.remove", "name", name));
	}
	json_object_foreach(want, name, s) {
		if (r || json_object_get(pl->roster.servers, name))
			continue;
		json_t *whole = check_server(s, &pl->roster, pl->why);
		if (!whole)
			r = -ERR_MALFORMED;
		else if (json_object_set_new(whole, "bundle", json_integer((json_int_t)pl->p->version)))
			r = -ENOMEM;
		if (!r)
			r = emit(pl, json_pack("{s:s s:s s:O}", "event", "server.add", "name", name, "server", whole));
		json_decref(whole);
	}
	json_decref(want);
	json_decref(was);
	return r;
}

/* ---- credentials, policies ---- */

static int credentials(struct planning *pl)
{
	const json_t *list = json_object_get(pl->p->manifest, "credentials"), *c;
	json_t *was = json_copy(pl->roster.credentials), *have;
	char item[BUNDLE_ITEM];
	const char *name;
	size_t i;
	int r = was ? 0 : -ENOMEM;

	json_array_foreach(list, i, c) {
		if (r)
			break;
		bundle_item_next(&pl->roster, text(c, "name"), item);
		r = emit(pl, json_pack("{s:s s:s s:i s:s s:s}", "event", "credential.set", "name", text(c, "name"), "version", 0, "type", text(c, "type"), "item", item));
		json_object_del(was, text(c, "name"));
	}
	json_object_foreach(was, name, have)
		if (!r && (json_object_get(have, "item") || !permits(pl, "credentials")))
			r = emit(pl, json_pack("{s:s s:s s:O*}", "event", "credential.remove", "name", name, "version", json_object_get(have, "version")));
	json_decref(was);
	return r;
}

static int policy(struct planning *pl, const char *name, const json_t *doc)
{
	const json_t *old = json_object_get(pl->roster.policies, name), *previous = json_object_get(old, "hash");
	struct problems p;

	if (!check_name(name) || !json_is_string(doc))
		return no(pl, "/policies/%.64s: the name, or what it stands for, is none", name);
	int r = problems_find(view_of(json_string_value(doc), json_string_length(doc)), &p);
	buf_free(&p.json);
	if (r)
		return no(pl, "/policies/%s: the document has %zu error%s; see: callgate policy check", name, p.errors, p.errors == 1 ? "" : "s");
	if (previous && strcmp(json_string_value(previous), p.hash) == 0)
		return 0;
	return emit(pl, json_pack("{s:s s:s s:s s:O s:O* s:I s:s}", "event", "policy.apply", "name", name, "hash", p.hash, "document", doc, "previous", previous, "version",
	                         json_integer_value(json_object_get(old, "version")) + 1, "approved_by", pl->signer));
}

static int policies(struct planning *pl)
{
	json_t *map = json_object_get(pl->p->manifest, "policies"), *doc;
	const char *name;
	int r = 0;

	json_object_foreach(map, name, doc)
		r = r ? r : policy(pl, name, doc);
	return r;
}

/* ---- all of it ---- */

static int seal(struct planning *pl)
{
	json_t *e = json_pack("{s:s s:I s:s s:s s:s s:O s:I s:s}", "event", "bundle.apply", "version", (json_int_t)pl->p->version, "sha256", pl->p->sha256, "signer",
	    pl->signer, "for", pl->p->host, "local", json_object_get(pl->p->manifest, "local"), "items", (json_int_t)json_array_size(pl->out->events), "made", pl->p->made);
	char said[48];

	snprintf(said, sizeof(said), "bundle %llu applied", (unsigned long long)pl->p->version);
	if (!e || json_object_set_new(e, "text", json_string(said)))
		return -ENOMEM;
	return json_array_append_new(pl->out->events, e) ? -ENOMEM : 0;
}

static int plan(struct planning *pl)
{
	const json_t *g;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(pl->p->manifest, "grants"), i, g)
		r = r ? r : want_grant(pl, g);
	if (!r)
		r = credentials(pl);
	if (!r)
		r = policies(pl);
	if (!r)
		r = servers(pl);
	if (!r)
		r = end_grants(pl);
	if (!r)
		r = add_grants(pl);
	return r ? r : seal(pl);
}

int bundle_plan(const struct parcel *p, const struct roster *r, const char *signer, json_t *names, struct wall now, struct bundle_plan *out, char why[CHECK_WHY])
{
	struct planning pl = {.p = p, .signer = signer, .names = names, .now = now, .out = out, .keep = json_object(), .wants = json_array(), .why = why};

	*out = (struct bundle_plan){json_array(), json_array()};
	why[0] = '\0';
	int ret = out->events && out->left_out && pl.keep && pl.wants ? roster_copy(r, &pl.roster) : -ENOMEM;
	if (!ret)
		ret = plan(&pl);
	if (ret && !why[0])
		snprintf(why, CHECK_WHY, "%s", err_text(ret));
	roster_free(&pl.roster);
	json_decref(pl.keep);
	json_decref(pl.wants);
	return ret;
}

void bundle_plan_free(struct bundle_plan *p)
{
	json_decref(p->events);
	json_decref(p->left_out);
	*p = (struct bundle_plan){0};
}
