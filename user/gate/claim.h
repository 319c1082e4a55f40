/*
 * claim.h - who is behind a connection, as grants see it.
 * Floor: gate.      Owns: nothing; the subject borrows from the connection.
 */
#ifndef GATE_CLAIM_H
#define GATE_CLAIM_H

#include "gate/conn.h"
#include "policy/world.h"

enum { CLAIM_TOKEN = 65 };

/** claim_of(c): The subject of ${c}: the kernel's record, what callgate-ident said, and the grant token that the last request brought. */
struct subject claim_of(const struct conn *c);

/** claim_pending(c): callgate-ident was asked when the connection came: is its answer worth a moment's wait?  Then ${c} is stepped when it is there, or late. */
bool claim_pending(struct conn *c);

/** claim_token(head, hex): SHA-256 of the grant token "cgt_..." in the Authorization of ${head}, in hex; "" when it brings none. */
void claim_token(const struct http1_head *head, char hex[CLAIM_TOKEN]);

/** claim_is_token(value): Is this Authorization a grant token?  Such a one goes no further than the gate. */
bool claim_is_token(struct view value);

#endif
