/*
 * trail.h - a sequence of lines that survives: numbers, chain, segments, seals, failures.
 * Floor: audit.      Owns: open/ and sealed/ below its directory; one stream per directory, one process per stream.
 *
 * Invariants:
 *  1. Sequence numbers are dense from 1 over the life of the directory, the stream's own lines included.
 *  2. A number is given when a line goes to the segment; lines not yet synced are kept, and after an error they go, numbered
 *     anew, to the next segment.  Nobody was told the old numbers.
 *  3. The first line of a file names the chain's head before it; the last line of a member is a seal.
 *     A seal comes after 256 KiB of text, 1,000 lines or 60 seconds, whichever is first, also when nothing happened.
 *  4. After an error of write or sync the file is never written again, only cut (recover.h).
 *
 * With a second directory, on another file system: when the first one fails or is full, the next file is begun there.  Numbers, chain and names go on,
 * the files of both are one stream.  When the first one can be written again, what lies in the second goes back, oldest first (trail_second.c).
 */
#ifndef AUDIT_TRAIL_H
#define AUDIT_TRAIL_H

#include "audit/chain.h"
#include "audit/room.h"
#include "base/jsonw.h"
#include "base/mtime.h"

struct trail_conf {
	const char *what;        /* for messages: "audit records", "the journal"; copied */
	const char *host, *boot; /* copied; boot: the boot id of the kernel */
	int level;               /* of compression, 1 to 9 */
	uint64_t segment_bytes;  /* a file is sealed when it is this large, */
	uint64_t segment_seconds; /* or this old */
	const char *stream;      /* "audit", "journal"; copied; NULL: "audit" */
	const struct trail_clock *clock; /* NULL: the machine's */
	struct room_conf room;           /* all 0: the disk is not watched */
	int second;                      /* descriptor of the second directory, borrowed; 0: there is none.  Only trail_open() looks */
};

/* How far the machine's clock may be wrong, by its own account; -1: not known. */
struct trail_sync {
	bool synced;
	int64_t offset_us, est_error_us, max_error_us;
};

/* What time it is; a test has its own. */
struct trail_clock {
	struct wall (*wall)(void);
	struct mono (*mono)(void);
	struct trail_sync (*sync)(void); /* NULL: adjtimex(2) */
};

struct trail;

/* A line of the newest file, at start: the owner learns what it needs to go on. */
typedef void trail_seed_fn(void *arg, struct view line);
/* The owner's members of a file's first line: what a reader of this file alone must know. */
typedef void trail_first_fn(void *arg, struct jsonw *w);

/* The owner's members of a seal: what it knows about the time since the last one. */
typedef void trail_seal_fn(void *arg, struct jsonw *w);
/* A line as it is given to the file, its newline included; it counts when the next commit says 0. */
typedef void trail_copy_fn(void *arg, struct view line);

struct trail_owner {
	trail_copy_fn *copy;   /* may be NULL */
	void *copy_arg;
	trail_seed_fn *seed;   /* may be NULL */
	trail_first_fn *first; /* may be NULL */
	trail_seal_fn *seal;   /* may be NULL */
	void *arg;
};

/** trail_open(dir, conf, owner, s): Repair what a crash left, and begin a new epoch on disk.  ${dir} is borrowed.  0 or negative. */
int trail_open(int dir, const struct trail_conf *conf, const struct trail_owner *owner, struct trail **s)
    __attribute__((warn_unused_result));

/** trail_set(s, conf): Other limits, and from the next file on another level; the names stay. */
void trail_set(struct trail *s, const struct trail_conf *conf);

/** trail_line(s, kind, ts): Begin a line; write its members, then trail_end().  ${kind} is static text. */
struct jsonw *trail_line(struct trail *s, const char *kind, struct wall ts);
/** trail_end(s): The line is whole: kept until a commit takes it.  Or the error of the writing; the line is then forgotten. */
int trail_end(struct trail *s) __attribute__((warn_unused_result));
/** trail_undo(s): Forget the line that was begun. */
void trail_undo(struct trail *s);
/** trail_kind(s, kind): Another kind for the line that was begun. */
void trail_kind(struct trail *s, const char *kind);

enum trail_flag { TRAIL_WRITTEN = 0, TRAIL_DURABLE = 1 };

/**
 * trail_commit(s, how):
 * Write every line that was ended; with TRAIL_DURABLE also wait for the disk.  0; or negative: nothing new is acknowledged, the
 * lines are kept, and a later commit tries again in a new file (within a moment it only repeats the error).
 */
int trail_commit(struct trail *s, enum trail_flag how) __attribute__((warn_unused_result));

/** trail_may_try(s): After a failed commit: would another one try at once?  It does when it has the reserve for it. */
bool trail_may_try(const struct trail *s);

/** trail_forget(s): After a failed commit: give up the lines that are not on disk (a request that was refused instead). */
void trail_forget(struct trail *s);

/**
 * trail_number(s, seq):
 * Give every ended line its number and compress it, but write nothing that holds one yet; ${seq} gets the last number.  A commit
 * follows; if it fails the numbers are void.  0 or negative, as trail_commit().
 */
int trail_number(struct trail *s, uint64_t *seq) __attribute__((warn_unused_result));

/** trail_unsynced(s): Bytes of lines that are kept in memory.  trail_waiting(s): lines that no commit has taken. */
size_t trail_unsynced(const struct trail *s);
bool trail_waiting(const struct trail *s);

/** trail_tick(s): Sync what was written a while ago, seal what is a minute old, rotate by age.  Call it about once a second. */
void trail_tick(struct trail *s);

/** trail_close(s): Commit, seal, free.  0, or the error that left the file open for the next start to repair. */
int trail_close(struct trail **s);

/** trail_abandon(s): Free it and leave the files as they are, like a process that is killed. */
void trail_abandon(struct trail **s);

struct trail_state {
	uint64_t epoch, seq, safe_seq; /* seq: last line given to the file; safe_seq: last synced line */
	uint64_t errors, sealed, repaired, cut_bytes;
	uint64_t lines, raw; /* written since the start */
	int err;             /* 0: writing */
	struct mono err_since;
	enum room_stage stage; /* of the disk */
	bool paused;           /* it is full: only what cannot be left out belongs here now (room.h) */
	bool reserve;          /* room is put aside */
	bool second;           /* there is a second directory; ${away}: records go there, because of ${away_err}; ${abroad} sealed files lie there */
	bool away;
	int away_err;
	uint64_t abroad;
	struct room disk;
	struct chain head;   /* after line seq */
	uint64_t seals;      /* number of the last seal that is on disk */
	const char *key_id;  /* borrowed */
	bool key_waiting;    /* its first key lies here still: nobody has collected it */
};
struct trail_state trail_state(const struct trail *s);

/* A text about the stream: its name, sign (all of ${out}) and look again, with the key of its checkpoints. */
const char *trail_name(const struct trail *s);
int trail_sign(const struct trail *s, struct buf *out) __attribute__((warn_unused_result));
bool trail_signed(const struct trail *s, struct view text);

#endif
