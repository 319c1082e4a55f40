/*
 * cert.h - leaf certificates that callgate-vault minted, by the name they are for.
 * Floor: gate.      Bounded: GATE_CERTS, the least recently used one goes.
 */
#ifndef GATE_CERT_H
#define GATE_CERT_H

#include "gate/conn.h"

/** cert_find(g, name): A live certificate with one more reference, or NULL. */
struct tls_cert *cert_find(struct gate *g, const char *name);
/** cert_ask(g, c): Ask the vault for one for c->host; answer in c->mint. */
void cert_ask(struct gate *g, struct conn *c);
/** cert_minted(g, name, body): An M_MINTED frame.  0 and a cached certificate, or why not. */
int cert_minted(struct gate *g, const char *name, struct view body) __attribute__((warn_unused_result));
void cert_drop_all(struct gate *g);

#endif
