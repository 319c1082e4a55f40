/* grant_line.c - see grant_line.h. */
#include <stdio.h>

#include "admin/grant_line.h"
#include "base/mtime.h"
#include "codec/json.h"

enum { NODES = 256, DIGITS = 18 };

/* What two readers could see differently goes to the other one. */
static bool plain(const struct json_doc *doc)
{
	for (uint32_t i = 0; i < doc->n; i++) {
		const struct json_node *n = &doc->node[i];
		if (n->esc || n->key_esc)
			return false;
		if (n->type != JSON_NUMBER)
			continue;
		if (n->len > DIGITS)
			return false;
		for (uint32_t k = 0; k < n->len; k++)
			if (doc->in.p[n->off + k] < '0' || doc->in.p[n->off + k] > '9')
				return false;
	}
	return true;
}

static struct view key_of(const struct json_doc *doc, const struct json_node *n)
{
	return view_of(doc->in.p + n->key_off, n->key_len);
}

static uint64_t number(const struct json_doc *doc, const struct json_node *n)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < n->len; i++)
		v = v * 10 + (uint64_t)(doc->in.p[n->off + i] - '0');
	return v;
}

static bool take_id(const struct json_doc *doc, const struct json_node *n, uint32_t has, uint32_t none, uint32_t *id, uint32_t *flags)
{
	if (n->type == JSON_NULL) {
		*flags |= none;
		return true;
	}
	uint64_t v = n->type == JSON_NUMBER ? number(doc, n) : UINT64_MAX;
	if (v >= UINT32_MAX)
		return false;
	*id = (uint32_t)v;
	*flags |= has;
	return true;
}

static bool take_expiry(struct view v, struct grant_fields *f)
{
	char text[64];
	struct wall at;

	snprintf(text, sizeof(text), VIEW_FMT, VIEW_ARG(v));
	if (v.n >= sizeof(text) || wall_parse(text, &at) || !at.ns)
		return false;
	f->expires_ns = at.ns;
	return true;
}

static bool take_member(const struct json_doc *doc, const struct json_node *n, struct grant_fields *f)
{
	struct view key = key_of(doc, n), v;

	if (view_is(key, "uid"))
		return take_id(doc, n, GRANT_UID, GRANT_ANY_UID, &f->uid, &f->flags);
	if (view_is(key, "gid"))
		return take_id(doc, n, GRANT_GID, 0, &f->gid, &f->flags);
	if (view_is(key, "login_uid"))
		return take_id(doc, n, GRANT_LOGIN_UID, 0, &f->login_uid, &f->flags);
	if (n->type == JSON_NULL)
		return true;
	bool text = json_plain(doc, n, &v);
	if (view_is(key, "expires_at"))
		return text && take_expiry(v, f);
	if (view_is(key, "via")) {
		f->flags |= GRANT_SU;
		return text && view_is(v, "su");
	}
	for (size_t i = 0; i < GT_TEXTS; i++) {
		if (!view_is(key, grant_text_key(i)))
			continue;
		f->text[i] = text ? v : view_of(NULL, 0);
		return text;
	}
	return true; /* for people only */
}

static bool take_grant(const struct json_doc *doc, const struct json_node *grant, struct grant_fields *f, struct view *whole)
{
	*whole = json_raw(doc, grant);
	for (const struct json_node *n = json_first(doc, grant); n; n = json_next(doc, grant, n))
		if (!take_member(doc, n, f))
			return false;
	return f->text[GT_ID].n && f->text[GT_SERVER].n && f->flags & (GRANT_UID | GRANT_ANY_UID);
}

bool grant_line(struct view line, struct grant_fields *f, struct view *whole, uint64_t *seq)
{
	static const char sign[] = "\"grant.add\"";
	struct json_node node[NODES];
	struct json_doc doc;
	struct view v;
	bool journal = false, add = false, grant = false;

	*f = (struct grant_fields){0};
	*whole = view_of(NULL, 0);
	*seq = 0;
	if (!memmem(line.p, line.n, sign, sizeof(sign) - 1) || json_scan(&doc, line, node, NODES, NULL) || doc.node[0].type != JSON_OBJECT || !plain(&doc))
		return false;
	for (const struct json_node *n = json_first(&doc, node); n; n = json_next(&doc, node, n)) {
		struct view key = key_of(&doc, n);
		if (view_is(key, "proposal") || view_is(key, "bundle"))
			return false; /* more than this grant hangs on it */
		if (view_is(key, "seq") && n->type == JSON_NUMBER)
			*seq = number(&doc, n);
		else if (view_is(key, "kind"))
			journal = json_plain(&doc, n, &v) && view_is(v, "journal");
		else if (view_is(key, "event"))
			add = json_plain(&doc, n, &v) && view_is(v, "grant.add");
		else if (view_is(key, "grant") && n->type == JSON_OBJECT)
			grant = take_grant(&doc, n, f, whole);
	}
	return journal && add && grant;
}
