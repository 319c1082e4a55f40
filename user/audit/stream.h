/*
 * stream.h - a sequence of lines that survives: numbers, chain, segments, seals, failures.
 * Floor: audit.      Owns: open/ and sealed/ below its directory; one stream per directory, one process per stream.
 *
 * Invariants:
 *  1. Sequence numbers are dense from 1 over the life of the directory, the stream's own lines included.
 *  2. A number is given when a line goes to the segment; lines not yet synced are kept, and after an error they go, numbered
 *     anew, to the next segment.  Nobody was told the old numbers.
 *  3. The first line of a file names the chain's head before it; the last line of a member is a seal.
 *  4. After an error of write or sync the file is never written again, only cut (recover.h).
 */
#ifndef AUDIT_STREAM_H
#define AUDIT_STREAM_H

#include "audit/chain.h"
#include "base/jsonw.h"
#include "base/mtime.h"

struct stream_conf {
	const char *what;        /* for messages: "audit records", "the journal"; copied */
	const char *host, *boot; /* copied; boot: the boot id of the kernel */
	int level;               /* of compression, 1 to 9 */
	uint64_t segment_bytes;  /* a file is sealed when it is this large, */
	uint64_t segment_seconds; /* or this old */
};

struct stream;

/* A line of the newest file, at start: the owner learns what it needs to go on. */
typedef void stream_seed_fn(void *arg, struct view line);
/* The owner's members of a file's first line: what a reader of this file alone must know. */
typedef void stream_first_fn(void *arg, struct jsonw *w);

struct stream_owner {
	stream_seed_fn *seed;   /* may be NULL */
	stream_first_fn *first; /* may be NULL */
	void *arg;
};

/** stream_open(dir, conf, owner, s): Repair what a crash left, and begin a new epoch on disk.  ${dir} is borrowed.  0 or negative. */
int stream_open(int dir, const struct stream_conf *conf, const struct stream_owner *owner, struct stream **s)
    __attribute__((warn_unused_result));

/** stream_line(s, kind, ts): Begin a line; write its members, then stream_end().  ${kind} is static text. */
struct jsonw *stream_line(struct stream *s, const char *kind, struct wall ts);
/** stream_end(s): The line is whole: kept until a commit takes it.  Or the error of the writing; the line is then forgotten. */
int stream_end(struct stream *s) __attribute__((warn_unused_result));
/** stream_undo(s): Forget the line that was begun. */
void stream_undo(struct stream *s);
/** stream_kind(s, kind): Another kind for the line that was begun. */
void stream_kind(struct stream *s, const char *kind);

enum stream_flag { STREAM_WRITTEN = 0, STREAM_DURABLE = 1 };

/**
 * stream_commit(s, how):
 * Write every line that was ended; with STREAM_DURABLE also wait for the disk.  0; or negative: nothing new is acknowledged, the
 * lines are kept, and a later commit tries again in a new file (within a moment it only repeats the error).
 */
int stream_commit(struct stream *s, enum stream_flag how) __attribute__((warn_unused_result));

/** stream_forget(s): After a failed commit: give up the lines that are not on disk (a request that was refused instead). */
void stream_forget(struct stream *s);

/**
 * stream_number(s, seq):
 * Give every ended line its number and compress it, but write nothing that holds one yet; ${seq} gets the last number.  A commit
 * follows; if it fails the numbers are void.  0 or negative, as stream_commit().
 */
int stream_number(struct stream *s, uint64_t *seq) __attribute__((warn_unused_result));

/** stream_unsynced(s): Bytes of lines that are kept in memory.  stream_waiting(s): lines that no commit has taken. */
size_t stream_unsynced(const struct stream *s);
bool stream_waiting(const struct stream *s);

/** stream_tick(s, now): Sync what was written a while ago, rotate by age.  Call it about once a second. */
void stream_tick(struct stream *s, struct mono now);

/** stream_leave(s): Commit, seal, free.  0, or the error that left the file open for the next start to repair. */
int stream_leave(struct stream **s);

/** stream_abandon(s): Free it and leave the files as they are, like a process that is killed. */
void stream_abandon(struct stream **s);

struct stream_state {
	uint64_t epoch, seq, safe_seq; /* seq: last line given to the file; safe_seq: last synced line */
	uint64_t errors, sealed, repaired, cut_bytes;
	uint64_t lines, raw; /* written since the start */
	int err;             /* 0: writing */
	struct chain head;   /* after line seq */
};
struct stream_state stream_state(const struct stream *s);

#endif
