/*
 * errand.h - one piece of work, in a process of its own that ends with it.
 * Floor: fetch (uses ipc, base).      Process: callgate-fetch.
 *
 * What a name server or a token endpoint answers is parsed in the errand's process.  It has the sandbox of its parent, no channel to
 * anybody, and no more than the bytes it was started with; it is killed when its time is over.
 */
#ifndef FETCH_ERRAND_H
#define FETCH_ERRAND_H

#include "base/buf.h"
#include "ipc/pump.h"

enum { ERRAND_RUNNING = 8, ERRAND_ANSWER_MAX = 65536 };

/* A kind of errand.  run(): in the errand's process: fill ${answer} (at most answer_max bytes); 0 or negative. */
struct errand_kind {
	const char *name;
	uint32_t timeout_ms;
	uint32_t answer_max; /* <= ERRAND_ANSWER_MAX */
	int (*run)(struct view ask, struct buf *answer);
};

/* status: what run() returned, -ERR_TIMEOUT, or -ERR_CLOSED when the errand's process died.  ${answer} is borrowed. */
typedef void errand_done_fn(void *arg, int status, struct view answer);

/**
 * errand_start(p, kind, ask, done, arg):
 * Begin.  ${ask} is borrowed for this call.  ${done} is called once, later, from the loop.  -EAGAIN when ERRAND_RUNNING errands run.
 */
int errand_start(struct pump *p, const struct errand_kind *kind, struct view ask, errand_done_fn *done, void *arg)
    __attribute__((warn_unused_result));

#endif
