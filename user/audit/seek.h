/*
 * seek.h - find a place in a segment file without inflating what comes before it.
 * Floor: audit.      Owns: nothing; the descriptor is borrowed.
 * A file may be hostile: what is found is a member that begins with a line of ours, or the start of the file.
 */
#ifndef AUDIT_SEEK_H
#define AUDIT_SEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mtime.h"

/** seek_first(fd, offset, ts, bytes): "ts" of the first line of the member at ${offset}; false when there is none.  Adds the bytes read to *${bytes}. */
bool seek_first(int fd, uint64_t offset, char ts[WALL_TEXT], uint64_t *bytes);

/** seek_member(fd, since, bytes): Where the last member begins whose first line is from before ${since}; 0: at the start. */
uint64_t seek_member(int fd, const char *since, uint64_t *bytes);

#endif
