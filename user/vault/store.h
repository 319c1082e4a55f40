/*
 * store.h - the vault's directory: one wrapped file per item, all of them held in memory still wrapped.
 * Floor: vault.      Owns: its own descriptor of the directory and the wrapped bytes; plaintext only in the caller's struct keep.
 *
 * Invariants:
 *  1. A file is replaced by temp + fsync + rename + fsync of the directory: after a crash the old or the new item is there, whole.
 *  2. A version number of a name is never used twice: removal leaves a WRAP_GONE item.
 *  3. An item that does not open is listed as damaged, answers -ERR_CORRUPT, and hinders no other item.
 * Limit: who can write the directory can put back an older file of the same name; it is sealed, not anchored.
 */
#ifndef VAULT_STORE_H
#define VAULT_STORE_H

#include "vault/wrap.h"

enum { STORE_MAX = 1024 }; /* items, removed ones included */

struct store;

struct store_item { /* what may be shown */
	struct wrap_head head;
	bool damaged; /* head then holds the name and, if it could be read, an unproven version */
};

/** store_open(dir, key, s): Read every item below ${dir} (borrowed until it returns).  ${key} must outlive the store.  Damage is logged. */
int store_open(int dir, const struct wrap_key *key, struct store **s) __attribute__((warn_unused_result));
void store_free(struct store **s);

/** store_put(s, h, plain): Write an item; fills h->version (one more than the last) and h->created_s.  0, -ENOSPC, errno. */
int store_put(struct store *s, struct wrap_head *h, struct view plain) __attribute__((warn_unused_result));

/** store_get(s, kind, name, h, plain): Open an item into ${plain}.  0, -ERR_NOT_FOUND, -ERR_CORRUPT. */
int store_get(struct store *s, enum wrap_kind kind, const char *name, struct wrap_head *h, struct keep *plain)
    __attribute__((warn_unused_result));

/** store_remove(s, name, version): Forget a credential for good; its last version.  0, -ERR_NOT_FOUND, errno. */
int store_remove(struct store *s, const char *name, uint32_t *version) __attribute__((warn_unused_result));

/** store_find(s, name): A credential, damaged ones included, or NULL.  Borrowed until the next put or remove. */
const struct store_item *store_find(const struct store *s, const char *name);

/** store_next(s, after): The first credential whose name sorts after ${after} ("" at first), or NULL. */
const struct store_item *store_next(const struct store *s, const char *after);

#endif
