/*
 * segment.h - one open segment file: gzip members, a sync flush at each commit, sealed under its final name.
 * Floor: audit.      Owns: its file.      Units: bytes.      Source: RFC 1951, RFC 1952.
 *
 * After any error the file is in an unknown state: segment_drop() it and repair it with recover_file().  An fsync error is
 * never asked about twice: the kernel may have marked the pages clean.
 */
#ifndef AUDIT_SEGMENT_H
#define AUDIT_SEGMENT_H

#include "audit/names.h"
#include "base/view.h"

enum { SEGMENT_MEMBER = 256 * 1024 }; /* raw bytes of one member */

struct segment;

/** segment_dirs(dir): Make open/, sealed/ and checkpoints/ below ${dir} if they are missing. */
int segment_dirs(int dir) __attribute__((warn_unused_result));

/**
 * segment_new(dir, name, level, from, seg):
 * Create open/NAME; or give that name to ${from}, an empty file with blocks of its own (room.h).  An older file of this name holds
 * nothing that was acknowledged and is replaced.
 */
int segment_new(int dir, const struct names *name, int level, const char *from, struct segment **seg) __attribute__((warn_unused_result));

/** segment_put(seg, text): Compress one line or more, newlines included.  No I/O. */
int segment_put(struct segment *seg, struct view text) __attribute__((warn_unused_result));

/** segment_member_end(seg): Close the member: what comes next starts another.  No I/O. */
int segment_member_end(struct segment *seg) __attribute__((warn_unused_result));

/** segment_write(seg): Flush the compressor and write what it holds.  From here on it survives this process. */
int segment_write(struct segment *seg) __attribute__((warn_unused_result));

/** segment_sync(seg): fdatasync(2): from here on it survives a power cut. */
int segment_sync(struct segment *seg) __attribute__((warn_unused_result));

/** segment_seal(seg, last): End the member, write, fsync, give the file its final name with last line ${last}.  ${seg} is freed when it returns 0. */
int segment_seal(struct segment **seg, uint64_t last) __attribute__((warn_unused_result));

/** segment_drop(seg): Close the file as it is. */
void segment_drop(struct segment **seg);

/** segment_member_raw(), segment_bytes(): text in the current member; compressed bytes so far. */
uint64_t segment_member_raw(const struct segment *seg);
uint64_t segment_bytes(const struct segment *seg);

/** segment_finish(dir, fd, from, name, sum): Move the complete file ${from} to sealed/ with ${name}->last and hash ${sum}; mode 0440; synced. */
int segment_finish(int dir, int fd, const char *from, struct names *name, const uint8_t *sum) __attribute__((warn_unused_result));

/** segment_place(dir, fd, from, to): The last steps of that: mode, sync, name.  segment_sync_dir(dir, sub): Now the name is on the disk, too. */
int segment_place(int dir, int fd, const char *from, const char *to) __attribute__((warn_unused_result));
int segment_sync_dir(int dir, const char *sub) __attribute__((warn_unused_result));

#endif
