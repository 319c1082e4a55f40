/*
 * passing.h - an answer's body on its way to the client.
 * Floor: gate.      Bounded: PASSING_HOLD of an answer, PASSING_EVENT of an event, is kept back or copied to be read, except where tools have to be taken out of it.
 */
#ifndef GATE_PASSING_H
#define GATE_PASSING_H

#include "gate/call.h"

enum { PASSING_HOLD = 192 << 10, PASSING_EVENT = 128 << 10, PASSING_PIECE = 64 << 10 };

/**
 * passing_body(c, in, data):
 * Take body bytes from the front of ${in}, the server's bytes: how many (>= 0), and those that are body.  Sets k->up_done with the last
 * one.  Negative: the body is broken or was cut off.
 */
long passing_body(struct conn *c, struct view in, struct view *data) __attribute__((warn_unused_result));

/** passing_put(c, data, last): Append body bytes, framed as the client's head said and without the secret; ${last}: nothing follows that it could be cut by. */
int passing_put(struct conn *c, struct view data, bool last) __attribute__((warn_unused_result));

/** passing_blank(c, b): Blank the secret in ${b}, bytes for the client that are ours and whole.  As passing_put(), the first time it is found is recorded. */
void passing_blank(struct conn *c, struct buf *b);

/**
 * passing_unread(c):
 * What is held back of a tool's result is too much to be held to its end: its record says that nobody read it, and then it passes as it
 * comes.  0, or negative: the record could not be written.
 */
int passing_unread(struct conn *c) __attribute__((warn_unused_result));

/** passing_flush(c): Queue what k->answer holds, as far as there is room.  0, or -EPIPE. */
int passing_flush(struct conn *c) __attribute__((warn_unused_result));

/** passing_event(c, event): Put a whole event of ours between those of the server.  0, or negative: this is no stream of events, or it stands within one (-EAGAIN). */
int passing_event(struct conn *c, struct view event) __attribute__((warn_unused_result));

/** passing_finish(c): The server's part is over: the result's record, then what is left for the client. */
enum step passing_finish(struct conn *c);

#endif
