/*
 * recover.h - bring what a crash left in open/ back to whole files.
 * Floor: audit.      A torn file is cut at its last commit and its member closed: everything acknowledged is before that place.
 */
#ifndef AUDIT_RECOVER_H
#define AUDIT_RECOVER_H

#include "audit/names.h"

struct recover_report {
	uint64_t files;   /* segments found open */
	uint64_t repaired; /* of these, cut */
	uint64_t dropped; /* of these, without one committed line: removed */
	uint64_t cut_bytes;
};

/**
 * recover_file(dir, to, name, most, rep):
 * Repair open/NAME so that its last line is at most number ${most}, and move it to sealed/ of ${to}; remove it when no line is left.  0 or negative.
 * ${to} is ${dir}; or another directory, for one that cannot be written: the old file then stays where it is, and is removed by a later call.
 */
int recover_file(int dir, int to, const struct names *name, uint64_t most, struct recover_report *rep) __attribute__((warn_unused_result));

/**
 * recover_all(dir, second, rep):
 * Every file of open/, in both directories (${second} 0: there is one), while none is being written; of two that overlap the later one counts.  What cannot be
 * repaired in the first directory goes to the second.
 */
int recover_all(int dir, int second, struct recover_report *rep) __attribute__((warn_unused_result));

/** recover_cut(fd, first, most, last, cut): Where ${fd} must be cut; ${last}: number of the last line before it (first - 1: none).  0: it is whole; 1: cut and close; negative. */
struct walk_place;
int recover_cut(int fd, uint64_t first, uint64_t most, uint64_t *last, struct walk_place *cut) __attribute__((warn_unused_result));

#endif
