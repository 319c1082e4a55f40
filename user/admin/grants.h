/*
 * grants.h - the grants of a roster: many, read seldom, and handed to the workers as one table.
 * Floor: admin.      Owns: its memory.      Two parts: what was there (immutable, shared between copies) and what has changed since.
 *
 * Of each grant there is the row that the workers get (policy/grant_table.h) and its whole object as text, from which an object is made when
 * somebody asks.  A set that was loaded from a table has no texts: grants_json() then tells what a row holds.
 */
#ifndef ADMIN_GRANTS_H
#define ADMIN_GRANTS_H

#include <jansson.h>

#include "admin/grant_line.h"
#include "base/buf.h"

struct grants_base;

enum { GRANTS_RECENT = 64 };

/* What was added or ended since the base, in the order of events; the newest row of an id counts. */
struct grants_part {
	struct buf row, pool, at, text; /* struct grant_row; texts of rows; struct grants_at of each row; whole objects */
	uint32_t *slot;                 /* hash of ids: number of the row, plus one */
	size_t slots;
	uint32_t recent[GRANTS_RECENT]; /* texts that may be shared, by hash */
};

/* All zero: the empty set. */
struct grants {
	struct grants_base *base;
	struct grants_part over;
	size_t n;
	uint32_t order; /* the last one given */
};

void grants_free(struct grants *g);
/** grants_copy(from, to): A copy that can be changed apart.  0 or -ENOMEM. */
int grants_copy(const struct grants *from, struct grants *to) __attribute__((warn_unused_result));
static inline size_t grants_count(const struct grants *g)
{
	return g->n;
}

/** grants_fields(grant, f): What the workers would know of it: borrows from ${grant}.  0, or -ERR_MALFORMED: they could not use it. */
int grants_fields(const json_t *grant, struct grant_fields *f) __attribute__((warn_unused_result));

/** grants_put(g, grant): Add a whole object under its id, or replace it.  0, -ERR_MALFORMED, -ENOMEM. */
int grants_put(struct grants *g, const json_t *grant) __attribute__((warn_unused_result));
/** grants_put_text(g, f, text): The same, of which the caller has the members, and the object as text that jansson reads. */
int grants_put_text(struct grants *g, const struct grant_fields *f, struct view text) __attribute__((warn_unused_result));
/** grants_drop(g, id): 0, also when there is none; -ENOMEM. */
int grants_drop(struct grants *g, const char *id) __attribute__((warn_unused_result));
/** grants_settle(g): Make one base of both parts, when there is enough to gain: lookups and copies are then cheap.  0 or -ENOMEM, ${g} then as it was. */
int grants_settle(struct grants *g) __attribute__((warn_unused_result));

/* One grant; borrowed until the set is changed. */
struct grant_ref {
	const struct grants *set;
	const struct grant_row *row;
	const char *pool;
	bool in_base;
	size_t i; /* of grants_next() */
};

/** grants_find(g, id, ref): Is there such a one?  ${ref} may be NULL. */
bool grants_find(const struct grants *g, const char *id, struct grant_ref *ref);
/** grants_next(g, ref): Walk them, in no order that means anything; begin with {0}. */
bool grants_next(const struct grants *g, struct grant_ref *ref);
static inline const char *grant_ref_text(const struct grant_ref *ref, enum grant_text which)
{
	return ref->row->text[which] ? ref->pool + ref->row->text[which] : NULL;
}
/** grants_whole(ref): Is the whole object known? */
bool grants_whole(const struct grant_ref *ref);
/** grants_json(ref): The whole object; new.  NULL: no memory. */
json_t *grants_json(const struct grant_ref *ref);
/** grants_get(g, id): The same by id; NULL: no such grant. */
json_t *grants_get(const struct grants *g, const char *id);

/** grants_table(g, out): Append the table for the workers.  0 or negative. */
int grants_table(const struct grants *g, struct buf *out) __attribute__((warn_unused_result));
/** grants_load(g, table, why, why_len): ${g}, empty, from a table, which is copied.  0, -ENOMEM, or -ERR_MALFORMED with a line in ${why}. */
int grants_load(struct grants *g, struct view table, char *why, size_t why_len) __attribute__((warn_unused_result));
/** grants_same(a, b): Would the workers judge alike by both?  ${which}: an id of which they differ. */
bool grants_same(const struct grants *a, const struct grants *b, char which[64]);

#endif
