/*
 * pol_limit.c - see pol_limit.h.  What a call has to pay, and whether it can; quota_table.c does the counting.
 * An amount is rounded up to a unit: a charge is never less than the amount it stands for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/pol_internal.h"
#include "policy/pol_limit.h"
#include "policy/quota_table.h"

_Static_assert((int)POL_LIMITS_MAX == (int)POL_CALL_LIMITS_MAX, "one call's limits fit its charge");

struct pol_limits {
	struct quota_table *table;
};

size_t pol_limits_size(void)
{
	return quota_table_size();
}

int pol_limits_open(void *mem, size_t len, struct pol_limits **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->table = quota_table_open(mem, len);
	if ((*out)->table)
		return 0;
	pol_limits_close(out);
	return -ERR_CORRUPT;
}

void pol_limits_close(struct pol_limits **l)
{
	free(*l);
	*l = NULL;
}

struct claim {
	const struct pol_limit *limit;
	int index; /* in its list */
	bool tool; /* the list is the tool's, not all_tools' */
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
	static const int64_t seconds[WINDOW_COUNT] = {60, 3600, 86400};
	wall_text((struct wall){(int64_t)c->q.window * seconds[c->limit->window] * 1000000000}, out);
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

/* Every limit that applies, with its amount: the tool's own first.  False when an amount cannot be told. */
static bool gather(const struct pol *p, struct view tool, const struct json_doc *doc, const struct json_node *args, struct claim *claim,
    uint32_t *n, struct pol_decision *d)
{
	const struct pol_tool *t = pol_eval_tool(p, tool);
	const struct pol_limit_list *lists[] = {t ? &t->limits : NULL, &p->all};

	for (size_t k = 0; k < 2; k++)
		for (uint32_t i = 0; lists[k] && i < lists[k]->n; i++) {
			struct claim *c = &claim[*n];
			*c = (struct claim){.limit = &lists[k]->limit[i], .index = (int)i, .tool = k == 0};
			if (amount_of(c->limit, doc, args, &c->q.amount)) {
				refuse(d, c, "the amount it counts must be a number that is not negative");
				return false;
			}
			++*n; /* the loader refuses documents in which more than POL_LIMITS_MAX meet */
		}
	return true;
}

static void address(struct claim *c, const char *grant, struct wall now)
{
	c->q.name = quota_hash_sized(c->limit->hash, view_str(grant));
	c->q.kind = c->limit->window;
	c->q.max = scaled(c->limit->max);
	c->q.window = quota_table_window(c->q.kind, now.ns / 1000000000);
}

/* "pay=12.5@2026-11-03T10": how much of the window's name is written tells its kind. */
static void note(struct pol_charge *charge, const struct claim *c)
{
	static const int shown[WINDOW_COUNT] = {16, 13, 10};
	static const int64_t seconds[WINDOW_COUNT] = {60, 3600, 86400};
	char amount[64], at[WALL_TEXT], name[97];
	size_t used = strlen(charge->text), n = c->limit->counter.n < sizeof(name) ? c->limit->counter.n : sizeof(name) - 1;

	for (size_t i = 0; i < n; i++)
		name[i] = c->limit->counter.p[i] < 0x20 ? '?' : (char)c->limit->counter.p[i];
	name[n] = '\0';
	dec_units_text(c->q.amount, POL_LIMIT_SCALE, amount, sizeof(amount));
	wall_text((struct wall){(int64_t)(c->q.window - 1) * seconds[c->limit->window] * 1000000000}, at);
	snprintf(charge->text + used, sizeof(charge->text) - used, "%s%s%s=%s@%.*s", used ? "\x1f" : "", c->tool ? "" : "all_tools/", name,
	    amount, shown[c->limit->window], at);
}

static void hold(struct pol_charge *charge, const struct claim *c)
{
	charge->slot[charge->n] = c->q.slot;
	charge->window[charge->n] = c->q.window;
	charge->amount[charge->n++] = c->q.amount;
}

void pol_reserve(struct pol_limits *l, const struct pol *p, const char *grant, struct view tool, const struct json_doc *doc,
    const struct json_node *args, struct wall now, uint32_t worker, struct pol_decision *decision, struct pol_charge *charge)
{
	struct claim claim[POL_LIMITS_MAX];
	enum quota_answer a = QUOTA_YES;
	uint32_t n = 0, i;

	charge->n = 0;
	charge->text[0] = '\0';
	if (!p || decision->verdict != POL_ALLOW || !gather(p, tool, doc, args, claim, &n, decision))
		return;
	/* Looking before adding keeps a refused call from crowding out, for an instant, one that fits. */
	for (i = 0; i < n && a == QUOTA_YES; i++) {
		address(&claim[i], grant, now);
		a = quota_table_look(l->table, &claim[i].q, worker);
	}
	if (a == QUOTA_YES)
		for (i = 0; i < n && a == QUOTA_YES; i++) {
			a = quota_table_add(l->table, &claim[i].q, worker);
			if (a == QUOTA_YES)
				hold(charge, &claim[i]);
		}
	if (a != QUOTA_YES) {
		pol_settle(l, charge, false);
		refuse(decision, &claim[i - 1], a == QUOTA_FULL ? "no room is left to count it" : NULL);
		return;
	}
	for (i = 0; i < n; i++)
		note(charge, &claim[i]);
}

void pol_settle(struct pol_limits *l, struct pol_charge *charge, bool delivered)
{
	for (uint32_t i = 0; i < charge->n && !delivered; i++)
		quota_table_back(l->table, charge->slot[i], charge->window[i], charge->amount[i]);
	charge->n = 0;
}
