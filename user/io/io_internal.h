/*
 * io_internal.h - what the files of this floor share: the loop and its parts.
 * Floor: io (private to it).
 */
#ifndef IO_IO_INTERNAL_H
#define IO_IO_INTERNAL_H

#include "base/list.h"
#include "io/pool.h"
#include "io/ring.h"
#include "io/stream.h"

enum {
	IO_WATCHES = 1024,
	IO_CIPHER_MAX = 64 << 10, /* received, not yet decrypted: above it the receive stops */
	IO_SEND_MAX = 64 << 10,  /* in one send: its end is when room is told */
	IO_SHAKES = 8,            /* handshake steps per turn, so that a storm of connections cannot hold up calls */
	IO_LINGER_MS = 2000,      /* after our FIN, how long the peer's is waited for */
	IO_FLUSH_MS = 10000,      /* for a closing stream to get rid of its queue */
};

struct timers {
	struct timer **heap; /* from 1 on */
	uint32_t n, cap;
};

struct defers {
	struct deferred {
		loop_fn *fn;
		void *arg;
	} *q;
	uint32_t *seen, n, cap, mask, from;
};

enum watch_state { WATCH_FREE, WATCH_ON, WATCH_OFF /* waits for its last completion */ };
struct watch {
	struct loop *l;
	enum watch_state state;
	bool armed, cancelled;
	enum op op;
	int fd;
	uint32_t gen;
	void (*fn)(void *arg, int fd);
	void *arg;
	struct timer again; /* after EMFILE */
};

struct loop {
	struct ring ring;
	struct pool pool;
	struct timers timers;
	struct defers defers;
	struct list hot, changed, dirty; /* of streams: to pump, to tell, to settle */
	struct list spare;               /* free streams, by .dirty */
	struct stream **slot;            /* NULL or a stream, for ever */
	struct list ending; /* without an owner, oldest first, by .changed */
	unsigned slots, slots_max, live, ending_n, shakes;
	bool stop, watch_dirty;
	int probed; /* the result of loop_probe() */
	struct watch watch[IO_WATCHES];
};

/* timer.c, defer.c */
uint64_t timer_next_ns(const struct loop *l, struct mono now);
void timer_run(struct loop *l);
void timer_free_all(struct loop *l);
void defer_run(struct loop *l);
void defer_free_all(struct loop *l);

/* watch.c */
void watch_event(struct loop *l, const struct event *e);
void watch_settle(struct loop *l);
void watch_free_all(struct loop *l);

#endif
