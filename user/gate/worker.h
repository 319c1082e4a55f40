/*
 * worker.h - the inside of struct gate, shared by the files of this floor.
 * One thread.  The scratch at the end is good only within one conn_step(): nothing in it survives a wait.
 */
#ifndef GATE_WORKER_H
#define GATE_WORKER_H

#include "base/list.h"
#include "codec/http1.h"
#include "codec/jsonrpc.h"
#include "gate/crowd.h"
#include "gate/gate.h"
#include "gate/keeps.h"
#include "gate/learned.h"
#include "gate/loader.h"
#include "gate/owed.h"
#include "ipc/rec.h"
#include "policy/world.h"

enum {
	GATE_BODY_MAX = 4 << 20,   /* a request that must be judged, an answer that must be filtered */
	GATE_OTHER_MAX = 32 << 20, /* a request to another path: model calls carry pictures */
	GATE_NODES = 65536,        /* JSON values in one document */
	GATE_DESCRIBE_MS = 250,    /* callgate-ident may take so long before the first call */
	GATE_VAULT_MS = 5000,
	GATE_AUDIT_MS = 2000,
	GATE_DIAL_MS = 10000,
	GATE_HELLO_MS = 30000,     /* from the first byte to something classifiable */
	GATE_REQUEST_MS = 60000,   /* from the first byte of a request to its last */
	GATE_IDLE_MS = 300000,     /* a kept-alive connection without a request */
	GATE_LINGER_MS = 2000,
	GATE_ENDED_MS = 30000,     /* a call that was forwarded before its grant ended may take so long */
	GATE_STOP_MS = 5000,
	GATE_CERTS = 256,
	GATE_LOANS = 256,
	GATE_DOWNLINKS = 256,      /* chains of streams by target */
};

/* A question to another process whose answer a connection waits for. */
enum ask_state { ASK_IDLE, ASK_PENDING, ASK_DONE, ASK_FAILED };
struct ask {
	struct list node; /* in gate.asks while pending */
	uint64_t tag;
	uint8_t party, state;
	int err; /* ASK_FAILED: why */
	struct conn *conn;
};

/** gate_listen(g): Start accepting once a world is in force and the own CA is known. */
void gate_listen(struct gate *g);
/** gate_await_ack(g, waiter): Step the connection of ${waiter} (conn.ack) when callgate-audit says that records are safe. */
void gate_await_ack(struct gate *g, struct list *waiter);
/** gate_left(g): A connection has ended. */
void gate_left(struct gate *g);

/* A listener in another network namespace. */
struct door {
	struct list node; /* in gate.doors */
	struct gate *g;
	int fd;
};

struct gate {
	struct gate_conf conf;
	struct loop *loop;
	struct tls_front *front;
	struct tls_back *back;
	struct world *world; /* in force; NULL before the first */
	struct loader *loader; /* of worlds */
	struct edge vault, admin, ident, fetch;
	bool ca_known, listening, stopping, hearing;
	struct sessions *sessions, *tasks, *questions;
	struct list conns, asks, ack_waiters, doors;
	struct list downlinks[GATE_DOWNLINKS]; /* downlink.c */
	struct learned *learned;
	struct list certs, loans;        /* newest use first */
	struct list refusals;            /* of lent versions, loan.c; newest first */
	struct list spare_calls, spares;
	struct keeps keeps; /* which servers they may be kept for */
	struct crowd crowd; /* of the connections */
	size_t n_spares, n_certs, n_loans, n_refusals, n_held;
	uint64_t next_call, next_tag;
	struct buf ca; /* our own root, PEM */
	struct timer start_timer, stop_timer, sweep_timer;
	uint64_t refused_flow, calls, denied, too_heavy, elsewhere;
	struct owed owed; /* to callgate-audit */

	/* scratch */
	struct conn *head_of;   /* whose request head is in ${head}, or NULL */
	struct http1_head head; /* of a request */
	struct http1_head rhead; /* of a response */
	struct json_doc doc;
	struct json_node *nodes;
	struct rpc rpc;
	struct pol_decision decision;
	struct rec rec;
	struct buf out, text;
};

#endif
