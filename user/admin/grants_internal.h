/* grants_internal.h - what grants.c and grants_base.c share.      Floor: admin. */
#ifndef ADMIN_GRANTS_INTERNAL_H
#define ADMIN_GRANTS_INTERNAL_H

#include "admin/grants.h"

enum { GRANT_DROPPED = 1 << 16 }; /* a flag of rows of the changed part: the id has ended */

/* Where in grants_part.text, or grants_base.text, the object of a row is; n 0: it is not known. */
struct grants_at {
	uint64_t off;
	uint32_t n;
};

struct grants_base {
	unsigned refs;
	struct buf table; /* as the workers get it */
	struct grants_at *at;
	struct buf text;
};

static inline size_t grants_base_rows(const struct grants *g)
{
	struct grant_table_head h = {0};

	if (g->base)
		memcpy(&h, buf_view(&g->base->table).p, sizeof(h));
	return h.rows;
}

static inline const struct grant_row *grants_base_row(const struct grants *g)
{
	return (const void *)(buf_view(&g->base->table).p + sizeof(struct grant_table_head));
}

static inline const char *grants_base_pool(const struct grants *g)
{
	return (const char *)(grants_base_row(g) + grants_base_rows(g));
}

static inline const struct grant_row *grants_over_row(const struct grants *g)
{
	return (const void *)buf_view(&g->over.row).p;
}

static inline size_t grants_over_rows(const struct grants *g)
{
	return g->over.row.len / sizeof(struct grant_row);
}

/** grants_over_find(g, id): The row of the changed part that counts for ${id}, also a dropped one; NULL: it has none. */
const struct grant_row *grants_over_find(const struct grants *g, const char *id);
/** grants_base_find(g, id): Or NULL. */
const struct grant_row *grants_base_find(const struct grants *g, const char *id);
void grants_base_unref(struct grants_base **b);
/** grants_pool_put(pool, recent, v, shared, at): Append a text to a pool, or find it there when it was put lately; ${v} without bytes at all: none. */
int grants_pool_put(struct buf *pool, uint32_t recent[GRANTS_RECENT], struct view v, bool shared, uint32_t *at) __attribute__((warn_unused_result));
/** grants_shared(t): Do many grants have the same text ${t}? */
static inline bool grants_shared(size_t t)
{
	return t != GT_ID && t != GT_TOKEN_SHA256;
}

#endif
