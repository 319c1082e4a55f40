/*
 * kept.h - what somebody made of a stream's lines, kept beside them so that it need not be made again: a state, bound to them.
 * Floor: audit.      File: DIR/kept, 0600.      Owns: its descriptor.
 *
 *	callgate-kept 1
 *	callgate/HOST/STREAM
 *	line N HEAD                of the last line in the state, and the chain's head after it
 *	files LAST SHA256          of "PATH SHA256\n" of every sealed file that was there: they end at line LAST or before
 *	state BYTES SHA256
 *
 *	- signature as a checkpoint's (note.h), by the stream's key
 *
 * and the state's bytes.  A file that says something else than the stream is not used: it saves time, and nothing is lost without it.
 */
#ifndef AUDIT_KEPT_H
#define AUDIT_KEPT_H

#include "audit/names.h"
#include "audit/note.h"
#include "audit/trail.h"

enum { KEPT_STATE = 1 << 28, KEPT_HEAD = 1024, KEPT_WHY = 320 };

struct kept_mark { /* a place in the stream */
	uint64_t seq;
	struct chain head; /* after that line */
};

struct kept {
	struct kept_mark mark;
	char name[NOTE_NAME];
	uint64_t sealed, bytes; /* sealed: LAST */
	uint8_t files_sum[CHAIN_LEN], sum[CHAIN_LEN];
	size_t off; /* of the state in the file */
	int fd;
};

/** kept_head(text, k): Read the front of such a file; the signature is not looked at, ${k} owns nothing.  0 or -ERR_MALFORMED. */
int kept_head(struct view text, struct kept *k) __attribute__((warn_unused_result));

/**
 * kept_open(dir, s, k, why):
 * Is there one that is this stream's, unchanged, and about the sealed files that are there, of which none was changed since?  0: kept_copy() and
 * kept_close() follow; the lines behind ${sealed} are still to be held against ${mark}.  -ENOENT: there is none.  Other errors: with a line in ${why}.
 */
int kept_open(int dir, const struct trail *s, struct kept *k, char why[KEPT_WHY]) __attribute__((warn_unused_result));
/** kept_copy(k, fd): Write the state to ${fd}.  0, -ERR_CORRUPT, errno; then what was written is worth nothing. */
int kept_copy(const struct kept *k, int fd) __attribute__((warn_unused_result));
void kept_close(struct kept *k);

/** kept_save(dir, s, mark, state): Replace it.  0 or negative; -ERR_CORRUPT: a sealed file is not what its name says. */
int kept_save(int dir, const struct trail *s, const struct kept_mark *mark, struct view state) __attribute__((warn_unused_result));

/**
 * kept_files(dir, seq, n, sum, file):
 * The sealed files that end at line ${seq} or before: the last line of them, and the hash over them, which may be NULL.  0; -ERR_CORRUPT: the bytes of ${file},
 * whichever lines it holds, are not those it was sealed with; errno.
 */
int kept_files(int dir, uint64_t seq, uint64_t *last, uint8_t sum[CHAIN_LEN], char file[NAMES_MAX]) __attribute__((warn_unused_result));

#endif
