/*
 * gate.h - a worker: everything between a redirected connection and its server.
 * Process: callgate-proxy.      Floor: gate (uses io, ipc, policy, codec, base).
 * It opens nothing and names nobody by itself: descriptors, edges and settings are handed in, and what is in force arrives in M_WORLD.
 * Connections wait in the listen queue until the first world is there.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "bpf/abi.h"
#include "io/stream.h"
#include "ipc/edge.h"
#include "ipc/shring.h"
#include "policy/pol_limit.h"

struct gate;

/* When must a record be durable before the call goes on?  async: never; class: calls; all: calls and their results. */
enum gate_strict { GATE_ASYNC, GATE_CLASS, GATE_ALL };

/* Who connected ${fd}, and where to?  0 or negative: then the connection is reset. */
typedef int gate_flow_fn(void *arg, int fd, struct cg_flow *out);

struct gate_conf {
	enum gate_strict strict;
	bool observe;           /* verdicts are recorded, calls pass */
	uint32_t conns;         /* open at once; above it, and above a user's share of it, connections are reset */
	size_t held_max;        /* bytes that one user's connections may hold in memory at once; 0: as in weight.h */
	uint32_t slot, workers; /* workers: how many there are, 0 as 1 */
	int listen4, listen6;   /* -1: none.  Owned by the caller */
	gate_flow_fn *flow;
	void *flow_arg;
	struct view trust;      /* PEM of the upstream roots; borrowed for ever */
	struct shring *ring;    /* of records, borrowed; NULL: nothing is recorded and so no call passes */
	uint64_t ring_id;
	int ackbell;            /* eventfd of callgate-audit, -1: none.  Borrowed */
	const uint8_t *arg_key;    /* ARGMAC_KEY bytes, borrowed for ever; NULL: no digests of arguments */
	unsigned hold_ms, beat_ms; /* 0: as in approve.h */
	struct pol_limits *limits; /* borrowed; NULL: a tool with limits is refused, see gate_limits() */
	const char *limits_why;    /* static text: why there are none; NULL: nothing to say */
};

/** gate_new(conf, why, why_len, out): 0, or negative with one line in ${why}. */
int gate_new(const struct gate_conf *conf, char *why, size_t why_len, struct gate **out) __attribute__((warn_unused_result));
void gate_free(struct gate **g);

/** gate_helper(g): Start the thread that loads worlds, with the sandbox that the caller has by now; else gate_run() does.  0 or negative. */
int gate_helper(struct gate *g) __attribute__((warn_unused_result));

/** gate_edge(g, e): Take over an edge to the vault, to admin, to ident or to fetch; an earlier one to the same party is closed and what waits for it fails. */
void gate_edge(struct gate *g, const struct edge *e);

/** gate_limits(g, l, why): Count in ${l} (borrowed) from now on; NULL: a tool with limits is refused, because ${why} (static text). */
void gate_limits(struct gate *g, struct pol_limits *l, const char *why);

/** gate_too_heavy(g): How many connections or requests were refused because their user held too much memory. */
uint64_t gate_too_heavy(const struct gate *g);

/** gate_elsewhere(g): How many connections to servers stood at another address than the client's choice. */
uint64_t gate_elsewhere(const struct gate *g);

/** gate_door(g, fd): One more listener, of another network namespace; owned from now on, and closed when its maker has shut it down. */
void gate_door(struct gate *g, int fd);

/** gate_loop(g): The loop, for the caller's own descriptors. */
struct loop *gate_loop(struct gate *g);

/** gate_run(g): Until gate_stop() has been followed by the end of the last connection, or five seconds.  0 or negative. */
int gate_run(struct gate *g) __attribute__((warn_unused_result));
void gate_stop(struct gate *g);

#endif
