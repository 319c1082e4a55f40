/*
 * crowd.h - how many connections each user holds, so that nobody can take the last one from the others; and what they weigh.
 * Floor: gate.      Owns: one small entry per user who holds a connection.      Pure.
 *
 * A user may hold CROWD_SHARE times as many as are still free: one alone gets 7/8 of all, a second one 7/8 of what he leaves, and
 * however many are greedy, the next one still finds a place.
 */
#ifndef GATE_CROWD_H
#define GATE_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CROWD_SHARE = 7, CROWD_SETS = 256 };

struct crowd { /* zero it, set max; crowd_free() at the end */
	size_t max, n;
	struct crowd_user *set[CROWD_SETS];
};

/** crowd_enter(w, uid): One more of ${uid}, or false: there is no place, not for this user, or no memory. */
bool crowd_enter(struct crowd *w, uint32_t uid) __attribute__((warn_unused_result));
/** crowd_leave(w, uid): One that had entered is gone. */
void crowd_leave(struct crowd *w, uint32_t uid);
/** crowd_hold(w, uid, was, is): A connection of ${uid}, who has entered, held ${was} bytes and holds ${is} now; returns what all of theirs hold. */
size_t crowd_hold(struct crowd *w, uint32_t uid, size_t was, size_t is);
void crowd_free(struct crowd *w);

#endif
