/*
 * retain.h - sealed files go when they are old and somebody else holds them.
 * Floor: audit.      Owns: nothing.      Reads: receipts/SEGMENT.receipt of the trail's directory (receipt.h).
 *
 * A file goes when all of this holds: it is the oldest; a receipt for it, signed by the collector whose key is given, has come; its
 * bytes are those of the receipt; it was sealed longer ago than ${seconds}; a start does not need it.  Before it goes, a line "retention"
 * that holds the receipt is on disk.  Whatever was not collected stays.
 */
#ifndef AUDIT_RETAIN_H
#define AUDIT_RETAIN_H

#include "audit/trail.h"

struct retain {
	struct view vkey; /* of the collector (note.h) */
	uint64_t seconds;
	char told[64]; /* first digits of the file about which something was said last */
};

/** retain_one(s, r): While no line waits in ${s}: 1: a file went; 0: none may go; negative: it could not be said or done. */
int retain_one(struct trail *s, struct retain *r) __attribute__((warn_unused_result));

#endif
