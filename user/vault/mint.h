/*
 * mint.h - the machine's own certificate authority, and short-lived leaves for registered hosts.
 * Floor: vault.      Source: RFC 5280; ECDSA P-256 with SHA-256, which every client that takes a private root accepts.
 * Owns: the root key (OpenSSL's locked heap), one leaf key for the life of the process, a cache of leaves by name.
 *
 * Leaves are signed by the root itself; its path length leaves room for an online intermediate.  Times: notBefore lies an hour
 * back for clocks that are slow, a leaf lives 7 days in all and is handed out for at most one.
 */
#ifndef VAULT_MINT_H
#define VAULT_MINT_H

#include "ipc/msg.h"
#include "vault/lease.h"

enum { MINT_CACHE = 1024, MINT_DER_MAX = 2048, MINT_KEY_MAX = 256 };

struct mint;

struct mint_ca { /* what may be shown */
	char sha256[65]; /* of the certificate in DER, hex */
	char subject[128];
	struct wall not_before, not_after;
	struct view pem; /* borrowed until the mint is freed */
};

/**
 * mint_open(s, m, made):
 * Load the root from the store, or make and store one when there is none (*${made}).  A root that is there but does not open
 * is never replaced: -ERR_CORRUPT.  Call mint_memory() first.
 */
int mint_open(struct store *s, struct mint **m, bool *made) __attribute__((warn_unused_result));
void mint_free(struct mint **m);

/** mint_memory(): Give OpenSSL a locked heap for private keys, once per process, before any key.  Whether it is locked. */
bool mint_memory(void);

void mint_ca(const struct mint *m, struct mint_ca *ca);

/** mint_root(m): The root certificate in DER.  Borrowed until the mint is freed. */
struct view mint_root(const struct mint *m);

/**
 * mint_leaf(m, name, is_ip, now, mono, leaf, ttl_s):
 * A leaf for ${name} (canonical): from the cache, or new.  1: new; 0: cached; -EAGAIN beyond the rate; -ERR_UNAVAILABLE.
 * ${leaf} is borrowed until the next call.
 */
int mint_leaf(struct mint *m, const char *name, bool is_ip, struct wall now, struct mono mono, struct view *leaf, uint32_t *ttl_s)
    __attribute__((warn_unused_result));

/**
 * mint_answer(m, b, q, slot, now, mono, rec, out):
 * Answer a worker: ${out} becomes the whole M_MINTED payload.  ${m} may be NULL: no authority.  Returns whether ${rec} is to be recorded.
 */
bool mint_answer(struct mint *m, const struct lease_book *b, const struct m_mint *q, uint32_t slot, struct wall now,
    struct mono mono, struct m_release *rec, struct keep *out);

/** mint_forget(m, b): Drop cached leaves of hosts that are no longer registered. */
void mint_forget(struct mint *m, const struct lease_book *b);

#endif
