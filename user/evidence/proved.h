/*
 * proved.h - the lines of one trail of one host in a store, and only those that a seal proves.
 * Floor: evidence.      Owns: its buffers; the store's descriptor is borrowed.
 * Memory: the lines between two seals (PROVED_HELD at most), whatever the trail's length.
 *
 * A line is handed out once the seal after it was found good: made with the host's key, naming the chain over every line since the seal
 * before.  A file whose bytes are not those that its name tells is not read.  From a bad place on the rest of its file is left out, and
 * reading goes on with the next file, whose first line names the chain before it and whose seals prove it.
 */
#ifndef EVIDENCE_PROVED_H
#define EVIDENCE_PROVED_H

#include "audit/chain.h"
#include "audit/entry.h"
#include "fleet/enrol.h"
#include "fleet/layout.h"

enum { PROVED_HELD = 16 << 20, PROVED_WHY = 160 };

/* Where a line stands. */
struct proved_at {
	const struct layout_file *file;
	uint64_t member; /* byte of the file at which its gzip member begins */
	uint64_t offset; /* byte of the member's text at which it begins */
	uint64_t seal;   /* number of the seal that proves it */
};

/* What is not proved, or not there. */
struct proved_bad {
	const char *what;       /* "missing", "damaged", "unsealed", "cut-off" */
	char file[NAMES_MAX];   /* name of the segment; empty: of none */
	uint64_t from, to;      /* lines; from > to: none */
	char since[WALL_TEXT], until[WALL_TEXT]; /* times of the lines on both sides; empty: not known */
	char why[PROVED_WHY];
};

struct proved_segment {
	const struct layout_file *file;
	char sha256[CHAIN_HEX];
	uint64_t bytes, lines, seals;  /* lines: proved ones */
	char first_ts[WALL_TEXT], last_ts[WALL_TEXT]; /* of its lines */
};

struct proved_calls {
	/* A proved line.  The seal line itself comes last of what it proves. */
	int (*line)(void *arg, struct view line, const struct proved_at *at);
	int (*bad)(void *arg, const struct proved_bad *b);
	int (*segment)(void *arg, const struct proved_segment *s); /* a file was read, and what is proved of it is known */
	void *arg;
	bool chain_only; /* there is no seal key: what the seals say is held against the lines, who made them is not known */
};

struct proved_result {
	uint64_t files, lines, seals, raw, notes;
	uint64_t first, last; /* proved lines; 0: none */
	uint64_t held_back;   /* lines that were read and not handed out */
};

/**
 * proved_read(store, t, host, e, from, to, calls, out):
 * Read the files that may hold lines from date ${from} to date ${to} (NULL: no bound), and the file before the first of them.
 * 0, the first non-zero answer of a call, or negative.
 */
int proved_read(int store, enum layout_trail t, const char *host, const struct enrol *e, const char *from, const char *to,
    const struct proved_calls *calls, struct proved_result *out) __attribute__((warn_unused_result));

#endif
