/* plan.c - the scenario: a JSON object of settings and plants; and the hours in which a host runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

static const char *const known[] = {"power", "daemon", "clock", "uncollected", "tamper", "rollback", "replay", "lost", "leaver", "role", "policy", "grant-without-ticket", "unused", "absent", NULL};

static void check_plant(const struct plan *p, const json_t *o)
{
	const char *what = json_string_value(json_object_get(o, "what"));
	int64_t host = plan_number(o, "host", 0), day = plan_number(o, "day", 1);
	size_t i = 0;

	while (known[i] && (!what || strcmp(known[i], what) != 0))
		i++;
	if (!known[i])
		die("\"what\": \"%s\" is nothing that can be planted", what ? what : "");
	if (host < 1 || host > p->hosts || day < 1 || day > p->days)
		die("%s: there is no host %d or no day %d", what, (int)host, (int)day);
}

void plan_read(struct plan *p, const char *file)
{
	json_error_t e;
	json_t *o = file ? json_load_file(file, JSON_REJECT_DUPLICATES, &e) : json_object(), *plant;
	const char *start;
	size_t i;

	if (!json_is_object(o))
		die("%s: line %d: %s", file, e.line, e.text);
	p->seed = (uint64_t)plan_number(o, "seed", (int64_t)p->seed);
	p->hosts = (int)plan_number(o, "hosts", p->hosts);
	p->days = (int)plan_number(o, "days", p->days);
	p->calls = (uint64_t)plan_number(o, "calls", (int64_t)p->calls);
	p->commit = (unsigned)plan_number(o, "commit", p->commit);
	p->segment_bytes = (uint64_t)plan_number(o, "segment_bytes", (int64_t)p->segment_bytes);
	p->weekend = json_is_true(json_object_get(o, "weekend"));
	p->reviews = !json_is_false(json_object_get(o, "reviews"));
	p->org = json_string_value(json_object_get(o, "org")) ? json_string_value(json_object_get(o, "org")) : "example";
	start = json_string_value(json_object_get(o, "start"));
	char text[WALL_TEXT];
	struct wall t;
	snprintf(text, sizeof(text), "%.10sT00:00:00Z", start ? start : "2026-11-02");
	if (wall_parse(text, &t))
		die("\"start\": a day such as 2026-11-02");
	p->start = t.ns;
	p->plants = json_object_get(o, "plants");
	json_array_foreach(p->plants, i, plant)
		check_plant(p, plant);
}

int64_t plan_number(const json_t *plant, const char *key, int64_t other)
{
	const json_t *v = json_object_get(plant, key);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : other;
}

const json_t *plan_plant(const struct plan *p, int host, const char *what, size_t n)
{
	json_t *o;
	size_t i;

	json_array_foreach(p->plants, i, o)
		if (plan_number(o, "host", 0) == host && strcmp(json_string_value(json_object_get(o, "what")), what) == 0 && n-- == 0)
			return o;
	return NULL;
}

int64_t plan_at(const struct plan *p, const json_t *plant)
{
	const char *at = json_string_value(json_object_get(plant, "at"));
	int h = 12, m = 0;

	if (at && (sscanf(at, "%d:%d", &h, &m) != 2 || h < 0 || h > 23 || m < 0 || m > 59))
		die("\"at\": \"%s\" is no time such as 10:30", at);
	return p->start + (plan_number(plant, "day", 1) - 1) * DAY + h * HOUR + m * MINUTE;
}

int64_t plan_day(int64_t t)
{
	return t - t % DAY;
}

/* Cut [at, at + length) out of the day. */
static size_t cut(struct stint s[STINTS], size_t n, int64_t at, int64_t length, bool crash, bool same_boot)
{
	for (size_t i = 0; i < n; i++) {
		if (at <= s[i].from || at + length >= s[i].to)
			continue;
		if (n == STINTS)
			die("too many outages in a day");
		memmove(&s[i + 2], &s[i + 1], (n - i - 1) * sizeof(*s));
		s[i + 1] = s[i];
		s[i].to = at;
		s[i].crash = crash;
		s[i + 1].from = at + length;
		s[i + 1].same_boot = same_boot;
		s[i + 1].restored = false;
		/* A lunch on one side of the cut. */
		if (s[i].sleep_to >= at)
			s[i].sleep_from = s[i].sleep_to = 0;
		if (s[i + 1].sleep_from <= at + length)
			s[i + 1].sleep_from = s[i + 1].sleep_to = 0;
		return n + 1;
	}
	die("an outage outside of the hours in which the host runs");
}

size_t plan_stints(const struct plan *p, int host, int day, struct stint s[STINTS])
{
	int64_t midnight = p->start + day * DAY;
	int weekday = (int)((midnight / DAY + 4) % 7); /* 1970-01-01 was a Thursday; 0: Sunday */
	uint64_t r = chance_of("hours", p->seed + (uint64_t)day, (uint64_t)host);
	const json_t *o;
	size_t n = 1;

	if (!p->weekend && (weekday == 0 || weekday == 6))
		return 0;
	s[0] = (struct stint){.from = midnight + 8 * HOUR + (int64_t)(r % 3000) * SECOND, .to = midnight + 17 * HOUR + (int64_t)(r >> 16) % 5000 * SECOND};
	if (host % 4 == 1) { /* its lid is closed at noon */
		s[0].sleep_from = midnight + 12 * HOUR + (int64_t)(r >> 32) % 900 * SECOND;
		s[0].sleep_to = s[0].sleep_from + 35 * MINUTE;
	}
	for (size_t i = 0; (o = plan_plant(p, host, "power", i)); i++)
		if (plan_number(o, "day", 1) == day + 1)
			n = cut(s, n, plan_at(p, o), plan_number(o, "minutes", 120) * MINUTE, true, false);
	for (size_t i = 0; (o = plan_plant(p, host, "daemon", i)); i++)
		if (plan_number(o, "day", 1) == day + 1)
			n = cut(s, n, plan_at(p, o), plan_number(o, "minutes", 60) * MINUTE, false, true);
	o = plan_plant(p, host, "rollback", 0);
	s[0].restored = o && plan_number(o, "day", 1) == day + 1;
	return n;
}
