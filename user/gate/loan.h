/*
 * loan.h - credentials that callgate-vault lent, for as long as it said; and which versions servers refused while there were two.
 * Floor: gate.      Owns: the secrets; each is wiped when its time is over, when it is revoked and nobody is sending it any more.
 */
#ifndef GATE_LOAN_H
#define GATE_LOAN_H

#include "base/secret.h"
#include "gate/conn.h"

struct loan {
	struct list node; /* gate.loans, newest use first */
	unsigned refs;    /* calls that use it, and the cache */
	char credential[NAME_LEN], server[NAME_LEN], host[HOST_LEN];
	uint16_t port;
	uint32_t version;
	bool again; /* the vault has another when the server refuses it: a token made anew, or the other of two versions */
	struct mono until;
	struct secret *secret;
};

/** loan_find(g, credential, server, host, port): A live lease with one more reference, or NULL. */
struct loan *loan_find(struct gate *g, const char *credential, const char *server, const char *host, uint16_t port);
void loan_unref(struct loan **l);
/** loan_ask(g, c): Ask the vault for what c->call needs; answer in c->lease. */
void loan_ask(struct gate *g, struct conn *c);
/** loan_came(g, c, body): An M_LEASE frame.  0 and a cached lease, or why not. */
int loan_came(struct gate *g, struct conn *c, struct view body) __attribute__((warn_unused_result));
/** loan_revoke(g, body): An M_REVOKE frame. */
void loan_revoke(struct gate *g, struct view body);
/** loan_forget(g, l): The server refused it: it and what else was lent of this version for this server is asked for anew. */
void loan_forget(struct gate *g, struct loan *l);
/** loan_sweep(g): Drop what has run out. */
void loan_sweep(struct gate *g);
void loan_drop_all(struct gate *g);

#endif
