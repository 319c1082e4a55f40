/*
 * mint_internal.h - what mint.c (leaves), mint_inter.c (intermediates), mint_root.c (roots) and mint_cert.c (building) share.
 * Floor: vault.
 */
#ifndef VAULT_MINT_INTERNAL_H
#define VAULT_MINT_INTERNAL_H

#include <openssl/x509.h>

#include "vault/mint.h"

enum { MINT_DAY = 86400, MINT_LEAF_S = 3 * MINT_DAY, MINT_INTER_S = 7 * MINT_DAY, MINT_TAG = 9 };

/* ---- mint_cert.c ---- */

/** mint_cert_key(): A new P-256 key, or NULL. */
EVP_PKEY *mint_cert_key(void);

/** mint_cert_tag(tag): Eight random hexadecimal digits: authorities of different keys must not share a name.  False: no randomness. */
bool mint_cert_tag(char tag[MINT_TAG]);

/** mint_cert_root(key, node): A self-signed root, named after ${node}, or NULL. */
X509 *mint_cert_root(EVP_PKEY *key, const char *node, struct wall now);

/**
 * mint_cert_inter(root, root_key, key, tag, host, n, now):
 * An authority under ${root} that may sign for ${host}s (canonical names and addresses; ${n} > 0) and what is below them, nothing else; or NULL.
 */
X509 *mint_cert_inter(X509 *root, EVP_PKEY *root_key, EVP_PKEY *key, const char *tag, const char *const *host, size_t n, struct wall now);

/** mint_cert_leaf(issuer, issuer_key, leaf_key, name, is_ip, now): A leaf, or NULL.  Its end is *${until}. */
X509 *mint_cert_leaf(X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *leaf_key, const char *name, bool is_ip, struct wall now,
    struct wall *until);

/** mint_cert_time(t): An ASN.1 time as an instant; ns 0 when it cannot be read. */
struct wall mint_cert_time(const ASN1_TIME *t);

/** mint_cert_put(x, out): DER of ${x} behind what is in ${out}; false: no room. */
bool mint_cert_put(X509 *x, struct keep *out);

/** mint_cert_put_key(key, out): PKCS#8 of ${key} behind what is in ${out}; false: no room. */
bool mint_cert_put_key(EVP_PKEY *key, struct keep *out);

/* ---- mint_root.c: at rest a root is one item, u32 length of the key, key as PKCS#8, certificate as DER ---- */

/** mint_root_load(s, item, cert, key): Open a root; ${key} may be NULL: not wanted.  0, -ERR_NOT_FOUND, -ERR_CORRUPT. */
int mint_root_load(struct store *s, const char *item, X509 **cert, EVP_PKEY **key) __attribute__((warn_unused_result));
/** mint_root_make(s, item, node, cert): A new root, named after ${node}, into the store. */
int mint_root_make(struct store *s, const char *item, const char *node, X509 **cert) __attribute__((warn_unused_result));
/** mint_root_move(s, from, to): Put the item ${from} in the place of ${to}, whose key is gone then. */
int mint_root_move(struct store *s, const char *from, const char *to) __attribute__((warn_unused_result));

/* ---- mint_inter.c ---- */

enum { MINT_CHUNK = 32, MINT_CHUNKS = LEASE_ROWS / MINT_CHUNK };

struct mint_inter { /* one authority for a run of registered hosts in their order */
	char first[HOST_LEN], last[HOST_LEN];
	struct wall made, until;
	X509 *cert;
};

struct mint_inters {
	EVP_PKEY *key; /* of this process alone, never stored; all of them have it and one name, so a leaf fits the next one too */
	char tag[MINT_TAG];
	struct mint_inter *row[MINT_CHUNKS];
	size_t n;
};

/** mint_inters_open(all): A key and a name.  0, -ERR_UNAVAILABLE. */
int mint_inters_open(struct mint_inters *all) __attribute__((warn_unused_result));
void mint_inters_free(struct mint_inters *all);

/** mint_inters_drop(all): The set of hosts changed, or the root: those that are there are not handed out again. */
void mint_inters_drop(struct mint_inters *all);

/**
 * mint_inters_for(all, s, b, host, now, out):
 * The authority for ${host}: one that is fresh, or a new one, for which the root's key is opened and wiped again.
 * 0, -ERR_DENIED (not registered), -ERR_UNAVAILABLE.  Borrowed until the next drop.
 */
int mint_inters_for(struct mint_inters *all, struct store *s, const struct lease_book *b, const char *host, struct wall now,
    const struct mint_inter **out) __attribute__((warn_unused_result));

#endif
