/*
 * mint.h - the machine's own certificate authority, and short-lived leaves for registered hosts.
 * Floor: vault.      Source: RFC 5280; ECDSA P-256 with SHA-256, which every client that takes a private root accepts.
 * Owns: the intermediates' key and one leaf key for the life of the process (OpenSSL's locked heap).
 *
 * root (10 years, its key opened for each signature only) -> intermediate (7 days; name constraints: the registered hosts, at most
 * MINT_CHUNK in one) -> leaf (3 days, handed out for at most half of one).  When the set of hosts changes, intermediates are signed
 * anew; clients trust the root alone, so nothing has to be installed.  A constraint on a DNS name permits the names below it too:
 * RFC 5280 has no other; leaves are made for registered names only.  notBefore lies an hour back for clocks that are slow.
 *
 * Rotation: mint_rotate(begin) makes a second root that is shown with the first and signs nothing; when both are installed
 * everywhere, mint_rotate(finish) puts it in the place of the first, whose key is gone then.
 */
#ifndef VAULT_MINT_H
#define VAULT_MINT_H

#include "ipc/msg.h"
#include "vault/lease.h"

enum { MINT_DER_MAX = 2048, MINT_KEY_MAX = 256, MINT_ISSUER_MAX = 12288 };

#define MINT_ROOT "root" /* the item in the store */

struct mint;

struct mint_ca { /* what may be shown */
	char sha256[65]; /* of the certificate in DER, hex */
	char subject[128];
	struct wall not_before, not_after;
	char next_sha256[65]; /* empty: no rotation is on */
	struct view pem;      /* the root's, then the next one's; borrowed until the mint is freed or rotated */
};

struct mint_chain { /* borrowed until the next call of mint_leaf() */
	struct view leaf, issuer; /* DER */
	uint32_t ttl_s;
};

/**
 * mint_open(s, m, made):
 * Load the root from the store, or make and store one when there is none (*${made}).  A root that is there but does not open
 * is never replaced: -ERR_CORRUPT.  Call mint_memory() first; ${s} must outlive the mint.
 */
int mint_open(struct store *s, struct mint **m, bool *made) __attribute__((warn_unused_result));
void mint_free(struct mint **m);

/** mint_memory(): Give OpenSSL a locked heap for private keys, once per process, before any key.  Whether it is locked. */
bool mint_memory(void);

void mint_ca(const struct mint *m, struct mint_ca *ca);

/** mint_rotate(m, finish): See above.  0, -ERR_EXISTS (begun already), -ERR_NOT_FOUND (not begun), or why the store did not take it. */
int mint_rotate(struct mint *m, bool finish) __attribute__((warn_unused_result));

/**
 * mint_leaf(m, b, name, is_ip, now, mono, out):
 * A leaf for ${name} (canonical) and its issuer.  Workers keep it for ttl_s.  0; -ERR_DENIED: not registered; -EAGAIN: beyond the rate; -ERR_UNAVAILABLE.
 */
int mint_leaf(struct mint *m, const struct lease_book *b, const char *name, bool is_ip, struct wall now, struct mono mono,
    struct mint_chain *out) __attribute__((warn_unused_result));

/**
 * mint_answer(m, b, q, slot, now, mono, rec, out):
 * Answer a worker: ${out} becomes the whole M_MINTED payload.  ${m} may be NULL: no authority.  Returns whether ${rec} is to be recorded.
 */
bool mint_answer(struct mint *m, const struct lease_book *b, const struct m_mint *q, uint32_t slot, struct wall now,
    struct mono mono, struct m_release *rec, struct keep *out);

/** mint_forget(m): The set of hosts changed: drop the intermediates. */
void mint_forget(struct mint *m);

#endif
