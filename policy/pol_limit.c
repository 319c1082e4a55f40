/*
 * pol_limit.c - see pol_limit.h.
 *
 * The mapped file is a header and a table of counters, found by the 128-bit name of the limit mixed with the grant.
 * Invariants:
 *  1. A counter's window only moves forward, so a clock that is set back cannot empty it.
 *  2. All changes happen under the lock; a holder that died is robbed of it, and what it had added stays: kept is the safe side.
 *  3. A counter may be given to another limit only when its window ended a day ago.
 * Amounts are in units of 10^-SCALE, rounded up.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_internal.h"
#include "policy/pol_limit.h"
#include "policy/quota_hash.h"

#define LIMITS_MAGIC 0x0031746d6c676321ull
enum { COUNTERS = 1 << 15, PROBES = 64, SCALE = 6, SPINS = 200000 };
static const uint64_t window_seconds[WINDOW_COUNT] = {60, 3600, 86400};

struct counter {
	unsigned __int128 name; /* 0: free */
	uint64_t ends;          /* seconds since 1970: the first one after the window */
	uint64_t pad;
	unsigned __int128 used;
};

struct limits_file {
	_Atomic uint64_t magic;
	_Atomic uint32_t lock; /* worker slot + 1 of the holder */
	uint32_t pad[13];
	struct counter counter[COUNTERS];
};

struct pol_limits {
	struct limits_file *f;
};

_Static_assert((int)POL_LIMITS_MAX == (int)POL_CALL_LIMITS_MAX, "one call's limits fit its charge");

size_t pol_limits_size(void)
{
	return sizeof(struct limits_file);
}

int pol_limits_open(void *mem, size_t len, struct pol_limits **out)
{
	struct limits_file *f = mem;
	uint64_t fresh = 0;

	*out = NULL;
	if (len < sizeof(*f))
		return -ERR_CORRUPT;
	if (!atomic_compare_exchange_strong(&f->magic, &fresh, LIMITS_MAGIC) && fresh != LIMITS_MAGIC)
		return -ERR_CORRUPT;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->f = f;
	return 0;
}

void pol_limits_close(struct pol_limits **l)
{
	free(*l);
	*l = NULL;
}

/* The holder works for less than a microsecond; who waits through all the spins and yields is waiting for the dead. */
static void lock(struct limits_file *f, uint32_t worker)
{
	for (unsigned i = 0;; i++) {
		uint32_t free_now = 0;
		if (atomic_compare_exchange_weak(&f->lock, &free_now, worker + 1))
			return;
		if (i % 64 == 63)
			sched_yield();
		if (i > SPINS && atomic_compare_exchange_strong(&f->lock, &free_now, worker + 1))
			return;
	}
}

static void unlock(struct limits_file *f)
{
	atomic_store(&f->lock, 0);
}

/* The counter of ${name}; a free or long dead one when there is none yet; NULL when the neighbourhood is full. */
static struct counter *find(struct limits_file *f, unsigned __int128 name, uint64_t now)
{
	struct counter *spare = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct counter *c = &f->counter[((uint64_t)name + i) % COUNTERS];
		if (c->name == name)
			return c;
		if (!spare && (c->name == 0 || c->ends + 86400 < now))
			spare = c;
		if (c->name == 0)
			break;
	}
	if (spare)
		*spare = (struct counter){.name = name};
	return spare;
}

struct claim {
	const struct pol_limit *limit;
	struct counter *counter;
	dec_units_t amount;
	uint64_t ends;
};

static int amount_of(const struct pol_limit *lim, const struct json_doc *doc, const struct json_node *args, dec_units_t *out)
{
	struct dec d;

	if (!lim->from.n) {
		*out = (dec_units_t)lim->increment;
		for (int i = 0; i < SCALE; i++)
			*out *= 10;
		return 0;
	}
	const struct json_node *n = pol_value_at(&lim->from, doc, args);
	if (!n || n->type != JSON_NUMBER)
		return -ERR_MALFORMED;
	int r = dec_parse(json_raw(doc, n), &d);
	return r ? r : dec_units(&d, SCALE, out);
}

static void refuse(struct pol_decision *d, const struct claim *c, const char *what)
{
	char text[256];
	const struct pol_limit *lim = c->limit;

	if (lim->has_text) {
		pol_eval_deny(d, lim->name, -1, lim->on_deny);
		return;
	}
	if (what) {
		snprintf(text, sizeof(text), "%s", what);
	} else {
		char at[WALL_TEXT];
		wall_text((struct wall){(int64_t)c->ends * 1000000000}, at);
		at[19] = '\0'; /* whole seconds */
		snprintf(text, sizeof(text), "the limit of %lld is used up; it starts again at %sZ", (long long)lim->max, at);
	}
	pol_eval_deny(d, lim->name, -1, view_str(text));
}

/* Does the claim fit?  Fills in its counter; the counter itself is not changed but for a window that has passed. */
static bool fits(struct limits_file *f, struct claim *c, const char *grant, uint64_t now, struct pol_decision *d)
{
	const struct pol_limit *lim = c->limit;
	uint64_t length = window_seconds[lim->window];
	unsigned __int128 max = (unsigned __int128)lim->max, name = quota_hash_sized(lim->hash, view_str(grant));

	c->ends = (now / length + 1) * length;
	c->counter = find(f, name ? name : 1, now);
	if (!c->counter) {
		refuse(d, c, "no room is left to count this limit");
		return false;
	}
	if (c->counter->ends < c->ends) {
		c->counter->ends = c->ends;
		c->counter->used = 0;
	}
	c->ends = c->counter->ends;
	for (int i = 0; i < SCALE; i++)
		max *= 10;
	if (c->amount > max || c->counter->used > max - c->amount || c->amount > INT64_MAX) {
		refuse(d, c, NULL);
		return false;
	}
	return true;
}

/* Every limit that applies, with its amount: the tool's own first.  False when an amount cannot be told. */
static bool gather(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args, struct claim *claim,
    uint32_t *n, struct pol_decision *d)
{
	const struct pol_tool *t = pol_eval_tool(p, tool);
	const struct pol_limit_list *lists[] = {t ? &t->limits : NULL, &p->all};

	*n = 0;
	for (size_t k = 0; k < 2; k++)
		for (uint32_t i = 0; lists[k] && i < lists[k]->n; i++) {
			struct claim *c = &claim[*n];
			if (*n == POL_LIMITS_MAX) {
				pol_eval_deny(d, lists[k]->limit[i].name, -1, VIEW_LIT("more limits apply to one call than can be counted"));
				return false;
			}
			*c = (struct claim){.limit = &lists[k]->limit[i]};
			if (amount_of(c->limit, doc, args, &c->amount)) {
				refuse(d, c, "the amount that this limit counts is missing, negative, too large or not a number");
				return false;
			}
			(*n)++;
		}
	return true;
}

static void note(struct pol_charge *charge, const struct claim *c)
{
	char amount[64];
	size_t used = strlen(charge->text);

	dec_units_text(c->amount, SCALE, amount, sizeof(amount));
	snprintf(charge->text + used, sizeof(charge->text) - used, "%s%.*s=%s@%llu", used ? "\x1f" : "",
	    (int)(c->limit->counter.n < 96 ? c->limit->counter.n : 96), (const char *)c->limit->counter.p, amount, (unsigned long long)c->ends);
}

void pol_reserve(struct pol_limits *l, const struct pol *p, const char *grant, struct view tool, const struct json_doc *doc,
    const struct json_node *args, struct wall now, uint32_t worker, struct pol_decision *decision, struct pol_charge *charge)
{
	struct claim claim[POL_LIMITS_MAX];
	uint64_t seconds = now.ns > 0 ? (uint64_t)(now.ns / 1000000000) : 0;
	uint32_t n, fit = 0;

	charge->n = 0;
	charge->text[0] = '\0';
	if (!gather(p, tool, doc, args, claim, &n, decision))
		return;
	lock(l->f, worker);
	while (fit < n && fits(l->f, &claim[fit], grant, seconds, decision))
		fit++;
	for (uint32_t i = 0; fit == n && i < n; i++) {
		claim[i].counter->used += claim[i].amount;
		charge->slot[i] = (uint64_t)(claim[i].counter - l->f->counter);
		charge->window[i] = claim[i].ends;
		charge->amount[i] = (int64_t)claim[i].amount;
		charge->n = i + 1;
	}
	unlock(l->f);
	for (uint32_t i = 0; i < charge->n; i++)
		note(charge, &claim[i]);
}

void pol_settle(struct pol_limits *l, struct pol_charge *charge, bool delivered)
{
	if (!delivered && charge->n) {
		lock(l->f, 0);
		for (uint32_t i = 0; i < charge->n; i++) {
			struct counter *c = &l->f->counter[charge->slot[i] % COUNTERS];
			unsigned __int128 amount = (unsigned __int128)charge->amount[i];
			/* A reservation belongs to the window it was made in. */
			if (c->ends == charge->window[i])
				c->used = c->used > amount ? c->used - amount : 0;
		}
		unlock(l->f);
	}
	charge->n = 0;
}
