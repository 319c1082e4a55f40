/*
 * state.h - what ingest knows of a host between two runs: hosts/HOST/state.json, 0600, for its seal keys have moved on to here.
 * Floor: fleet.      Owns: its lists; state_free() wipes.      Errors: negative.
 *
 *	{"callgate_state":1,"host":HOST,"seen":RFC3339,"trails":{"audit":TRAIL,"journal":TRAIL},"pending":[PIECE,...]}
 * TRAIL: "seq","epoch","seal","head","mac","key","cut","run_seal","run" as struct verify_at; "segment","received","last_ts": of the last
 * segment; "clock_ahead_s": by how much its time was ahead of the collector's, at most; "waiting": segments that stay in the inbox, "waits":
 * why; "wait_from","wait_since": the first missing line, and when it was first missed; "fork": the segment that showed another history;
 * "gaps": lines that were given up, each with "from","to","since" and what is needed to let a late segment in.
 * PIECE: a segment that is being put into the store: it has its place there or in tmp/HOST/, its receipt may be missing.
 */
#ifndef FLEET_STATE_H
#define FLEET_STATE_H

#include "audit/verify_segment.h"
#include "fleet/layout.h"

enum { STATE_MAX = 1 << 20, STATE_GAPS = 256, STATE_TIME = 40, STATE_WHY = 200 };

struct state_gap {
	uint64_t from, to;
	char since[STATE_TIME];
	struct verify_at before; /* after line from - 1 */
	struct verify_said after; /* what line to + 1 says */
};

struct state_trail {
	struct verify_at at;
	char segment[NAMES_MAX], received[STATE_TIME];
	int64_t clock_ahead_s;
	uint64_t waiting, wait_from;
	char wait_since[STATE_TIME], waits[STATE_WHY];
	char fork[NAMES_MAX];
	struct state_gap *gaps; /* by line */
	size_t ngaps;
};

struct state_piece {
	enum layout_trail trail;
	char name[NAMES_MAX], date[LAYOUT_DATE];
	uint8_t sha256[CHAIN_LEN];
};

struct state {
	char host[NAMES_HOST], seen[STATE_TIME];
	struct state_trail trail[LAYOUT_TRAILS];
	struct state_piece *pending;
	size_t npending;
};

/** state_read(store, host, s): 0; -ENOENT: there is none yet; -ERR_CORRUPT; or another negative.  ${s} is empty then. */
int state_read(int store, const char *host, struct state *s) __attribute__((warn_unused_result));
/** state_write(store, s): On disk when it returns 0. */
int state_write(int store, const struct state *s) __attribute__((warn_unused_result));
void state_free(struct state *s);

/** state_add_pending(s, p), state_add_gap(t, g): 0, -ENOMEM, or -ENOSPC when there are STATE_GAPS.  state_drop_gap(t, i): It is filled. */
int state_add_pending(struct state *s, const struct state_piece *p) __attribute__((warn_unused_result));
int state_add_gap(struct state_trail *t, const struct state_gap *g) __attribute__((warn_unused_result));
void state_drop_gap(struct state_trail *t, size_t i);

#endif
