/*
 * ended.h - a grant has ended, by revocation or by time: what becomes of what runs under it.
 * Floor: gate.      Source: docs/WIRE.md "when a grant ends".
 *
 *  a request that is not judged yet    is judged by what is in force now
 *  a tools/call that has not left      is denied
 *  a tools/call that has left          goes on for its record, GATE_ENDED_MS at most; its answer reaches the client only when its class is Read
 *  any other stream or request         ends at once
 */
#ifndef GATE_ENDED_H
#define GATE_ENDED_H

#include "gate/worker.h"

struct conn;

/** ended_server(c): The server that the request of ${c} is for, by what is in force now, or NULL. */
const struct world_server *ended_server(struct conn *c);
/** ended_by_world(g): Another world is in force: look at all connections. */
void ended_by_world(struct gate *g);
/** ended_by_time(g): Look at those whose grant has expired. */
void ended_by_time(struct gate *g);

#endif
