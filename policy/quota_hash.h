/*
 * quota_hash.h - the 128-bit name of a limit counter.
 * Floor: policy, inside.      Source: FNV-1a, 128 bits (draft-eastlake-fnv).
 * The names are chosen by the people who write policies and grants, so no adversary gains by a collision.
 */
#ifndef POLICY_QUOTA_HASH_H
#define POLICY_QUOTA_HASH_H

#include "base/view.h"

typedef unsigned __int128 quota_hash_t;
#define QUOTA_HASH_START (((quota_hash_t)0x6c62272e07bb0142u << 64) | 0x62b821756295c58du)
#define QUOTA_HASH_PRIME (((quota_hash_t)1 << 88) | 0x13b)

static inline quota_hash_t quota_hash(quota_hash_t h, struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		h = (h ^ v.p[i]) * QUOTA_HASH_PRIME;
	return h;
}

/** quota_hash_sized(h, v): The length first, so that no two lists of parts run together. */
static inline quota_hash_t quota_hash_sized(quota_hash_t h, struct view v)
{
	uint64_t n = v.n;
	return quota_hash(quota_hash(h, view_of(&n, sizeof(n))), v);
}

/* What a limit's counters have in common; whose they are, is mixed in afterwards.  ${list}: enum pol_list. */
static inline quota_hash_t quota_hash_limit(unsigned window, uint8_t list, struct view tool, struct view counter)
{
	uint8_t w = (uint8_t)window;
	quota_hash_t h = quota_hash(quota_hash(QUOTA_HASH_START, view_of(&w, 1)), view_of(&list, 1));
	return quota_hash_sized(quota_hash_sized(h, tool), counter);
}

#endif
