/*
 * passing.h - an answer's body on its way to the client.
 * Floor: gate.
 */
#ifndef GATE_PASSING_H
#define GATE_PASSING_H

#include "gate/call.h"

/**
 * passing_body(c, in, data):
 * Take body bytes from the front of ${in}, the server's bytes: how many (>= 0), and those that are body.  Sets k->up_done with the last
 * one.  Negative: the body is broken or was cut off.
 */
long passing_body(struct conn *c, struct view in, struct view *data) __attribute__((warn_unused_result));

/** passing_flush(c): Queue what k->answer holds, as far as there is room.  0, or -EPIPE. */
int passing_flush(struct conn *c) __attribute__((warn_unused_result));

/** passing_event(c, event): Put a whole event of ours between those of the server.  0, or negative: this is no stream of events. */
int passing_event(struct conn *c, struct view event) __attribute__((warn_unused_result));

/** passing_finish(c): The server's part is over: the result's record, then what is left for the client. */
enum step passing_finish(struct conn *c);

#endif
