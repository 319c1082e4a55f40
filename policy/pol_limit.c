/*
 * pol_limit.c - see pol_limit.h.  What a call has to pay, and whether it can; quota_table.c does the counting.
 * An amount is rounded up to a unit: a charge is never less than the amount it stands for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_internal.h"
#include "policy/pol_canon.h"
#include "policy/pol_limit.h"
#include "policy/pol_limit_internal.h"

_Static_assert((int)POL_LIMITS_MAX == (int)POL_CALL_LIMITS_MAX, "one call's limits fit its charge");

_Static_assert((int)WINDOW_MONTH == (int)QUOTA_MONTH && (int)WINDOW_SLIDING_DAY == (int)QUOTA_SLIDING_DAY, "a window is a kind");

/* Three parts in one mapping: the counters, the uses noted for idempotency, and what is held of the former. */
static size_t part(size_t n)
{
	return (n + 4095) & ~(size_t)4095;
}

size_t pol_limits_size(void)
{
	return 2 * part(quota_table_size()) + part(quota_held_size());
}

int pol_limits_open(void *mem, size_t len, struct pol_limits **out)
{
	uint8_t *p = mem;
	size_t table = part(quota_table_size());

	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	if (len >= pol_limits_size()) {
		(*out)->table = quota_table_open(p, table);
		(*out)->once = quota_table_open(p + table, table);
		(*out)->held = quota_held_open(p + 2 * table, len - 2 * table);
	}
	if ((*out)->table && (*out)->once && (*out)->held)
		return 0;
	pol_limits_close(out);
	return -ERR_CORRUPT;
}

int pol_limits_again(struct pol_limits **out)
{
	void *mem = aligned_alloc(4096, pol_limits_size());

	*out = NULL;
	if (!mem)
		return -ENOMEM;
	memset(mem, 0, pol_limits_size());
	int r = pol_limits_open(mem, pol_limits_size(), out);
	if (r)
		free(mem);
	else
		(*out)->own = mem;
	return r;
}

bool pol_limits_raise(struct pol_limits *l, struct pol_limits *again, uint32_t worker)
{
	return quota_table_raise(l->table, again->table, worker);
}

void pol_limits_close(struct pol_limits **l)
{
	if (*l)
		free((*l)->own);
	free(*l);
	*l = NULL;
}

unsigned pol_limits_claim(struct pol_limits *l, uint32_t worker)
{
	return quota_held_claim(l->held, worker);
}

struct claim {
	const struct pol_limit *limit;
	int index; /* in its list */
	bool unclear; /* its amount cannot be told */
	struct quota_claim q;
};

static dec_units_t scaled(int64_t n)
{
	dec_units_t u = (dec_units_t)n;
	for (int i = 0; i < POL_LIMIT_SCALE; i++)
		u *= 10;
	return u; /* INT64_MAX times 10^11 is below 2^100 */
}

static int amount_of(const struct pol_limit *lim, const struct json_doc *doc, const struct json_node *args, dec_units_t *out)
{
	struct dec d;
	if (!lim->from.n) {
		*out = scaled(lim->increment);
		return 0;
	}
	const struct json_node *n = pol_value_at(&lim->from, doc, args);
	if (!n || n->type != JSON_NUMBER)
		return -ERR_MALFORMED;
	int r = dec_parse(json_raw(doc, n), &d);
	return r ? r : dec_units(&d, POL_LIMIT_SCALE, out);
}

/* When the window that is full ends, for the reader of a refusal. */
static void again_at(const struct claim *c, char out[WALL_TEXT])
{
	wall_text((struct wall){quota_table_end(c->q.kind, c->q.window) * 1000000000}, out);
	memcpy(out + 19, "Z", 2); /* whole seconds */
}

static void refuse(struct pol_decision *d, const struct claim *c, const char *why)
{
	char text[POL_TEXT_MAX], at[WALL_TEXT];
	struct view v = c->limit->on_deny;
	if (!c->limit->has_text && why) {
		snprintf(text, sizeof(text), "Rate limit exceeded for %.800s: %.160s", c->limit->name, why);
		v = view_str(text);
	} else if (!c->limit->has_text) {
		again_at(c, at);
		snprintf(text, sizeof(text), "Rate limit exceeded for %.800s: it starts again at %s", c->limit->name, at);
		v = view_str(text);
	}
	pol_eval_deny(d, c->limit->name, c->index, v);
}

/* Every limit that applies, with its amount: the tool's own first. */
static uint32_t gather(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args, struct claim *claim)
{
	const struct pol_tool *t = pol_eval_tool(p, tool);
	const struct pol_extra *x = pol_eval_extra(p, tool);
	const struct pol_limit_list *lists[] = {t ? &t->limits : NULL, &p->all, x ? &x->limits : NULL, &p->extra_all};
	uint32_t n = 0;

	for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
		for (uint32_t i = 0; lists[k] && i < lists[k]->n; i++) {
			struct claim *c = &claim[n++]; /* the loader refuses documents in which more than POL_LIMITS_MAX meet */
			*c = (struct claim){.limit = &lists[k]->limit[i], .index = (int)i};
			c->unclear = amount_of(c->limit, doc, args, &c->q.amount) != 0;
		}
	return n;
}

static void address(struct claim *c, const struct pol_who *who, struct view tool)
{
	c->q.name = limit_name(c->limit->hash, c->limit->scope, who, tool);
	c->q.kind = c->limit->window;
	c->q.max = scaled(c->limit->max);
	c->q.window = quota_table_window(c->q.kind, who->now.ns / 1000000000);
}

static bool in_hours(const struct pol_when *w, struct wall now)
{
	int64_t s = now.ns / 1000000000, day = s / 86400 - (s % 86400 < 0), minute = (s - day * 86400) / 60;
	/* 1970-01-01 was a Thursday.  What runs over midnight belongs to the day that it began on. */
	bool over = w->from >= 0 && w->to < w->from, early = over && minute < w->to;
	int64_t weekday = ((day - early + 3) % 7 + 7) % 7;

	if (w->days && !(w->days >> weekday & 1))
		return false;
	return w->from < 0 || (over ? early || minute >= w->from : minute >= w->from && minute < w->to);
}

static bool too_early_or_late(const struct pol_extra *x, struct wall now, struct pol_decision *d)
{
	if (!x || !x->when.name)
		return false;
	bool over = x->when.ends && now.ns >= x->when.until.ns;
	if (!over && in_hours(&x->when, now))
		return false;
	pol_eval_deny(d, x->when.name, -1, over ? VIEW_LIT("The time until which policy permits this tool is over") :
	    VIEW_LIT("Policy permits this tool at other times only"));
	return true;
}

/* The same call of the same grant again, too soon?  If not, note this one. */
static bool repeats(struct pol_limits *l, const struct pol_extra *x, const struct pol_who *who, struct view tool,
    const struct json_doc *doc, const struct json_node *args, struct pol_decision *d, struct pol_charge *charge)
{
	struct quota_claim q = {.kind = QUOTA_ONCE, .max = (unsigned __int128)(x ? x->once : 0)};
	uint8_t canon[POL_CANON_LEN];
	char text[160];

	if (!x || !x->once)
		return false;
	int e = pol_canon(doc, args, canon);
	q.name = quota_hash_sized(quota_hash_sized(QUOTA_HASH_START, view_str(who->grant)), tool);
	q.name = quota_hash(q.name, view_of(canon, sizeof(canon)));
	enum quota_answer a = e ? QUOTA_FULL : quota_table_once(l->once, &q, who->now.ns / 1000000000, who->worker);
	if (a == QUOTA_YES) {
		charge->held[charge->n] = -1;
		charge->slot[charge->n] = q.slot;
		charge->window[charge->n] = q.window;
		charge->amount[charge->n++] = q.amount;
		return false;
	}
	if (a == QUOTA_NO)
		snprintf(text, sizeof(text), "The same call was made less than %lld seconds ago; a repetition is refused", (long long)x->once);
	else
		snprintf(text, sizeof(text), "Policy refuses repetitions of this call, and it cannot be compared now");
	pol_eval_deny(d, x->once_name, -1, view_str(text));
	return true;
}

static enum quota_answer reserve_one(struct pol_limits *l, struct claim *c, uint32_t worker, struct pol_charge *charge)
{
	int held = quota_held_put(l->held, worker, c->q.amount);
	if (held < 0)
		return QUOTA_FULL;
	enum quota_answer a = quota_table_add(l->table, &c->q, worker);
	if (a != QUOTA_YES) {
		quota_held_drop(l->held, worker, held);
		return a;
	}
	quota_held_at(l->held, worker, held, c->q.slot, c->q.window);
	charge->held[charge->n] = held;
	charge->slot[charge->n] = c->q.slot;
	charge->window[charge->n] = c->q.window;
	charge->amount[charge->n++] = c->q.amount;
	return a;
}

static bool take(struct pol_limits *l, struct claim *claim, uint32_t n, const struct pol_who *who, struct view tool,
    struct pol_decision *d, struct pol_charge *charge)
{
	enum quota_answer a = QUOTA_YES;
	uint32_t i;

	/* Looking before adding keeps a refused call from crowding out, for an instant, one that fits. */
	for (i = 0; i < n && a == QUOTA_YES; i++) {
		if (claim[i].unclear) {
			refuse(d, &claim[i], "the amount it counts must be a number that is not negative");
			return false;
		}
		address(&claim[i], who, tool);
		a = quota_table_look(l->table, &claim[i].q, who->worker);
	}
	if (a == QUOTA_YES)
		for (i = 0; i < n && a == QUOTA_YES; i++)
			a = reserve_one(l, &claim[i], who->worker, charge);
	if (a == QUOTA_YES)
		return true;
	refuse(d, &claim[i - 1], a == QUOTA_FULL ? "no room is left to count it" : NULL);
	return false;
}

void pol_reserve(struct pol_limits *l, const struct pol *p, const struct pol_who *who, struct view tool, const struct json_doc *doc,
    const struct json_node *args, struct pol_decision *decision, struct pol_charge *charge)
{
	struct claim claim[POL_LIMITS_MAX];
	const struct pol_extra *x = p ? pol_eval_extra(p, tool) : NULL;
	uint32_t n;

	charge->n = 0;
	charge->worker = who->worker;
	charge->text[0] = '\0';
	if (!p || decision->verdict != POL_ALLOW || too_early_or_late(x, who->now, decision))
		return;
	n = gather(p, tool, doc, args, claim);
	if (repeats(l, x, who, tool, doc, args, decision, charge) || !take(l, claim, n, who, tool, decision, charge)) {
		pol_settle(l, charge, POL_REFUND);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		limit_note(charge, claim[i].limit, &claim[i].q);
}

void pol_settle(struct pol_limits *l, struct pol_charge *charge, enum pol_outcome outcome)
{
	for (uint32_t i = 0; i < charge->n; i++) {
		bool once = charge->held[i] < 0;
		if (outcome == POL_REFUND)
			quota_table_back(once ? l->once : l->table, charge->slot[i], charge->window[i], charge->amount[i]);
		if (!once && outcome == POL_UNCERTAIN)
			quota_held_doubt(l->held, charge->worker, charge->held[i]);
		else if (!once)
			quota_held_drop(l->held, charge->worker, charge->held[i]);
	}
	charge->n = 0;
}

void pol_limits_sum(struct pol_limits *l, const struct pol_charge *charge, uint32_t i, struct pol_sum *out)
{
	out->used = quota_table_used(l->table, charge->slot[i], charge->window[i]);
	quota_held_sum(l->held, charge->slot[i], charge->window[i], &out->reserved, &out->uncertain);
}
