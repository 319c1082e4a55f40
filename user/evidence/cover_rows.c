/* cover_rows.c - hours and days of a host as rows.  See cover.h. */
#include <stdio.h>
#include <stdlib.h>

#include "evidence/cover.h"

enum { DAY_HOURS = 24 };

static void clock_row(struct host *h)
{
	struct cover *c = h->cover;
	struct bundle *b = h->run->b;

	if (!c->day.seals)
		return;
	row_str(b, SH_CLOCK, h->name);
	row_str(b, SH_CLOCK, c->day.date);
	row_num(b, SH_CLOCK, c->day.seals);
	row_num(b, SH_CLOCK, c->day.synced);
	row_int(b, SH_CLOCK, c->day.offset);
	row_int(b, SH_CLOCK, c->day.error);
	row_int(b, SH_CLOCK, c->day.drift);
	row_num(b, SH_CLOCK, c->day.jumps);
	row_end(b, SH_CLOCK, NULL);
	if (c->day.jumps)
		run_finding(h->run, "clock-jump", SH_CLOCK, h->name, c->day.date, "", "", "the clock was set back %llu times", (unsigned long long)c->day.jumps);
}

void cover_day(struct host *h, const char *ts)
{
	struct cover *c = h->cover;

	if (strncmp(c->day.date, ts, LAYOUT_DATE - 1) == 0 || !run_in(h->run, view_str(ts)))
		return;
	clock_row(h);
	memset(&c->day, 0, sizeof(c->day));
	memcpy(c->day.date, ts, LAYOUT_DATE - 1);
}

static void heartbeat(struct host *h, const struct cover_hour *hour, int64_t number)
{
	struct bundle *b = h->run->b;
	char ts[WALL_TEXT];

	wall_text((struct wall){number * 3600 * INT64_C(1000000000)}, ts);
	row_str(b, SH_HEARTBEATS, h->name);
	row_str(b, SH_HEARTBEATS, ts);
	row_num(b, SH_HEARTBEATS, hour->seals);
	row_num(b, SH_HEARTBEATS, hour->gap);
	row_num(b, SH_HEARTBEATS, hour->intercepted);
	row_num(b, SH_HEARTBEATS, hour->refused);
	row_num(b, SH_HEARTBEATS, hour->dropped);
	row_num(b, SH_HEARTBEATS, hour->queue_dropped);
	row_str(b, SH_HEARTBEATS, hour->enforce ? "enforce" : "observe");
	row_end(b, SH_HEARTBEATS, ts);
}

static void percent(uint64_t part, uint64_t of, char out[16])
{
	if (of)
		snprintf(out, 16, "%llu.%llu", (unsigned long long)(part * 100 / of), (unsigned long long)(part * 1000 / of % 10));
	else
		out[0] = '\0';
}

static void day_row(struct host *h, int64_t day, uint64_t expected, uint64_t sealed, bool enforce, const char hours[DAY_HOURS + 1])
{
	struct run *r = h->run;
	char ts[WALL_TEXT], share[16];

	wall_text((struct wall){day * 86400 * INT64_C(1000000000)}, ts);
	ts[LAYOUT_DATE - 1] = '\0';
	percent(sealed, expected, share);
	row_str(r->b, SH_COVERAGE, h->name);
	row_str(r->b, SH_COVERAGE, ts);
	row_num(r->b, SH_COVERAGE, expected);
	row_num(r->b, SH_COVERAGE, sealed);
	row_str(r->b, SH_COVERAGE, share);
	row_str(r->b, SH_COVERAGE, hours);
	row_str(r->b, SH_COVERAGE, sealed ? enforce ? "yes" : "no" : "");
	row_text(r->b, SH_COVERAGE, sealed ? view_str(h->cover->missing) : view_of(NULL, 0));
	row_end(r->b, SH_COVERAGE, NULL);
	json_array_append_new(r->calendar, json_pack("{s:s s:s s:I s:I s:s}", "host", h->name, "date", ts, "expected", (json_int_t)expected, "sealed", (json_int_t)sealed,
	    "hours", hours));
}

static void host_row(struct host *h, uint64_t expected, uint64_t sealed)
{
	struct run *r = h->run;
	struct bundle *b = r->b;
	struct asset *a = map_find(&r->assets, view_str(h->name));
	char share[16];
	bool unknown = r->have_assets && !a;
	const char *until = strcmp(r->as_of, r->to) < 0 ? r->as_of : r->to;
	/* A host that is off for good looks like one that is off for the night; after some days somebody should know which it is. */
	bool quiet = sealed && run_seconds(h->cover->last_seal, until) >= (uint64_t)r->o->quiet_days * 86400;

	if (a)
		a->seen = true;
	percent(sealed, expected, share);
	row_str(b, SH_HOSTS, h->name);
	row_str(b, SH_HOSTS, !r->have_assets ? "" : a ? "yes" : "no");
	row_str(b, SH_HOSTS, h->enrol.at);
	row_str(b, SH_HOSTS, h->cover->first_seal);
	row_str(b, SH_HOSTS, sealed ? h->cover->last_seal : "");
	row_num(b, SH_HOSTS, expected);
	row_num(b, SH_HOSTS, sealed);
	row_str(b, SH_HOSTS, share);
	row_num(b, SH_HOSTS, h->calls_in);
	row_num(b, SH_HOSTS, h->segments);
	row_num(b, SH_HOSTS, h->quarantined);
	row_str(b, SH_HOSTS, unknown ? "not in the asset list" : !sealed ? "no record in the period" : quiet ? "nothing since the last seal" : "");
	row_end(b, SH_HOSTS, NULL);
	if (unknown)
		run_finding(r, "host-not-in-assets", SH_HOSTS, h->name, "", "", "", "the store has records of a host that the asset list does not name");
	if (!sealed)
		run_finding(r, "host-without-records", SH_HOSTS, h->name, "", r->from, r->to, "enrolled, and no proved record in the period");
	if (quiet)
		run_finding(r, "host-quiet", SH_HOSTS, h->name, "", h->cover->last_seal, until, "%llu days without a record", (unsigned long long)(run_seconds(h->cover->last_seal, until) / 86400));
	r->host_hours += expected;
	r->host_sealed += sealed;
}

void cover_write(struct host *h)
{
	struct cover *c = h->cover;
	uint64_t all_expected = 0, all_sealed = 0;

	clock_row(h);
	for (size_t i = 0; i < c->hours;) {
		int64_t day = (c->start + (int64_t)i) / DAY_HOURS;
		uint64_t expected = 0, sealed = 0;
		char hours[DAY_HOURS + 1] = "                        ";
		bool enforce = true;
		for (; i < c->hours && (c->start + (int64_t)i) / DAY_HOURS == day; i++) {
			const struct cover_hour *hour = &c->hour[i];
			int at = (int)((c->start + (int64_t)i) % DAY_HOURS);
			expected += hour->expected;
			sealed += hour->seals > 0;
			hours[at] = hour->seals ? '#' : hour->expected ? '.' : ' ';
			enforce &= hour->enforce || !hour->seals;
			if (hour->seals)
				heartbeat(h, hour, c->start + (int64_t)i);
		}
		all_expected += expected;
		all_sealed += sealed;
		day_row(h, day, expected, sealed, enforce, hours);
	}
	host_row(h, all_expected, all_sealed);
}
