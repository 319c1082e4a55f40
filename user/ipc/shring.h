/*
 * shring.h - the record ring between a worker (writer) and callgate-audit (reader).
 * Floor: ipc.      Files: a data file (writer rw, reader rw) and an acknowledgement page (writer r, reader rw),
 * both on the tmpfs run directory, so that records survive either end.
 *
 * Invariants:
 *  1. Only the writer moves head; only the reader moves acked.  acked <= head, in bytes since the ring was made.
 *  2. A record is visible only whole: head moves after its last byte (release), so a torn record cannot be read.
 *  3. The reader trusts nothing in the data file: lengths are checked against head, and the record is copied before it is parsed.
 *  4. What was read but not acknowledged stays in the ring: a reader that starts anew reads it again, and knows it by its call.
 *  5. No record is dropped: a full ring is -EAGAIN to the writer, who must hold the call back.
 *
 * Units: bytes.  A record's position (the value of head after it was written) is what is acknowledged.
 */
#ifndef IPC_SHRING_H
#define IPC_SHRING_H

#include "base/view.h"

enum { SHRING_DATA = 1 << 20, SHRING_REC_MAX = 16384 };

struct shring; /* one end */

/** shring_create(dirfd, name, data_fd, ack_fd): Make both files new (name + ".data", ".ack"), sized and zeroed; callgated only. */
int shring_create(int dirfd, const char *name, int *data_fd, int *ack_fd) __attribute__((warn_unused_result));

/** shring_writer(data_fd, ack_fd, bell_fd, r): Map the writer's end.  The descriptors stay the caller's and must outlive ${r}. */
int shring_writer(int data_fd, int ack_fd, int bell_fd, struct shring **r) __attribute__((warn_unused_result));
int shring_reader(int data_fd, int ack_fd, int ackbell_fd, struct shring **r) __attribute__((warn_unused_result));
void shring_free(struct shring **r);

/** shring_put(r, rec, pos): Append ${rec} (1 to SHRING_REC_MAX bytes) and say its position; rings the bell if the reader sleeps.  -EAGAIN: full. */
int shring_put(struct shring *r, struct view rec, uint64_t *pos) __attribute__((warn_unused_result));

/** shring_room(r, n): Would a record of ${n} bytes fit now? */
int shring_room(const struct shring *r, size_t n);

/** shring_acked(r): Everything up to this position is durable (writer's end reads it; reader's end sets it). */
uint64_t shring_acked(const struct shring *r);

/**
 * shring_hold(r, why): Reader: nothing new may begin, or (SHRING_GO) it may again.  shring_held(r): Writer: what the reader last said.
 * What has begun is still recorded, as are refusals.
 */
enum shring_why { SHRING_GO = 0, SHRING_FULL = 1 /* its disk is full */, SHRING_FAILING = 2 /* it cannot write */ };
void shring_hold(struct shring *r, enum shring_why why);
enum shring_why shring_held(const struct shring *r);

/** shring_get(r, rec): Copy out the next record: 1, 0 when empty, -ERR_CORRUPT when the writer broke the ring (drain no further).  Borrowed until the next call. */
int shring_get(struct shring *r, struct view *rec, uint64_t *pos) __attribute__((warn_unused_result));

/** shring_ack(r, pos): Say that everything up to ${pos} is safe, and wake the writer. */
void shring_ack(struct shring *r, uint64_t pos);

/**
 * shring_mark(r, pos, seq):
 * Reader: everything up to ${pos} is about to be written, ending with line ${seq}.  A reader that starts anew asks shring_marked()
 * and, if line ${seq} was written, calls shring_skip(): so nothing is written twice.
 */
void shring_mark(struct shring *r, uint64_t pos, uint64_t seq);
/** shring_marked(r, pos, seq): 1 and the mark, or 0 when there is none beyond what is acknowledged. */
int shring_marked(const struct shring *r, uint64_t *pos, uint64_t *seq);
/** shring_skip(r, pos): Go on after ${pos}, which is acknowledged. */
void shring_skip(struct shring *r, uint64_t pos);

/** shring_drained(data_fd, ack_fd): Is everything in this ring acknowledged?  For its keeper, who maps neither file. */
int shring_drained(int data_fd, int ack_fd);

/** shring_sleep(r): Reader: about to sleep; returns true if nothing arrived meanwhile, so that sleeping is safe. */
int shring_sleep(struct shring *r);
/** shring_wake(r): Reader: awake again. */
void shring_wake(struct shring *r);

#endif
