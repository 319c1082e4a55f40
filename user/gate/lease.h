/*
 * lease.h - credentials that callgate-vault lent, for as long as it said.
 * Floor: gate.      Owns: the secrets; each is wiped when its time is over, when it is revoked and nobody is sending it any more.
 */
#ifndef GATE_LEASE_H
#define GATE_LEASE_H

#include "base/secret.h"
#include "gate/conn.h"

struct lease {
	struct list node; /* gate.leases, newest use first */
	unsigned refs;    /* calls that use it, and the cache */
	char credential[NAME_LEN], server[NAME_LEN], host[HOST_LEN];
	uint16_t port;
	uint32_t version;
	struct mono until;
	struct secret *secret;
};

/** lease_find(g, credential, server, host, port): A live lease with one more reference, or NULL. */
struct lease *lease_find(struct gate *g, const char *credential, const char *server, const char *host, uint16_t port);
void lease_unref(struct lease **l);
/** lease_ask(g, c): Ask the vault for what c->call needs; answer in c->lease. */
void lease_ask(struct gate *g, struct conn *c);
/** lease_came(g, c, body): An M_LEASE frame.  0 and a cached lease, or why not. */
int lease_came(struct gate *g, struct conn *c, struct view body) __attribute__((warn_unused_result));
/** lease_revoke(g, body): An M_REVOKE frame. */
void lease_revoke(struct gate *g, struct view body);
/** lease_forget(g, l): The server refused it: ask anew next time. */
void lease_forget(struct gate *g, struct lease *l);
/** lease_sweep(g): Drop what has run out. */
void lease_sweep(struct gate *g);
void lease_drop_all(struct gate *g);

#endif
