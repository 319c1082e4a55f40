/*
 * feed.h - from the record rings of the workers into the audit stream.
 * Floor: audit.      Owns: its ends of the rings and their descriptors.
 *
 * A worker may be taken over.  What it cannot do here: give a line another's call id (the ring's identity is part of it), open a
 * call twice or out of turn, close a call that is not open, date a record before the ring was last seen empty or after now.
 * What it tries becomes a line of kind "alert".
 */
#ifndef AUDIT_FEED_H
#define AUDIT_FEED_H

#include "audit/trail.h"
#include "ipc/shring.h"

enum { FEED_RINGS = 64, FEED_NO_SLOT = -1 }; /* slot of a ring whose worker is gone */

struct feed;

/** feed_new(feed): Without a stream yet: it learns from the stream's newest file first. */
int feed_new(struct feed **f) __attribute__((warn_unused_result));
void feed_free(struct feed **f);

/** feed_seal(f, fn, arg): What a seal says besides; before feed_owner().  feed_owner(f): For trail_open(). */
void feed_seal(struct feed *f, trail_seal_fn *fn, void *arg);
struct trail_owner feed_owner(struct feed *f);
void feed_trail(struct feed *f, struct trail *s);

/**
 * feed_ring(f, id, slot, data, ack, bell, ackbell):
 * Take over a ring and its descriptors.  ${slot} FEED_NO_SLOT: nobody writes it any more.  An earlier ring of the same slot has lost
 * its writer when ${replaces}.  0; -EEXIST; -ENOSPC; -ERR_CORRUPT.  The descriptors are closed on error.
 */
int feed_ring(struct feed *f, uint64_t id, int64_t slot, const int fd[4], bool replaces) __attribute__((warn_unused_result));
enum { FEED_DATA, FEED_ACK, FEED_BELL, FEED_ACKBELL };

/** feed_orphans(f): At start, after the first rings came: close the calls of rings that are not there any more. */
void feed_orphans(struct feed *f);

struct feed_seen {
	size_t records, bytes, waits; /* waits: somebody holds a call back until these are durable */
};
/** feed_drain(f, most, seen): Read at most about ${most} bytes of records into the stream; adds to ${seen}. */
void feed_drain(struct feed *f, size_t most, struct feed_seen *seen);

/** feed_commit(f, how): trail_commit(), with the rings' marks before and their acknowledgements after it. */
int feed_commit(struct feed *f, enum trail_flag how) __attribute__((warn_unused_result));

/** feed_write(f, how): The first half of it: written, but nobody was told. */
int feed_write(struct feed *f, enum trail_flag how) __attribute__((warn_unused_result));

/** feed_settle(f): Rings without a writer that are empty and acknowledged: abandon their open calls and let them go.  Call it after a commit. */
void feed_settle(struct feed *f);

/** feed_stop(f): The service ends: abandon every open call. */
void feed_stop(struct feed *f);

/** feed_hold(f, why): shring_hold() on every ring, and on those that come. */
void feed_hold(struct feed *f, enum shring_why why);

/** feed_sleep(f): About to wait for the bells: false when something came meanwhile.  feed_wake(f): awake again. */
bool feed_sleep(struct feed *f);
void feed_wake(struct feed *f);

/** feed_bell(f, i): The bell of ring number ${i}, or -1; i < FEED_RINGS. */
int feed_bell(const struct feed *f, size_t i);

/** feed_loss(f, count, from, to, cause): A record of kind "loss".  feed_lost(f): records that were read and could not be kept. */
int feed_loss(struct feed *f, uint64_t count, struct wall from, struct wall to, const char *cause) __attribute__((warn_unused_result));
uint64_t feed_lost(const struct feed *f);

/** feed_state(f, w): An array "rings" for status. */
void feed_state(const struct feed *f, struct jsonw *w);

#endif
