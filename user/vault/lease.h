/*
 * lease.h - to whom a credential may go: the permitted set, and the answer to a request for a lease.
 * Floor: vault.      Owns: the permitted set.      Source of the set: callgate-admin, from the registered servers.
 *
 * A lease is given for (server, credential, host, port) only when that row is in the set and, if the credential was stored
 * with a scope, the host is in its scope too: a scope is sealed with the secret, so not even callgate-admin can widen it.
 */
#ifndef VAULT_LEASE_H
#define VAULT_LEASE_H

#include <jansson.h>

#include "base/rate.h"
#include "ipc/msg.h"
#include "vault/store.h"
#include "vault/token.h"

enum { LEASE_ROWS = 4096, LEASE_TTL_MS = 30000, LEASE_SLOTS = 64 };

struct lease_book;

struct lease_book *lease_new(void);
void lease_free(struct lease_book **b);

/**
 * lease_hosts(b, servers, why, why_len):
 * Replace the set by the array [{"name","match":[{"host","port"?,"path"?}],"credential"?,"credentials"?}].  The whole array is
 * checked first.  1: changed; 0: the same as before; -ERR_MALFORMED, -ERR_TOO_LONG with a line in ${why}: nothing changed.
 */
int lease_hosts(struct lease_book *b, const json_t *servers, char *why, size_t why_len) __attribute__((warn_unused_result));

/** lease_host(b, host): Is ${host} (canonical, see host_canonical()) registered at any port? */
bool lease_host(const struct lease_book *b, const char *host);

/** lease_next_host(b, after): The first registered host that sorts behind ${after} ("" at first), or NULL.  Borrowed until the next set. */
const char *lease_next_host(const struct lease_book *b, const char *after);

/** lease_host_of(b, credential, refused, i): The ${i}th different host of a credential, or NULL; ${refused} != 0: of those that refused this version. */
const char *lease_host_of(const struct lease_book *b, const char *credential, uint32_t refused, size_t i);

/**
 * lease_answer(b, s, t, q, slot, now, rec, head, secret):
 * Judge ${q}, which came from worker ${slot}: fills ${rec} for the audit, ${head} for the worker and, when head->status is 0,
 * ${secret}.  The caller sends ${rec} first, and nothing of ${secret} when that fails.  Any bytes are legal in ${q}.
 * head->status -EINPROGRESS: a token must be asked for (token_ask()) with what ${secret} then holds; nothing is answered yet.
 * Returns whether ${rec} is to be recorded: refusals beyond a rate are only counted.
 */
bool lease_answer(struct lease_book *b, struct store *s, struct token_book *t, const struct m_lease_get *q, uint32_t slot,
    struct mono now, struct m_release *rec, struct m_lease *head, struct keep *secret);

#endif
