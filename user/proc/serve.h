/*
 * serve.h - the loop of a process that answers frames: its edges, the new ones that callgated sends, the stop.
 * Floor: proc (uses ipc, base).      Used by vault, ident, fetch.
 */
#ifndef PROC_SERVE_H
#define PROC_SERVE_H

#include "ipc/pump.h"
#include "proc/child.h"

enum { SERVE_TURN = 32 /* frames of one peer, so that none starves the others */ };

struct serve {
	struct child *child;
	struct pump *pump;
	struct edge sup;
	/* Where the edge to (who, slot) lies, for the life of the process; NULL: it has no place here. */
	struct edge *(*place)(enum party who, uint32_t slot);
	/* A frame; its descriptors are closed afterwards unless they were taken out. */
	void (*frame)(struct edge *e, struct frame *f);
	void (*dropped)(struct edge *e);     /* the other end is gone, or another took its place; may be NULL */
	void (*before)(void);                /* before the frames of a turn are read; may be NULL */
	void (*told)(const struct frame *f); /* a frame of callgated was taken in; may be NULL */
};

/** serve_fatal(what, err): Say why and exit: nothing is left to answer with. */
void __attribute__((noreturn)) serve_fatal(const char *what, int err);

/** serve_start(s): Take the edges that came with the start, watch callgated.  Every place holds an edge with fd -1.  Exits when it cannot. */
void serve_start(struct serve *s);

/** serve_run(s): Answer until callgated says stop or is gone.  The exit status. */
int serve_run(struct serve *s) __attribute__((warn_unused_result));

#endif
