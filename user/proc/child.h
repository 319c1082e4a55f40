/*
 * child.h - how every child of callgated begins.
 * Floor: proc (uses ipc, base).
 *
 * callgated starts the binary with its own uid and gids, no capability but those its row of parties names, an empty
 * environment, standard error, and descriptor 3: the edge to callgated.  It then sends M_CONF, M_FD and M_EDGE frames, and M_GO.
 * The child gathers them with child_boot(), opens what it needs, enters its sandbox, answers M_READY and serves.
 * Later M_EDGE frames replace an edge whose other end was restarted; later M_FD frames bring rings of new workers.
 */
#ifndef PROC_CHILD_H
#define PROC_CHILD_H

#include "ipc/edge.h"

enum { CHILD_FDS = 320, /* 64 rings of four, and the rest */ CHILD_EDGES = 32 };

struct child_fd {
	struct m_fd what;
	int fd;
};

struct child {
	enum party self;
	uint32_t slot;      /* of a worker */
	struct edge sup;
	struct child_fd fd[CHILD_FDS]; /* until taken */
	size_t fds;
	struct edge edge[CHILD_EDGES]; /* until taken */
	size_t edges;
	char conf[MSG_MAX + 1]; /* JSON text, NUL-terminated */
	/* for child_ready() */
	int dir[4]; /* directories below which files may still be opened: those that came as FD_DIR, FD_JOURNAL_DIR and FD_SECOND_DIR */
	size_t dir_count;
	int (*helper)(void *arg); /* makes the threads that there will be, in the middle of child_ready(); NULL: none.  0 or negative */
	void *helper_arg;
	bool uring_tried, uring_refused; /* IORING_OP_OPENAT on the own ring: tried by the worker itself */
	char note[NAME_LEN]; /* a spoken downgrade, or empty */
};

/** child_boot(self, argc, argv, c): Name the log, read frames up to M_GO.  Exits with a message when descriptor 3 is not an edge. */
void child_boot(enum party self, int argc, char **argv, struct child *c);

/** child_take_fd(c, what, slot): The descriptor, now the caller's, or -1. */
int child_take_fd(struct child *c, enum fd_what what, uint32_t slot);

/** child_take_edge(c, peer, slot, e): Move the edge into ${e}; false (and e->fd = -1) when there is none. */
bool child_take_edge(struct child *c, enum party peer, uint32_t slot, struct edge *e);

/** child_frame(c, f): Take in a later M_EDGE, M_FD or M_CONF frame of callgated: 1 when it was one of these and is now in ${c}; 0: not for child. */
int child_frame(struct child *c, const struct frame *f);

/** child_ready(c, ring_fd): Enter the sandbox of ${self} (proc/sandbox.h), try every refusal from inside, answer M_READY.  Exits when one was not refused. */
void child_ready(struct child *c, int ring_fd);

#endif
