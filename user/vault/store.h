/*
 * store.h - the vault's directory: one wrapped file per item, all of them held in memory still wrapped.
 * Floor: vault.      Owns: its own descriptor of the directory and the wrapped bytes; plaintext only in the caller's struct keep.
 *
 * Invariants:
 *  1. A file is replaced by temp + fsync + rename + fsync of the directory: after a crash the old or the new item is there, whole.
 *  2. A version number of a name is never used twice: removal leaves a WRAP_GONE item.
 *  3. The version before may stay, for as long as its successor's header says, in the same file: both are there, or the newer one alone.
 *     Within one boot CLOCK_BOOTTIME decides; over a restart whichever clock has gone further, and a wall clock before its beginning ends it.
 *  4. An item that does not open is listed as damaged, answers -ERR_CORRUPT, and hinders no other item.
 * Limit: who can write the directory can put back an older file of the same name; it is sealed, not anchored.
 */
#ifndef VAULT_STORE_H
#define VAULT_STORE_H

#include "base/mtime.h"
#include "vault/wrap.h"

enum { STORE_MAX = 1024 }; /* items, removed ones included */

struct store;

struct store_item { /* what may be shown */
	struct wrap_head head;
	bool damaged; /* head then holds the name and, if it could be read, an unproven version */
	uint32_t before; /* the version before, 0: none */
	struct mono until; /* of CLOCK_BOOTTIME: it is to be used until then, and forgotten */
};

/** store_open(dir, key, s): Read every item below ${dir} (borrowed until it returns).  ${key} must outlive the store.  Damage is logged. */
int store_open(int dir, const struct wrap_key *key, struct store **s) __attribute__((warn_unused_result));
void store_free(struct store **s);

/**
 * store_put(s, h, plain): Write an item; fills h->version (one more than the last) and h->created_s.  0, -ENOSPC, errno.
 * h->overlap_s: the version that was current stays for so long; becomes 0 when there is none.  What was before that one goes in any case.
 */
int store_put(struct store *s, struct wrap_head *h, struct view plain) __attribute__((warn_unused_result));

/** store_get(s, kind, name, h, plain): Open an item into ${plain}.  0, -ERR_NOT_FOUND, -ERR_CORRUPT. */
int store_get(struct store *s, enum wrap_kind kind, const char *name, struct wrap_head *h, struct keep *plain)
    __attribute__((warn_unused_result));

/** store_before(s, name, h, plain): Open the version before, while it is to be used.  As store_get(). */
int store_before(struct store *s, const char *name, struct wrap_head *h, struct keep *plain) __attribute__((warn_unused_result));

/** store_forget(s, name): End an overlap, or what is left of it.  0, errno: tried again later. */
int store_forget(struct store *s, const char *name) __attribute__((warn_unused_result));

/** store_remove(s, name, version): Forget a credential for good; its last version.  0, -ERR_NOT_FOUND, errno. */
int store_remove(struct store *s, const char *name, uint32_t *version) __attribute__((warn_unused_result));

/** store_find(s, name): A credential, damaged ones included, or NULL.  Borrowed until the next put or remove. */
const struct store_item *store_find(const struct store *s, const char *name);

/** store_next(s, after): The first credential whose name sorts after ${after} ("" at first), or NULL. */
const struct store_item *store_next(const struct store *s, const char *after);

#endif
