/*
 * grant_table.h - grants as a flat table: rows of fixed size, and a pool of text that they point into.
 * Floor: policy.      Written by callgate-admin, read by the workers where it lies; nothing in it has to be parsed.
 *
 *	struct grant_table_head, ${rows} times struct grant_row in ascending order of their id, ${pool} bytes of text
 *
 * Numbers are the machine's own: a table never leaves it.  A text is an offset into the pool, which begins and ends with NUL; 0 is "none".
 */
#ifndef POLICY_GRANT_TABLE_H
#define POLICY_GRANT_TABLE_H

#include "base/view.h"

#define GRANT_TABLE_MAGIC "CGGRANT1"

enum { GRANT_TABLE_ROWS = 1 << 22 };

struct grant_table_head {
	char magic[8];
	uint32_t rows, row_size;
	uint64_t pool; /* bytes */
};

/* The texts of a row, in this order; of a grant's other members the workers know nothing. */
enum grant_text { GT_ID, GT_SERVER, GT_POLICY, GT_CREDENTIAL, GT_AGENT, GT_EXE_SHA256, GT_UNIT, GT_CGROUP, GT_TOKEN_SHA256, GT_TEXTS };

/* A row without GRANT_UID and GRANT_ANY_UID, or with both, is refused: what was lost must not widen a grant. */
enum grant_flag { GRANT_UID = 1, GRANT_ANY_UID = 2, GRANT_GID = 4, GRANT_LOGIN_UID = 8, GRANT_SU = 16, GRANT_FLAGS = 31 };

struct grant_row {
	int64_t expires_ns; /* 0: never */
	uint32_t text[GT_TEXTS];
	uint32_t uid, gid, login_uid, flags;
	uint32_t order; /* as they were given: for lists, no part of what a grant means */
};
_Static_assert(sizeof(struct grant_row) == 64, "eight to a page line and no padding that could hold anything");

struct grant_table {
	const uint8_t *row; /* not aligned: grant_table_row() */
	const char *pool;
	uint32_t rows;
	uint64_t pool_n;
};

/** grant_text_key(t): The member of a grant that text ${t} is. */
const char *grant_text_key(enum grant_text t);

/** grant_table_open(in, t): Check all of ${in}, which must be one table and nothing behind it; borrowed.  0, or -ERR_MALFORMED with one line in ${why}. */
int grant_table_open(struct view in, struct grant_table *t, char *why, size_t why_len) __attribute__((warn_unused_result));

static inline struct grant_row grant_table_row(const struct grant_table *t, uint32_t i)
{
	struct grant_row r;
	memcpy(&r, t->row + (size_t)i * sizeof(r), sizeof(r));
	return r;
}

/** grant_table_text(t, r, which): Borrowed; NULL: none. */
static inline const char *grant_table_text(const struct grant_table *t, const struct grant_row *r, enum grant_text which)
{
	return r->text[which] ? t->pool + r->text[which] : NULL;
}

#endif
