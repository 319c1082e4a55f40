/*
 * approve.h - a call that policy wants a person to approve: callgate-admin is asked, and the client held meanwhile.
 * Floor: gate.      Source: docs/POLICY.md "approval"; docs/WIRE.md "held calls"; HTML Living Standard, event streams.
 *
 * A held call has reserved nothing, is not recorded yet and has no number; its request stays in the client's in-buffer.  Whenever something
 * may have changed (a decision, other rules, each keep-alive) it is judged again from the start, by the rules of that moment, and asks again:
 * only the answer to that very question lets it pass.
 */
#ifndef GATE_APPROVE_H
#define GATE_APPROVE_H

#include "gate/call.h"
#include "gate/words.h"

enum {
	APPROVE_HOLD_MS = 45000, /* clients give a request up after 60 s */
	APPROVE_BEAT_MS = 10000, /* between keep-alives */
	APPROVE_ASK_MS = 5000,   /* callgate-admin may take so long to answer */
	APPROVE_HELD = 256,      /* held at once by this worker; above it calls are answered at once */
};

/* What a call has that wants an approval: call.held. */
struct held {
	struct m_approval said; /* the last answer */
	char id[APPROVAL_ID];   /* under which it waits; empty: not known yet */
	char grant[NAME_LEN], policy[NAME_LEN + 8]; /* that were asked for */
	struct mono until;      /* 0: not held yet */
	bool streaming;         /* an event stream of ours is the client's answer now */
	bool news;              /* judge it again */
	bool over;              /* no more asking: answer by what was said */
	bool left;              /* the client has gone */
};

/**
 * approve_judge(c):
 * After everything else allows the call in g->rpc: with a yes for it g->decision stays.  Else nothing stays reserved, and either g->decision
 * becomes a denial (0) or a person has to be asked (1): then approve_ask() follows in the same step.
 */
int approve_judge(struct conn *c);
enum step approve_ask(struct conn *c);

/** approve_heard(c, m): callgate-admin's answer. */
void approve_heard(struct conn *c, const struct m_approval *m);
/** approve_news(g, id): Somebody decided on ${id} (NULL: anything may have changed): judge those that wait for it again. */
void approve_news(struct gate *g, const char *id);
/** approve_end(c): The call is over. */
void approve_end(struct conn *c);

/** approve_words(k): What its denial says of the approval, or NULL.  Static storage. */
const struct words_approval *approve_words(const struct call *k);

/** approve_streaming(k): Does everything for the client go on a stream that has begun? */
bool approve_streaming(const struct call *k);
/** approve_say(c, json): End that stream with this message. */
enum step approve_say(struct conn *c, struct view json);
/** approve_answer(c, r): The server's answer begins: what goes on that stream of it. */
enum step approve_answer(struct conn *c, const struct http1_head *r);
/** approve_event(k, json): Append a message to what the client gets of that stream. */
int approve_event(struct call *k, struct view json) __attribute__((warn_unused_result));

#endif
