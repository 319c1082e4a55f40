/*
 * view.h - a borrowed run of bytes.
 * Floor: base.      Units: bytes.      Owns: nothing; the bytes belong to whoever lent them.
 */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
	const uint8_t *p; /* may be NULL when n is 0 */
	size_t n;
};

#define VIEW_LIT(s) ((struct view){(const uint8_t *)(s), sizeof(s) - 1})
#define VIEW_FMT "%.*s"
#define VIEW_ARG(v) (int)(v).n, (const char *)(v).p

static inline struct view view_of(const void *p, size_t n)
{
	return (struct view){(const uint8_t *)p, n};
}

static inline struct view view_str(const char *s)
{
	return view_of(s, s ? strlen(s) : 0);
}

static inline bool view_eq(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool view_is(struct view a, const char *s)
{
	return view_eq(a, view_str(s));
}

/** view_ieq(a, b): Equal when ASCII letters are compared without case (header and host names). */
static inline bool view_ieq(struct view a, struct view b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i], y = b.p[i];
		if (x >= 'A' && x <= 'Z')
			x |= 0x20;
		if (y >= 'A' && y <= 'Z')
			y |= 0x20;
		if (x != y)
			return false;
	}
	return true;
}

/** view_skip(v, n): ${v} without its first ${n} bytes; empty when it has no more. */
static inline struct view view_skip(struct view v, size_t n)
{
	return n >= v.n ? view_of(NULL, 0) : view_of(v.p + n, v.n - n);
}

/** view_head(v, n): at most the first ${n} bytes of ${v}. */
static inline struct view view_head(struct view v, size_t n)
{
	return view_of(v.p, n < v.n ? n : v.n);
}

/** view_fits_header(v): May it stand in a header field?  Not empty, and nothing that ends a line or could be refused far from here. */
static inline bool view_fits_header(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if ((v.p[i] < 0x20 && v.p[i] != '\t') || v.p[i] == 0x7f)
			return false;
	return v.n > 0;
}

static inline bool view_starts(struct view v, struct view prefix)
{
	return v.n >= prefix.n && view_eq(view_head(v, prefix.n), prefix);
}

#endif
