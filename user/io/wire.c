/*
 * wire.c - a stream and the ring: what completions say, and what the stream's state asks for.
 * Floor: io.      See stream_internal.h for the passes and the stages.
 */
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "io/stream_internal.h"

enum { THROW_MAX = 32 << 20 }; /* what a lingering stream still takes from a peer that goes on sending */

/* ---- completions ---- */

static void tx_failed(struct stream *s, int err)
{
	s->bits |= BIT_TX_DEAD;
	s->tx_err = err;
	pool_wipe(&s->l->pool, &s->out);
	pool_drop(&s->l->pool, &s->next);
	pool_drop(&s->l->pool, &s->wire);
	stream_wake(s);
}

static void on_connect(struct stream *s, const struct event *e, struct view bytes)
{
	(void)bytes;
	if (s->flags & STREAM_ERROR)
		return;
	if (e->res < 0) {
		stream_fail(s, e->res);
		return;
	}
	timer_off(s->l, &s->timer);
	s->flags |= STREAM_OPEN;
	stream_mark(s);
}

static void take_in(struct stream *s, struct view bytes)
{
	if (s->stage != STAGE_LIVE || (s->flags & STREAM_ERROR)) {
		s->thrown += bytes.n;
		if (s->thrown > THROW_MAX && s->stage != STAGE_LIVE)
			s->stage = STAGE_DROP;
		return;
	}
	if (pool_put(&s->l->pool, s->tls ? &s->cin : &s->in, bytes))
		stream_fail(s, -ENOMEM);
	else if (s->tls)
		stream_wake(s);
	else
		stream_mark(s);
}

static void on_recv(struct stream *s, const struct event *e, struct view bytes)
{
	if (!e->more)
		s->bits &= ~(unsigned)(BIT_RX_ARMED | BIT_RX_CANCEL);
	switch (e->res) {
	case -ENOBUFS: /* the ring of buffers was empty: armed again at the end of the turn */
	case -ECANCELED:
	case -EINTR:
	case -EAGAIN:
		return;
	case 0:
		s->bits |= BIT_RX_FIN;
		stream_wake(s);
		return;
	}
	if (e->res > 0) {
		take_in(s, bytes);
	} else {
		s->rx_err = e->res;
		stream_wake(s);
	}
}

static void on_send(struct stream *s, const struct event *e, struct view bytes)
{
	(void)bytes;
	s->bits &= ~(unsigned)BIT_TX_BUSY;
	if (e->res > 0) {
		buf_consume(&s->wire, (size_t)e->res);
		stream_mark(s);
	} else if (e->res != -EINTR && e->res != -EAGAIN) {
		tx_failed(s, e->res ? e->res : -EPIPE);
	}
}

static void on_cancel(struct stream *s, const struct event *e, struct view bytes)
{
	(void)s;
	(void)e;
	(void)bytes;
}

static void (*const handlers[OP_COUNT])(struct stream *, const struct event *, struct view) = {
	[OP_CONNECT] = on_connect,
	[OP_RECV] = on_recv,
	[OP_SEND] = on_send,
	[OP_CANCEL] = on_cancel,
};

void wire_event(struct loop *l, const struct event *e)
{
	struct stream *s = e->slot < l->slots ? l->slot[e->slot] : NULL;

	if (!s || s->gen != e->gen || s->stage == STAGE_FREE)
		return;
	if (!e->more)
		s->inflight--;
	handlers[e->op](s, e, ring_bytes(&l->ring, e));
	stream_touch(s);
}

/* ---- what arrived becomes what the owner sees ---- */

static void tell_end(struct stream *s)
{
	unsigned b = s->bits;

	if ((s->flags & STREAM_ERROR) || (b & BIT_TLS_MORE))
		return;
	if (s->rx_err || ((b & BIT_TX_DEAD) && (b & (BIT_RX_FIN | BIT_PAUSED)))) {
		stream_fail(s, s->tx_err ? s->tx_err : s->rx_err);
	} else if ((b & BIT_RX_FIN) && !(s->flags & STREAM_EOF)) {
		s->flags |= STREAM_EOF | (s->tls ? 0 : STREAM_EOF_CLEAN);
		s->bits |= BIT_CHANGED;
	}
}

void wire_pump(struct stream *s)
{
	if (s->stage == STAGE_LIVE) {
		if (s->tls && (s->flags & STREAM_OPEN))
			tls_pump(s);
		tell_end(s);
		if ((s->bits & BIT_CHANGED) && list_empty(&s->changed))
			list_add_tail(&s->l->changed, &s->changed);
	}
	stream_touch(s);
}

/* ---- what the state asks for ---- */

static struct io_uring_sqe *want_sqe(struct stream *s)
{
	struct io_uring_sqe *sqe = ring_sqe(&s->l->ring);

	if (!sqe)
		stream_touch(s); /* the queue is full: next turn */
	return sqe;
}

static void submit(struct stream *s, struct io_uring_sqe *sqe, enum op op)
{
	ring_tag(sqe, op, s->slot, s->gen);
	s->inflight++;
}

static void dial(struct stream *s)
{
	struct io_uring_sqe *sqe;

	if (!(s->bits & BIT_DIAL) || !(sqe = want_sqe(s)))
		return;
	io_uring_prep_connect(sqe, s->fd, (struct sockaddr *)&s->addr, s->addr_len);
	submit(s, sqe, OP_CONNECT);
	s->bits &= ~(unsigned)BIT_DIAL;
}

static void send_next(struct stream *s)
{
	struct io_uring_sqe *sqe;

	if (!(s->flags & STREAM_OPEN) || (s->bits & (BIT_TX_BUSY | BIT_TX_DEAD)))
		return;
	if (!s->wire.len && s->next.len) {
		struct buf b = s->wire;
		s->wire = s->next;
		s->next = b;
	}
	if (s->wire.len) {
		if (!(sqe = want_sqe(s)))
			return;
		struct view v = view_head(buf_view(&s->wire), IO_SEND_MAX);
		io_uring_prep_send(sqe, s->fd, v.p, v.n, MSG_WAITALL | MSG_NOSIGNAL);
		submit(s, sqe, OP_SEND);
		s->bits |= BIT_TX_BUSY;
		return;
	}
	bool goodbye = !s->tls || (s->bits & (BIT_TLS_NOTIFY | BIT_TLS_BAD)) || s->stage != STAGE_LIVE;
	if ((s->flags & STREAM_SHUT) && !s->out.len && goodbye && !(s->bits & BIT_TX_FIN)) {
		shutdown(s->fd, SHUT_WR);
		s->bits |= BIT_TX_FIN;
		stream_mark(s);
	}
}

static bool wants_bytes(const struct stream *s)
{
	if (!(s->flags & STREAM_OPEN) || (s->bits & BIT_RX_FIN) || s->rx_err)
		return false;
	if (s->stage != STAGE_LIVE)
		return true; /* to throw away, until the peer's FIN */
	return !(s->flags & STREAM_ERROR) && !(s->bits & BIT_PAUSED) && s->in.len < s->in_max && s->cin.len < IO_CIPHER_MAX;
}

static void receive(struct stream *s)
{
	bool want = wants_bytes(s), armed = s->bits & BIT_RX_ARMED;
	struct io_uring_sqe *sqe;

	if (want == armed || (armed && (s->bits & BIT_RX_CANCEL)) || !(sqe = want_sqe(s)))
		return;
	if (want) {
		io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = RING_GROUP;
		submit(s, sqe, OP_RECV);
		s->bits |= BIT_RX_ARMED;
	} else {
		io_uring_prep_cancel64(sqe, ring_data(OP_RECV, s->slot, s->gen), 0);
		submit(s, sqe, OP_CANCEL);
		s->bits |= BIT_RX_CANCEL;
	}
}

/* close() would not end what is in flight: cancel, wait for the last completion, then close. */
static void drop(struct stream *s)
{
	struct io_uring_sqe *sqe;

	if (!s->inflight) {
		stream_release(s);
		return;
	}
	if ((s->bits & BIT_CANCEL_ALL) || !(sqe = want_sqe(s)))
		return;
	io_uring_prep_cancel_fd(sqe, s->fd, IORING_ASYNC_CANCEL_ALL);
	submit(s, sqe, OP_CANCEL);
	s->bits |= BIT_CANCEL_ALL;
}

/* A stream without an owner goes on by itself. */
static void next_stage(struct stream *s)
{
	if (s->stage == STAGE_FLUSH && ((s->bits & BIT_TX_DEAD) || s->rx_err))
		s->stage = STAGE_DROP;
	if (s->stage == STAGE_FLUSH && (s->bits & BIT_TX_FIN)) {
		s->stage = STAGE_LINGER;
		struct timer *t = &s->timer;
		if (timer_set(s->l, t, IO_LINGER_MS, t->fn, s))
			s->stage = STAGE_DROP;
	}
	if (s->stage == STAGE_LINGER && ((s->bits & BIT_RX_FIN) || s->rx_err))
		s->stage = STAGE_DROP;
}

void wire_settle(struct stream *s)
{
	struct pool *p = &s->l->pool;

	if (s->stage == STAGE_FREE)
		return;
	if (s->stage != STAGE_DROP) {
		dial(s);
		if (s->tls)
			tls_flush(s);
		send_next(s);
		next_stage(s);
	}
	if (s->stage == STAGE_DROP) {
		drop(s);
		return;
	}
	receive(s);
	/* An idle stream keeps no block. */
	pool_trim(p, &s->in);
	pool_trim(p, &s->cin);
	pool_trim(p, &s->out);
	pool_trim(p, &s->next);
	if (!(s->bits & BIT_TX_BUSY))
		pool_trim(p, &s->wire);
}
