/*
 * verify_internal.h - what verify.c (files), verify_line.c (lines and seals) and verify_proof.c (keys and checkpoints) share.
 * Floor: audit.
 */
#ifndef AUDIT_VERIFY_INTERNAL_H
#define AUDIT_VERIFY_INTERNAL_H

#include <jansson.h>

#include "audit/chain.h"
#include "audit/keys.h"
#include "audit/note.h"
#include "audit/verify.h"
#include "base/buf.h"
#include "base/mtime.h"

enum { VERIFY_KEYS = 64 };

struct verify_note {
	struct note n;
	bool signed_by; /* one of the keys signed it */
	char file[NAMES_MAX];
};

struct check {
	int dir;
	const struct verify_opts *opts;
	struct verify_result *v;
	const struct names *names; /* of the file */
	const char *host;          /* of the first file */

	struct chain chain; /* after line seq */
	uint64_t seq, epoch;
	char key[MAC_ID];   /* of the epoch */
	bool known;         /* the chain before the next file is known */
	bool sealed_member; /* the last line seen was a seal */
	bool cut;           /* the file before ended without a seal */
	bool first;         /* the next line is the first of its file */
	bool once;          /* reading ends at the first bad place */
	uint64_t most_raw;  /* a writer leaves no more text than this without a seal; 0: do not look */
	uint64_t excused;   /* a record says that lines up to here were collected and removed */

	/* since the last seal, or since the file began */
	uint64_t range_first, range_raw;
	struct chain range_before;

	uint64_t seal, proven; /* the last good seal: its number, its line */
	uint8_t mac[MAC_LEN];
	struct verify_said said; /* of the file */
	char first_ts[WALL_TEXT], last_ts[WALL_TEXT]; /* of the file, as its lines say */

	/* After a bad place, until a seal stands on its own again. */
	bool lost;
	uint64_t lost_to; /* end of the last damage */
	uint64_t held_first;
	struct buf held; /* lines with their newline, from held_first on */

	struct keys_export keys[VERIFY_KEYS];
	uint64_t at[VERIFY_KEYS]; /* seal that the running key belongs to */
	uint8_t run[VERIFY_KEYS][MAC_LEN];
	size_t nkeys;

	struct verify_note *notes; /* by size */
	size_t nnotes, next_note;
};

/** check_bad(c, fmt, ...): What comes now is not what it should be.  Returns 1. */
int check_bad(struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** check_lost_at(c): Reading goes on where a member or a file begins: what was held back is of no use. */
void check_lost_at(struct check *c);
/** check_lost_end(c, to): The damage ends with line ${to}. */
void check_lost_end(struct check *c, uint64_t to);
/** verify_place(c, n): Does ${n} come after what was read?  verify_lines(c, fd, sealed, most): Its lines up to number ${most}.  0 or negative. */
void verify_place(struct check *c, const struct names *n);
int verify_lines(struct check *c, int fd, bool sealed, uint64_t most) __attribute__((warn_unused_result));
/** verify_line(c, line): 0 or negative. */
int verify_line(struct check *c, struct view line) __attribute__((warn_unused_result));

/* verify_proof.c */
int proof_load(struct check *c) __attribute__((warn_unused_result));
void proof_free(struct check *c);
/** proof_keys(c, keys): Lines of ID.json files.  0, -ERR_TOO_LONG, -ERR_MALFORMED. */
int proof_keys(struct check *c, struct view keys) __attribute__((warn_unused_result));
/** proof_mac(c, key_id, seal, line, mac): 1 good, 0 bad, -ERR_NOT_FOUND: no such key; or -ENOMEM. */
int proof_mac(struct check *c, const char *key_id, uint64_t seal, struct view text, const uint8_t mac[MAC_LEN]) __attribute__((warn_unused_result));
/** proof_receipt(c, o): Does a "retention" line hold the receipt of a given collector for this host?  1 yes, 0 no, negative. */
int proof_receipt(struct check *c, const json_t *o) __attribute__((warn_unused_result));
/** proof_notes(c): Compare the chain after c->seq with the checkpoints there. */
void proof_notes(struct check *c);
/** proof_end(c): Are there checkpoints beyond the last line? */
void proof_end(struct check *c);

#endif
