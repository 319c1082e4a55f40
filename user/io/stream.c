/*
 * stream.c - a stream's life and its owner's calls; see stream.h and stream_internal.h.
 * Floor: io.      Owns: the descriptor, the buffers, the TLS state.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "io/stream_internal.h"

enum { SLAB = 32 };

void stream_wake(struct stream *s)
{
	if (list_empty(&s->hot))
		list_add_tail(&s->l->hot, &s->hot);
}

void stream_touch(struct stream *s)
{
	if (s->stage != STAGE_FREE && list_empty(&s->dirty))
		list_add_tail(&s->l->dirty, &s->dirty);
}

void stream_mark(struct stream *s)
{
	s->bits |= BIT_CHANGED;
	stream_wake(s);
}

void stream_fail(struct stream *s, int err)
{
	if (s->flags & STREAM_ERROR)
		return;
	s->err = err;
	s->flags |= STREAM_ERROR;
	timer_off(s->l, &s->timer);
	pool_wipe(&s->l->pool, &s->out);
	stream_mark(s);
	stream_touch(s);
}

/* ---- slots ---- */

static int add_slab(struct loop *l)
{
	if (l->slots >= l->slots_max)
		return -ENOSPC;
	struct stream *slab = calloc(SLAB, sizeof(*slab));
	if (!slab)
		return -ENOMEM;
	for (unsigned i = 0; i < SLAB; i++) {
		struct stream *s = &slab[i];
		s->l = l;
		s->slot = l->slots + i;
		list_init(&s->hot);
		list_init(&s->changed);
		list_init(&s->dirty);
		if (s->slot >= l->slots_max)
			continue;
		l->slot[s->slot] = s;
		list_add_tail(&l->spare, &s->dirty);
	}
	l->slots = l->slots + SLAB < l->slots_max ? l->slots + SLAB : l->slots_max;
	return 0;
}

static struct stream *take(struct loop *l, stream_fn *fn, void *owner)
{
	if (list_empty(&l->spare) && add_slab(l))
		return NULL;
	struct stream *s = LIST_ENTRY(l->spare.next, struct stream, dirty);
	list_del(&s->dirty);
	l->live++;
	s->gen++;
	s->stage = STAGE_LIVE;
	s->fn = fn;
	s->owner = owner;
	s->fd = -1;
	s->in_max = STREAM_IN_MAX;
	return s;
}

/* The last completion has come: nothing can refer to it any more. */
void stream_release(struct stream *s)
{
	struct loop *l = s->l;
	struct stream fresh = {.l = l, .slot = s->slot, .gen = s->gen};

	tls_drop(s);
	timer_off(l, &s->timer);
	if (s->bits & BIT_RESET)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	fd_close(&s->fd);
	pool_drop(&l->pool, &s->in);
	pool_drop(&l->pool, &s->cin);
	pool_wipe(&l->pool, &s->out);
	pool_drop(&l->pool, &s->next);
	pool_drop(&l->pool, &s->wire);
	if (s->bits & BIT_ENDING)
		l->ending_n--;
	list_del(&s->hot);
	list_del(&s->changed);
	list_del(&s->dirty);
	*s = fresh;
	list_init(&s->hot);
	list_init(&s->changed);
	list_init(&s->dirty);
	list_add_head(&l->spare, &s->dirty);
	l->live--;
}

void stream_free_all(struct loop *l)
{
	for (unsigned i = 0; i < l->slots; i++) {
		struct stream *s = l->slot[i];
		if (s->stage == STAGE_FREE)
			continue;
		s->fn = NULL;
		s->stage = STAGE_DROP;
		stream_touch(s);
	}
}

void stream_free_slots(struct loop *l)
{
	/* Only when a request could not be cancelled is one still in use here; the ring is gone by now. */
	for (unsigned i = 0; i < l->slots; i++)
		if (l->slot[i]->stage != STAGE_FREE)
			stream_release(l->slot[i]);
	for (unsigned i = 0; i < l->slots; i += SLAB)
		free(l->slot[i]);
	l->slots = 0;
}

/* ---- beginnings ---- */

static void no_delay(int fd)
{
	/* Fails on a unix socket, which never delays. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

struct stream *stream_accepted(struct loop *l, int fd, stream_fn *fn, void *owner)
{
	struct stream *s = take(l, fn, owner);

	if (!s) {
		fd_close(&fd);
		return NULL;
	}
	s->fd = fd;
	s->flags = STREAM_OPEN;
	no_delay(fd);
	stream_touch(s);
	return s;
}

/* The dial took too long, or the end did. */
static void on_timer(void *arg)
{
	struct stream *s = arg;

	if (s->stage == STAGE_LIVE)
		stream_fail(s, -ERR_TIMEOUT);
	else
		s->stage = STAGE_DROP;
	stream_touch(s);
}

struct stream *stream_dial(struct loop *l, const struct sockaddr *addr, socklen_t len, unsigned timeout_ms, stream_fn *fn,
    void *owner)
{
	struct stream *s = take(l, fn, owner);

	if (!s)
		return NULL;
	if (len > sizeof(s->addr) || len < sizeof(sa_family_t)) {
		stream_fail(s, -EINVAL);
		return s;
	}
	memcpy(&s->addr, addr, len);
	s->addr_len = len;
	s->fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		stream_fail(s, -errno);
		return s;
	}
	no_delay(s->fd);
	if (timer_set(l, &s->timer, timeout_ms, on_timer, s)) {
		stream_fail(s, -ENOMEM);
		return s;
	}
	s->bits |= BIT_DIAL;
	stream_touch(s);
	return s;
}

void stream_own(struct stream *s, stream_fn *fn, void *owner)
{
	s->fn = fn;
	s->owner = owner;
}

int stream_tls_server(struct stream *s, struct tls_front *front, struct tls_cert *cert)
{
	return tls_start_server(s, front, cert);
}

int stream_tls_client(struct stream *s, struct tls_back *back, const char *host)
{
	return tls_start_client(s, back, host);
}

bool stream_tls_resumed(const struct stream *s)
{
	return tls_resumed(s);
}

/* ---- what it is ---- */

static bool queued(const struct stream *s)
{
	return s->out.len || s->next.len || s->wire.len || (s->bits & BIT_TX_BUSY);
}

unsigned stream_flags(const struct stream *s)
{
	bool fin_due = (s->flags & STREAM_SHUT) && !(s->bits & (BIT_TX_FIN | BIT_TX_DEAD));

	return s->flags | (queued(s) || fin_due ? 0 : STREAM_FLUSHED);
}

int stream_error(const struct stream *s)
{
	return s->err;
}

bool stream_ending(const struct stream *s)
{
	struct tcp_info i = {0};
	socklen_t n = sizeof(i);

	if (s->flags & (STREAM_EOF | STREAM_ERROR))
		return true;
	/* Not TCP: there is nothing more to know. */
	return getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &i, &n) == 0 && i.tcpi_state != TCP_ESTABLISHED;
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

/* ---- receiving ---- */

struct view stream_in(struct stream *s)
{
	return buf_view(&s->in);
}

void stream_consume(struct stream *s, size_t n)
{
	buf_consume(&s->in, n);
	if (s->bits & BIT_TLS_MORE)
		stream_wake(s);
	stream_touch(s);
}

void stream_need(struct stream *s, size_t n)
{
	s->in_max = n > STREAM_IN_MAX ? n : STREAM_IN_MAX;
	if (s->bits & BIT_TLS_MORE)
		stream_wake(s);
	stream_touch(s);
}

void stream_fold(struct stream *s)
{
	pool_fold(&s->l->pool, &s->in);
}

size_t stream_held(const struct stream *s)
{
	return buf_held(&s->in) + buf_held(&s->cin) + buf_held(&s->out) + buf_held(&s->next) + buf_held(&s->wire);
}

void stream_pause(struct stream *s, bool on)
{
	s->bits = on ? s->bits | BIT_PAUSED : s->bits & ~(unsigned)BIT_PAUSED;
	if (s->bits & BIT_TX_DEAD)
		stream_wake(s);
	stream_touch(s);
}

/* ---- sending ---- */

size_t stream_room(const struct stream *s)
{
	size_t used = s->out.len + s->next.len + s->wire.len;

	return (s->flags & (STREAM_SHUT | STREAM_ERROR)) || used >= STREAM_OUT_MAX ? 0 : STREAM_OUT_MAX - used;
}

int stream_put(struct stream *s, struct view v)
{
	if (s->flags & (STREAM_SHUT | STREAM_ERROR))
		return -EPIPE;
	if (v.n > stream_room(s))
		return -ENOBUFS;
	if (s->bits & BIT_TX_DEAD)
		return 0;
	int e = pool_put(&s->l->pool, s->tls ? &s->out : &s->next, v);
	stream_touch(s);
	return e;
}

void stream_shut(struct stream *s)
{
	s->flags |= STREAM_SHUT;
	stream_touch(s);
}

/* ---- ends ---- */

/* Whether there is somebody to say goodbye to: a broken TLS stream may still owe the alert that tells why. */
static bool can_flush(const struct stream *s, bool flush)
{
	if (!(s->flags & STREAM_OPEN) || (s->bits & BIT_TX_DEAD) || s->rx_err)
		return false;
	if (s->bits & BIT_TLS_BAD)
		return s->next.len || s->wire.len;
	return flush && !(s->flags & STREAM_ERROR);
}

static struct stream *let_go(struct stream **sp)
{
	struct stream *s = *sp;

	*sp = NULL;
	if (!s)
		return NULL;
	s->fn = NULL;
	s->owner = NULL;
	list_del(&s->changed);
	timer_off(s->l, &s->timer);
	pool_drop(&s->l->pool, &s->in);
	stream_touch(s);
	return s;
}

/* Peers that take their time to let go must not use up the slots: above an eighth of them the oldest is dropped. */
static void ending(struct stream *s)
{
	struct loop *l = s->l;

	list_add_tail(&l->ending, &s->changed);
	s->bits |= BIT_ENDING;
	if (++l->ending_n <= l->slots_max / 8)
		return;
	struct stream *oldest = LIST_ENTRY(l->ending.next, struct stream, changed);
	list_del(&oldest->changed);
	oldest->bits &= ~(unsigned)BIT_ENDING;
	l->ending_n--;
	oldest->stage = STAGE_DROP;
	stream_touch(oldest);
}

void stream_close(struct stream **sp, bool flush)
{
	struct stream *s = let_go(sp);

	if (!s)
		return;
	s->stage = STAGE_DROP;
	if (!can_flush(s, flush) || timer_set(s->l, &s->timer, IO_FLUSH_MS, on_timer, s))
		return;
	s->stage = STAGE_FLUSH;
	s->flags |= STREAM_SHUT;
	ending(s);
}

void stream_reset(struct stream **sp)
{
	struct stream *s = let_go(sp);

	if (!s)
		return;
	s->stage = STAGE_DROP;
	s->bits |= BIT_RESET;
}
