/*
 * grants_base.c - see grants.h.  What was there, and both parts as one.
 * A table is canonical: the same grants give the same bytes, however they came about.  The hash of what is in force is taken over it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/grants_internal.h"
#include "base/err.h"
#include "base/mtime.h"

enum { SETTLE_ROWS = 256, SETTLE_PART = 8 };

void grants_base_unref(struct grants_base **bp)
{
	struct grants_base *b = *bp;

	*bp = NULL;
	if (!b || --b->refs)
		return;
	buf_free(&b->table);
	buf_free(&b->text);
	free(b->at);
	free(b);
}

const struct grant_row *grants_base_find(const struct grants *g, const char *id)
{
	size_t low = 0, high = grants_base_rows(g);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct grant_row *row = &grants_base_row(g)[mid];
		int c = strcmp(grants_base_pool(g) + row->text[GT_ID], id);
		if (c == 0)
			return row;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool grants_find(const struct grants *g, const char *id, struct grant_ref *ref)
{
	struct grant_ref none;
	const struct grant_row *over = grants_over_find(g, id), *row = over ? over : grants_base_find(g, id);

	ref = ref ? ref : &none;
	*ref = (struct grant_ref){.set = g, .row = row, .in_base = !over};
	if (!row || row->flags & GRANT_DROPPED)
		return false;
	ref->pool = over ? (const char *)buf_view(&g->over.pool).p : grants_base_pool(g);
	return true;
}

bool grants_next(const struct grants *g, struct grant_ref *ref)
{
	size_t base = grants_base_rows(g), all = base + grants_over_rows(g);

	ref->set = g;
	for (; ref->i < all; ref->i++) {
		ref->in_base = ref->i < base;
		ref->row = ref->in_base ? &grants_base_row(g)[ref->i] : &grants_over_row(g)[ref->i - base];
		ref->pool = ref->in_base ? grants_base_pool(g) : (const char *)buf_view(&g->over.pool).p;
		const struct grant_row *newest = g->over.slots ? grants_over_find(g, ref->pool + ref->row->text[GT_ID]) : NULL;
		if (ref->row->flags & GRANT_DROPPED || (newest ? newest != ref->row : !ref->in_base))
			continue;
		ref->i++;
		return true;
	}
	return false;
}

/* ---- whole objects ---- */

static struct view text_of(const struct grant_ref *ref)
{
	const struct grants *g = ref->set;
	struct grants_at at = {0};

	if (!ref->in_base)
		memcpy(&at, buf_view(&g->over.at).p + (size_t)(ref->row - grants_over_row(g)) * sizeof(at), sizeof(at));
	else if (g->base->at)
		at = g->base->at[ref->row - grants_base_row(g)];
	return at.n ? view_of(buf_view(ref->in_base ? &g->base->text : &g->over.text).p + at.off, at.n) : view_of(NULL, 0);
}

bool grants_whole(const struct grant_ref *ref)
{
	return text_of(ref).n > 0;
}

static json_t *from_row(const struct grant_ref *ref)
{
	const struct grant_row *row = ref->row;
	json_t *o = json_object();

	for (size_t i = 0; i < GT_TEXTS; i++)
		if (row->text[i])
			json_object_set_new(o, grant_text_key(i), json_string(ref->pool + row->text[i]));
	json_object_set_new(o, "uid", row->flags & GRANT_UID ? json_integer(row->uid) : json_null());
	if (row->flags & GRANT_GID)
		json_object_set_new(o, "gid", json_integer(row->gid));
	if (row->flags & GRANT_LOGIN_UID)
		json_object_set_new(o, "login_uid", json_integer(row->login_uid));
	if (row->flags & GRANT_SU)
		json_object_set_new(o, "via", json_string("su"));
	if (row->expires_ns) {
		char at[WALL_TEXT];
		wall_text((struct wall){row->expires_ns}, at);
		json_object_set_new(o, "expires_at", json_string(at));
	}
	return o;
}

json_t *grants_json(const struct grant_ref *ref)
{
	struct view v = text_of(ref);
	json_error_t err;

	return v.n ? json_loadb((const char *)v.p, v.n, 0, &err) : from_row(ref);
}

json_t *grants_get(const struct grants *g, const char *id)
{
	struct grant_ref ref;

	return id && grants_find(g, id, &ref) ? grants_json(&ref) : NULL;
}

/* ---- both parts as one ---- */

struct sorted {
	uint64_t key[2]; /* the id's first bytes, in the order of strcmp() */
	struct grant_ref ref;
};

static const char *id_of(const struct grant_ref *ref)
{
	return ref->pool + ref->row->text[GT_ID];
}

static int by_id(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	for (size_t i = 0; i < 2; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	return strcmp(id_of(&x->ref), id_of(&y->ref));
}

static void key_of(struct sorted *s)
{
	const char *id = id_of(&s->ref);
	bool more = true;

	for (size_t i = 0; i < 16; i++) {
		more = more && *id;
		s->key[i / 8] = s->key[i / 8] << 8 | (more ? (uint8_t)*id++ : 0);
	}
}

/* All of them, by id: the base is in order already, so what is sorted is mostly what has changed. */
static struct sorted *in_order(const struct grants *g)
{
	struct sorted *all = calloc(g->n + 1, sizeof(*all));
	struct grant_ref ref = {0};
	size_t n = 0;
	bool ordered = true;

	while (all && n < g->n && grants_next(g, &ref)) {
		all[n].ref = ref;
		key_of(&all[n]);
		ordered = ordered && (n == 0 || by_id(&all[n - 1], &all[n]) < 0);
		n++;
	}
	if (all && !ordered)
		qsort(all, n, sizeof(*all), by_id);
	return all;
}

/* One canonical table of everything, appended to ${out}; with ${b}, the whole objects as well. */
static int build(const struct grants *g, struct buf *out, struct grants_base *b)
{
	struct grant_table_head h = {.magic = GRANT_TABLE_MAGIC, .rows = (uint32_t)g->n, .row_size = sizeof(struct grant_row)};
	struct sorted *all = in_order(g);
	struct buf pool = {0};
	uint32_t recent[GRANTS_RECENT] = {0};
	size_t from = out->len, rows = g->n * sizeof(struct grant_row);
	uint8_t *at = all ? buf_reserve(out, sizeof(h) + rows) : NULL;
	int r = at ? buf_put(&pool, VIEW_LIT("\0")) : -ENOMEM;

	for (size_t i = 0; !r && i < g->n; i++) {
		const struct grant_ref *ref = &all[i].ref;
		struct grant_row row = *ref->row;
		for (size_t k = 0; !r && k < GT_TEXTS; k++)
			r = row.text[k] ? grants_pool_put(&pool, recent, view_str(ref->pool + row.text[k]), grants_shared(k), &row.text[k]) : 0;
		memcpy(at + sizeof(h) + i * sizeof(row), &row, sizeof(row));
		if (r || !b)
			continue;
		struct view text = text_of(ref);
		b->at[i] = (struct grants_at){b->text.len, (uint32_t)text.n};
		r = buf_put(&b->text, text);
	}
	if (!r) {
		h.pool = pool.len;
		memcpy(at, &h, sizeof(h));
		buf_commit(out, sizeof(h) + rows);
		r = buf_put(out, buf_view(&pool));
	}
	if (r)
		buf_truncate(out, from);
	buf_free(&pool);
	free(all);
	return r;
}

int grants_table(const struct grants *g, struct buf *out)
{
	return g->base && !g->over.slots ? buf_put(out, buf_view(&g->base->table)) : build(g, out, NULL);
}

int grants_settle(struct grants *g)
{
	if (grants_over_rows(g) < SETTLE_ROWS || grants_over_rows(g) < grants_base_rows(g) / SETTLE_PART)
		return 0;
	struct grants_base *b = calloc(1, sizeof(*b));
	struct grants next = {.base = b, .n = g->n, .order = g->order};
	if (!b)
		return -ENOMEM;
	b->refs = 1;
	b->at = calloc(g->n + 1, sizeof(*b->at));
	int r = b->at ? build(g, &b->table, b) : -ENOMEM;
	if (r) {
		grants_base_unref(&b);
		return r;
	}
	grants_free(g);
	*g = next;
	return 0;
}

int grants_load(struct grants *g, struct view table, char *why, size_t why_len)
{
	struct grant_table t;
	struct grants_base *b = NULL;
	int r = grant_table_open(table, &t, why, why_len);

	/* A text that is none could not be told to the others, who get JSON. */
	json_t *text = r ? NULL : json_stringn(t.pool, t.pool_n);
	if (!r && !text) {
		snprintf(why, why_len, "the table of grants holds what is no text");
		r = -ERR_MALFORMED;
	}
	json_decref(text);
	if (!r && !(b = calloc(1, sizeof(*b))))
		r = -ENOMEM;
	if (!r) {
		b->refs = 1;
		r = buf_put(&b->table, table);
	}
	if (r) {
		grants_base_unref(&b);
		return r;
	}
	*g = (struct grants){.base = b, .n = t.rows};
	for (uint32_t i = 0; i < t.rows; i++) {
		uint32_t order = grants_base_row(g)[i].order;
		g->order = order > g->order ? order : g->order;
	}
	return 0;
}

/* ---- do two sets say the same? ---- */

static bool rows_same(const struct grant_ref *a, const struct grant_ref *b)
{
	const struct grant_row *x = a->row, *y = b->row;

	for (size_t i = 0; i < GT_TEXTS; i++) {
		const char *s = grant_ref_text(a, i), *t = grant_ref_text(b, i);
		if (!s != !t || (s && strcmp(s, t) != 0))
			return false;
	}
	return x->flags == y->flags && x->uid == y->uid && x->gid == y->gid && x->login_uid == y->login_uid && x->expires_ns == y->expires_ns;
}

bool grants_same(const struct grants *a, const struct grants *b, char which[64])
{
	const struct grants *set[] = {a, b};

	which[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		struct grant_ref one = {0}, other;
		while (grants_next(set[i], &one)) {
			if (grants_find(set[!i], id_of(&one), &other) && rows_same(&one, &other))
				continue;
			snprintf(which, 64, "%.63s", id_of(&one));
			return false;
		}
	}
	return true;
}
