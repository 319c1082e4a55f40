/* hasher.c - see hasher.h. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mtime.h"
#include "ident/hasher.h"

struct question {
	struct m_describe q;
	uint64_t id;
};

struct hasher {
	pthread_t thread;
	pthread_mutex_t lock; /* of all up to the bell */
	pthread_cond_t more;
	struct question todo[HASHER_QUEUE]; /* a ring */
	size_t first, count;
	struct hashed done[HASHER_WAITERS];
	size_t done_count;
	size_t owed; /* questions with an id whose answer was not taken */
	struct mono since; /* 0: idle */
	bool up, stop;
	int bell;
	/* The thread's own. */
	const struct describe *describer; /* of which describe_exe() changes nothing */
	struct digests *digests;
	struct {
		uint64_t id, key; /* id 0: free */
	} waiter[HASHER_WAITERS];
};

/* Never too many: as many are owed as there is room for. */
static void answer(struct hasher *h, uint64_t id, int r, const uint8_t sum[DIGEST_LEN])
{
	const uint64_t one = 1;

	pthread_mutex_lock(&h->lock);
	struct hashed *a = &h->done[h->done_count++];
	*a = (struct hashed){.id = id, .status = r < 0 ? r : 0};
	if (r > 0)
		memcpy(a->sum, sum, DIGEST_LEN);
	pthread_mutex_unlock(&h->lock);
	(void)!write(h->bell, &one, sizeof(one)); /* it overflows after 2^64 answers */
}

static void begin(struct hasher *h, const struct question *x)
{
	uint8_t sum[DIGEST_LEN];
	uint64_t key = 0;
	size_t i = 0;
	int fd = describe_exe(h->describer, &x->q);
	int r = fd < 0 ? fd : digest_want(h->digests, fd, &key, sum);

	if (!x->id)
		return;
	if (r) {
		answer(h, x->id, r, sum);
		return;
	}
	while (h->waiter[i].id)
		i++;
	h->waiter[i].id = x->id;
	h->waiter[i].key = key;
}

static void tell_waiters(struct hasher *h)
{
	uint8_t sum[DIGEST_LEN];

	for (size_t i = 0; i < HASHER_WAITERS; i++) {
		int r = h->waiter[i].id ? digest_get(h->digests, h->waiter[i].key, sum) : 0;
		if (!r)
			continue;
		answer(h, h->waiter[i].id, r, sum);
		h->waiter[i].id = 0;
	}
}

/* A new question goes before the rest of a file: its answer may be known. */
static void *work(void *arg)
{
	struct hasher *h = arg;
	bool reading = false;

	/* Of this thread alone: callgated made the process more urgent than others, for the sake of marks. */
	if (getpriority(PRIO_PROCESS, 0) < 0)
		(void)setpriority(PRIO_PROCESS, 0, 0);
	pthread_mutex_lock(&h->lock);
	h->up = true;
	pthread_cond_broadcast(&h->more);
	while (!h->stop) {
		struct question x;
		bool asked = h->count > 0;
		if (!asked && !reading) {
			h->since = (struct mono){0};
			pthread_cond_wait(&h->more, &h->lock);
			continue;
		}
		if (asked) {
			x = h->todo[h->first];
			h->first = (h->first + 1) % HASHER_QUEUE;
			h->count--;
		}
		h->since = mono_now();
		pthread_mutex_unlock(&h->lock);
		if (asked)
			begin(h, &x);
		else
			(void)digest_step(h->digests);
		tell_waiters(h);
		reading = digest_busy(h->digests);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void drop(struct hasher *h)
{
	fd_close(&h->bell);
	digest_free(&h->digests);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int hasher_new(const struct describe *d, struct hasher **out)
{
	struct hasher *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	h->describer = d;
	h->digests = digest_new();
	h->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = !h->digests ? -ENOMEM : h->bell < 0 ? -errno : -pthread_create(&h->thread, NULL, work, h);
	if (r) {
		drop(h);
		return r;
	}
	/* A thread begins with system calls of the C library's, which the sandbox to come does not know: it must be past them. */
	pthread_mutex_lock(&h->lock);
	while (!h->up)
		pthread_cond_wait(&h->more, &h->lock);
	pthread_mutex_unlock(&h->lock);
	*out = h;
	return 0;
}

void hasher_free(struct hasher **hp)
{
	struct hasher *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
	drop(h);
}

int hasher_ask(struct hasher *h, const struct m_describe *q, uint64_t id)
{
	int r = 0;

	pthread_mutex_lock(&h->lock);
	if (h->count == HASHER_QUEUE || (id && h->owed == HASHER_WAITERS)) {
		r = -EAGAIN;
	} else {
		h->todo[(h->first + h->count++) % HASHER_QUEUE] = (struct question){*q, id};
		h->owed += id != 0;
		if (!h->since.ns)
			h->since = mono_now();
		pthread_cond_signal(&h->more);
	}
	pthread_mutex_unlock(&h->lock);
	return r;
}

int hasher_fd(const struct hasher *h)
{
	return h->bell;
}

bool hasher_next(struct hasher *h, struct hashed *out)
{
	uint64_t n;

	(void)!read(h->bell, &n, sizeof(n));
	pthread_mutex_lock(&h->lock);
	bool any = h->done_count > 0;
	if (any) {
		*out = h->done[--h->done_count];
		h->owed--;
	}
	pthread_mutex_unlock(&h->lock);
	return any;
}

uint64_t hasher_stuck_ms(struct hasher *h)
{
	pthread_mutex_lock(&h->lock);
	uint64_t ms = h->since.ns ? mono_since_us(h->since, mono_now()) / 1000 : 0;
	pthread_mutex_unlock(&h->lock);
	return ms;
}
