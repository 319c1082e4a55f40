/* roster.c - see roster.h. */
#include <errno.h>
#include <stdio.h>

#include "admin/catalog.h"
#include "admin/history.h"
#include "admin/roster.h"
#include "base/buf.h"
#include "base/err.h"

int roster_init(struct roster *r)
{
	*r = (struct roster){
	    .servers = json_object(),
	    .grants = json_object(),
	    .policies = json_object(),
	    .credentials = json_object(),
	    .catalog = json_object(),
	    .proposals = json_object(),
	};
	if (r->servers && r->grants && r->policies && r->credentials && r->catalog && r->proposals)
		return 0;
	roster_free(r);
	return -ENOMEM;
}

void roster_free(struct roster *r)
{
	json_decref(r->servers);
	json_decref(r->grants);
	json_decref(r->policies);
	json_decref(r->credentials);
	json_decref(r->catalog);
	json_decref(r->proposals);
	json_decref(r->parts);
	*r = (struct roster){0};
}

int roster_copy(const struct roster *from, struct roster *to)
{
	*to = *from;
	to->parts = NULL;
	to->servers = json_copy(from->servers);
	to->grants = json_copy(from->grants);
	to->policies = json_copy(from->policies);
	to->credentials = json_copy(from->credentials);
	to->catalog = json_copy(from->catalog);
	to->proposals = json_copy(from->proposals);
	if (to->servers && to->grants && to->policies && to->credentials && to->catalog && to->proposals)
		return 0;
	roster_free(to);
	return -ENOMEM;
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
	const json_t *g = json_object_get(e, "grant");
	const json_t *uid = json_object_get(g, "uid");

	if (!text_of(g, "server") || (!json_is_integer(uid) && !json_is_null(uid)))
		return -ERR_MALFORMED;
	return put_named(r->grants, e, "grant", "id");
}

static int grant_revoke(struct roster *r, const json_t *e)
{
	return drop_named(r->grants, e, "id");
}

static int grant_review(struct roster *r, const json_t *e)
{
	const char *id = text_of(e, "id"), *decision = text_of(e, "decision");
	json_t *g = id ? json_object_get(r->grants, id) : NULL;

	if (!id || !decision)
		return -ERR_MALFORMED;
	if (strcmp(decision, "revoke") == 0)
		return grant_revoke(r, e);
	if (strcmp(decision, "keep") != 0)
		return -ERR_MALFORMED;
	if (!g)
		return 0;
	/* Values are shared between rosters: the grant with its review is another one. */
	json_t *copy = json_copy(g);
	if (!copy || json_object_set(copy, "reviewed_at", json_object_get(e, "ts")) ||
	    json_object_set(copy, "reviewed_by", json_object_get(e, "reviewer")) || json_object_set_new(r->grants, id, copy))
		return -ENOMEM;
	return 0;
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

/* The document of an event: in it, or in pieces before it. */
static int document_of(struct roster *r, const json_t *e, json_t **out)
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
	int ret = document_of(r, e, &doc);
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
	json_t *c = json_pack("{s:s s:O s:O? s:O?}", "name", name, "version", json_object_get(e, "version"),
	    "type", json_object_get(e, "type"), "set_at", json_object_get(e, "ts"));
	return c && json_object_set_new(r->credentials, name, c) == 0 ? 0 : -ENOMEM;
}

static int credential_remove(struct roster *r, const json_t *e)
{
	return drop_named(r->credentials, e, "name");
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
		ret = document_of(r, e, &doc);
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

int roster_apply(struct roster *r, const json_t *event)
{
	static const struct {
		const char *name;
		int (*apply)(struct roster *, const json_t *);
	} row[] = {
	    {"server.add", server_add},
	    {"server.remove", server_remove},
	    {"grant.add", grant_add},
	    {"grant.revoke", grant_revoke},
	    {"grant.review", grant_review},
	    {"policy.part", policy_part},
	    {"policy.apply", policy_apply},
	    {"credential.set", credential_set},
	    {"credential.remove", credential_remove},
	    {"proposal.add", proposal_add},
	    {"proposal.withdraw", proposal_withdraw},
	    {"catalog.learn", catalog_learn},
	    {"catalog.override", catalog_override},
	    {"catalog.approve", catalog_approve},
	    {"catalog.forget", catalog_forget},
	};
	const char *name = text_of(event, "event"), *proposal = text_of(event, "proposal");

	/* The change that a proposal asked for: with it the proposal is done. */
	if (proposal)
		json_object_del(r->proposals, proposal);
	for (size_t i = 0; name && i < sizeof(row) / sizeof(*row); i++)
		if (strcmp(row[i].name, name) == 0)
			return row[i].apply(r, event);
	return name ? 0 : -ERR_MALFORMED;
}

static int fold_line(struct roster *r, struct view line)
{
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
	return damaged;
}
