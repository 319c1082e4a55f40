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
 * recover_file(dir, name, most, rep):
 * Repair open/NAME so that its last line is at most number ${most}, and move it to sealed/; remove it when no line is left.  0 or negative.
 */
int recover_file(int dir, const struct names *name, uint64_t most, struct recover_report *rep) __attribute__((warn_unused_result));

/** recover_all(dir, rep): Every file of open/, while none is being written; of two that overlap the later one counts. */
int recover_all(int dir, struct recover_report *rep) __attribute__((warn_unused_result));

/** recover_cut(fd, first, most, last, cut): Where ${fd} must be cut; ${last}: number of the last line before it (first - 1: none).  0: it is whole; 1: cut and close; negative. */
struct walk_place;
int recover_cut(int fd, uint64_t first, uint64_t most, uint64_t *last, struct walk_place *cut) __attribute__((warn_unused_result));

#endif
