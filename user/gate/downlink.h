/*
 * downlink.h - the transport of 2024-11-05: a GET stream whose first event names the target for POSTs, and which brings their answers.
 * Floor: gate.      Source: MCP 2024-11-05 "HTTP with SSE"; RFC 3986 5.2 for the target; docs/WIRE.md "streams and replies".
 * What the server named belongs to the user whose stream it came on, and is forgotten with that stream.
 */
#ifndef GATE_DOWNLINK_H
#define GATE_DOWNLINK_H

#include "gate/call.h"

/** downlink_learn(c, data): The stream's "endpoint" event.  Another host's target, and one that cannot be read strictly, is not kept. */
void downlink_learn(struct conn *c, struct view data);
/** downlink_forget(c): The stream of c->call ends. */
void downlink_forget(struct conn *c);

/** downlink_find(c, target): The open stream, of the same host and port, on which ${target} was named, or NULL.  Borrowed for this step. */
struct conn *downlink_find(const struct conn *c, struct view target);

/**
 * downlink_answer(c, json):
 * Put ${json} on the stream on which the target of the request was named, as clients of that transport await it.  False: there is no
 * such stream of this user, or it does not take an event now.
 */
bool downlink_answer(struct conn *c, struct view json) __attribute__((warn_unused_result));

#endif
