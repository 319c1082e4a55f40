/*
 * ring.h - one restricted io_uring and the receive buffers that the kernel picks from.
 * Floor: io (private to it).      Process: callgate-proxy.
 * Source: io_uring_setup(2), io_uring_register(2); only what Linux 6.1 has.
 * Owns: the ring, its mappings, RING_BUFS receive buffers.  One task makes it and uses it.
 *
 * user_data is never a pointer: operation (8 bits), slot (24 bits), generation (32 bits).
 */
#ifndef IO_RING_H
#define IO_RING_H

#include <liburing.h>

#include "base/view.h"

/* Small on purpose: the ring is consumed in order, so all of it passes through the cache. */
enum { RING_BUFS = 32, RING_BUF_LEN = 8192, RING_GROUP = 1, RING_SLOTS = 1 << 24 };

enum op { OP_NONE, OP_ACCEPT, OP_WATCH, OP_CONNECT, OP_RECV, OP_SEND, OP_CANCEL, OP_PROBE, OP_COUNT };

/* A completion, taken apart. */
struct event {
	enum op op;
	uint32_t slot, gen;
	int res;
	bool more;        /* the request stays armed: this alone decides, not res */
	bool has_buf;     /* ${buf} was filled and must go back with ring_give() */
	uint16_t buf;
};

struct ring {
	struct io_uring u;
	struct io_uring_buf_ring *br; /* RING_BUFS entries, then the buffers, in one mapping */
	uint8_t *mem;
	bool open;
};

/** ring_open(r, entries, why, why_len): Make it.  -ERR_NO_FEATURE and words in ${why} when the kernel cannot. */
int ring_open(struct ring *r, unsigned entries, char *why, size_t why_len) __attribute__((warn_unused_result));
void ring_close(struct ring *r);

/** ring_sqe(r, op, slot, gen): The next free submission, tagged; prepare it with ring_tag() last.  NULL: full, try next turn. */
struct io_uring_sqe *ring_sqe(struct ring *r);
void ring_tag(struct io_uring_sqe *sqe, enum op op, uint32_t slot, uint32_t gen);
uint64_t ring_data(enum op op, uint32_t slot, uint32_t gen);

/** ring_wait(r, ns): Submit, and wait up to ${ns} for one completion; UINT64_MAX: for ever.  0 also when time ran out. */
int ring_wait(struct ring *r, uint64_t ns) __attribute__((warn_unused_result));
/** ring_next(r, e): Take one completion, if there is one. */
bool ring_next(struct ring *r, struct event *e);

/** ring_bytes(r, e): What the kernel put into the buffer of ${e}; borrowed until ring_give(). */
struct view ring_bytes(const struct ring *r, const struct event *e);
void ring_give(struct ring *r, const struct event *e);

/** ring_opcodes(out, n): The opcodes that are let through; returns how many there are. */
size_t ring_opcodes(uint8_t *out, size_t n);

#endif
