/* quota_held.c - see quota_held.h. */
#include <errno.h>
#include <stdatomic.h>

#include "policy/quota_held.h"

enum held_state { FREE, TAKEN, COUNTED };

struct entry {
	_Atomic uint64_t state, slot, window;
	uint64_t pad;
	unsigned __int128 amount;
};

struct doubt { /* of one counter, in its newest window; written under ${busy} */
	_Atomic uint64_t window;
	_Atomic uint64_t low, high;
	uint64_t pad;
};

struct quota_held {
	_Atomic uint64_t busy; /* worker + 1 */
	uint64_t pad[7];
	struct doubt doubt[QUOTA_COUNTERS];
	struct entry entry[QUOTA_SLOTS][QUOTA_HELD];
};

size_t quota_held_size(void)
{
	return sizeof(struct quota_held);
}

struct quota_held *quota_held_open(void *mem, size_t len)
{
	return len < sizeof(struct quota_held) ? NULL : mem;
}

static struct entry *entry_of(struct quota_held *h, uint32_t worker, int i)
{
	return &h->entry[worker % QUOTA_SLOTS][(unsigned)i % QUOTA_HELD];
}

int quota_held_put(struct quota_held *h, uint32_t worker, unsigned __int128 amount)
{
	for (int i = 0; i < QUOTA_HELD; i++) {
		struct entry *e = entry_of(h, worker, i);
		if (atomic_load_explicit(&e->state, memory_order_relaxed) != FREE)
			continue;
		e->amount = amount;
		atomic_store(&e->state, TAKEN);
		return i;
	}
	return -ENOBUFS;
}

void quota_held_at(struct quota_held *h, uint32_t worker, int i, uint64_t slot, uint64_t window)
{
	struct entry *e = entry_of(h, worker, i);
	atomic_store(&e->slot, slot);
	atomic_store(&e->window, window);
	atomic_store(&e->state, COUNTED);
}

void quota_held_drop(struct quota_held *h, uint32_t worker, int i)
{
	atomic_store(&entry_of(h, worker, i)->state, FREE);
}

/* The lock is held for a few stores; who finds it held for long by a dead process takes it: a doubt may then be noted too low, no count is. */
static void doubt_lock(struct quota_held *h, uint64_t mine)
{
	for (unsigned spins = 0;; spins++) {
		uint64_t holder = 0;
		if (atomic_compare_exchange_strong(&h->busy, &holder, mine) || (spins > 1u << 20 && atomic_compare_exchange_strong(&h->busy, &holder, mine)))
			return;
	}
}

void quota_held_doubt(struct quota_held *h, uint32_t worker, int i)
{
	struct entry *e = entry_of(h, worker, i);
	struct doubt *d = &h->doubt[atomic_load(&e->slot) % QUOTA_COUNTERS];
	uint64_t mine = worker + 1, window = atomic_load(&e->window), known;
	doubt_lock(h, mine);
	known = atomic_load(&d->window);
	if (known <= window) {
		unsigned __int128 sum = known == window ? (unsigned __int128)atomic_load(&d->high) << 64 | atomic_load(&d->low) : 0;
		sum += e->amount;
		atomic_store(&d->low, (uint64_t)sum);
		atomic_store(&d->high, (uint64_t)(sum >> 64));
		atomic_store(&d->window, window);
	}
	atomic_store(&e->state, FREE);
	atomic_compare_exchange_strong(&h->busy, &mine, 0);
}

unsigned quota_held_claim(struct quota_held *h, uint32_t worker)
{
	unsigned found = 0;
	for (int i = 0; i < QUOTA_HELD; i++) {
		uint64_t state = atomic_load(&entry_of(h, worker, i)->state);
		if (state == COUNTED) {
			quota_held_doubt(h, worker, i);
			found++;
		} else if (state == TAKEN) { /* it died before it knew where: the counter, if it got there, keeps the amount */
			quota_held_drop(h, worker, i);
			found++;
		}
	}
	return found;
}

void quota_held_sum(struct quota_held *h, uint64_t slot, uint64_t window, unsigned __int128 *reserved, unsigned __int128 *uncertain)
{
	struct doubt *d = &h->doubt[slot % QUOTA_COUNTERS];
	*reserved = 0;
	*uncertain = atomic_load(&d->window) == window ? (unsigned __int128)atomic_load(&d->high) << 64 | atomic_load(&d->low) : 0;
	for (uint32_t w = 0; w < QUOTA_SLOTS; w++)
		for (int i = 0; i < QUOTA_HELD; i++) {
			struct entry *e = &h->entry[w][i];
			if (atomic_load(&e->state) == COUNTED && atomic_load(&e->slot) == slot && atomic_load(&e->window) == window)
				*reserved += e->amount;
		}
}
