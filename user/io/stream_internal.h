/*
 * stream_internal.h - the inside of a stream, for the files of this floor.
 * Floor: io (private to it).
 *
 * A stream changes in three places only: a completion (wire_event), a call of its owner, and the two passes of the loop:
 * wire_pump() moves what arrived into the in-buffer, wire_settle() issues whatever the state asks for.  Both are driven by
 * state alone, so a submission that found the queue full is simply made in the next turn.
 *
 * Life: LIVE until its owner lets go; FLUSH while what is queued leaves; LINGER until the peer's FIN (an early close() with
 * unread bytes would be an RST that can overtake our last answer); DROP until the last completion; FREE.
 */
#ifndef IO_STREAM_INTERNAL_H
#define IO_STREAM_INTERNAL_H

#include "io/io_internal.h"

enum stage { STAGE_FREE, STAGE_LIVE, STAGE_FLUSH, STAGE_LINGER, STAGE_DROP };

enum bits {
	BIT_DIAL = 1,        /* connect to be issued */
	BIT_RX_ARMED = 2,    /* a multishot receive is out */
	BIT_RX_CANCEL = 4,   /* ... and its cancellation */
	BIT_RX_FIN = 8,      /* the peer's FIN came */
	BIT_PAUSED = 16,
	BIT_TX_BUSY = 32,    /* a send is out */
	BIT_TX_DEAD = 64,    /* a send failed: what is put from now on is dropped, what the peer said before is still read */
	BIT_TX_FIN = 128,    /* our FIN went out */
	BIT_CANCEL_ALL = 256,
	BIT_RESET = 512,
	BIT_CHANGED = 1024,  /* ready() is due */
	BIT_TLS_NOTIFY = 2048, /* our close_notify is in the queue */
	BIT_TLS_BAD = 4096,  /* broken; only its alert may still go out */
	BIT_ENDING = 16384,  /* in loop.ending */
	BIT_TLS_MORE = 8192, /* stopped for want of room or of steps, not for want of input */
};

struct stream {
	struct loop *l;
	stream_fn *fn;
	void *owner;
	struct list hot, changed, dirty; /* changed: once it has no owner, in loop.ending */
	uint32_t slot, gen;
	enum stage stage;
	unsigned bits, flags, inflight; /* inflight: completions to come; freed only at 0 */
	int fd, err;
	int rx_err, tx_err; /* rx_err is told once everything before it was read */
	size_t in_max, thrown;
	struct buf in;   /* for the owner */
	struct buf cin;  /* TLS: received, encrypted */
	struct buf out;  /* TLS: queued, plain; wiped as it goes */
	struct buf next; /* for the wire, behind ... */
	struct buf wire; /* ... what is in flight, and may not move */
	struct timer timer; /* of the dial; then of the end */
	struct tls *tls;
	struct sockaddr_storage addr;
	socklen_t addr_len;
};

/* stream.c */
/** stream_wake(s): Have it pumped; stream_touch(s): have it settled; stream_mark(s): have ready() called. */
void stream_wake(struct stream *s);
void stream_touch(struct stream *s);
void stream_mark(struct stream *s);
void stream_fail(struct stream *s, int err);
void stream_release(struct stream *s);
void stream_free_all(struct loop *l);
void stream_free_slots(struct loop *l);

/* wire.c */
void wire_event(struct loop *l, const struct event *e);
void wire_pump(struct stream *s);
void wire_settle(struct stream *s);

/* tls.c */
void tls_pump(struct stream *s);
void tls_flush(struct stream *s);
void tls_drop(struct stream *s);
int tls_start_server(struct stream *s, struct tls_front *front, struct tls_cert *cert) __attribute__((warn_unused_result));
int tls_start_client(struct stream *s, struct tls_back *back, const char *host) __attribute__((warn_unused_result));
bool tls_resumed(const struct stream *s);

#endif
