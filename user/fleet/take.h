/*
 * take.h - what one host handed over: verify it, and move it into the store.
 * Floor: fleet.      Owns: nothing after it returns.      One process at a time per host.
 *
 * The order is what makes it safe to be killed anywhere, by kill -9 or by a power cut:
 *  1. a copy in tmp/HOST/, verified, on disk;
 *  2. the state names it as pending, and stands behind its last line;
 *  3. it has its place in the store, on disk;
 *  4. the log has a leaf for it, and then its receipt is there (take_record_fn);
 *  5. it goes from the inbox; the state forgets it.
 * Started again, what is pending is finished first.  Whatever was not pending is still in the inbox, or comes again: no receipt says it came.
 */
#ifndef FLEET_TAKE_H
#define FLEET_TAKE_H

#include "fleet/state.h"

/** Log these pieces, which are in the store, and give receipts; those that have one are left alone.  0: on disk.  At most TAKE_BATCH. */
typedef int take_record_fn(void *arg, const char *host, const struct state_piece *p, size_t n);
enum { TAKE_BATCH = 16 };

/* Somebody may want to see each decision: ${what} is "taken", "duplicate", "waiting", "note", "policy" or a QUARANTINE_ word. */
typedef void take_tell_fn(void *arg, const char *host, const char *part, const char *file, const char *what, const char *words);

struct take_conf {
	int store, inbox;   /* directories */
	int64_t gap_wait_s; /* how long a segment waits for those before it */
	take_record_fn *record;
	take_tell_fn *tell; /* may be NULL */
	void *arg;
};

struct take_result {
	uint64_t segments, lines, bytes, duplicates, quarantined, waiting, notes, policies;
};

/** take_host(conf, host, r): 0, also when everything was refused; -ENOENT: not enrolled; -ERR_CORRUPT: the store is damaged; or another negative. */
int take_host(const struct take_conf *conf, const char *host, struct take_result *r) __attribute__((warn_unused_result));

#endif
