/*
 * scrub.h - a secret that the server sends back must not pass: its bytes become '*', the length stays.
 * Floor: gate.      Source: docs/WIRE.md "rules for injection".      Pure.
 * Finds the secret as it was sent, also when it is cut at any byte; not in another encoding.
 */
#ifndef GATE_SCRUB_H
#define GATE_SCRUB_H

#include "base/buf.h"

typedef int scrub_emit_fn(void *arg, struct view v);

/**
 * scrub(tail, secret, data, last, emit, arg):
 * Emit ${data}, with what an earlier call kept back in ${tail} in front of it, cleaned.  What may be the beginning of the secret is
 * kept back in ${tail}, unless ${last}.  1: it was found; 0: not; negative: from ${emit}, or memory is out.
 */
int scrub(struct buf *tail, struct view secret, struct view data, bool last, scrub_emit_fn *emit, void *arg)
    __attribute__((warn_unused_result));

/** scrub_in_place(b, secret): The same for bytes that are ours and whole.  True: it was found. */
bool scrub_in_place(struct buf *b, struct view secret);

#endif
