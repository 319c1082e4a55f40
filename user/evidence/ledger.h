/*
 * ledger.h - the collector's log in a bundle: one row a leaf, from which the leaf, the tree and its root follow.
 * Floor: evidence.      Source: RFC 6962 section 2.1; C2SP signed-note, tlog-checkpoint.      Owns: nothing.
 */
#ifndef EVIDENCE_LEDGER_H
#define EVIDENCE_LEDGER_H

#include "audit/mac.h"
#include "audit/note.h"
#include "audit/chain.h"
#include "base/buf.h"

/* Columns of completeness/collector_log.csv that a leaf is made of. */
enum { LEDGER_HOST, LEDGER_TRAIL, LEDGER_SEGMENT, LEDGER_SHA, LEDGER_FIRST, LEDGER_LAST, LEDGER_RECEIVED, LEDGER_CELLS };
extern const char *const ledger_columns[LEDGER_CELLS];

/** ledger_leaf(cell, scratch, out): Hash of the leaf that a row stands for.  0 or -ENOMEM. */
int ledger_leaf(const struct view cell[LEDGER_CELLS], struct buf *scratch, uint8_t out[CHAIN_LEN]) __attribute__((warn_unused_result));

/* A tree that grows leaf by leaf: roots of whole subtrees, one a bit of the size. */
struct ledger_tree {
	uint64_t size;
	uint8_t root[64][CHAIN_LEN];
};
int ledger_add(struct ledger_tree *t, const uint8_t leaf[CHAIN_LEN]) __attribute__((warn_unused_result));
/** ledger_root(t, out): Of all leaves; an empty tree has SHA-256 of nothing. */
int ledger_root(const struct ledger_tree *t, uint8_t out[CHAIN_LEN]) __attribute__((warn_unused_result));

/** ledger_path(leaves, n, index, fn, arg): The audit path of one leaf among ${n} hashes, from its side up.  0 or -ENOMEM. */
int ledger_path(const uint8_t (*leaves)[CHAIN_LEN], uint64_t n, uint64_t index, void (*fn)(void *arg, const uint8_t hash[CHAIN_LEN]), void *arg)
    __attribute__((warn_unused_result));

struct ledger_checkpoint {
	char origin[NOTE_NAME];
	uint64_t size;
	uint8_t root[CHAIN_LEN];
};
/** ledger_checkpoint(text, key, out): Read one that ${key} signed.  0, -ERR_MALFORMED, or -ERR_CORRUPT: not signed so. */
int ledger_checkpoint(struct view text, const uint8_t key[SIGN_PUBLIC], struct ledger_checkpoint *out) __attribute__((warn_unused_result));

#endif
