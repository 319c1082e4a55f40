/*
 * bait.h - a placeholder that comes where it does not belong: an alert, and the request is refused.
 * Floor: gate.      Source: policy/placeholder.h; docs/WIRE.md "placeholders".
 * Looked at: the whole head of a request, a Basic password in it also decoded, and its body; also over plain HTTP to a host that is not registered.
 */
#ifndef GATE_BAIT_H
#define GATE_BAIT_H

#include "gate/call.h"

#define BAIT_RULE "(placeholder)"
#define BAIT_TEXT "the request carries a placeholder key that does not belong to this server; that has been reported"

/** bait_look(c): Does c->call, whole by now, carry one that is not at home?  It is noted there. */
bool bait_look(struct conn *c);

/** bait_tell(c): The alert for it, once. */
void bait_tell(struct conn *c);

/** bait_plain(c, head, h): The same for a request that is passed on without TLS; NULL or the placeholder, for record_stray(). */
const struct placeholder *bait_plain(struct conn *c, struct view head, const struct http1_head *h);

/** bait_piece(c, data): The same for a piece of such a request's body, before it is passed on: bait_passed() then says that it was. */
const struct placeholder *bait_piece(const struct conn *c, struct view data);
void bait_passed(struct conn *c, struct view data);

#endif
