/*
 * loop.c - the loop: one turn, and what a completion is given to.
 * Floor: io.      Process: callgate-proxy.      Source: the floor's contract in stream.h.
 *
 * System calls at run time, after loop_new(): io_uring_enter; socket (AF_INET, AF_INET6; SOCK_STREAM), setsockopt (TCP_NODELAY,
 * SO_LINGER), shutdown, close; fcntl (F_GETFL, F_SETFL) in loop_listen(); getpeername when TLS is started as a client on an accepted
 * stream.  What malloc() and OpenSSL need: mmap, munmap, mremap, brk, madvise, futex, getrandom, getpid (before each random
 * number), clock_gettime; sysinfo is tried once by qsort() and may be refused.  io_uring_register only gives the registered
 * descriptor back in loop_free() and may be refused.  Never connect, bind, listen, accept, send, recv, open.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "io/stream_internal.h"

enum { DRAIN_TURNS = 64 };

static void lost(struct loop *l, const struct event *e)
{
	(void)l;
	log_warning("io: a completion without an owner (operation %d, result %d)", (int)e->op, e->res);
}

static void cancelled(struct loop *l, const struct event *e)
{
	/* Found, not found, already running: by kernel and by chance.  Only the count matters. */
	if (e->slot != RING_SLOTS - 1)
		wire_event(l, e);
}

static void probed(struct loop *l, const struct event *e)
{
	l->probed = e->res;
}

static const struct {
	const char *name;
	void (*on)(struct loop *l, const struct event *e);
} ops[OP_COUNT] = {
	[OP_NONE] = {"none", lost},
	[OP_ACCEPT] = {"accept", watch_event},
	[OP_WATCH] = {"watch", watch_event},
	[OP_CONNECT] = {"connect", wire_event},
	[OP_RECV] = {"recv", wire_event},
	[OP_SEND] = {"send", wire_event},
	[OP_CANCEL] = {"cancel", cancelled},
	[OP_PROBE] = {"probe", probed},
};

int loop_new(const struct loop_conf *conf, char *why, size_t why_len, struct loop **out)
{
	unsigned entries = conf->entries ? conf->entries : 1024;

	*out = NULL;
	if (why_len)
		why[0] = '\0';
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	list_init(&l->hot);
	list_init(&l->changed);
	list_init(&l->dirty);
	list_init(&l->spare);
	list_init(&l->ending);
	l->slots_max = conf->max_streams ? conf->max_streams : 4096;
	if (l->slots_max >= RING_SLOTS)
		l->slots_max = RING_SLOTS - 1;
	l->slot = calloc(l->slots_max, sizeof(struct stream *));
	int e = l->slot ? ring_open(&l->ring, entries, why, why_len) : -ENOMEM;
	if (e) {
		free(l->slot);
		free(l);
		return e;
	}
	*out = l;
	return 0;
}

static void drain(struct loop *l)
{
	struct event e;

	while (ring_next(&l->ring, &e)) {
		ops[e.op < OP_COUNT ? e.op : OP_NONE].on(l, &e);
		ring_give(&l->ring, &e);
	}
}

/* The first node of ${head}, taken off; NULL when there is none. */
static struct list *take(struct list *head)
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	list_del(n);
	return n;
}

/* What is put on a list while it is being run waits for the next turn. */
static void split(struct list *from, struct list *batch)
{
	list_init(batch);
	if (list_empty(from))
		return;
	*batch = *from;
	batch->next->prev = batch->prev->next = batch;
	list_init(from);
}

static void settle(struct loop *l)
{
	struct list batch, *n;

	watch_settle(l);
	split(&l->dirty, &batch);
	while ((n = take(&batch)))
		wire_settle(LIST_ENTRY(n, struct stream, dirty));
}

static void pump_and_tell(struct loop *l)
{
	struct list batch, *n;

	l->shakes = 0;
	split(&l->hot, &batch);
	while ((n = take(&batch)))
		wire_pump(LIST_ENTRY(n, struct stream, hot));
	while ((n = take(&l->changed))) {
		struct stream *s = LIST_ENTRY(n, struct stream, changed);
		s->bits &= ~(unsigned)BIT_CHANGED;
		/* Another owner's ready() may have closed it meanwhile. */
		if (s->stage == STAGE_LIVE && s->fn)
			s->fn(s->owner, s);
	}
}

static uint64_t wait_ns(const struct loop *l, unsigned max_ms)
{
	uint64_t ns = max_ms == UINT32_MAX ? UINT64_MAX : (uint64_t)max_ms * 1000000u;

	if (l->stop || l->defers.n || l->watch_dirty || !list_empty(&l->hot) || !list_empty(&l->dirty))
		return 0;
	uint64_t due = timer_next_ns(l, mono_now());
	return due < ns ? due : ns;
}

int loop_turn(struct loop *l, unsigned max_ms)
{
	/* What was asked for outside a turn. */
	settle(l);
	int e = ring_wait(&l->ring, wait_ns(l, max_ms));
	if (e)
		return e;
	drain(l);
	timer_run(l);
	pump_and_tell(l);
	defer_run(l);
	settle(l);
	return 0;
}

int loop_run(struct loop *l)
{
	int e = 0;

	l->stop = false;
	while (!l->stop && !e)
		e = loop_turn(l, UINT32_MAX);
	/* The last turn's sends are prepared: hand them over. */
	return e ? e : ring_wait(&l->ring, 0);
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

size_t loop_opcodes(uint8_t *out, size_t n)
{
	return ring_opcodes(out, n);
}

int loop_ring_fd(const struct loop *l)
{
	return l->ring.u.ring_fd;
}

int loop_probe(struct loop *l, uint8_t opcode)
{
	struct io_uring_sqe *sqe = ring_sqe(&l->ring);

	if (!sqe)
		return -EBUSY;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = -1;
	ring_tag(sqe, OP_PROBE, 0, 0);
	l->probed = 1;
	for (unsigned i = 0; l->probed == 1 && i < DRAIN_TURNS; i++) {
		int e = ring_wait(&l->ring, 1000000);
		if (e)
			return e;
		drain(l);
	}
	return l->probed;
}

void loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (!l)
		return;
	/* Memory that the kernel may still write to or read from is given back only when nothing is in flight. */
	watch_free_all(l);
	stream_free_all(l);
	for (unsigned i = 0; l->live && i < DRAIN_TURNS; i++) {
		settle(l);
		if (ring_wait(&l->ring, 10000000))
			break;
		drain(l);
	}
	settle(l);
	ring_close(&l->ring);
	stream_free_slots(l);
	pool_free_all(&l->pool);
	timer_free_all(l);
	defer_free_all(l);
	free(l->slot);
	free(l);
	*lp = NULL;
}
