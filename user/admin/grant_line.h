/*
 * grant_line.h - the line of the journal that there are most of, read without making objects of it.
 * Floor: admin.      Pure.      Apart from the files that use jansson, whose names clash with those of codec/json.h.
 */
#ifndef ADMIN_GRANT_LINE_H
#define ADMIN_GRANT_LINE_H

#include "policy/grant_table.h"

/* The members of a grant that the workers know; texts are borrowed, without bytes: none. */
struct grant_fields {
	struct view text[GT_TEXTS];
	uint32_t uid, gid, login_uid, flags;
	int64_t expires_ns;
};

/**
 * grant_line(line, f, whole, seq):
 * Is it a "grant.add" that needs no second look: nothing escaped, every number a plain one, no proposal or bundle behind it, every member of the grant of
 * its type?  Then what roster_apply() would make of it: the fields, the whole object as it stands there, and the line's number (0: it has none).
 * False says nothing: the line may be as good in another spelling.
 */
bool grant_line(struct view line, struct grant_fields *f, struct view *whole, uint64_t *seq);

#endif
