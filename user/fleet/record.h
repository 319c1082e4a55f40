/*
 * record.h - the collector's own record of what came: a leaf in its log, then a receipt for the host.
 * Floor: fleet.      Owns: the log and the signing key, which is wiped.      One process at a time.
 *
 * A leaf is the text of the receipt without its signature (audit/receipt.h), so a receipt can be made again from the log, byte by byte.
 * Receipts of a commit are on disk before the next one begins: only the last TLOG_TILE leaves can lack theirs.
 */
#ifndef FLEET_RECORD_H
#define FLEET_RECORD_H

#include "fleet/state.h"

struct record;

/** record_open(store, r): Take the key and the log, and give the receipts that a crash kept back.  -ERR_CORRUPT: log and key do not fit. */
int record_open(int store, struct record **r) __attribute__((warn_unused_result));
void record_free(struct record **r);

/** record_add(r, host, p): Remember a leaf for a segment that is in the store; one that has its receipt needs none.  -ENOBUFS: record_commit() first. */
int record_add(struct record *r, const char *host, const struct state_piece *p) __attribute__((warn_unused_result));
/** record_commit(r): Leaves, checkpoint, receipts are on disk, in this order.  After an error it must be opened anew. */
int record_commit(struct record *r) __attribute__((warn_unused_result));

/** record_size(r): Leaves. */
uint64_t record_size(const struct record *r);

#endif
