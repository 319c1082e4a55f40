/*
 * spare.h - connections to servers that outlive the client's connection they were made for.
 * Floor: gate.      Source: docs/PERFORMANCE.md "upstream connections".
 * One is used again only for the same address, name, user and credential, so nothing of one identity meets another's; only while
 * it is idle and has said nothing unasked; not longer than SPARE_MS, which is less than servers keep an idle connection; and only once its
 * server has shown that it keeps them so long (keeps.h).
 */
#ifndef GATE_SPARE_H
#define GATE_SPARE_H

#include "gate/conn.h"

enum { SPARE_MS = 4000, SPARE_MAX = 256, SPARE_PER_USER = 16 };

/** spare_keep(c): Take c->up over, if it is fit; otherwise it stays. */
void spare_keep(struct conn *c);

/** spare_has(g, flow): Is there one for this address and user? */
bool spare_has(const struct gate *g, const struct cg_flow *flow);

/** spare_take(c, credential): Give ${c} one that has carried this credential (NULL: none) and nothing else; false: none. */
bool spare_take(struct conn *c, const char *credential);

/** spare_failed(c): The server ended c->up instead of an answer: if that was kept, nothing of this server is used again for a while. */
void spare_failed(struct conn *c);

/** spare_forget(g, credential): Close those that carried it; "" means all. */
void spare_forget(struct gate *g, const char *credential);
void spare_drop_all(struct gate *g);

#endif
