/*
 * relist.h - what a client may see has changed: who has an open stream is told, so that it asks for the list again.
 * Floor: gate.      Source: MCP "notifications/tools/list_changed"; docs/WIRE.md "streams and replies".
 * Told are GET streams, and listen streams (2026-07-28) that asked for it, which get their subscription's id with it.
 */
#ifndef GATE_RELIST_H
#define GATE_RELIST_H

#include "gate/call.h"

/** relist_wanted(c): Does the request in g->rpc open a stream on which such news is welcome? */
bool relist_wanted(const struct conn *c);

/** relist_by_world(g): Another world is in force: streams whose grant has another policy there go on under it, and are told. */
void relist_by_world(struct gate *g);

/** relist_due(c): Say what is owed, if the stream stands between two events. */
void relist_due(struct conn *c);

#endif
