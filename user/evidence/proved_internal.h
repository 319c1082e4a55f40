/*
 * proved_internal.h - what proved.c (files, lines) and proved_seal.c (seals, keys, checkpoints) share.
 * Floor: evidence.
 */
#ifndef EVIDENCE_PROVED_INTERNAL_H
#define EVIDENCE_PROVED_INTERNAL_H

#include "audit/chain.h"
#include "audit/keys.h"
#include "base/buf.h"
#include "evidence/proved.h"

enum { PROVED_KEYS = ENROL_KEYS };

struct proved_line {
	uint32_t len, file;
	uint64_t member, offset;
};

struct proved_note {
	struct note n;
	bool good; /* a key of this trail signed it */
};

struct proved {
	int store;
	enum layout_trail t;
	const char *host;
	const struct proved_calls *calls;
	struct proved_result *out;
	struct layout_files files;

	const struct layout_file *file;
	size_t i; /* its place */
	char name[NAMES_MAX];
	struct proved_segment segment, *late; /* late: files before it whose end waits for a seal */
	size_t nlate;
	char last_ts[WALL_TEXT], until[WALL_TEXT];
	char why[PROVED_WHY];

	struct chain chain; /* after line seq */
	uint64_t seq, proven;
	bool known;    /* the chain is known up to here */
	uint64_t seal; /* number of the last good one */
	uint8_t mac[MAC_LEN];

	/* since the last seal, or since the file began */
	uint64_t range_first, range_raw;
	struct chain range_before;

	struct buf held;
	struct proved_line *lines;
	size_t lines_n, lines_cap;

	struct keys_export keys[PROVED_KEYS];
	uint64_t at[PROVED_KEYS]; /* seal that the running key belongs to; 0: not begun */
	uint8_t run[PROVED_KEYS][MAC_LEN];
	size_t nkeys;
	struct proved_note *notes; /* by size */
	size_t nnotes, next_note;
};

int proved_bad_at(struct proved *p, const char *what, uint64_t from, uint64_t to, const char *fmt, ...)
    __attribute__((format(printf, 5, 6), warn_unused_result));
void proved_drop(struct proved *p);

/** proved_first(p, line): Does the first line of a file continue what was read?  0; 1 with p->why; or negative. */
int proved_first(struct proved *p, struct view line) __attribute__((warn_unused_result));
/** proved_seal(p, line): Does this seal prove what is held?  0, and it is the last good one now; 1 with p->why; or negative. */
int proved_seal(struct proved *p, struct view line) __attribute__((warn_unused_result));
/** proved_peek(fd, ts): Time of the first line of a file; empty when it cannot be read. */
void proved_peek(int fd, char ts[WALL_TEXT]);
/** proved_notes(p): Checkpoints up to here against the chain.  proved_end(p): and those beyond the last line. */
int proved_notes(struct proved *p) __attribute__((warn_unused_result));
int proved_end(struct proved *p) __attribute__((warn_unused_result));
int proved_load(struct proved *p, const struct enrol *e, const char *to) __attribute__((warn_unused_result));
void proved_unload(struct proved *p);

#endif
