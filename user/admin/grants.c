/* grants.c - see grants.h.  The part that changes. */
#include <errno.h>
#include <stdlib.h>

#include "admin/grants_internal.h"
#include "base/err.h"
#include "base/mtime.h"

enum { SLOTS_FIRST = 256 };

static void part_free(struct grants_part *p)
{
	buf_free(&p->row);
	buf_free(&p->pool);
	buf_free(&p->at);
	buf_free(&p->text);
	free(p->slot);
	*p = (struct grants_part){0};
}

void grants_free(struct grants *g)
{
	grants_base_unref(&g->base);
	part_free(&g->over);
	*g = (struct grants){0};
}

int grants_copy(const struct grants *from, struct grants *to)
{
	const struct grants_part *p = &from->over;

	*to = (struct grants){.base = from->base, .n = from->n, .order = from->order};
	if (to->base)
		to->base->refs++;
	int r = buf_put(&to->over.row, buf_view(&p->row));
	r = r ? r : buf_put(&to->over.pool, buf_view(&p->pool));
	r = r ? r : buf_put(&to->over.at, buf_view(&p->at));
	r = r ? r : buf_put(&to->over.text, buf_view(&p->text));
	if (!r && p->slots) {
		to->over.slot = malloc(p->slots * sizeof(*p->slot));
		r = to->over.slot ? 0 : -ENOMEM;
	}
	if (r) {
		grants_free(to);
		return r;
	}
	if (p->slots)
		memcpy(to->over.slot, p->slot, p->slots * sizeof(*p->slot));
	to->over.slots = p->slots;
	memcpy(to->over.recent, p->recent, sizeof(p->recent));
	return 0;
}

/* ---- ids ---- */

static uint64_t hash_of(struct view v)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

/* The slot of ${id}, or the empty one where it belongs.  Ids are callgate-admin's own random ones: nobody can choose them to collide. */
static size_t slot_of(const struct grants *g, const char *id)
{
	const struct grants_part *p = &g->over;
	const struct grant_row *row = grants_over_row(g);
	size_t i = hash_of(view_str(id)) & (p->slots - 1);

	while (p->slot[i] && strcmp((const char *)buf_view(&p->pool).p + row[p->slot[i] - 1].text[GT_ID], id) != 0)
		i = (i + 1) & (p->slots - 1);
	return i;
}

const struct grant_row *grants_over_find(const struct grants *g, const char *id)
{
	if (!g->over.slots)
		return NULL;
	uint32_t n = g->over.slot[slot_of(g, id)];
	return n ? &grants_over_row(g)[n - 1] : NULL;
}

static int more_slots(struct grants *g)
{
	struct grants_part *p = &g->over;
	size_t old_n = p->slots, rows = grants_over_rows(g);
	uint32_t *old = p->slot;

	if (rows + 1 < p->slots - p->slots / 4)
		return 0;
	p->slots = old_n ? 2 * old_n : SLOTS_FIRST;
	p->slot = calloc(p->slots, sizeof(*p->slot));
	if (!p->slot) {
		p->slot = old;
		p->slots = old_n;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old_n; i++)
		if (old[i])
			p->slot[slot_of(g, (const char *)buf_view(&p->pool).p + grants_over_row(g)[old[i] - 1].text[GT_ID])] = old[i];
	free(old);
	return 0;
}

/* ---- rows ---- */

/* Most texts of grants are the same few: one that was put lately is used again. */
int grants_pool_put(struct buf *pool, uint32_t recent[GRANTS_RECENT], struct view v, bool shared, uint32_t *at)
{
	uint32_t *mine = &recent[shared ? hash_of(v) % GRANTS_RECENT : 0];
	const char *text = (const char *)buf_view(pool).p;

	*at = 0;
	if (!v.p)
		return 0;
	if (shared && *mine && strlen(text + *mine) == v.n && memcmp(text + *mine, v.p, v.n) == 0) {
		*at = *mine;
		return 0;
	}
	int r = pool->len ? 0 : buf_put(pool, VIEW_LIT("\0"));
	if (!r && pool->len + v.n + 1 > UINT32_MAX)
		r = -ERR_TOO_LONG;
	if (r)
		return r;
	*at = (uint32_t)pool->len;
	if (shared)
		*mine = *at;
	r = buf_put(pool, v);
	return r ? r : buf_put(pool, VIEW_LIT("\0"));
}

static int append(struct grants *g, struct grant_row *row, const struct grant_fields *f, struct view text)
{
	struct grants_part *p = &g->over;
	struct grants_at at = {p->text.len, (uint32_t)text.n};
	int r = grants_over_rows(g) >= GRANT_TABLE_ROWS ? -ERR_TOO_LONG : more_slots(g);

	for (size_t i = 0; !r && i < GT_TEXTS; i++)
		r = grants_pool_put(&p->pool, p->recent, f->text[i], grants_shared(i), &row->text[i]);
	if (!r)
		r = buf_put(&p->text, text);
	if (!r)
		r = buf_put(&p->at, view_of(&at, sizeof(at)));
	if (!r) {
		/* Found before the row is there: the pool has the id. */
		size_t slot = slot_of(g, (const char *)buf_view(&p->pool).p + row->text[GT_ID]);
		r = buf_put(&p->row, view_of(row, sizeof(*row)));
		if (r)
			buf_truncate(&p->at, p->at.len - sizeof(at));
		else
			p->slot[slot] = (uint32_t)grants_over_rows(g);
	}
	return r;
}

int grants_put_text(struct grants *g, const struct grant_fields *f, struct view text)
{
	struct grant_row row = {.expires_ns = f->expires_ns, .uid = f->uid, .gid = f->gid, .login_uid = f->login_uid, .flags = f->flags};
	struct grant_ref old;
	char id[256];

	if (f->text[GT_ID].n >= sizeof(id) || g->n >= GRANT_TABLE_ROWS)
		return -ERR_MALFORMED;
	memcpy(id, f->text[GT_ID].p, f->text[GT_ID].n);
	id[f->text[GT_ID].n] = '\0';
	bool there = grants_find(g, id, &old);
	row.order = there ? old.row->order : g->order + 1;
	int r = append(g, &row, f, text);
	if (!r && !there) {
		g->order++;
		g->n++;
	}
	return r;
}

int grants_put(struct grants *g, const json_t *grant)
{
	struct grant_fields f;
	char *text = NULL;
	int r = grants_fields(grant, &f);

	if (!r && !(text = json_dumps(grant, JSON_COMPACT)))
		r = -ENOMEM;
	if (!r)
		r = grants_put_text(g, &f, view_str(text));
	free(text);
	return r;
}

int grants_drop(struct grants *g, const char *id)
{
	struct grant_row row = {.flags = GRANT_DROPPED};
	struct grant_fields f = {.text = {[GT_ID] = view_str(id)}};

	if (!grants_find(g, id, NULL))
		return 0;
	int r = append(g, &row, &f, view_of(NULL, 0));
	g->n -= !r;
	return r;
}

/* ---- members ---- */

static bool id_of(const json_t *grant, const char *key, uint32_t has, uint32_t *id, uint32_t *flags)
{
	const json_t *v = json_object_get(grant, key);

	if (!v || json_is_null(v))
		return true;
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < 0 || n >= UINT32_MAX)
		return false;
	*id = (uint32_t)n;
	*flags |= has;
	return true;
}

int grants_fields(const json_t *grant, struct grant_fields *f)
{
	const json_t *uid = json_object_get(grant, "uid"), *via = json_object_get(grant, "via"), *expires = json_object_get(grant, "expires_at");
	struct wall at = {0};

	*f = (struct grant_fields){.flags = json_is_null(uid) ? GRANT_ANY_UID : 0};
	for (size_t i = 0; i < GT_TEXTS; i++) {
		const json_t *v = json_object_get(grant, grant_text_key(i));
		if (v && !json_is_null(v) && !json_is_string(v))
			return -ERR_MALFORMED;
		if (json_is_string(v))
			f->text[i] = view_of(json_string_value(v), json_string_length(v));
	}
	if (!f->text[GT_ID].n || !f->text[GT_SERVER].n || !uid || !id_of(grant, "uid", GRANT_UID, &f->uid, &f->flags) ||
	    !id_of(grant, "gid", GRANT_GID, &f->gid, &f->flags) || !id_of(grant, "login_uid", GRANT_LOGIN_UID, &f->login_uid, &f->flags))
		return -ERR_MALFORMED;
	if (via && !json_is_null(via)) {
		if (!json_is_string(via) || strcmp(json_string_value(via), "su") != 0)
			return -ERR_MALFORMED;
		f->flags |= GRANT_SU;
	}
	if (expires && !json_is_null(expires) && (!json_is_string(expires) || wall_parse(json_string_value(expires), &at) || !at.ns))
		return -ERR_MALFORMED;
	f->expires_ns = at.ns;
	return 0;
}
