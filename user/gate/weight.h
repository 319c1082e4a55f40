/*
 * weight.h - how much memory the connections of each user hold, so that one user's half-sent requests cannot take it from all.
 * Floor: gate.      Source: docs/WIRE.md "Memory".      Units: bytes of buffers, of both legs and of the call.
 *
 * A connection is weighed after each of its steps.  When it has grown, and its user holds more than gate_conf.held_max (0: WEIGHT_USER), it is
 * this one that ends: a request that is still coming in gets 503, an answer that is being collected a failure, anything else a reset; each
 * with a record.  What does not grow goes on, and so does what holds no more than WEIGHT_SMALL: that is bounded by the number of connections.
 */
#ifndef GATE_WEIGHT_H
#define GATE_WEIGHT_H

#include "gate/conn.h"

enum { WEIGHT_USER = 256 << 20, WEIGHT_SMALL = 64 << 10 };

/** weight_step(c): Weigh ${c}.  STEP_WAIT: it goes on; else what ends it has been said. */
enum step weight_step(struct conn *c);

/** weight_leave(c): It is about to be freed: it holds nothing. */
void weight_leave(struct conn *c);

#endif
