/* gap.c - see gap.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/gap.h"

enum { STEP_SECONDS = 5, SAME_SECONDS = 120, LOOK_BACK = 64 };
#define NS ((int64_t)1000000000)

static const struct {
	const char *name, *words;
	bool fault;
} causes[GAP_CAUSES] = {
    [GAP_OFF] = {"off", "the machine was off", false},
    [GAP_ASLEEP] = {"asleep", "the machine was asleep", false},
    [GAP_POWER] = {"power", "the machine went off without a stop: power cut or crash", true},
    [GAP_DAEMON] = {"daemon", "callgate did not run while the machine did", true},
    [GAP_STALLED] = {"stalled", "callgate ran and did not seal", true},
    [GAP_LOST] = {"lost", "lines are missing", true},
    [GAP_TAMPERED] = {"tampered", "lines were changed and are in quarantine", true},
    [GAP_ROLLED_BACK] = {"rolled-back", "lines were written anew and are in quarantine", true},
    [GAP_NOT_COLLECTED] = {"not-collected", "nothing was collected", true},
};

const char *gap_name(enum gap_cause c)
{
	return causes[c].name;
}

const char *gap_words(enum gap_cause c)
{
	return causes[c].words;
}

bool gap_fault(enum gap_cause c)
{
	return causes[c].fault;
}

int64_t gap_between(struct wall from, struct wall to)
{
	int64_t d;

	return __builtin_sub_overflow(to.ns, from.ns, &d) ? (to.ns < from.ns ? -INT64_MAX : INT64_MAX) : d;
}

static int add(struct gaps *g, const struct gap *gap)
{
	if (g->n == GAPS_MAX) {
		g->more++;
		return 0;
	}
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 16;
		struct gap *at = reallocarray(g->at, cap, sizeof(*at));
		if (!at)
			return -ENOMEM;
		g->at = at;
		g->cap = cap;
	}
	g->at[g->n++] = *gap;
	return 0;
}

/* A jump forward that was taken for sleep, when the same is put back. */
static void not_asleep(struct gaps *g, int64_t back)
{
	for (size_t i = g->n; i-- > 0 && g->n - i <= LOOK_BACK;) {
		int64_t len = gap_between(g->at[i].from, g->at[i].to), off;
		if (g->at[i].cause != GAP_ASLEEP || __builtin_sub_overflow(len, back, &off) || off < -SAME_SECONDS * NS || off > SAME_SECONDS * NS)
			continue;
		memmove(&g->at[i], &g->at[i + 1], (--g->n - i) * sizeof(*g->at));
		return;
	}
}

/* Two seals of one boot: the monotonic clock knows how long it was. */
static int between_seals(struct gaps *g, const struct gap_mark *m)
{
	int64_t wall = gap_between(g->seal.wall, m->wall), ahead;
	uint64_t passed = m->mono.ns > g->seal.mono.ns ? m->mono.ns - g->seal.mono.ns : 0;
	int64_t mono = passed > INT64_MAX ? INT64_MAX : (int64_t)passed;
	struct gap gap = {.from = g->seal.wall, .to = m->wall};

	if (__builtin_sub_overflow(wall, mono, &ahead))
		ahead = -INT64_MAX;
	if (ahead < -STEP_SECONDS * NS) {
		if (-ahead > g->step_ns) {
			g->step_ns = -ahead;
			g->stepped = m->wall;
		}
		not_asleep(g, -ahead);
	}
	if (mono > GAP_SECONDS * NS) {
		gap.cause = GAP_STALLED;
		return add(g, &gap);
	}
	if (ahead <= GAP_SECONDS * NS)
		return 0;
	gap.cause = GAP_ASLEEP;
	return add(g, &gap);
}

static int missing_before(struct gaps *g, const struct gap_mark *m)
{
	struct gap gap = g->pending;

	gap.from = g->last.ns ? g->last : m->wall;
	gap.to = m->wall;
	g->pending = (struct gap){0};
	g->seal = (struct gap_mark){0};
	return add(g, &gap);
}

static int new_epoch(struct gaps *g, const struct gap_mark *m)
{
	struct gap gap = {.from = g->last, .to = m->wall};
	bool same = g->mark.boot[0] && strcmp(g->mark.boot, m->boot) == 0;

	gap.cause = same ? GAP_DAEMON : g->stopped ? GAP_OFF : GAP_POWER;
	int64_t len = gap_between(gap.from, gap.to);
	return len > GAP_SECONDS * NS || gap.cause == GAP_POWER ? add(g, &gap) : 0;
}

int gap_mark(struct gaps *g, const struct gap_mark *m)
{
	bool begun = g->last.ns != 0;
	int r = 0;

	if (m->what == MARK_STOP) {
		g->stopped = true;
		g->last = m->wall;
		return 0;
	}
	if (g->pending.first)
		r = missing_before(g, m);
	else if (m->what == MARK_EPOCH && begun)
		r = new_epoch(g, m);
	else if (m->what == MARK_SEAL && begun && g->seal.epoch == m->epoch && strcmp(g->seal.boot, m->boot) == 0)
		r = between_seals(g, m);
	if (!begun)
		g->first = m->wall;
	if (m->what == MARK_SEAL)
		g->seal = *m;
	else if (m->what == MARK_EPOCH)
		g->seal = (struct gap_mark){0};
	/* The stop stands before the last seal of its epoch. */
	g->stopped &= m->what == MARK_SEAL;
	g->last = m->wall;
	g->epoch = m->epoch;
	if (m->boot[0])
		g->mark = *m;
	return r;
}

void gap_missing(struct gaps *g, uint64_t first, uint64_t last, enum gap_cause cause)
{
	g->pending = (struct gap){.cause = cause, .first = first, .last = last};
}

int gap_end(struct gaps *g, struct wall to, enum gap_cause cause)
{
	struct gap gap = {.cause = cause, .from = g->last, .to = to, .first = g->pending.first, .last = g->pending.last};

	g->pending = (struct gap){0};
	return to.ns > g->last.ns ? add(g, &gap) : 0;
}

void gaps_free(struct gaps *g)
{
	free(g->at);
	*g = (struct gaps){0};
}
