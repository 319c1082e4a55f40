/*
 * quota_table.c - see quota_table.h.
 *
 * Taking over the place of a name that is out of use: its word is frozen first, so that nobody adds to it any more; then the name is
 * changed; then the word is set to nothing.  Who added between the two looks at the name again, and takes it back if that changed.
 */
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <sched.h>
#include <time.h>
#include <stdatomic.h>

#include "policy/quota_table.h"

#define TABLE_MAGIC 0x3174746f75716763ull
enum { COUNTERS = QUOTA_COUNTERS, PROBES = 64, SPINS = 1 << 14, WORD_BITS = 100 };
#define FROZEN ((1u << 28) - 1) /* as a window */
#define USED_MASK (((word_t)1 << WORD_BITS) - 1)

typedef unsigned __int128 word_t;
static const int64_t window_seconds[QUOTA_KINDS] = {[QUOTA_MINUTE] = 60, [QUOTA_HOUR] = 3600, [QUOTA_DAY] = 86400,
    [QUOTA_SLIDING_MINUTE] = 10, [QUOTA_SLIDING_HOUR] = 600, [QUOTA_SLIDING_DAY] = 14400, [QUOTA_ONCE] = 60};

struct counter {
	_Atomic uint64_t name[2]; /* both 0: free */
	_Alignas(16) word_t word;
};

struct quota_table {
	_Atomic uint64_t magic;
	_Atomic uint64_t lock; /* 0, or a number that is new each time it is taken, with the worker + 1 below */
	_Atomic uint64_t turns;
	uint64_t pad[5];
	struct counter counter[COUNTERS];
};

/* The value before; it equals ${old} when the swap was made.  Written out, since compilers would call a library that takes locks. */
static word_t swap(word_t *p, word_t old, word_t new)
{
#ifdef __x86_64__
	uint64_t lo = (uint64_t)old, hi = (uint64_t)(old >> 64);
	__asm__ volatile("lock cmpxchg16b %0"
	    : "+m"(*p), "+a"(lo), "+d"(hi)
	    : "b"((uint64_t)new), "c"((uint64_t)(new >> 64))
	    : "cc", "memory");
	return (word_t)hi << 64 | lo;
#else
	return __sync_val_compare_and_swap(p, old, new);
#endif
}

/* The first 64-bit processors, and some that are emulated, cannot: better no limits, which refuses what has them, than an illegal instruction. */
static bool can_swap(void)
{
#ifdef __x86_64__
	unsigned a, b, c = 0, d;
	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_CMPXCHG16B;
#else
	return true;
#endif
}

static word_t word_load(struct counter *c)
{
	return swap(&c->word, 0, 0);
}

static word_t word_of(uint64_t window, word_t used)
{
	return (word_t)window << WORD_BITS | used;
}

static uint64_t window_of(word_t w)
{
	return (uint64_t)(w >> WORD_BITS);
}

size_t quota_table_size(void)
{
	return sizeof(struct quota_table);
}

struct quota_table *quota_table_open(void *mem, size_t len)
{
	struct quota_table *t = mem;
	uint64_t fresh = 0;
	if (len < sizeof(*t) || !can_swap())
		return NULL;
	if (!atomic_compare_exchange_strong(&t->magic, &fresh, TABLE_MAGIC) && fresh != TABLE_MAGIC)
		return NULL;
	return t;
}

static int64_t month_of(int64_t seconds)
{
	struct tm tm;
	time_t t = (time_t)seconds;
	return gmtime_r(&t, &tm) ? (tm.tm_year - 70) * 12ll + tm.tm_mon : 0;
}

static int64_t month_start(int64_t month)
{
	struct tm tm = {.tm_year = (int)(70 + month / 12), .tm_mon = (int)(month % 12), .tm_mday = 1};
	return (int64_t)timegm(&tm);
}

uint64_t quota_table_window(unsigned kind, int64_t seconds)
{
	int64_t at = seconds > 0 ? seconds : 0;
	uint64_t n = (uint64_t)(kind == QUOTA_MONTH ? month_of(at) : at / window_seconds[kind]) + 1; /* 0 is: nothing counted yet */
	return n < FROZEN ? n : FROZEN - 1;
}

int64_t quota_table_start(unsigned kind, uint64_t window)
{
	int64_t n = (int64_t)window - 1;
	return kind == QUOTA_MONTH ? month_start(n) : n * window_seconds[kind];
}

int64_t quota_table_end(unsigned kind, uint64_t window)
{
	return quota_table_start(kind, window + 1);
}

/* The lowest bits of a name say its kind, so that the age of a counter can be told by itself: 1 to 3, or 0 and three more bits. */
static quota_hash_t full_name(const struct quota_claim *q)
{
	quota_hash_t low = q->kind < QUOTA_MONTH ? q->kind + 1u : (q->kind - QUOTA_MONTH) << 2;
	return (q->name & ~(quota_hash_t)(q->kind < QUOTA_MONTH ? 3 : 31)) | low;
}

static unsigned kind_of(const struct counter *c)
{
	unsigned low = (unsigned)atomic_load(&c->name[0]);
	return low & 3 ? (low & 3) - 1 : QUOTA_MONTH + ((low >> 2) & 7);
}

static bool has_name(const struct counter *c, quota_hash_t name)
{
	return atomic_load(&c->name[0]) == (uint64_t)name && atomic_load(&c->name[1]) == (uint64_t)(name >> 64);
}

static bool is_free(const struct counter *c)
{
	return !atomic_load(&c->name[0]) && !atomic_load(&c->name[1]);
}

static struct counter *place(struct quota_table *t, quota_hash_t name, unsigned i)
{
	/* FNV mixes upwards only; a multiplication and its high bits spread what is left in runs. */
	uint64_t h = ((uint64_t)name ^ (uint64_t)(name >> 64)) * 0x9e3779b97f4a7c15u;
	return &t->counter[((h >> 40) + i) % COUNTERS];
}

/*
 * A holder works for microseconds.  Who sees one and the same holder through all the spins waits for a dead process, and takes the
 * lock from it: what is under the lock is made so that a second one inside does no harm but, at worst, a name with two places.
 */
static uint64_t table_lock(struct quota_table *t, uint32_t worker)
{
	uint64_t mine = atomic_fetch_add(&t->turns, 1) << 16 | ((worker & 0x7fff) + 1), seen = 0;
	for (unsigned spins = 0;; spins++) {
		uint64_t holder = 0;
		if (atomic_compare_exchange_strong(&t->lock, &holder, mine))
			return mine;
		if (holder != seen)
			spins = 0;
		seen = holder;
		if (spins > SPINS && atomic_compare_exchange_strong(&t->lock, &holder, mine))
			return mine;
		if (spins % 16 == 15)
			sched_yield();
	}
}

static void table_unlock(struct quota_table *t, uint64_t mine)
{
	atomic_compare_exchange_strong(&t->lock, &mine, 0);
}

/* Was it last used so long ago that its count is of interest to nobody?  Its window is over for a day; one use is over at once. */
static bool out_of_use(struct counter *c, const struct quota_claim *q, word_t *word)
{
	unsigned kind = kind_of(c);
	*word = word_load(c);
	if (window_of(*word) == FROZEN)
		return true; /* who froze it is dead: the lock is ours */
	if (kind >= QUOTA_KINDS || !window_of(*word))
		return false;
	int64_t now = kind == QUOTA_ONCE ? q->now : quota_table_start(q->kind, q->window); /* at least */
	return quota_table_end(kind, window_of(*word)) + (kind == QUOTA_ONCE ? 0 : 86400) < now;
}

/* Under the lock: give ${name} a place. */
static struct counter *settle_down(struct quota_table *t, const struct quota_claim *q, quota_hash_t name)
{
	struct counter *spare = NULL;
	word_t word = 0, w;
	for (unsigned i = 0; i < PROBES; i++) {
		struct counter *c = place(t, name, i);
		if (has_name(c, name)) {
			w = word_load(c);
			if (window_of(w) == FROZEN)
				swap(&c->word, w, 0);
			return c;
		}
		if (is_free(c)) {
			if (!spare)
				spare = c;
			break;
		}
		if (!spare && out_of_use(c, q, &w)) {
			spare = c;
			word = w;
		}
	}
	if (!spare)
		return NULL;
	if (!is_free(spare) && swap(&spare->word, word, word_of(FROZEN, 0)) != word)
		return NULL; /* it came into use again just now */
	atomic_store(&spare->name[0], (uint64_t)name);
	atomic_store(&spare->name[1], (uint64_t)(name >> 64));
	swap(&spare->word, word_of(FROZEN, 0), 0);
	return spare;
}

static struct counter *find(struct quota_table *t, const struct quota_claim *q, uint32_t worker)
{
	quota_hash_t name = full_name(q);
	for (unsigned i = 0; i < PROBES; i++) {
		struct counter *c = place(t, name, i);
		if (has_name(c, name) && window_of(word_load(c)) != FROZEN)
			return c;
		if (is_free(c))
			break;
	}
	uint64_t turn = table_lock(t, worker);
	struct counter *c = settle_down(t, q, name);
	table_unlock(t, turn);
	return c;
}

/*
 * What ${w} counts in the window that is asked for.  A window ahead means that the clock was set back: it goes on counting there, so
 * that no window is ever counted from nothing twice.
 */
static word_t used_in(word_t w, uint64_t *window)
{
	uint64_t at = window_of(w);
	if (at > *window)
		*window = at;
	return at == *window ? w & USED_MASK : 0;
}

static bool slides(const struct quota_claim *q)
{
	return q->kind >= QUOTA_SLIDING_MINUTE && q->kind <= QUOTA_SLIDING_DAY;
}

static struct quota_claim bucket_of(const struct quota_claim *q, uint64_t window)
{
	struct quota_claim b = *q;
	b.name += (quota_hash_t)(window % QUOTA_BUCKETS) << 64;
	b.window = window;
	return b;
}

/* A name that has no place yet counts nothing. */
static struct counter *known(struct quota_table *t, const struct quota_claim *q)
{
	quota_hash_t name = full_name(q);
	for (unsigned i = 0; i < PROBES; i++) {
		struct counter *c = place(t, name, i);
		if (has_name(c, name))
			return c;
		if (is_free(c))
			break;
	}
	return NULL;
}

/*
 * The sum of the buckets that a span which ends now can touch.  Now is the newest bucket that is known: a clock that was set back goes on
 * there, since a bucket that seven later ones have pushed out is forgotten and must not begin again.
 */
static word_t sum(struct quota_table *t, struct quota_claim *q)
{
	word_t word[QUOTA_BUCKETS], total = 0;
	for (unsigned i = 0; i < QUOTA_BUCKETS; i++) {
		struct quota_claim b = bucket_of(q, q->window + i);
		struct counter *c = known(t, &b);
		word[i] = c ? word_load(c) : 0;
	}
	for (unsigned i = 0; i < QUOTA_BUCKETS; i++)
		if (window_of(word[i]) != FROZEN && window_of(word[i]) > q->window)
			q->window = window_of(word[i]);
	for (unsigned i = 0; i < QUOTA_BUCKETS; i++)
		if (window_of(word[i]) != FROZEN && window_of(word[i]) + QUOTA_BUCKETS > q->window)
			total += word[i] & USED_MASK;
	return total;
}

enum quota_answer quota_table_look(struct quota_table *t, struct quota_claim *q, uint32_t worker)
{
	if (slides(q))
		return q->amount <= q->max && sum(t, q) <= q->max - q->amount ? QUOTA_YES : QUOTA_NO;
	struct counter *c = find(t, q, worker);
	uint64_t window = q->window;
	if (!c)
		return QUOTA_FULL;
	word_t used = used_in(word_load(c), &window);
	return q->amount <= q->max && used <= q->max - q->amount ? QUOTA_YES : QUOTA_NO;
}

/* QUOTA_FULL: the place is not of this name any more. */
static enum quota_answer try_add(struct quota_table *t, struct counter *c, struct quota_claim *q)
{
	word_t old = word_load(c), seen;
	for (;; old = seen) {
		uint64_t window = q->window;
		if (window_of(old) == FROZEN)
			return QUOTA_FULL;
		word_t used = used_in(old, &window);
		if (q->amount > q->max || used > q->max - q->amount)
			return QUOTA_NO;
		seen = swap(&c->word, old, word_of(window, used + q->amount));
		if (seen != old)
			continue;
		q->slot = (uint64_t)(c - t->counter);
		if (has_name(c, full_name(q))) {
			q->window = window;
			return QUOTA_YES;
		}
		quota_table_back(t, q->slot, window, q->amount);
		return QUOTA_FULL;
	}
}

static enum quota_answer add(struct quota_table *t, struct quota_claim *q, uint32_t worker)
{
	for (int tries = 0; tries < 8; tries++) {
		struct counter *c = find(t, q, worker);
		enum quota_answer a = c ? try_add(t, c, q) : QUOTA_FULL;
		if (a != QUOTA_FULL)
			return a;
	}
	return QUOTA_FULL;
}

void quota_table_back(struct quota_table *t, uint64_t slot, uint64_t window, unsigned __int128 amount)
{
	struct counter *c = &t->counter[slot % COUNTERS];
	word_t old = word_load(c), seen;
	while (window_of(old) == window) {
		word_t used = old & USED_MASK;
		seen = swap(&c->word, old, word_of(window, used > amount ? used - amount : 0));
		if (seen == old)
			return;
		old = seen;
	}
}

/* Added first and summed afterwards: of two that add at once at least the later sum sees both. */
static enum quota_answer add_sliding(struct quota_table *t, struct quota_claim *q, uint32_t worker)
{
	(void)sum(t, q); /* the newest bucket */
	struct quota_claim b = bucket_of(q, q->window);
	enum quota_answer a = add(t, &b, worker);
	if (a != QUOTA_YES)
		return a;
	q->window = b.window;
	if (sum(t, q) > q->max) {
		quota_table_back(t, b.slot, b.window, b.amount);
		return QUOTA_NO;
	}
	q->slot = b.slot;
	q->window = b.window; /* the charge stays where it was put, also when others went on */
	return QUOTA_YES;
}

enum quota_answer quota_table_add(struct quota_table *t, struct quota_claim *q, uint32_t worker)
{
	return slides(q) ? add_sliding(t, q, worker) : add(t, q, worker);
}

/* The word of a use: the minute in which it is forgotten, and the second. */
enum quota_answer quota_table_once(struct quota_table *t, struct quota_claim *q, int64_t now, uint32_t worker)
{
	word_t until = (word_t)(now > 0 ? now : 0) + q->max;
	q->now = now;
	q->amount = until;
	q->window = quota_table_window(QUOTA_ONCE, (int64_t)until);
	for (int tries = 0; tries < 8; tries++) {
		struct counter *c = find(t, q, worker);
		if (!c)
			return QUOTA_FULL;
		word_t old = word_load(c);
		if (window_of(old) == FROZEN)
			continue;
		if ((old & USED_MASK) > (word_t)(now > 0 ? now : 0))
			return QUOTA_NO;
		if (swap(&c->word, old, word_of(q->window, until)) != old)
			continue;
		q->slot = (uint64_t)(c - t->counter);
		if (has_name(c, full_name(q)))
			return QUOTA_YES;
		quota_table_back(t, q->slot, q->window, until);
	}
	return QUOTA_FULL;
}

unsigned __int128 quota_table_used(struct quota_table *t, uint64_t slot, uint64_t window)
{
	word_t w = word_load(&t->counter[slot % COUNTERS]);
	return window_of(w) == window ? w & USED_MASK : 0;
}

enum quota_answer quota_table_count(struct quota_table *t, const struct quota_claim *q, uint32_t worker)
{
	struct quota_claim b = slides(q) ? bucket_of(q, q->window) : *q;
	for (int tries = 0; tries < 8; tries++) {
		struct counter *c = find(t, &b, worker);
		if (!c)
			return QUOTA_FULL;
		word_t old = word_load(c);
		uint64_t at = window_of(old);
		word_t used = at == b.window ? old & USED_MASK : 0;
		word_t all = used > USED_MASK - b.amount ? USED_MASK : used + b.amount;
		if (at != FROZEN && (at > b.window || swap(&c->word, old, word_of(b.window, all)) == old))
			return QUOTA_YES;
	}
	return QUOTA_FULL;
}

static bool raise_one(struct quota_table *t, const struct quota_claim *q, word_t to, uint32_t worker)
{
	for (int tries = 0; tries < 8; tries++) {
		struct counter *c = find(t, q, worker);
		if (!c)
			return false;
		word_t old = word_load(c);
		while (window_of(old) != FROZEN && old < to) { /* the window stands above the amount: a later one is the greater word */
			word_t seen = swap(&c->word, old, to);
			if (seen == old)
				break;
			old = seen;
		}
		if (window_of(old) != FROZEN && has_name(c, full_name(q)))
			return true;
	}
	return false;
}

bool quota_table_raise(struct quota_table *t, struct quota_table *from, uint32_t worker)
{
	bool all = true;
	for (unsigned i = 0; i < COUNTERS; i++) {
		struct counter *c = &from->counter[i];
		word_t w = word_load(c);
		if (is_free(c) || !(w & USED_MASK) || kind_of(c) >= QUOTA_ONCE)
			continue;
		struct quota_claim q = {.kind = kind_of(c), .window = window_of(w)};
		q.name = (quota_hash_t)atomic_load(&c->name[1]) << 64 | atomic_load(&c->name[0]);
		all = raise_one(t, &q, w, worker) && all;
	}
	return all;
}
