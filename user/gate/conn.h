/*
 * conn.h - a client's connection and its server's: the driver and the states.
 *
 * Invariants:
 *  1. Every state is one function; it returns STEP_MORE after naming the next state, STEP_WAIT when only an event can help,
 *     STEP_END when the connection is over.  Only conn_step() calls them.
 *  2. Until classified, bytes of the client go nowhere; bytes of the server go to the client.
 *  3. A request stays in the client's in-buffer until its answer is complete: what was judged is what is sent.
 *  4. c->call is not NULL exactly from a request's head to the end of its answer.
 */
#ifndef GATE_CONN_H
#define GATE_CONN_H

#include "codec/chunked.h"
#include "gate/elsewhere.h"
#include "gate/worker.h"

enum step { STEP_WAIT, STEP_MORE, STEP_END };

enum conn_state {
	S_CLASSIFY, S_RELAY, S_PLAIN, S_TUNNEL, /* step_open.c, step_relay.c, step_plain.c */
	S_PROXY, S_INSIDE,                      /* tunnel.c */
	S_CERT, S_FRONT,                        /* step_open.c */
	S_HEAD, S_BODY, S_OTHER,                /* step_request.c */
	S_JUDGE, S_ACK, S_LEASE,                /* step_judge.c */
	S_APPROVE,                              /* step_approve.c */
	S_SERVER, S_SEND,                       /* step_send.c */
	S_ANSWER, S_STREAM, S_HOLD, S_RELEASE,  /* step_answer.c */
	S_ENDED, S_WITHHELD,                    /* step_ended.c: the grant is gone */
	S_LINGER,                               /* conn.c */
	S_COUNT
};

struct conn {
	struct list node; /* gate.conns */
	struct gate *g;
	struct stream *cl, *up;
	enum conn_state state;
	bool stepping, late; /* late: the state's time is over */
	bool tls;            /* the client's side is ours to terminate */
	bool spoke;          /* bytes of the server reached the client before classification */
	bool offered;        /* S_PLAIN: the last request offers another protocol */
	bool close_after;    /* after this answer */
	bool begun;          /* part of a request's head has come */
	bool described;
	int up_err;          /* why the last attempt to reach the server failed */
	unsigned up_calls;   /* requests that ${up} has answered */
	bool dial_later;     /* a kept connection may serve instead of a new one */
	bool up_mixed;       /* more than one credential travelled on ${up} */
	bool up_kept;        /* ${up} was another connection's before */
	struct mono up_idle; /* since when, once it has answered */
	uint16_t up_timeout; /* how many seconds its server keeps it when it is idle, as that says; 0: not said */
	char up_credential[NAME_LEN]; /* the one that did; empty: none */
	struct timer timer, patience, overdue; /* overdue: of a call whose grant has ended */
	bool impatient;      /* callgate-ident has had its time */
	struct mono began;
	uint64_t in, out;    /* bytes from, to the client */
	size_t weight;       /* weight.h */
	struct cg_flow flow;
	struct m_described who;
	char exe_sha256[65]; /* hexadecimal; empty: unknown */
	struct ask describe, digest, mint, lease, approve;
	struct elsewhere elsewhere;
	struct list gone;    /* while ended.c looks at all connections */
	struct list downlink; /* gate.downlinks while call->endpoint says something */
	struct list ack;     /* gate.ack_waiters while waiting for callgate-audit */
	uint64_t ack_pos;
	char host[HOST_LEN]; /* SNI or Host, lower case; empty: unknown */
	char token[65];      /* SHA-256 of the grant token that the last request brought; empty: none */
	char addr[64];       /* the original destination as text */
	uint16_t port;
	struct buf proxy;    /* the client's CONNECT to its proxy, when the server is behind one; may hold a password */
	bool proxy_asked, proxy_up; /* of ${up}: it was sent, and answered with yes */
	uint64_t plain_left; /* S_PLAIN: body bytes that follow */
	bool plain_chunked;
	size_t odd_seen;     /* of a head that our parser refuses: so much was searched for its end */
	uint8_t plain_end[PLACEHOLDER_LEN - 1]; /* of the body so far: a placeholder may begin there */
	uint8_t plain_end_n;
	struct chunked chunk;
	struct call *call;
};

/** conn_new(g, fd, flow): Take over an accepted connection and dial its destination. */
void conn_new(struct gate *g, int fd, const struct cg_flow *flow);
/** conn_step(c): Run states until one waits.  ${c} may be gone afterwards. */
void conn_step(struct conn *c);
/** conn_end(c): Drop it from outside a step (worker stop). */
void conn_end(struct conn *c);

/** conn_goto(c, state, ms): Name the next state; 0: no deadline.  Returns STEP_MORE. */
enum step conn_goto(struct conn *c, enum conn_state state, unsigned ms);
/** conn_need_server(c): A relay needs its server now; dial if that was put off. */
void conn_need_server(struct conn *c);
/** conn_dial(c): Start a new connection to the original destination, or where the server was reached instead; c->up is NULL when even that fails. */
void conn_dial(struct conn *c);
/** conn_gone(c): Has the client left? */
bool conn_gone(const struct conn *c);
/** conn_reset(c): Both legs with RST; returns STEP_END. */
enum step conn_reset(struct conn *c);
/** conn_on_ready(owner, s): For streams that a connection owns. */
void conn_on_ready(void *owner, struct stream *s);

/* One per state. */
enum step step_classify(struct conn *c);
enum step step_relay(struct conn *c);
enum step step_plain(struct conn *c);
enum step step_tunnel(struct conn *c);
enum step step_proxy(struct conn *c);
enum step step_inside(struct conn *c);
enum step step_cert(struct conn *c);
enum step step_front(struct conn *c);
enum step step_head(struct conn *c);
enum step step_body(struct conn *c);
enum step step_other(struct conn *c);
enum step step_judge(struct conn *c);
enum step step_ack(struct conn *c);
enum step step_approve(struct conn *c);
enum step step_lease(struct conn *c);
enum step step_server(struct conn *c);
enum step step_send(struct conn *c);
enum step step_answer(struct conn *c);
enum step step_stream(struct conn *c);
enum step step_hold(struct conn *c);
enum step step_release(struct conn *c);
enum step step_ended(struct conn *c);
enum step step_withheld(struct conn *c);

/** relay_pump(from, to, count): Move what there is room for; passes an end of stream on.  -EPIPE: one of them is dead. */
int relay_pump(struct stream *from, struct stream *to, uint64_t *count) __attribute__((warn_unused_result));

#endif
