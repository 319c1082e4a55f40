/*
 * tlog.h - a transparency log in a directory: append leaves, tell what it stands at.
 * Floor: fleet.      Source: C2SP tlog-tiles (layout), tlog-checkpoint and signed-note; RFC 6962 section 2.1 (hashing).
 * Owns: its copy of the tree's right edge; the directory descriptor is borrowed.      Units: leaves.
 *
 *	checkpoint                       ORIGIN, SIZE, BASE64(root), signed
 *	tile/L/N[.p/W]                   W (256 when whole) hashes of 32 bytes of tree level 8L
 *	tile/entries/N[.p/W]             the same leaves: 2 bytes of length, most first, then the leaf
 * N is written in groups of three digits, all but the last with an x in front: x001/x234/067.
 *
 * The checkpoint is written last.  What a crash left beyond it does not count and is written over.
 * One process writes; whoever reads may do so at any time.
 */
#ifndef FLEET_TLOG_H
#define FLEET_TLOG_H

#include "audit/chain.h"
#include "audit/mac.h"
#include "audit/note.h"
#include "base/buf.h"

enum { TLOG_LEAF_MAX = 65535, TLOG_TILE = 256 };

struct tlog;

/**
 * tlog_open(dir, origin, seed, log):
 * Read where the log in ${dir} stands, and check that its tiles give the root that was signed; an empty directory begins a log.
 * -ERR_CORRUPT when they do not, or when another key signed it.
 */
int tlog_open(int dir, const char *origin, const uint8_t seed[SIGN_SEED], struct tlog **log) __attribute__((warn_unused_result));
void tlog_free(struct tlog **log);

/** tlog_size(log): Leaves. */
uint64_t tlog_size(const struct tlog *log);

/** tlog_add(log, leaf): Append one; it counts when tlog_commit() says 0.  -ERR_TOO_LONG, -ENOBUFS (commit first: TLOG_TILE are waiting) or -ENOMEM. */
int tlog_add(struct tlog *log, struct view leaf) __attribute__((warn_unused_result));

/** tlog_commit(log): Everything that was added is on disk, and the new checkpoint after it.  After an error the log must be opened anew. */
int tlog_commit(struct tlog *log) __attribute__((warn_unused_result));

/** tlog_leaf(dir, size, index, leaf): Read one leaf of a log of ${size}.  0, -ERR_RANGE, -ERR_CORRUPT or negative errno. */
int tlog_leaf(int dir, uint64_t size, uint64_t index, struct buf *leaf) __attribute__((warn_unused_result));

/** tlog_each(dir, size, fn, arg): Every leaf of a log of ${size}, in order; ends with the first answer of ${fn} that is not 0.  The same errors. */
int tlog_each(int dir, uint64_t size, int (*fn)(void *arg, uint64_t index, struct view leaf), void *arg) __attribute__((warn_unused_result));

/** tlog_hash_leaf(leaf, out), tlog_hash_node(a, b, out): RFC 6962: SHA-256(00 || leaf), SHA-256(01 || a || b).  0 or -ENOMEM. */
int tlog_hash_leaf(struct view leaf, uint8_t out[CHAIN_LEN]) __attribute__((warn_unused_result));
int tlog_hash_node(const uint8_t a[CHAIN_LEN], const uint8_t b[CHAIN_LEN], uint8_t out[CHAIN_LEN]) __attribute__((warn_unused_result));

#endif
