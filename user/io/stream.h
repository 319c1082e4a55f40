/*
 * stream.h - a loop over one io_uring, and byte streams on it, plain or TLS.
 * Floor: io (uses base).      Process: callgate-proxy.
 *
 * Turn: all completions are drained; each touched stream moves bytes (TLS included) into its in-buffer; then ready() is called
 * once per stream that changed.  ready() may call every function of this header, on any stream; nothing calls ready() from inside
 * another call.  After the last ready() the out-buffers are flushed, one send per stream in flight.
 *
 * Bounded: the in-buffer stops the receive at STREAM_IN_MAX (stream_need() can raise it for one stream), stream_put() refuses above
 * STREAM_OUT_MAX.  That is the backpressure: a leg that cannot put into its peer does not consume, and so stops receiving.
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/mtime.h"
struct loop;
struct stream;
struct tls_front; /* server side */
struct tls_back;  /* client side */
struct tls_cert;

enum { STREAM_IN_MAX = 128 << 10, STREAM_OUT_MAX = 96 << 10 };
/* ---- the loop ---- */
struct loop_conf {
	unsigned entries;     /* submission queue; 0: 1024 */
	unsigned max_streams; /* 0: 4096 */
};
/** loop_new(conf, why, out): Make the ring, restricted to the opcodes in use.  -ERR_NO_FEATURE: ${why} names what is missing. */
int loop_new(const struct loop_conf *conf, char *why, size_t why_len, struct loop **out) __attribute__((warn_unused_result));
void loop_free(struct loop **l);
/** loop_run(l): Turn until loop_stop(); loop_turn(l, ms): one round. */
int loop_run(struct loop *l) __attribute__((warn_unused_result));
int loop_turn(struct loop *l, unsigned max_ms) __attribute__((warn_unused_result));
void loop_stop(struct loop *l);
/** loop_opcodes(out, n): The opcodes the ring is restricted to (for the sandbox test). */
size_t loop_opcodes(uint8_t *out, size_t n);
/** loop_ring_fd(l): The ring itself, for the sandbox's self-check. */
int loop_ring_fd(const struct loop *l);
/** loop_probe(l, opcode): The result of an empty request of that kind; -EACCES: the ring refuses it (not landlock: no path is given). */
int loop_probe(struct loop *l, uint8_t opcode) __attribute__((warn_unused_result));

/** loop_listen(l, fd, fn, arg): Multishot accept into normal descriptors; fn gets each one, or a negative error.  loop_unwatch() ends it. */
typedef void loop_accept_fn(void *arg, int fd);
int loop_listen(struct loop *l, int fd, loop_accept_fn *fn, void *arg) __attribute__((warn_unused_result));
/** loop_watch(l, fd, fn, arg): Call fn when ${fd} is readable (edges, eventfds); it must drain it. */
typedef void loop_watch_fn(void *arg, int fd);
int loop_watch(struct loop *l, int fd, loop_watch_fn *fn, void *arg) __attribute__((warn_unused_result));
void loop_unwatch(struct loop *l, int fd);
/** loop_defer(l, fn, arg): Call fn once at the end of this turn (or the next, when idle).  One per (fn, arg). */
typedef void loop_fn(void *arg);
int loop_defer(struct loop *l, loop_fn *fn, void *arg) __attribute__((warn_unused_result));
void loop_undefer(struct loop *l, loop_fn *fn, const void *arg);
struct timer { /* lives in its owner; zero it first */
	struct mono at;
	loop_fn *fn;
	void *arg;
	uint32_t pos; /* in the loop's heap, 0: off */
};
int timer_set(struct loop *l, struct timer *t, uint64_t ms, loop_fn *fn, void *arg) __attribute__((warn_unused_result));
void timer_off(struct loop *l, struct timer *t);

/* ---- streams ---- */
enum stream_flag {
	STREAM_OPEN = 1,     /* connected */
	STREAM_TLS = 2,      /* TLS was started */
	STREAM_TLS_UP = 4,   /* handshake done */
	STREAM_EOF = 8,      /* the peer will send no more (all its bytes are in the in-buffer or consumed) */
	STREAM_EOF_CLEAN = 16, /* ... and under TLS it said close_notify; a plain FIN is always clean */
	STREAM_SHUT = 32,    /* we will send no more */
	STREAM_FLUSHED = 64, /* nothing queued, nothing in flight */
	STREAM_ERROR = 128,  /* dead: stream_error() */
};
typedef void stream_fn(void *owner, struct stream *s);

/** stream_accepted(l, fd, fn, owner): Take over a connected socket.  NULL: out of streams or memory; ${fd} is closed. */
struct stream *stream_accepted(struct loop *l, int fd, stream_fn *fn, void *owner);
/** stream_dial(l, addr, len, timeout_ms, fn, owner): Start connecting; ready() tells OPEN or ERROR. */
struct stream *stream_dial(struct loop *l, const struct sockaddr *addr, socklen_t len, unsigned timeout_ms, stream_fn *fn,
    void *owner);
/** stream_own(s, fn, owner): Hand the stream to another owner, who looks for himself at what is there already. */
void stream_own(struct stream *s, stream_fn *fn, void *owner);

/** stream_tls_server(s, front, cert): The bytes in the in-buffer, not consumed, are the start of the handshake. */
int stream_tls_server(struct stream *s, struct tls_front *front, struct tls_cert *cert) __attribute__((warn_unused_result));
/** stream_tls_client(s, back, host): Start TLS as a client; ${host} is verified (name or address) and sent as SNI (names only). */
int stream_tls_client(struct stream *s, struct tls_back *back, const char *host) __attribute__((warn_unused_result));
bool stream_tls_resumed(const struct stream *s); /* the handshake was a short one, by a ticket */
unsigned stream_flags(const struct stream *s);
int stream_error(const struct stream *s); /* 0 or negative: errno, -ERR_TLS_*, -ERR_TIMEOUT */
/** stream_ending(s): Has the peer's end arrived at this machine, though it may not be known to the loop yet?  For the moment before a request leaves. */
bool stream_ending(const struct stream *s);
int stream_fd(const struct stream *s);    /* the descriptor, for the BPF map lookup and getsockname */
/** stream_in(s): What has arrived (plaintext under TLS), borrowed until the next call on ${s}. */
struct view stream_in(struct stream *s);
void stream_consume(struct stream *s, size_t n);
/** stream_need(s, n): Let the in-buffer grow to ${n} bytes. */
void stream_need(struct stream *s, size_t n);
/** stream_fold(s): What is in the in-buffer stays there for long: give back the memory that it does not need.  Views of it end. */
void stream_fold(struct stream *s);
/** stream_held(s): How many bytes its buffers hold, the memory of empty ones included. */
size_t stream_held(const struct stream *s);
/** stream_pause(s, on): Stop or go on receiving, whatever the room. */
void stream_pause(struct stream *s, bool on);
/** stream_put(s, v): Queue bytes; all or -ENOBUFS.  stream_room(s): how many would be taken now. */
int stream_put(struct stream *s, struct view v) __attribute__((warn_unused_result));
size_t stream_room(const struct stream *s);
/** stream_shut(s): After the queue is sent, send close_notify (TLS) and FIN. */
void stream_shut(struct stream *s);
/** stream_close(s): Drop it now, after what is queued if ${flush}; sets NULL; ready() is never called again.  stream_reset(): with RST. */
void stream_close(struct stream **s, bool flush);
void stream_reset(struct stream **s);
/* ---- TLS material ---- */
/** tls_back_new(pem, own_ca_pem, out): Trust what is in ${pem}, except our own CA. */
int tls_front_new(struct tls_front **out) __attribute__((warn_unused_result));
void tls_front_free(struct tls_front **f);
int tls_back_new(struct view pem, struct view own_ca_pem, struct tls_back **out) __attribute__((warn_unused_result));
void tls_back_free(struct tls_back **b);
/** tls_cert_new(leaf, issuer, key): From DER; issuer may be empty. */
int tls_cert_new(struct view leaf, struct view issuer, struct view key, struct tls_cert **out) __attribute__((warn_unused_result));
struct tls_cert *tls_cert_ref(struct tls_cert *c);
void tls_cert_unref(struct tls_cert **c);

#endif
