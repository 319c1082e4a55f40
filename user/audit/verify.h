/*
 * verify.h - is a stream's directory whole: numbers, chain, names, hashes, seals, checkpoints?
 * Floor: audit.      Memory: constant, but for one range of lines after a bad place.
 *
 * What is wrong is bounded: a seal that is good again ends the damage, and reading goes on from there.
 */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdint.h>

#include "audit/names.h"
#include "base/view.h"

struct verify_opts {
	struct view keys;   /* lines of keys/ID.json; empty: those that the directory has */
	struct view anchor; /* a checkpoint from somewhere else; empty: only those that the directory has */
	struct view collectors; /* vkeys, one a line, of whoever may hold what was removed; empty: the records' word is taken */
	int second;         /* descriptor of the second directory (trail.h); 0: none */
	bool partial;       /* the stream may begin in the middle */
};

enum { VERIFY_WHY = 200 };

/* Of what kind the first bad place is. */
enum verify_cause {
	VERIFY_WRONG,  /* lines, seals, names, files */
	VERIFY_NO_KEY, /* a seal made with a key that was not given */
	VERIFY_NOTE,   /* a checkpoint tells of another chain */
	VERIFY_HOST,   /* the lines are another host's */
};

struct verify_result {
	uint64_t files, lines, seals, raw;
	uint64_t macs;        /* seals whose MAC was checked with a key */
	uint64_t notes;       /* checkpoints that the stream agrees with */
	uint64_t signatures;  /* of these, with a good signature */
	uint64_t first, last; /* lines seen */
	uint64_t last_seal;   /* number of the last good one */
	uint64_t held_to;     /* lines 1 to here are held elsewhere, as records say; 0: none are missing */
	uint64_t receipts;    /* of these records, with a receipt that was checked with a collector's key */
	uint64_t open_lines;  /* of these, in files that are not sealed yet */
	uint64_t bad;         /* places; the first one: */
	uint64_t at;          /* after this line */
	uint64_t seal;        /* the first bad seal, or the one that is missing */
	uint64_t from, to;    /* lines that are not proved; from > to: none */
	uint64_t damaged;     /* lines that are not proved, in all places */
	enum verify_cause cause;
	char file[NAMES_MAX];
	char why[VERIFY_WHY];
};

/* What the first line of a file says came before it. */
struct verify_said {
	uint64_t seal;
	uint8_t head[32], mac[32];
};

/** verify_dir(dir, opts, v): Check every file of ${dir}; ${opts} may be NULL.  0 (see v->bad); -ERR_MALFORMED: keys or anchor; or negative when it cannot be read. */
int verify_dir(int dir, const struct verify_opts *opts, struct verify_result *v) __attribute__((warn_unused_result));

#endif
