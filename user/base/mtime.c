/* mtime.c - see mtime.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mtime.h"

void wall_text(struct wall t, char out[WALL_TEXT])
{
	int64_t sec = t.ns / 1000000000, frac = t.ns % 1000000000;
	if (frac < 0) {
		frac += 1000000000;
		sec--;
	}
	time_t s = (time_t)sec;
	struct tm tm;
	gmtime_r(&s, &tm);
	char day[WALL_TEXT - 9];
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, WALL_TEXT, "%s.%06uZ", day, (unsigned)(frac / 1000));
}

int wall_parse(const char *s, struct wall *t)
{
	struct tm tm = {0};
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!p)
		return -ERR_MALFORMED;
	int64_t frac = 0, unit = 100000000;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			frac += (*p - '0') * unit;
	}
	int64_t shift = 0;
	if (*p == '+' || *p == '-') {
		unsigned h, m;
		int used = 0;
		if (sscanf(p + 1, "%2u:%2u%n", &h, &m, &used) != 2 || used != 5 || h > 23 || m > 59 || p[6])
			return -ERR_MALFORMED;
		shift = (int64_t)(h * 3600 + m * 60) * (*p == '+' ? -1 : 1);
	} else if (strcmp(p, "Z") != 0) {
		return -ERR_MALFORMED;
	}
	int64_t sec = (int64_t)timegm(&tm) + shift;
	if (sec >= INT64_MAX / 1000000000 || sec <= INT64_MIN / 1000000000)
		return -ERR_RANGE;
	t->ns = sec * 1000000000 + frac;
	return 0;
}
