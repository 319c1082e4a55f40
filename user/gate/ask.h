/*
 * ask.h - questions to other processes, their answers, and what they tell unasked.
 * Floor: gate.      A question belongs to a connection; when its edge goes, it fails with -ERR_UNAVAILABLE.
 */
#ifndef GATE_ASK_H
#define GATE_ASK_H

#include "gate/conn.h"

/** ask_send(g, a, e, type, body): Ask; ${a} turns ASK_PENDING, or ASK_FAILED at once.  The answer steps a->conn. */
void ask_send(struct gate *g, struct ask *a, struct edge *e, enum msg type, struct view body);
/** ask_forget(a): Nobody waits any more. */
void ask_forget(struct ask *a);
/** ask_watch(g, e): Read ${e} from the loop. */
int ask_watch(struct gate *g, struct edge *e) __attribute__((warn_unused_result));
/** ask_drop(g, e): Close ${e}; everything that waits for it fails. */
void ask_drop(struct gate *g, struct edge *e);

#endif
