/*
 * verify_segment.h - is one sealed file the next piece of a trail that is known so far?
 * Floor: audit.      Owns: nothing; what it learns of keys is wiped.      Memory: constant.
 *
 * For a collector, which gets the files one by one from somebody who may be hostile: reading ends at the first bad place, every seal must
 * be made with a given key, and no more text is unpacked than a writer leaves between two seals.  The file's hash is the caller's to compare.
 */
#ifndef AUDIT_VERIFY_SEGMENT_H
#define AUDIT_VERIFY_SEGMENT_H

#include "audit/chain.h"
#include "audit/mac.h"
#include "audit/note.h"
#include "audit/verify.h"
#include "base/mtime.h"

enum { VERIFY_UNSEALED = 4 << 20 }; /* bytes of text: 16 times what a writer leaves */

/* Where a trail stands after a file.  All zero: before its first line. */
struct verify_at {
	uint64_t seq, epoch, seal; /* last line, its epoch, number of the last seal */
	uint8_t head[CHAIN_LEN], mac[MAC_LEN];
	char key[MAC_ID];          /* of the epoch */
	bool cut;                  /* the file ends without a seal: only the next one proves its last lines */
	/* The key of seal run_seal, so that it need not be computed from the first one again; run_seal 0: none.  A secret. */
	uint64_t run_seal;
	uint8_t run[MAC_LEN];
	char first_ts[WALL_TEXT], last_ts[WALL_TEXT]; /* of the file: its first line, its last seal */
	struct verify_said said;
};

struct verify_known {
	struct view keys;         /* lines of keys/ID.json; at least one */
	const struct note *notes; /* checkpoints that are to be believed, by size */
	size_t nnotes;
};

/**
 * verify_segment(fd, n, known, from, to, v):
 * Read ${fd}, named ${n}, as what follows ${from}; NULL: what came before is not known, and the first line is taken at its word.
 * 0 (see v->bad; ${to} is filled when it is 0), -EINVAL without a key, -ERR_MALFORMED: the keys; or negative when it cannot be read.
 */
int verify_segment(int fd, const struct names *n, const struct verify_known *known, const struct verify_at *from, struct verify_at *to,
    struct verify_result *v) __attribute__((warn_unused_result));

#endif
