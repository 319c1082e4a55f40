/*
 * state.h - a roster as bytes: what is kept of a journal that was read whole, so that the next start need not read all of it first.
 * Floor: admin.      Pure.      Who keeps the bytes binds them to the journal and proves that they are the same (audit/kept.h).
 *
 * A state is good for the roster that this program would make: it carries the names of all maps and events (roster_map(), roster_event()) and
 * STATE_FOLD as a digest, and another program takes it for none.  Who changes what an event does, and adds no name, raises STATE_FOLD.
 */
#ifndef ADMIN_STATE_H
#define ADMIN_STATE_H

#include "admin/roster.h"

enum { STATE_FOLD = 1, STATE_WHY = 256 };

/** state_put(r, out): Append ${r}, which has no damage, up to line r->seq.  Of the grants only what the workers know.  0 or negative. */
int state_put(const struct roster *r, struct buf *out) __attribute__((warn_unused_result));

/** state_take(in, r, why): ${r}, not initialised, becomes that roster.  0, -ENOMEM, or -ERR_MALFORMED with a line in ${why}; ${r} is then empty. */
int state_take(struct view in, struct roster *r, char why[STATE_WHY]) __attribute__((warn_unused_result));

#endif
