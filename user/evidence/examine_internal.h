/*
 * examine_internal.h - what examine.c (files) and examine_lines.c (records against tables) share.
 * Floor: evidence.
 */
#ifndef EVIDENCE_EXAMINE_INTERNAL_H
#define EVIDENCE_EXAMINE_INTERNAL_H

#include "audit/chain.h"
#include "audit/mac.h"
#include "evidence/examine.h"
#include "evidence/map.h"
#include "evidence/proved.h"

enum { EXAMINE_LANES = 4 };

struct examine_file { /* under its path */
	char sha256[CHAIN_HEX];
	uint64_t bytes, rows;
	bool csv, seen;
};

struct examine_segment { /* under its name */
	uint64_t proved, calls, rows; /* lines proved; calls of the period in it; rows of call_log.csv that name it */
	bool seen, logged;
};

struct examine_host {
	uint64_t first[LAYOUT_TRAILS], last[LAYOUT_TRAILS]; /* lines of its segments here; 0: none */
};

struct examine_note { /* under its line, of the trail that is read */
	uint8_t head[CHAIN_LEN];
	char file[200];
	bool seen;
};

struct examine_gap { /* lines that gaps.csv tells */
	char host[NAMES_HOST];
	enum layout_trail t;
	uint64_t first, last;
};

struct examine {
	const struct examine_opts *o;
	struct examine_result *v;
	int dir, segments;
	char from[WALL_TEXT], to[WALL_TEXT];
	struct map files, names, notes;
	struct examine_gap *gaps;
	size_t ngaps;
	struct map hosts; /* struct examine_host */
	/* Sums of hashes: of calls in the records, of rows in the table; equal when both hold the same, in whatever order. */
	uint64_t of_lines[EXAMINE_LANES], of_rows[EXAMINE_LANES];
	struct chain_sum *sum;

	enum layout_trail t; /* that is read */
	const char *host;
};

void examine_bad(struct examine *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void examine_good(struct examine *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** examine_public(pem, out): The Ed25519 key of a PEM text. */
bool examine_public(struct view pem, uint8_t out[SIGN_PUBLIC]);
/** examine_number(v): The digits at the start of a cell. */
uint64_t examine_number(struct view v);
/** examine_rows(c, path, columns, n, fn): Each row of a table with the named columns' cells.  0 or negative. */
int examine_rows(struct examine *c, const char *path, const char *const columns[], size_t n, int (*fn)(struct examine *c, const struct view cell[])) __attribute__((warn_unused_result));
/** examine_tables(c): What segments.csv, gaps and call_log.csv say.  examine_lines(c): The records. */
int examine_tables(struct examine *c) __attribute__((warn_unused_result));
/** examine_log(c): The collector's log: is it the one that was signed, and is here what it says was taken? */
int examine_log(struct examine *c) __attribute__((warn_unused_result));
int examine_lines(struct examine *c) __attribute__((warn_unused_result));

#endif
