/*
 * feed_internal.h - what feed.c (records) and feed_seed.c (what the files say) share.
 * Floor: audit.
 */
#ifndef AUDIT_FEED_INTERNAL_H
#define AUDIT_FEED_INTERNAL_H

#include "audit/calls.h"
#include "audit/feed.h"
#include "ipc/rec.h"

struct feed_ring {
	uint64_t id; /* 0: free */
	int64_t slot;
	struct shring *ring; /* NULL: known from the files only */
	int fd[4];
	uint64_t read, acked; /* positions */
	struct mono empty_at; /* the ring was seen empty then */
	bool corrupt, alerted;
	struct calls calls;
};

struct feed {
	struct trail *trail;
	struct feed_ring ring[FEED_RINGS];
	enum shring_why hold;
	uint64_t found_seq; /* last line that the files held at start */
	struct mono now;
	struct wall wall; /* at the same moment */
	struct rec_seen rec;
	uint64_t lost, lost_ever; /* records that could not be kept: not said yet, and in all */
	struct wall lost_from, lost_to;
	int lost_why;
	trail_seal_fn *seal;
	void *seal_arg;
};

/** feed_find(f, id): The ring's entry or NULL; id 0: a free entry. */
struct feed_ring *feed_find(struct feed *f, uint64_t id);
struct feed_ring *feed_room(struct feed *f);

#endif
