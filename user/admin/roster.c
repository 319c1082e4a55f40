/* roster.c - see roster.h. */
#include <errno.h>
#include <stdio.h>

#include "admin/catalog.h"
#include "admin/history.h"
#include "admin/roster_internal.h"
#include "base/buf.h"
#include "base/err.h"

json_t **roster_map(struct roster *r, size_t i, const char **name)
{
	const struct {
		const char *name;
		json_t **map;
	} row[] = {
	    {"servers", &r->servers},
	    {"policies", &r->policies},
	    {"credentials", &r->credentials},
	    {"catalog", &r->catalog},
	    {"placeholders", &r->placeholders},
	    {"proposals", &r->proposals},
	    {"bundle", &r->bundle},
	    {"held", &r->held},
	};
	bool there = i < sizeof(row) / sizeof(*row);

	if (name)
		*name = there ? row[i].name : NULL;
	return there ? row[i].map : NULL;
}

int roster_init(struct roster *r)
{
	json_t **map;

	*r = (struct roster){0};
	for (size_t i = 0; (map = roster_map(r, i, NULL)); i++) {
		*map = json_object();
		if (!*map) {
			roster_free(r);
			return -ENOMEM;
		}
	}
	return 0;
}

void roster_free(struct roster *r)
{
	json_t **map;

	for (size_t i = 0; (map = roster_map(r, i, NULL)); i++)
		json_decref(*map);
	grants_free(&r->grants);
	json_decref(r->parts);
	*r = (struct roster){0};
}

int roster_copy(const struct roster *from, struct roster *to)
{
	json_t **map;

	*to = *from;
	to->parts = NULL;
	to->grants = (struct grants){0};
	for (size_t i = 0; (map = roster_map(to, i, NULL)); i++)
		*map = NULL;
	int r = grants_copy(&from->grants, &to->grants);
	for (size_t i = 0; !r && (map = roster_map(to, i, NULL)); i++) {
		/* ${from} is only read. */
		*map = json_copy(*roster_map((struct roster *)(uintptr_t)from, i, NULL));
		r = *map ? 0 : -ENOMEM;
	}
	if (r)
		roster_free(to);
	return r;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s && *s ? s : NULL;
}

/* Put event[member] under its own name, which the event repeats. */
static int put_named(json_t *map, const json_t *event, const char *member, const char *id)
{
	json_t *value = json_object_get(event, member);
	const char *name = text_of(value, id);

	if (!name)
		return -ERR_MALFORMED;
	return json_object_set(map, name, value) ? -ENOMEM : 0;
}

static int drop_named(json_t *map, const json_t *event, const char *id)
{
	const char *name = text_of(event, id);

	if (!name)
		return -ERR_MALFORMED;
	json_object_del(map, name);
	return 0;
}

static int server_add(struct roster *r, const json_t *e)
{
	if (!json_is_array(json_object_get(json_object_get(e, "server"), "match")))
		return -ERR_MALFORMED;
	return put_named(r->servers, e, "server", "name");
}

static int server_remove(struct roster *r, const json_t *e)
{
	return drop_named(r->servers, e, "name");
}

static int grant_add(struct roster *r, const json_t *e)
{
	return grants_put(&r->grants, json_object_get(e, "grant"));
}

static int grant_revoke(struct roster *r, const json_t *e)
{
	const char *id = text_of(e, "id");

	return id ? grants_drop(&r->grants, id) : -ERR_MALFORMED;
}

static int grant_review(struct roster *r, const json_t *e)
{
	const char *id = text_of(e, "id"), *decision = text_of(e, "decision");
	struct grant_ref ref;

	if (!id || !decision)
		return -ERR_MALFORMED;
	if (strcmp(decision, "revoke") == 0)
		return grant_revoke(r, e);
	if (strcmp(decision, "keep") != 0)
		return -ERR_MALFORMED;
	/* A review that keeps a grant changes nothing that the workers know. */
	if (!grants_find(&r->grants, id, &ref) || !grants_whole(&ref))
		return 0;
	json_t *g = grants_get(&r->grants, id);
	int ret = -ENOMEM;
	if (g && !json_object_set(g, "reviewed_at", json_object_get(e, "ts")) && !json_object_set(g, "reviewed_by", json_object_get(e, "reviewer")))
		ret = grants_put(&r->grants, g);
	json_decref(g);
	return ret;
}

/* A piece of a document; the first one begins anew, since an earlier attempt may have stopped half way. */
static int policy_part(struct roster *r, const json_t *e)
{
	const char *hash = text_of(e, "hash");
	json_int_t part = json_integer_value(json_object_get(e, "part"));
	json_t *text = json_object_get(e, "text");

	if (!hash || !json_is_integer(json_object_get(e, "part")) || !json_is_string(text))
		return -ERR_MALFORMED;
	if (!r->parts)
		r->parts = json_object();
	if (part == 0 && json_object_set_new(r->parts, hash, json_array()))
		return -ENOMEM;
	json_t *list = json_object_get(r->parts, hash);
	if (part < 0 || (size_t)part != json_array_size(list) || !list)
		return -ERR_MALFORMED;
	return json_array_append(list, text) ? -ENOMEM : 0;
}

int roster_document(struct roster *r, const json_t *e, json_t **out)
{
	const char *hash = text_of(e, "hash");
	json_t *list = hash ? json_object_get(r->parts, hash) : NULL, *piece;
	struct buf all = {0};
	size_t i;
	int ret = 0;

	*out = NULL;
	if (text_of(e, "document")) {
		*out = json_incref(json_object_get(e, "document"));
		return 0;
	}
	if (!list || json_integer_value(json_object_get(e, "parts")) != (json_int_t)json_array_size(list))
		return -ERR_MALFORMED;
	json_array_foreach(list, i, piece)
		ret = ret ? ret : buf_put(&all, view_of(json_string_value(piece), json_string_length(piece)));
	if (!ret) {
		struct view v = buf_view(&all);
		*out = json_stringn((const char *)v.p, v.n);
		json_object_del(r->parts, hash);
	}
	buf_free(&all);
	return *out ? 0 : -ENOMEM;
}

static int policy_apply(struct roster *r, const json_t *e)
{
	const char *name = text_of(e, "name");
	json_t *doc = NULL;

	if (!name || !text_of(e, "hash"))
		return -ERR_MALFORMED;
	int ret = roster_document(r, e, &doc);
	if (ret)
		return ret;
	json_t *p = history_next(json_object_get(r->policies, name), e, doc);
	return p && json_object_set_new(r->policies, name, p) == 0 ? 0 : -ENOMEM;
}

static int credential_set(struct roster *r, const json_t *e)
{
	const char *name = text_of(e, "name");

	if (!name || !json_is_integer(json_object_get(e, "version")))
		return -ERR_MALFORMED;
	json_t *c = json_pack("{s:s s:O s:O? s:O? s:O*}", "name", name, "version", json_object_get(e, "version"),
	    "type", json_object_get(e, "type"), "set_at", json_object_get(e, "ts"), "item", json_object_get(e, "item"));
	return c && json_object_set_new(r->credentials, name, c) == 0 ? 0 : -ENOMEM;
}

static int credential_remove(struct roster *r, const json_t *e)
{
	return drop_named(r->credentials, e, "name");
}

static int placeholder_add(struct roster *r, const json_t *e)
{
	const json_t *p = json_object_get(e, "placeholder");

	if (!text_of(p, "credential") || !text_of(p, "mark") || !text_of(p, "sha256"))
		return -ERR_MALFORMED;
	return put_named(r->placeholders, e, "placeholder", "id");
}

static int placeholder_remove(struct roster *r, const json_t *e)
{
	return drop_named(r->placeholders, e, "id");
}

static int proposal_add(struct roster *r, const json_t *e)
{
	static const char *const key[] = {"id", "do", "grant", "name", "hash", "rollback_to", "proposed_by", "reason", "ticket"};
	const char *id = text_of(e, "id"), *what = text_of(e, "do");
	json_t *p = json_object(), *doc = NULL;
	int ret = id && what ? 0 : -ERR_MALFORMED;

	for (size_t i = 0; !ret && i < sizeof(key) / sizeof(*key); i++) {
		json_t *v = json_object_get(e, key[i]);
		ret = v && json_object_set(p, key[i], v) ? -ENOMEM : 0;
	}
	if (!ret && strcmp(what, "policy.apply") == 0)
		ret = roster_document(r, e, &doc);
	if (!ret && doc && json_object_set(p, "document", doc))
		ret = -ENOMEM;
	if (!ret && (json_object_set(p, "proposed_at", json_object_get(e, "ts")) || json_object_set(r->proposals, id, p)))
		ret = -ENOMEM;
	json_decref(doc);
	json_decref(p);
	return ret;
}

static int proposal_withdraw(struct roster *r, const json_t *e)
{
	return drop_named(r->proposals, e, "id");
}

static const struct {
	const char *name;
	int (*apply)(struct roster *, const json_t *);
} events[] = {
    {"server.add", server_add},
    {"server.remove", server_remove},
    {"grant.add", grant_add},
    {"grant.revoke", grant_revoke},
    {"grant.review", grant_review},
    {"policy.part", policy_part},
    {"policy.apply", policy_apply},
    {"credential.set", credential_set},
    {"credential.remove", credential_remove},
    {"placeholder.add", placeholder_add},
    {"placeholder.remove", placeholder_remove},
    {"proposal.add", proposal_add},
    {"proposal.withdraw", proposal_withdraw},
    {"catalog.learn", catalog_learn},
    {"catalog.override", catalog_override},
    {"catalog.approve", catalog_approve},
    {"catalog.forget", catalog_forget},
    {"bundle.trust", roster_bundle_trust},
    {"bundle.apply", roster_bundle_apply},
};

const char *roster_event(size_t i)
{
	return i < sizeof(events) / sizeof(*events) ? events[i].name : NULL;
}

int roster_apply(struct roster *r, const json_t *event)
{
	return roster_of_bundle(event) ? roster_hold(r, event) : roster_one(r, event);
}

int roster_one(struct roster *r, const json_t *event)
{
	const char *name = text_of(event, "event"), *proposal = text_of(event, "proposal");

	/* The change that a proposal asked for: with it the proposal is done. */
	if (proposal)
		json_object_del(r->proposals, proposal);
	for (size_t i = 0; name && i < sizeof(events) / sizeof(*events); i++)
		if (strcmp(events[i].name, name) == 0)
			return events[i].apply(r, event);
	return name ? 0 : -ERR_MALFORMED;
}

static int fold_line(struct roster *r, struct view line)
{
	struct grant_fields f;
	struct view whole;
	uint64_t seq;

	if (grant_line(line, &f, &whole, &seq)) {
		r->seq = seq ? seq : r->seq;
		return grants_put_text(&r->grants, &f, whole);
	}
	json_error_t err;
	json_t *e = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &err);
	const char *kind = json_string_value(json_object_get(e, "kind"));
	int ret = 0;

	if (!json_is_object(e)) {
		ret = -ERR_MALFORMED;
	} else {
		if (json_is_integer(json_object_get(e, "seq")))
			r->seq = (uint64_t)json_integer_value(json_object_get(e, "seq"));
		if (kind && strcmp(kind, "journal") == 0)
			ret = roster_apply(r, e);
	}
	json_decref(e);
	return ret;
}

int roster_fold(struct roster *r, struct view text)
{
	int damaged = 0;

	for (size_t number = 1; text.n; number++) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		if (!end)
			break;
		struct view line = view_of(text.p, (size_t)(end - text.p));
		text = view_skip(text, line.n + 1);
		int ret = line.n ? fold_line(r, line) : 0;
		if (ret == -ENOMEM)
			return ret;
		if (ret == 0)
			continue;
		if (!damaged++)
			snprintf(r->damage, sizeof(r->damage), "journal line %zu (after sequence %llu) cannot be read",
			    number, (unsigned long long)r->seq);
	}
	json_decref(r->parts);
	r->parts = NULL;
	int ret = grants_settle(&r->grants);
	return ret ? ret : damaged;
}
