/*
 * cover.c - which hours of a host are accounted for, and what lies between: the trail's own lines against time.
 *
 * A time without lines is: "off" (a clean stop, then another boot), "suspended" (the monotonic clock stood still too), "stopped" (a clean stop, and the
 * same boot goes on), "crash" (the next epoch says so), "silent" (an epoch in which seals are missing), or what proved.h calls "missing", "damaged",
 * "unsealed", "cut-off".  The first two are how a workstation lives, the rest is told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "evidence/cover.h"

enum { HOUR = 3600, DRIFT_MS = 2000, MANY = 256 };
#define NS INT64_C(1000000000)

int cover_new(struct host *h)
{
	struct cover *c = calloc(1, sizeof(*c));
	struct wall from = h->run->o->from, to = h->run->o->to;

	h->cover = c;
	if (!c)
		return -ENOMEM;
	c->start = from.ns / NS / HOUR;
	c->hours = (size_t)(((to.ns + HOUR * NS - 1) / NS / HOUR) - c->start);
	c->hour = calloc(c->hours + 1, sizeof(*c->hour));
	return c->hour ? 0 : -ENOMEM;
}

static int64_t ns_of(const char *ts)
{
	struct wall t;
	return ts && *ts && wall_parse(ts, &t) == 0 ? t.ns : 0;
}

static struct cover_hour *hour_of(struct cover *c, int64_t ns)
{
	int64_t i = ns / NS / HOUR - c->start;
	return i >= 0 && (size_t)i < c->hours ? &c->hour[i] : NULL;
}

static const struct cause {
	const char *name, *finding; /* NULL: how a workstation lives */
	bool expected;              /* the host should have been sealing */
} causes[] = {
    {"off", NULL, false},
    {"suspended", NULL, false},
    {"stopped", "daemon-stopped", true},
    {"crash", "outage", true},
    {"silent", "silent", true},
    {"missing", "lines-missing", true},
    {"damaged", "lines-not-proved", true},
    {"unsealed", "lines-not-proved", true},
    {"cut-off", "end-missing", true},
    {"rewritten", "lines-rewritten", true},
    {"quarantined", NULL, true}, /* told where the file is */
};

static const struct cause *cause_of(const char *name)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
		if (strcmp(causes[i].name, name) == 0)
			return &causes[i];
	return &causes[0];
}

/* Mark the hours that lie wholly or partly in a gap. */
static void mark(struct cover *c, int64_t from, int64_t to, bool expected)
{
	if (from < c->start * HOUR * NS)
		from = c->start * HOUR * NS;
	for (int64_t t = from; t < to; t += HOUR * NS) {
		struct cover_hour *hour = hour_of(c, t);
		if (!hour)
			break;
		hour->expected |= expected;
	}
}

static void gap_row(struct host *h, const char *trail, const char *from, const char *to, uint64_t first, uint64_t last, const char *cause, const char *detail)
{
	struct run *r = h->run;
	const struct cause *k = cause_of(cause);
	uint64_t seconds = run_seconds(from, to);

	if ((*to && strcmp(to, r->from) <= 0) || (*from && strcmp(from, r->to) >= 0))
		return;
	row_str(r->b, SH_GAPS, h->name);
	row_str(r->b, SH_GAPS, trail);
	row_str(r->b, SH_GAPS, from);
	row_str(r->b, SH_GAPS, to);
	row_num(r->b, SH_GAPS, seconds);
	if (first <= last) {
		row_num(r->b, SH_GAPS, first);
		row_num(r->b, SH_GAPS, last);
	} else {
		row_str(r->b, SH_GAPS, "");
		row_str(r->b, SH_GAPS, "");
	}
	row_str(r->b, SH_GAPS, cause);
	row_str(r->b, SH_GAPS, detail);
	row_end(r->b, SH_GAPS, from);
	if (h->cover)
		mark(h->cover, ns_of(from), *to ? ns_of(to) : r->o->to.ns, k->expected);
	if (k->finding)
		run_finding(r, k->finding, SH_GAPS, h->name, trail, from, to, "%s%s%s", cause, *detail ? ": " : "", detail);
}

/* ---- what is not proved ---- */

void cover_bad(struct host *h, const struct proved_bad *b)
{
	struct cover_bad *at = &h->bad;
	const char *quarantined = b->from <= b->to ? files_quarantined(h, b->from, b->to) : NULL;

	if (h->cover && h->trail == LAYOUT_AUDIT)
		h->cover->epoch_whole = false;
	if (at->waits)
		cover_told(h, "");
	*at = (struct cover_bad){.waits = true, .from = b->from, .to = b->to, .what = quarantined ? "quarantined" : b->what};
	run_text(at->since, sizeof(at->since), "%s", b->since);
	run_text(at->why, sizeof(at->why), "%s%s%s%s", b->file, *b->file ? ": " : "", b->why, quarantined ? "; ingest did not let it in" : "");
}

void cover_told(struct host *h, const char *until)
{
	struct cover_bad *b = &h->bad;

	if (!b->waits)
		return;
	b->waits = false;
	gap_row(h, layout_trail(h->trail), b->since, until, b->from, b->to, b->what, b->why);
}

/* ---- epochs and seals ---- */

static void kernel_row(struct host *h, bool whole_end)
{
	struct cover *c = h->cover;
	struct bundle *b = h->run->b;

	if (!c->epoch || !c->epoch_seals || !run_in(h->run, view_str(c->last_seal)))
		return;
	bool whole = c->epoch_whole && whole_end;
	bool agree = c->records == c->found && c->dropped + c->queue_dropped == c->losses;
	row_str(b, SH_KERNEL, h->name);
	row_num(b, SH_KERNEL, c->epoch);
	row_str(b, SH_KERNEL, c->epoch_from);
	row_str(b, SH_KERNEL, c->last_seal);
	row_num(b, SH_KERNEL, c->intercepted);
	row_num(b, SH_KERNEL, c->refused);
	row_num(b, SH_KERNEL, c->dropped);
	row_num(b, SH_KERNEL, c->queue_dropped);
	row_num(b, SH_KERNEL, c->records);
	row_num(b, SH_KERNEL, c->found);
	row_num(b, SH_KERNEL, c->losses);
	row_str(b, SH_KERNEL, !whole ? "part of an epoch" : agree ? "yes" : "no");
	row_end(b, SH_KERNEL, c->last_seal);
	if (whole && !agree)
		run_finding(h->run, "counters-disagree", SH_KERNEL, h->name, "", c->epoch_from, c->last_seal,
		    "the writer counted %llu records, there are %llu; %llu were dropped, %llu are declared lost", (unsigned long long)c->records,
		    (unsigned long long)c->found, (unsigned long long)(c->dropped + c->queue_dropped), (unsigned long long)c->losses);
}

void cover_epoch(struct host *h, const struct fields *f, const char *ts)
{
	struct bundle *b = h->run->b;

	if (!run_in(h->run, view_str(ts)))
		return;
	row_str(b, SH_EPOCHS, h->name);
	row_str(b, SH_EPOCHS, layout_trail(h->trail));
	row_text(b, SH_EPOCHS, f->raw[FLD_EPOCH]);
	row_str(b, SH_EPOCHS, ts);
	row_text(b, SH_EPOCHS, fields_text(f, FLD_CAUSE));
	row_text(b, SH_EPOCHS, f->raw[FLD_AFTER]);
	row_text(b, SH_EPOCHS, fields_text(f, FLD_BOOT_ID));
	row_text(b, SH_EPOCHS, f->raw[FLD_REPAIRED]);
	row_text(b, SH_EPOCHS, f->raw[FLD_CUT_BYTES]);
	row_end(b, SH_EPOCHS, ts);
}

static void epoch(struct host *h, const struct fields *f, const char *ts)
{
	struct cover *c = h->cover;
	struct view boot = fields_text(f, FLD_BOOT_ID);
	bool same_boot = boot.n && view_is(boot, c->boot);
	bool crash = fields_is(f, FLD_CAUSE, "crash") || fields_is(f, FLD_CAUSE, "damaged");

	kernel_row(h, c->stopped);
	if (c->last[0] && !h->bad.waits) {
		const char *cause = !c->stopped || crash ? "crash" : same_boot ? "stopped" : "off";
		if (run_seconds(c->last, ts) >= h->run->o->gap_s)
			gap_row(h, "audit", c->last, ts, 1, 0, cause, strcmp(cause, "crash") == 0 && !same_boot ? "and another boot" : "");
	}
	cover_epoch(h, f, ts);
	run_text(c->boot, sizeof(c->boot), "%.*s", (int)(boot.n < 40 ? boot.n : 40), (const char *)boot.p);
	run_text(c->epoch_from, sizeof(c->epoch_from), "%s", ts);
	c->epoch = fields_num(f, FLD_EPOCH, 0);
	c->epoch_whole = true;
	c->epoch_seals = c->found = c->losses = c->records = c->intercepted = c->refused = c->dropped = c->queue_dropped = 0;
	c->stopped = false;
	c->seal_wall = c->seal_mono = 0;
}

static void sub(const struct fields *f, enum field i, struct fields *out)
{
	if (!f->raw[i].n || fields_read(out, f->raw[i]))
		*out = (struct fields){0};
}

static void clock_day(struct cover *c, const struct fields *f, const char *ts)
{
	struct fields s;
	int64_t offset, error;

	sub(f, FLD_CLOCK_SYNC, &s);
	offset = fields_int(&s, FLD_OFFSET_US);
	error = fields_int(&s, FLD_EST_ERROR_US);
	if (strncmp(c->day.date, ts, 10) != 0)
		return;
	c->day.seals++;
	c->day.synced += view_is(s.raw[FLD_SYNCED], "true");
	if (offset < 0)
		offset = -offset;
	if (offset > c->day.offset)
		c->day.offset = offset;
	if (error > c->day.error)
		c->day.error = error;
}

/* Between two seals of one boot wall time and monotonic time go on together, unless the machine slept or a clock was set. */
static void between(struct host *h, int64_t wall, int64_t mono, const char *ts)
{
	struct cover *c = h->cover;
	int64_t dw = wall - c->seal_wall, dm = mono - c->seal_mono, drift = (dw - dm) / 1000000;

	if (!c->seal_wall)
		return;
	if (dw >= (int64_t)h->run->o->gap_s * NS && !h->bad.waits)
		gap_row(h, "audit", c->last_seal, ts, 1, 0, dm < dw / 2 ? "suspended" : "silent", "");
	else if (drift > c->day.drift || -drift > c->day.drift)
		c->day.drift = drift < 0 ? -drift : drift;
	/* A sleep looks like a clock that was set forward; backwards nothing else looks like. */
	if (drift < -DRIFT_MS)
		c->day.jumps++;
}

static void seal(struct host *h, const struct fields *f, const char *ts)
{
	struct cover *c = h->cover;
	struct fields k, state;
	int64_t wall = fields_int(f, FLD_WALL), mono = fields_int(f, FLD_MONO);
	struct cover_hour *hour = hour_of(c, ns_of(ts));

	between(h, wall, mono, ts);
	clock_day(c, f, ts);
	sub(f, FLD_KERNEL, &k);
	sub(f, FLD_STATE, &state);
	uint64_t gap = c->last_seal[0] ? run_seconds(c->last_seal, ts) : 0;
	c->intercepted = fields_num(&k, FLD_INTERCEPTED, 0);
	c->refused = fields_num(&k, FLD_REFUSED, 0);
	c->dropped = fields_num(&k, FLD_DROPPED, 0);
	c->queue_dropped = fields_num(f, FLD_QUEUE_DROPPED, 0);
	c->records = fields_num(f, FLD_RECORDS, 0);
	c->epoch_seals++;
	if (hour && run_in(h->run, view_str(ts))) {
		if (!c->first_seal[0])
			run_text(c->first_seal, sizeof(c->first_seal), "%s", ts);
		hour->expected = true;
		hour->seals++;
		if (gap > hour->gap && gap < HOUR)
			hour->gap = (uint16_t)gap;
		hour->intercepted = c->intercepted;
		hour->refused = c->refused;
		hour->dropped = c->dropped;
		hour->queue_dropped = c->queue_dropped;
		run_text(c->mode, sizeof(c->mode), "%.*s", (int)(fields_text(&state, FLD_MODE).n < 15 ? fields_text(&state, FLD_MODE).n : 15),
		    (const char *)fields_text(&state, FLD_MODE).p);
		hour->enforce = strcmp(c->mode, "enforce") == 0;
		run_text(c->missing, sizeof(c->missing), "%.*s", (int)(state.raw[FLD_MISSING].n < MANY ? state.raw[FLD_MISSING].n : MANY), (const char *)state.raw[FLD_MISSING].p);
	}
	run_text(c->last_seal, sizeof(c->last_seal), "%s", ts);
	c->seal_wall = wall;
	c->seal_mono = mono;
}

void cover_line(struct host *h, const struct fields *f, struct view kind, const char *ts)
{
	struct cover *c = h->cover;

	cover_day(h, ts);
	if (h->bad.waits) {
		cover_told(h, ts);
		c->seal_wall = 0;
	}
	if (view_is(kind, "epoch"))
		epoch(h, f, ts);
	else if (view_is(kind, "seal"))
		seal(h, f, ts);
	else if (view_is(kind, "coverage") && (fields_is(f, FLD_EVENT, "stop") || fields_is(f, FLD_EVENT, "start")))
		c->stopped = fields_is(f, FLD_EVENT, "stop");
	else if (view_is(kind, "loss"))
		c->losses += fields_num(f, FLD_COUNT, 0);
	else if (view_is(kind, "call") || view_is(kind, "result") || view_is(kind, "connection") || (view_is(kind, "refused") && !f->raw[FLD_DO].n))
		c->found++;
	memcpy(c->last, ts, sizeof(c->last));
}

/* ---- the end ---- */

void cover_end(struct host *h)
{
	struct cover *c = h->cover;
	struct run *r = h->run;

	cover_told(h, "");
	if (!c)
		return;
	kernel_row(h, c->stopped);
	const char *until = strcmp(r->as_of, r->to) < 0 ? r->as_of : r->to;
	if (c->last[0] && !c->stopped && strcmp(c->last, until) < 0 && run_seconds(c->last, until) >= r->o->gap_s)
		gap_row(h, "audit", c->last, until, 1, 0, "silent", "and nothing after that");
	cover_write(h);
	free(c->hour);
	free(c);
	h->cover = NULL;
}
