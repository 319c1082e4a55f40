/*
 * rate.h - a token bucket.
 * Floor: base.      Units: events per second, nanoseconds of CLOCK_MONOTONIC.      Starts full.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>

#include "base/mtime.h"

struct rate {
	uint32_t per_s, burst;
	uint32_t spent;   /* tokens missing from a full bucket */
	struct mono last; /* when spent was last brought up to date */
};

/** rate_take(r, now): Take one token: false when there is none. */
static inline bool rate_take(struct rate *r, struct mono now)
{
	uint64_t past = now.ns > r->last.ns ? now.ns - r->last.ns : 0;

	if (past >= 1000000000u * (uint64_t)(r->burst / r->per_s + 1)) {
		r->spent = 0;
		r->last = now;
	} else {
		uint64_t back = past * r->per_s / 1000000000u;
		r->spent = back >= r->spent ? 0 : r->spent - (uint32_t)back;
		/* Only whole tokens move the clock, so that frequent calls do not round them away. */
		r->last.ns += back * 1000000000u / r->per_s;
	}
	if (r->spent >= r->burst)
		return false;
	r->spent++;
	return true;
}

#endif
