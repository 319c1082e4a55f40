/*
 * dec.h - exact decimal numbers, read in place from JSON number text.
 * Floor: policy (uses base).      Units: none.      Owns: nothing; a dec borrows the text it was read from.
 * Source: RFC 8259 section 6 for the text; docs/POLICY.md "equality" for the canonical form.
 *
 * A dec is 0.D1D2D3... * 10^point with D1 and the last digit not zero; zero has no digits and no sign.
 */
#ifndef POLICY_DEC_H
#define POLICY_DEC_H

#include "base/view.h"

struct dec {
	const uint8_t *d, *end; /* significant digits; one '.' may lie among them */
	int32_t point;
	bool neg;
};

typedef unsigned __int128 dec_units_t;

/** dec_parse(text, out): Read one JSON number, all of ${text}.  0 or -ERR_MALFORMED.  Huge exponents saturate at a million. */
int dec_parse(struct view text, struct dec *out) __attribute__((warn_unused_result));

/** dec_cmp(a, b): Below, at or above zero as ${a} is less than, equal to or greater than ${b}. */
int dec_cmp(const struct dec *a, const struct dec *b);

static inline bool dec_is_zero(const struct dec *a)
{
	return a->d == a->end;
}

/** dec_int(a, out): The value as an integer; -ERR_RANGE when it has a fraction or does not fit. */
int dec_int(const struct dec *a, int64_t *out) __attribute__((warn_unused_result));

/**
 * dec_units(a, scale, out):
 * ${a} counted in units of 10^-scale, rounded up so that a charge is never less than its amount.
 * -ERR_RANGE when ${a} is negative or needs more than 38 digits.
 */
int dec_units(const struct dec *a, int scale, dec_units_t *out) __attribute__((warn_unused_result));

/* The canonical text, byte by byte: no exponent, no plus, no needless zero.  1e3 is "1000", 0.50 is "0.5", -0 is "0". */
struct dec_text {
	const struct dec *a;
	const uint8_t *next;
	int32_t at; /* digits before the point still to come; negative: zeros after it */
	uint8_t state;
};

struct dec_text dec_text(const struct dec *a);
/** dec_text_next(t): The next byte, or -1 at the end. */
int dec_text_next(struct dec_text *t);

/** dec_units_text(units, scale, out, cap): Write ${units} as canonical decimal text; bytes written without the NUL. */
size_t dec_units_text(dec_units_t units, int scale, char *out, size_t cap);

#endif
