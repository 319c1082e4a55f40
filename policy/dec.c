/* dec.c - see dec.h. */
#include "base/err.h"
#include "policy/dec.h"

enum { EXPONENT_MAX = 1000000, UNITS_DIGITS = 38 };

static bool digit(const uint8_t *p, const uint8_t *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

static int parse_exponent(const uint8_t **pp, const uint8_t *end, int32_t *out)
{
	const uint8_t *p = *pp;
	bool neg = false;
	int32_t e = 0;

	if (p < end && (*p == '+' || *p == '-'))
		neg = *p++ == '-';
	if (!digit(p, end))
		return -ERR_MALFORMED;
	for (; digit(p, end); p++)
		if (e < EXPONENT_MAX)
			e = e * 10 + (*p - '0');
	if (e > EXPONENT_MAX)
		e = EXPONENT_MAX;
	*out = neg ? -e : e;
	*pp = p;
	return 0;
}

/* The digits of [from, to), which may hold a '.' at ${dot}: strip zeros at both ends, place the point. */
static void significant(const uint8_t *from, const uint8_t *dot, const uint8_t *to, struct dec *out)
{
	const uint8_t *d = from, *end = to;
	while (d < end && (*d == '0' || *d == '.'))
		d++;
	while (end > d && (end[-1] == '0' || end[-1] == '.'))
		end--;
	out->d = d;
	out->end = end;
	if (d < dot)
		out->point = (int32_t)(dot - d);
	else
		out->point = (int32_t)-(d - dot - 1);
}

int dec_parse(struct view text, struct dec *out)
{
	const uint8_t *p = text.p, *end = p + text.n, *from, *dot;
	int32_t e = 0;

	*out = (struct dec){0};
	if (text.n > INT32_MAX / 4)
		return -ERR_MALFORMED;
	if (p < end && *p == '-') {
		out->neg = true;
		p++;
	}
	from = p;
	if (!digit(p, end) || (*p == '0' && digit(p + 1, end)))
		return -ERR_MALFORMED;
	while (digit(p, end))
		p++;
	dot = p;
	if (p < end && *p == '.') {
		p++;
		if (!digit(p, end))
			return -ERR_MALFORMED;
		while (digit(p, end))
			p++;
	}
	const uint8_t *to = p;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (parse_exponent(&p, end, &e))
			return -ERR_MALFORMED;
	}
	if (p != end)
		return -ERR_MALFORMED;
	significant(from, dot, to, out);
	out->point += e;
	if (dec_is_zero(out))
		*out = (struct dec){0};
	return 0;
}

/* The next significant digit at *${p}, or 0 when there are no more: digits after the last one are zeros. */
static int take(const uint8_t **p, const uint8_t *end)
{
	if (*p < end && **p == '.')
		++*p;
	return *p < end ? *(*p)++ - '0' : 0;
}

static int cmp_size(const struct dec *a, const struct dec *b)
{
	if (dec_is_zero(a) || dec_is_zero(b))
		return dec_is_zero(b) - dec_is_zero(a);
	if (a->point != b->point)
		return a->point < b->point ? -1 : 1;
	const uint8_t *p = a->d, *q = b->d;
	while (p < a->end || q < b->end) {
		int x = take(&p, a->end), y = take(&q, b->end);
		if (x != y)
			return x - y;
	}
	return 0;
}

int dec_cmp(const struct dec *a, const struct dec *b)
{
	if (a->neg != b->neg)
		return a->neg ? -1 : 1;
	return a->neg ? cmp_size(b, a) : cmp_size(a, b);
}

int dec_units(const struct dec *a, int scale, dec_units_t *out)
{
	int64_t n = (int64_t)a->point + scale;
	const uint8_t *p = a->d;
	dec_units_t u = 0;

	*out = 0;
	if (dec_is_zero(a))
		return 0;
	if (a->neg || n > UNITS_DIGITS)
		return -ERR_RANGE;
	for (int64_t i = 0; i < n; i++)
		u = u * 10 + (dec_units_t)take(&p, a->end);
	if (p < a->end) /* something is left below one unit */
		u++;
	*out = u;
	return 0;
}

int dec_int(const struct dec *a, int64_t *out)
{
	struct dec plus = *a;
	dec_units_t u, floor;

	plus.neg = false;
	*out = 0;
	if (dec_units(&plus, 0, &u) || u > INT64_MAX)
		return -ERR_RANGE;
	/* A fraction rounds up; a tenth of a unit shows whether there was one. */
	if (!dec_is_zero(a) && (dec_units(&plus, 1, &floor) || floor != u * 10))
		return -ERR_RANGE;
	*out = a->neg ? -(int64_t)u : (int64_t)u;
	return 0;
}

enum { TEXT_SIGN, TEXT_ZERO, TEXT_WHOLE, TEXT_DOT, TEXT_FRACTION, TEXT_END };

struct dec_text dec_text(const struct dec *a)
{
	return (struct dec_text){.a = a, .next = a->d, .at = a->point, .state = a->neg ? TEXT_SIGN : TEXT_ZERO};
}

static int text_whole(struct dec_text *t)
{
	int c = '0' + take(&t->next, t->a->end);
	if (--t->at == 0)
		t->state = t->next < t->a->end ? TEXT_DOT : TEXT_END;
	return c;
}

static int text_fraction(struct dec_text *t)
{
	if (t->at < 0) {
		t->at++;
		return '0';
	}
	int c = '0' + take(&t->next, t->a->end);
	if (t->next >= t->a->end)
		t->state = TEXT_END;
	return c;
}

int dec_text_next(struct dec_text *t)
{
	switch (t->state) {
	case TEXT_SIGN:
		t->state = TEXT_ZERO;
		return '-';
	case TEXT_ZERO:
		if (t->at > 0 && !dec_is_zero(t->a)) {
			t->state = TEXT_WHOLE;
			return text_whole(t);
		}
		t->state = dec_is_zero(t->a) ? TEXT_END : TEXT_DOT;
		return '0';
	case TEXT_WHOLE:
		return text_whole(t);
	case TEXT_DOT:
		t->state = TEXT_FRACTION;
		return '.';
	case TEXT_FRACTION:
		return text_fraction(t);
	default:
		return -1;
	}
}

size_t dec_units_text(dec_units_t units, int scale, char *out, size_t cap)
{
	char rev[64];
	size_t n = 0, w = 0;
	bool shown = false; /* a digit other than a trailing zero of the fraction was seen */

	for (int i = 0; units || i <= scale; i++, units /= 10) {
		char c = (char)('0' + (int)(units % 10));
		if (i == scale && shown)
			rev[n++] = '.';
		if (i >= scale || c != '0')
			shown = true;
		if (shown)
			rev[n++] = c;
	}
	while (n && w + 1 < cap)
		out[w++] = rev[--n];
	if (cap)
		out[w] = '\0';
	return w;
}
