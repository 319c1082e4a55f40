/*
 * otherpath.h - does a body that goes to a path outside MCP speak JSON-RPC all the same?
 * Floor: gate.      A server may answer MCP at more paths than were registered; only the registered ones are judged.
 */
#ifndef GATE_OTHERPATH_H
#define GATE_OTHERPATH_H

#include "gate/worker.h"

/** otherpath_is_rpc(g, body): Uses g->nodes and g->doc. */
bool otherpath_is_rpc(struct gate *g, struct view body);

#endif
