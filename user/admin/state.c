/* state.c - see state.h: struct head, the maps as one JSON object, the grants as the workers' table. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/state.h"
#include "audit/chain.h"
#include "base/err.h"

static const char magic[8] = "CGSTATE";

struct head {
	char magic[8];
	uint8_t fold[CHAIN_LEN]; /* of the program that wrote it */
	uint64_t seq, json, table; /* the last two: bytes */
	uint32_t order, pad;
};

static int fold_digest(uint8_t out[CHAIN_LEN])
{
	struct chain_sum *s = chain_sum_new();
	struct buf b = {0};
	struct roster none = {0};
	const char *name;
	int r = s ? buf_printf(&b, "%d", STATE_FOLD) : -ENOMEM;

	for (size_t i = 0; !r && roster_map(&none, i, &name); i++)
		r = buf_printf(&b, " %s", name);
	for (size_t i = 0; !r && (name = roster_event(i)); i++)
		r = buf_printf(&b, " %s", name);
	if (!r)
		r = chain_sum_add(s, buf_view(&b));
	if (!r)
		r = chain_sum_end(s, out);
	chain_sum_free(&s);
	buf_free(&b);
	return r;
}

static json_t *maps_of(const struct roster *r)
{
	json_t *all = json_object(), **map;
	const char *name;

	/* The roster is only read. */
	for (size_t i = 0; all && (map = roster_map((struct roster *)(uintptr_t)r, i, &name)); i++)
		if (json_object_set(all, name, *map)) {
			json_decref(all);
			all = NULL;
		}
	return all;
}

int state_put(const struct roster *r, struct buf *out)
{
	struct head h = {.seq = r->seq, .order = r->grants.order};
	struct buf table = {0};
	json_t *maps = maps_of(r);
	char *text = maps ? json_dumps(maps, JSON_COMPACT) : NULL;
	size_t from = out->len;
	int ret = text ? fold_digest(h.fold) : -ENOMEM;

	if (!ret && (r->damage[0] || r->parts))
		ret = -ERR_MALFORMED;
	if (!ret)
		ret = grants_table(&r->grants, &table);
	memcpy(h.magic, magic, sizeof(magic));
	h.json = text ? strlen(text) : 0;
	h.table = table.len;
	if (!ret)
		ret = buf_put(out, view_of(&h, sizeof(h)));
	if (!ret)
		ret = buf_puts(out, text);
	if (!ret)
		ret = buf_put(out, buf_view(&table));
	if (ret)
		buf_truncate(out, from);
	buf_free(&table);
	free(text);
	json_decref(maps);
	return ret;
}

/* Every map, and nothing else. */
static int take_maps(struct view text, struct roster *r)
{
	json_error_t err;
	json_t *all = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &err), **map;
	const char *name;
	size_t n = 0;

	for (; (map = roster_map(r, n, &name)); n++) {
		*map = json_incref(json_object_get(all, name));
		if (!json_is_object(*map))
			break;
	}
	bool whole = !map && json_object_size(all) == n;
	json_decref(all);
	return whole ? 0 : -ERR_MALFORMED;
}

int state_take(struct view in, struct roster *r, char why[STATE_WHY])
{
	struct head h = {0};
	uint8_t fold[CHAIN_LEN];
	int ret = fold_digest(fold);

	*r = (struct roster){0};
	snprintf(why, STATE_WHY, "%s", ret ? err_text(ret) : "");
	if (ret)
		return ret;
	if (in.n >= sizeof(h))
		memcpy(&h, in.p, sizeof(h));
	struct view rest = view_skip(in, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || memcmp(h.fold, fold, sizeof(fold)) != 0) {
		snprintf(why, STATE_WHY, "it was made by another version");
		return -ERR_MALFORMED;
	}
	if (h.json > rest.n || h.table != rest.n - h.json || h.seq > INT64_MAX || h.pad) {
		snprintf(why, STATE_WHY, "it is not as long as it says");
		return -ERR_MALFORMED;
	}
	ret = take_maps(view_head(rest, h.json), r);
	if (ret)
		snprintf(why, STATE_WHY, "its maps cannot be read");
	else
		ret = grants_load(&r->grants, view_skip(rest, h.json), why, STATE_WHY);
	if (!ret && h.order < r->grants.order) {
		snprintf(why, STATE_WHY, "its grants are out of order");
		ret = -ERR_MALFORMED;
	}
	if (ret) {
		roster_free(r);
		return ret;
	}
	r->seq = h.seq;
	r->grants.order = h.order;
	return 0;
}
