/*
 * gap.h - from what a trail says about itself to the times in which it says nothing, and why.
 * Floor: fleet.      Pure: marks in, their order that of the trail; gaps out.      Owns: its list.
 *
 * While a writer runs it seals every minute.  A time without a seal is a gap; its cause is what stands at its end:
 *	another boot after a stop                  off
 *	another boot, and nothing said stop        power: the machine lost it, or crashed
 *	the same boot, another epoch               daemon: it did not run while the machine did
 *	the same epoch, CLOCK_MONOTONIC stood      asleep
 *	the same epoch, it went on                 stalled
 *	lines are missing                          lost, or what the owner of the list knows of them
 * A clock that jumps forward looks like sleep, until it jumps back: then both were no time at all.
 */
#ifndef FLEET_GAP_H
#define FLEET_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mtime.h"

enum gap_cause { GAP_OFF, GAP_ASLEEP, GAP_POWER, GAP_DAEMON, GAP_STALLED, GAP_LOST, GAP_TAMPERED, GAP_ROLLED_BACK, GAP_NOT_COLLECTED, GAP_CAUSES };

enum gap_what { MARK_EPOCH, MARK_SEGMENT, MARK_SEAL, MARK_STOP };

enum { GAP_BOOT = 40, GAP_SECONDS = 150 /* a longer silence is a gap */, GAPS_MAX = 10000 };

struct gap_mark {
	enum gap_what what;
	struct wall wall;
	struct mono mono;    /* seals only */
	uint64_t epoch;      /* all but MARK_STOP */
	char boot[GAP_BOOT]; /* epochs and seals; "" elsewhere */
};

struct gap {
	enum gap_cause cause;
	struct wall from, to;
	uint64_t first, last; /* missing lines; 0: none */
};

struct gaps {
	struct gap *at;
	size_t n, cap;
	uint64_t more; /* beyond GAPS_MAX, not kept: no machine has so many, but a host may write anything */
	struct wall first, last; /* marks; 0: none yet */
	uint64_t epoch;
	int64_t step_ns;         /* of the clock, the largest that was put back; 0: none */
	struct wall stepped;     /* when */

	/* the newest mark, and the newest seal of its epoch */
	struct gap_mark mark, seal;
	bool stopped;
	struct gap pending; /* lines that are missing before the next mark */
};

/** gap_mark(g, m): The next mark.  0 or -ENOMEM. */
int gap_mark(struct gaps *g, const struct gap_mark *m) __attribute__((warn_unused_result));

/** gap_missing(g, first, last, cause): Lines that should have come between the last mark and the next. */
void gap_missing(struct gaps *g, uint64_t first, uint64_t last, enum gap_cause cause);

/** gap_end(g, to, cause): Nothing came after the last mark up to ${to}.  0 or -ENOMEM. */
int gap_end(struct gaps *g, struct wall to, enum gap_cause cause) __attribute__((warn_unused_result));

/** gap_between(from, to): Nanoseconds, no more than there are: a host's clock may say anything. */
int64_t gap_between(struct wall from, struct wall to);

/** gap_name(c): "off", "asleep", ...  gap_words(c): For people.  gap_fault(c): Is it something to look into? */
const char *gap_name(enum gap_cause c);
const char *gap_words(enum gap_cause c);
bool gap_fault(enum gap_cause c);

void gaps_free(struct gaps *g);

#endif
