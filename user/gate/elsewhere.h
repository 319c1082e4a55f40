/*
 * elsewhere.h - another address of a registered server, when its client's choice cannot be reached.
 * Floor: gate.      Source: docs/WIRE.md "candidate addresses"; RFC 8305 for the order.
 *
 * The client's connect() has succeeded at the gate, so its own fallback to a next address does not begin: it is made here.  Only for a registered name, whose
 * certificate the TLS connection to the server must show, and only to what callgate-fetch has looked up for it; never through a client's proxy.
 * One after the other, before any byte of a request has left, and all of it within GATE_DIAL_MS.
 */
#ifndef GATE_ELSEWHERE_H
#define GATE_ELSEWHERE_H

#include "gate/worker.h"

enum {
	ELSEWHERE_TRY_MS = 1000,  /* for a try that others can follow */
	ELSEWHERE_ASK_MS = 250,   /* callgate-fetch may take so long */
	ELSEWHERE_NAME_MS = 1000, /* a client whose choice has failed may take so long to say whom it means */
	ELSEWHERE_TRIES = 4,      /* after the first one */
};

struct elsewhere { /* of a connection */
	struct ask ask;
	struct timer timer;  /* of the first try, then of the question */
	struct mono began;   /* the first try */
	uint8_t at[16];      /* where c->up is, or goes */
	uint8_t reached[16]; /* where the server answered last; before that, the client's choice */
	uint8_t addr[ELSEWHERE_TRIES][16];
	uint8_t n, next;     /* of ${addr}: how many, and which is tried next */
	bool asked, hurried; /* hurried: the first try has had its time */
	bool dialled;        /* not connected yet */
};

/** elsewhere_new(c): For a connection whose flow is known. */
void elsewhere_new(struct conn *c);
/** elsewhere_end(c): Nothing is waited for any more. */
void elsewhere_end(struct conn *c);

/** elsewhere_dial(c): Start connecting to where the server was reached last; c->up is NULL when even that fails. */
void elsewhere_dial(struct conn *c);

/** elsewhere_step(c): Look at the connecting, and try the next address when this one fails or takes its time; harmless at any time. */
void elsewhere_step(struct conn *c);

/** elsewhere_hope(c): Connecting has failed in a way that another address may not. */
bool elsewhere_hope(const struct conn *c);
/** elsewhere_pending(c): The same, and callgate-fetch has not answered yet. */
bool elsewhere_pending(const struct conn *c);

/** elsewhere_is(c): Is the server reached at another address than the client's choice? */
bool elsewhere_is(const struct conn *c);

/** elsewhere_heard(c, m): The answer of callgate-fetch. */
void elsewhere_heard(struct conn *c, const struct m_addrs *m);

#endif
