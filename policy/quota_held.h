/*
 * quota_held.h - what each worker slot has reserved and not settled yet, and what nobody will ever settle.
 * Floor: policy, inside.      Owns: nothing; the memory lies behind the counters in the same mapping.
 *
 * A charge is counted in full from its reservation on; this says which part of the count is reserved (a call is on its way) and which
 * uncertain (sent, and nobody knows what came of it).  The rest is committed.  An entry is written before its amount is counted, and a
 * slot's entries become uncertain when its next worker starts: a worker that dies loses nothing.
 */
#ifndef POLICY_QUOTA_HELD_H
#define POLICY_QUOTA_HELD_H

#include "policy/quota_table.h"

enum { QUOTA_SLOTS = 64, QUOTA_HELD = 2048 };

struct quota_held;

size_t quota_held_size(void);
struct quota_held *quota_held_open(void *mem, size_t len);

/** quota_held_put(h, worker, amount): A place for a reservation to come, or negative: this worker holds as many as it may. */
int quota_held_put(struct quota_held *h, uint32_t worker, unsigned __int128 amount) __attribute__((warn_unused_result));
/** quota_held_at(h, worker, i, slot, window): The amount was counted there. */
void quota_held_at(struct quota_held *h, uint32_t worker, int i, uint64_t slot, uint64_t window);
void quota_held_drop(struct quota_held *h, uint32_t worker, int i);
/** quota_held_doubt(h, worker, i): Drop it, and note its amount as uncertain in its window. */
void quota_held_doubt(struct quota_held *h, uint32_t worker, int i);
/** quota_held_claim(h, worker): A new worker takes the slot: what the last one left becomes uncertain.  How many there were. */
unsigned quota_held_claim(struct quota_held *h, uint32_t worker);

/** quota_held_sum(h, slot, window, reserved, uncertain): Of one counter. */
void quota_held_sum(struct quota_held *h, uint64_t slot, uint64_t window, unsigned __int128 *reserved, unsigned __int128 *uncertain);

#endif
