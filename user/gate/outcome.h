/*
 * outcome.h - what became of a tools/call, read from the server's answer while it passes.
 * Floor: gate.      Only for the result record: nothing is decided by it.
 */
#ifndef GATE_OUTCOME_H
#define GATE_OUTCOME_H

#include "gate/call.h"

/** outcome_message(c, msg): Look at one JSON message; true when it answers the request: then k->status and k->rpc_code are set. */
bool outcome_message(struct conn *c, struct view msg);

/** outcome_data(c, data, last): Body bytes as they pass; ${last}: the body ends with them. */
void outcome_data(struct conn *c, struct view data, bool last);

/** outcome_end(c): The answer is over: settle on a status. */
void outcome_end(struct conn *c);

#endif
