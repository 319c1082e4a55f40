/*
 * question.h - what servers have asked their clients (sampling, elicitation, roots, ping), so that only an answer to it goes back.
 * Floor: gate.      Source: MCP "server to client requests"; docs/WIRE.md "streams and replies".
 * A question belongs to its server, its session and the user on whose stream it came, and is answered once.
 * Bounded as session ids are (session.h), in a table of its own.
 */
#ifndef GATE_QUESTION_H
#define GATE_QUESTION_H

#include "gate/call.h"

/** question_heard(c): The message in g->doc, from an event of c->call's answer, may be a question, or an array with some. */
void question_heard(struct conn *c);

/** question_unseen(c): Events of c->call's answer pass unread from now on: what is asked there is not known, so nothing of this session is refused for it. */
void question_unseen(struct conn *c);

/** question_answered(c): The response in g->rpc may go to the server; its question is then answered. */
bool question_answered(struct conn *c);

#endif
