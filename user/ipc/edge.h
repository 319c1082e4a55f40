/*
 * edge.h - one end of a channel between two processes: typed, bounded frames over SOCK_SEQPACKET.
 * Floor: ipc.      Owns: its descriptor.
 *
 * Every frame is checked against msg.tbl.h on both sides: direction, size, number of descriptors, once.
 * A frame that breaks its row is answered with a negative result; the receiver then closes the edge
 * (and callgated ends the sender).  A payload passed up is aligned to 8 bytes.
 */
#ifndef IPC_EDGE_H
#define IPC_EDGE_H

#include "base/view.h"
#include "ipc/msg.h"

struct edge {
	int fd; /* -1: closed */
	enum party self, peer;
	uint32_t slot;       /* worker slot at the other end, when peer is P_PROXY */
	uint64_t seen_once;  /* rows with MSG_ONCE that came already: bit = row index */
	uint32_t dropped;    /* frames not sent because the peer's queue was full */
};

struct frame {
	uint16_t type;
	uint64_t tag;
	struct view body; /* borrowed until the next edge_recv() of this process */
	int fd[MSG_FDS];  /* owned by the caller now; -1 when absent */
};

void edge_init(struct edge *e, int fd, enum party self, enum party peer, uint32_t slot);
void edge_close(struct edge *e);

/** edge_pair(fd): A connected pair of descriptors for two edges, non-blocking, close-on-exec. */
int edge_pair(int fd[2]) __attribute__((warn_unused_result));

/**
 * edge_send(e, type, tag, body, fd):
 * Send one frame, with ${fd} (-1: none) attached; ${fd} stays the caller's.  0; -EAGAIN when the queue is full
 * (counted in e->dropped: the caller must treat it as a failure of the request); -ERR_CLOSED; -ERR_UNKNOWN_MESSAGE.
 */
int edge_send(struct edge *e, enum msg type, uint64_t tag, struct view body, int fd)
    __attribute__((warn_unused_result));

/** edge_send2(e, type, tag, head, tail, fd): The same with the body in two pieces (a fixed struct, then bytes). */
int edge_send2(struct edge *e, enum msg type, uint64_t tag, struct view head, struct view tail, int fd)
    __attribute__((warn_unused_result));

/** edge_send_soon(e, type, tag, body, wait_ms): The same without a descriptor; a full queue is waited for so long, since its reader empties it in one go. */
int edge_send_soon(struct edge *e, enum msg type, uint64_t tag, struct view body, int wait_ms) __attribute__((warn_unused_result));

/**
 * edge_recv(e, f):
 * Take one frame.  1 and ${f} filled; 0 when none waits; negative: -ERR_CLOSED, -ERR_UNKNOWN_MESSAGE, -ERR_MESSAGE_ONCE,
 * -ERR_MALFORMED (size or descriptors against the table).  After a negative result close the edge.
 */
int edge_recv(struct edge *e, struct frame *f) __attribute__((warn_unused_result));

/** edge_wipe(f): Clear the bytes of ${f}, the last frame received: it held a secret. */
void edge_wipe(const struct frame *f);

/** edge_recv_wait(e, f, timeout_ms): The same, waiting with poll(2); -ERR_TIMEOUT. */
int edge_recv_wait(struct edge *e, struct frame *f, int timeout_ms) __attribute__((warn_unused_result));

#endif
