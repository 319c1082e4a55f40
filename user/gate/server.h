/*
 * server.h - the leg to the server: made ready, and why it could not be.
 * Floor: gate.
 */
#ifndef GATE_SERVER_H
#define GATE_SERVER_H

#include "gate/conn.h"

/** server_prepare(c): Begin TLS with the server as soon as it is connected; harmless at any time. */
void server_prepare(struct conn *c);

/** server_ready(c): 1: TLS is up and nothing stale is on it; 0: wait; negative: why it cannot be reached (then c->up is NULL). */
int server_ready(struct conn *c) __attribute__((warn_unused_result));

/** server_drop(c): This connection is of no use any more. */
void server_drop(struct conn *c);

/** server_reason(c, err, out, cap): In words, for the agent. */
void server_reason(const struct conn *c, int err, char *out, size_t cap);

#endif
