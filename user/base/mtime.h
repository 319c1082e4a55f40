/*
 * mtime.h - instants as types, so that clocks and units cannot be mixed.
 * Floor: base.      Units: nanoseconds.
 */
#ifndef BASE_MTIME_H
#define BASE_MTIME_H

#include <stdint.h>
#include <time.h>

struct mono { /* CLOCK_MONOTONIC: for durations and time-outs */
	uint64_t ns;
};
struct wall { /* CLOCK_REALTIME: for records */
	int64_t ns;
};

static inline struct mono mono_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct mono){(uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec};
}

/** mono_boot_now(): CLOCK_BOOTTIME, which goes on while the machine sleeps and begins anew with each boot.  Not to be compared with mono_now(). */
static inline struct mono mono_boot_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct mono){(uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec};
}

static inline struct wall wall_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (struct wall){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec};
}

static inline uint64_t mono_since_us(struct mono then, struct mono now)
{
	return now.ns > then.ns ? (now.ns - then.ns) / 1000 : 0;
}

static inline struct mono mono_after_ms(struct mono t, uint64_t ms)
{
	return (struct mono){t.ns + ms * 1000000u};
}

enum { WALL_TEXT = 32 };

/** wall_text(t, out): RFC 3339 in UTC with microseconds, "2026-11-03T10:00:00.000123Z". */
void wall_text(struct wall t, char out[WALL_TEXT]);

/** wall_parse(s, t): Read RFC 3339 ("...Z" or an offset; fraction optional).  0, -ERR_MALFORMED, or -ERR_RANGE (before 1678 or after 2262). */
int wall_parse(const char *s, struct wall *t) __attribute__((warn_unused_result));

#endif
