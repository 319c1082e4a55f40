/*
 * walk.h - read the lines of one segment file, and learn where it may be cut.
 * Floor: audit.      Units: bytes of the file, unless named raw.      Owns: its buffers; the descriptor is borrowed.
 * Source:  RFC 1951 section 3.2.4 (an empty stored block ends a sync flush: 00 00 FF FF), RFC 1952.
 *
 * The file may be torn, padded or hostile.  What is handed out before an error was read whole.
 */
#ifndef AUDIT_WALK_H
#define AUDIT_WALK_H

#include "base/view.h"

enum { WALK_LINE_MAX = 1 << 20 };

enum walk_what {
	WALK_END = 0,    /* the file ends where a member ended */
	WALK_LINE = 1,   /* one line, without its newline; borrowed until the next call */
	WALK_COMMIT = 2, /* all lines so far were committed here: the member may be closed at walk_place() */
	WALK_MEMBER = 3, /* a member ended here, its checksum is right */
};

/* A place where the file can be cut and closed. */
struct walk_place {
	uint64_t offset;   /* in the file */
	bool in_member;    /* the member that is cut needs its end: 03 00, crc, raw */
	uint32_t crc, raw; /* of the member's text up to here */
};

struct walk;

/** walk_new(fd, w): Begin at the start of ${fd}, which is read with pread(2). */
int walk_new(int fd, struct walk **w) __attribute__((warn_unused_result));
void walk_free(struct walk **w);
/** walk_at(w, offset): Begin at ${offset}, where a member begins; before the first walk_next(). */
void walk_at(struct walk *w, uint64_t offset);

/** walk_next(w, line): An enum walk_what; -ERR_CORRUPT where the file is torn or is no gzip; or an error of pread(2).  The error stays. */
int walk_next(struct walk *w, struct view *line) __attribute__((warn_unused_result));

/** walk_place(w): Where the last WALK_COMMIT or WALK_MEMBER was; offset 0 before the first. */
struct walk_place walk_place(const struct walk *w);

/** walk_raw(w): Bytes of text in the current member, or in the one that just ended, up to the line last handed out. */
uint64_t walk_raw(const struct walk *w);

/** walk_read(w): How far into the file it has read. */
uint64_t walk_read(const struct walk *w);

#endif
