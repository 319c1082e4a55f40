/*
 * quota_table.h - the mapped table of counters: lock-free counting, locked bookkeeping.
 * Floor: policy, inside.      Owns: nothing; the memory is the caller's mapping.
 *
 * A counter is a 128-bit name and a 128-bit word: 28 bits say which window it counts, 100 bits how much.  Both change in one
 * compare-and-swap, so that
 *  1. a process that dies or is stopped at any instruction leaves every counter whole,
 *  2. an amount can only ever be given back to the window it was taken from,
 *  3. a counter's window only moves forward: a clock that is set back goes on counting in the window that it knew.
 * Only giving a name its place takes a lock.  What a dead process had reserved stays counted: kept is the safe side.
 */
#ifndef POLICY_QUOTA_TABLE_H
#define POLICY_QUOTA_TABLE_H

#include "policy/quota_hash.h"

struct quota_table;

/** quota_table_open(mem, len): The table in ${mem}, or NULL when it is too short or holds something else. */
struct quota_table *quota_table_open(void *mem, size_t len);
size_t quota_table_size(void);

/*
 * Kinds of windows; the first ones are enum pol_window.  A sliding window is kept in buckets of a sixth of its length, and the sum of
 * seven of them has to stay within the limit: whatever span of that length one takes, it lies within seven buckets.
 */
enum { QUOTA_MINUTE, QUOTA_HOUR, QUOTA_DAY, QUOTA_MONTH, QUOTA_SLIDING_MINUTE, QUOTA_SLIDING_HOUR, QUOTA_SLIDING_DAY, QUOTA_ONCE, QUOTA_KINDS };
enum { QUOTA_BUCKETS = 7, QUOTA_COUNTERS = 1 << 15 };

/** quota_table_window(kind, seconds): The number of the window, or of the bucket, of ${kind} at ${seconds} since 1970. */
uint64_t quota_table_window(unsigned kind, int64_t seconds);

struct quota_claim {
	quota_hash_t name;
	unsigned kind;
	unsigned __int128 amount, max; /* both below 2^100 */
	uint64_t window;               /* asked for; then the one that counts, which is later when the clock was set back */
	uint64_t slot;                 /* out */
	int64_t now;                   /* of quota_table_once() */
};

enum quota_answer { QUOTA_YES, QUOTA_NO, QUOTA_FULL };

/** quota_table_look(t, claim, worker): Would the amount fit now?  Changes no count. */
enum quota_answer quota_table_look(struct quota_table *t, struct quota_claim *claim, uint32_t worker);
enum quota_answer quota_table_add(struct quota_table *t, struct quota_claim *claim, uint32_t worker);
/**
 * quota_table_once(t, claim, now, worker):
 * QUOTA_YES when the name was not used in the last ${claim}->max seconds, and note that it was used at ${now}.  For QUOTA_ONCE.
 * quota_table_back() with the claim's slot, window and amount forgets it again.
 */
enum quota_answer quota_table_once(struct quota_table *t, struct quota_claim *claim, int64_t now, uint32_t worker);
/** quota_table_used(t, slot, window): What the counter at ${slot} holds in ${window}. */
unsigned __int128 quota_table_used(struct quota_table *t, uint64_t slot, uint64_t window);
/** quota_table_start(kind, window): When the window begins, in seconds since 1970.  quota_table_end(): the first second after it. */
int64_t quota_table_start(unsigned kind, uint64_t window);
int64_t quota_table_end(unsigned kind, uint64_t window);
/** quota_table_back(t, slot, window, amount): Undo an addition, unless its window is over. */
void quota_table_back(struct quota_table *t, uint64_t slot, uint64_t window, unsigned __int128 amount);

/**
 * quota_table_count(t, claim, worker): Add the amount to exactly that window or bucket, whatever the maximum; a counter that knows a later one
 * keeps that.  For private tables: the counts of one window may come in any order.
 */
enum quota_answer quota_table_count(struct quota_table *t, const struct quota_claim *claim, uint32_t worker);
/**
 * quota_table_raise(t, from, worker):
 * Let no counter stand lower than the one of its name in ${from}, a private table.  A counter that has gone on to a later window stays.
 * False when there is no room for one of them.
 */
bool quota_table_raise(struct quota_table *t, struct quota_table *from, uint32_t worker) __attribute__((warn_unused_result));

#endif
