/*
 * read.h - the lines of a stream's directory in their order, sealed and open files alike.
 * Floor: audit.      Owns: its buffers; the directory descriptor is borrowed.
 * A live stream may be read: the open file's torn tail ends the reading without an error.
 */
#ifndef AUDIT_READ_H
#define AUDIT_READ_H

#include "audit/names.h"
#include "base/mtime.h"
#include "base/view.h"

struct read;

/** read_new(dir, r): List the files.  0 or negative errno. */
int read_new(int dir, struct read **r) __attribute__((warn_unused_result));
void read_free(struct read **r);

/** read_also(r, second): Of a stream with a second directory (trail.h): before anything else, its files too.  0: nothing to do.  0 or negative errno. */
int read_also(struct read *r, int second) __attribute__((warn_unused_result));

/** read_line(r, line): 1 and the next line, without newline, borrowed until the next call; 0 at the end; -ERR_CORRUPT or another error: read_file() names the file; going on reads the next file. */
int read_line(struct read *r, struct view *line) __attribute__((warn_unused_result));

/** read_file(r): The file of the last line, "sealed/NAME".  Borrowed. */
const char *read_file(const struct read *r);

/** read_tail(r, most): Skip files so that at least the last ${most} lines remain; before the first read_line(). */
void read_tail(struct read *r, uint64_t most);

/** read_from(r, seq): Skip sealed files that end before line ${seq}; before the first read_line(). */
void read_from(struct read *r, uint64_t seq);

/**
 * read_since(r, since):
 * Skip files, and members of the first file that is read, that begin before ${since} and are followed by one that does, too; before the first
 * read_line().  It looks at few first lines and trusts that time went on.  "ts" of neighbours may be out of order by a moment: ask for a
 * little more.  Lines from before ${since} still come.
 */
void read_since(struct read *r, struct wall since);

/** read_bytes(r): Compressed bytes that were read so far, looking for the place included. */
uint64_t read_bytes(const struct read *r);

#endif
