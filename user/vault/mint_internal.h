/*
 * mint_internal.h - what mint.c (keeping) and mint_cert.c (building certificates) share.
 * Floor: vault.
 */
#ifndef VAULT_MINT_INTERNAL_H
#define VAULT_MINT_INTERNAL_H

#include <openssl/x509.h>

#include "vault/mint.h"

/** mint_cert_key(): A new P-256 key, or NULL. */
EVP_PKEY *mint_cert_key(void);

/** mint_cert_root(key, node): A self-signed root, named after ${node}, or NULL. */
X509 *mint_cert_root(EVP_PKEY *key, const char *node, struct wall now);

/** mint_cert_leaf(root, root_key, leaf_key, name, is_ip, now): A leaf, or NULL.  Its end is *${until}. */
X509 *mint_cert_leaf(X509 *root, EVP_PKEY *root_key, EVP_PKEY *leaf_key, const char *name, bool is_ip, struct wall now,
    struct wall *until);

/** mint_cert_time(t): An ASN.1 time as an instant; ns 0 when it cannot be read. */
struct wall mint_cert_time(const ASN1_TIME *t);

#endif
