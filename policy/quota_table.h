/*
 * quota_table.h - the mapped table of counters: lock-free counting, locked bookkeeping.
 * Floor: policy, inside.      Owns: nothing; the memory is the caller's mapping.
 *
 * A counter is a 128-bit name and a 128-bit word: 28 bits say which window it counts, 100 bits how much.  Both change in one
 * compare-and-swap, so that
 *  1. a process that dies or is stopped at any instruction leaves every counter whole,
 *  2. an amount can only ever be given back to the window it was taken from.
 * Only giving a name its place takes a lock.  What a dead process had reserved stays counted: kept is the safe side.
 */
#ifndef POLICY_QUOTA_TABLE_H
#define POLICY_QUOTA_TABLE_H

#include "policy/quota_hash.h"

struct quota_table;

/** quota_table_open(mem, len): The table in ${mem}, or NULL when it is too short or holds something else. */
struct quota_table *quota_table_open(void *mem, size_t len);
size_t quota_table_size(void);

/** quota_table_window(kind, seconds): The number of the window of ${kind} (enum pol_window) at ${seconds} since 1970. */
uint64_t quota_table_window(unsigned kind, int64_t seconds);

struct quota_claim {
	quota_hash_t name;
	unsigned kind;
	unsigned __int128 amount, max; /* both below 2^100 */
	uint64_t window;               /* asked for; then the one that counts, which is later when the clock was set back */
	uint64_t slot;                 /* out */
};

enum quota_answer { QUOTA_YES, QUOTA_NO, QUOTA_FULL };

/** quota_table_look(t, claim, worker): Would the amount fit now?  Changes no count. */
enum quota_answer quota_table_look(struct quota_table *t, struct quota_claim *claim, uint32_t worker);
enum quota_answer quota_table_add(struct quota_table *t, struct quota_claim *claim, uint32_t worker);
/** quota_table_back(t, slot, window, amount): Undo an addition, unless its window is over. */
void quota_table_back(struct quota_table *t, uint64_t slot, uint64_t window, unsigned __int128 amount);

#endif
