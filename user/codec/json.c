/*
 * json.c - the scanner: one pass, iterative, no allocation; see json.h.
 * Floor: codec.      Source: RFC 8259.
 * Speed: strings, most of any message, are passed over 16 bytes at a time; each other byte is looked at once.
 */
#include <limits.h>

#include "base/err.h"
#include "codec/json_internal.h"

enum {
	NUMBER_MAX = 1024,  /* bytes of one number */
	EXPONENT_MAX = 5,   /* digits of an exponent */
	DECIMAL_TOP = 308,  /* the decimal exponent of the largest double */
	DIGITS_TOP = 17,    /* leading digits of it that are compared */
};

struct scan {
	const uint8_t *p, *end, *base;
	struct json_doc *doc;
	uint32_t depth;
	uint32_t key_off, key_len;
	uint8_t key_esc;
	uint64_t escaped; /* bit d: the open object at depth d has a key with a backslash */
	uint32_t open[JSON_DEPTH];
};

static inline int peek(struct scan *s)
{
	while (s->p < s->end) {
		uint8_t c = *s->p;
		if (c > ' ' || !(c == ' ' || c == '\n' || c == '\r' || c == '\t'))
			return c;
		s->p++;
	}
	return -1;
}

/* p stands behind the backslash.  A high surrogate must be followed by an escaped low one; NUL is not for keys. */
static int unicode_escape(struct scan *s, bool key)
{
	if (s->end - s->p < 5)
		return -ERR_MALFORMED;
	long u = json_hex4(s->p + 1);
	if (u < 0)
		return -ERR_MALFORMED;
	if (u == 0 && key)
		return -ERR_ENCODING;
	if (u >= 0xdc00 && u <= 0xdfff)
		return -ERR_ENCODING;
	s->p += 5;
	if (u < 0xd800 || u > 0xdfff)
		return 0;
	if (s->end - s->p < 6)
		return s->p < s->end && *s->p != '\\' ? -ERR_ENCODING : -ERR_MALFORMED;
	long low = s->p[0] == '\\' && s->p[1] == 'u' ? json_hex4(s->p + 2) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return -ERR_ENCODING;
	s->p += 6;
	return 0;
}

static int escape(struct scan *s, bool key)
{
	s->p++;
	if (s->p == s->end)
		return -ERR_MALFORMED;
	switch (*s->p) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		s->p++;
		return 0;
	case 'u':
		return unicode_escape(s, key);
	default:
		return -ERR_MALFORMED;
	}
}

/* What stopped the run of plain bytes, other than the closing quote. */
static int odd_byte(struct scan *s, bool key, uint8_t *esc)
{
	if (s->p == s->end || *s->p < 0x20)
		return -ERR_MALFORMED;
	if (*s->p == '\\') {
		*esc = 1;
		return escape(s, key);
	}
	do {
		int n = json_utf8(s->p, s->end);
		if (n <= 0)
			return n ? -ERR_ENCODING : -ERR_MALFORMED;
		s->p += n;
	} while (s->p < s->end && *s->p >= 0x80);
	return 0;
}

/* p stands on the opening quote; afterwards behind the closing one. */
static inline int string(struct scan *s, bool key, uint8_t *esc)
{
	*esc = 0;
	s->p++;
	for (;;) {
		s->p = json_plain_run(s->p, s->end);
		if (s->p < s->end && *s->p == '"') {
			s->p++;
			return 0;
		}
		int r = odd_byte(s, key, esc);
		if (r)
			return r;
	}
}

static inline bool digits(struct scan *s)
{
	const uint8_t *from = s->p;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > from;
}

/* Is the number [p, mantissa_end) times ten to the ${exp} below the largest double?  Compared by its leading digits. */
static bool in_range(const uint8_t *p, const uint8_t *mantissa_end, long exp)
{
	static const char top[] = "17976931348623157";
	long magnitude = -1; /* decimal exponent of the digit at hand */
	for (const uint8_t *q = p; q < mantissa_end && *q != '.'; q++)
		magnitude += *q != '-';
	for (; p < mantissa_end && (*p == '-' || *p == '.' || *p == '0'); p++)
		magnitude -= *p == '0';
	if (p == mantissa_end || magnitude + exp < DECIMAL_TOP)
		return true;
	if (magnitude + exp > DECIMAL_TOP)
		return false;
	for (int i = 0; i < DIGITS_TOP; p++) {
		if (p < mantissa_end && *p == '.')
			continue;
		int d = p < mantissa_end ? *p : '0';
		if (d != top[i])
			return d < top[i];
		i++;
		if (p == mantissa_end)
			return true; /* what is left of it is zeros, and all digits so far were equal */
	}
	return true;
}

/* p stands behind 'e'. */
static int exponent(struct scan *s, long *exp)
{
	bool minus = s->p < s->end && *s->p == '-';
	if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
		s->p++;
	const uint8_t *from = s->p;
	if (!digits(s))
		return -ERR_MALFORMED;
	if (s->p - from > EXPONENT_MAX)
		return -ERR_RANGE;
	for (*exp = 0; from < s->p; from++)
		*exp = *exp * 10 + (*from - '0');
	if (minus)
		*exp = -*exp;
	return 0;
}

static int number(struct scan *s)
{
	const uint8_t *from = s->p;
	long exp = 0;

	if (*s->p == '-')
		s->p++;
	if (s->p < s->end && *s->p == '0')
		s->p++;
	else if (!digits(s))
		return -ERR_MALFORMED;
	if (s->p < s->end && *s->p == '.') {
		s->p++;
		if (!digits(s))
			return -ERR_MALFORMED;
	}
	const uint8_t *mantissa_end = s->p;
	if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
		s->p++;
		int r = exponent(s, &exp);
		if (r)
			return r;
	}
	if (s->p - from > NUMBER_MAX)
		return -ERR_RANGE;
	if (exp <= 0 && mantissa_end - from <= DECIMAL_TOP)
		return 0;
	return in_range(from, mantissa_end, exp) ? 0 : -ERR_RANGE;
}

static int literal(struct scan *s, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++, s->p++)
		if (s->p == s->end || *s->p != (uint8_t)word[i])
			return -ERR_MALFORMED;
	return 0;
}

static int open_container(struct scan *s, uint32_t at)
{
	if (s->depth == JSON_DEPTH)
		return -ERR_TOO_DEEP;
	s->escaped &= ~(1ull << s->depth);
	s->open[s->depth++] = at;
	s->p++;
	return 0;
}

/* p stands on the first byte of a value.  A container is only opened here; step() goes on inside. */
static inline int value(struct scan *s, struct json_node *up)
{
	struct json_doc *d = s->doc;
	int c = peek(s), r;

	if (c < 0)
		return -ERR_MALFORMED;
	if (d->n == d->max)
		return -ERR_TOO_LONG;
	struct json_node *n = &d->node[d->n];
	*n = (struct json_node){.off = (uint32_t)(s->p - s->base), .key_off = s->key_off, .key_len = s->key_len,
				.span = 1, .key_esc = s->key_esc, .depth = (uint8_t)s->depth};
	switch (c) {
	case '{':
	case '[':
		n->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
		r = open_container(s, d->n);
		break;
	case '"':
		n->type = JSON_STRING;
		r = string(s, false, &n->esc);
		break;
	case 't':
		n->type = JSON_TRUE;
		r = literal(s, "true", 4);
		break;
	case 'f':
		n->type = JSON_FALSE;
		r = literal(s, "false", 5);
		break;
	case 'n':
		n->type = JSON_NULL;
		r = literal(s, "null", 4);
		break;
	default:
		n->type = JSON_NUMBER;
		r = c == '-' || (c >= '0' && c <= '9') ? number(s) : -ERR_MALFORMED;
	}
	if (r)
		return r;
	n->len = (uint32_t)(s->p - s->base) - n->off;
	d->n++;
	if (up)
		up->count++;
	return 0;
}

static inline int key(struct scan *s)
{
	if (peek(s) != '"')
		return -ERR_MALFORMED;
	const uint8_t *from = s->p + 1;
	int r = string(s, true, &s->key_esc);
	if (r)
		return r;
	s->key_off = (uint32_t)(from - s->base);
	s->key_len = (uint32_t)(s->p - 1 - from);
	s->escaped |= (uint64_t)s->key_esc << (s->depth - 1);
	if (peek(s) != ':')
		return -ERR_MALFORMED;
	s->p++;
	return 0;
}

static int close_container(struct scan *s, uint32_t at)
{
	struct json_node *n = &s->doc->node[at];
	s->p++;
	s->depth--;
	n->len = (uint32_t)(s->p - s->base) - n->off;
	n->span = s->doc->n - at;
	if (n->type != JSON_OBJECT || n->count < 2)
		return 0;
	uint32_t off = 0;
	int r = json_keys_check(s->doc, at, s->escaped >> s->depth & 1, &off);
	if (r)
		s->p = s->base + off;
	return r;
}

/* One child, or the end, of the innermost open container. */
static inline int step(struct scan *s)
{
	uint32_t at = s->open[s->depth - 1];
	struct json_node *up = &s->doc->node[at];
	bool object = up->type == JSON_OBJECT;
	int c = peek(s);

	if (c == (object ? '}' : ']'))
		return close_container(s, at);
	if (up->count) {
		if (c != ',')
			return -ERR_MALFORMED;
		s->p++;
	}
	if (!object) {
		s->key_off = s->key_len = s->key_esc = 0;
		return value(s, up);
	}
	if (up->count == JSON_MEMBERS)
		return -ERR_TOO_LONG;
	int r = key(s);
	return r ? r : value(s, up);
}

static int document(struct scan *s)
{
	static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};

	if (s->end - s->p >= 3 && memcmp(s->p, mark, 3) == 0)
		return -ERR_ENCODING;
	int r = value(s, NULL);
	while (!r && s->depth)
		r = step(s);
	if (!r && peek(s) >= 0)
		r = -ERR_MALFORMED;
	return r;
}

int json_scan(struct json_doc *doc, struct view in, struct json_node *nodes, uint32_t max, struct json_error *err)
{
	struct scan s;

	*doc = (struct json_doc){.in = in, .node = nodes, .max = max};
	if (in.n > INT_MAX) {
		if (err)
			*err = (struct json_error){INT_MAX, 1, INT_MAX};
		return -ERR_TOO_LONG;
	}
	s.p = s.base = in.p;
	s.end = in.n ? in.p + in.n : in.p;
	s.doc = doc;
	s.depth = s.key_off = s.key_len = s.key_esc = 0;
	s.escaped = 0;
	int r = document(&s);
	if (r) {
		doc->n = 0;
		if (err)
			*err = json_where(in, (uint32_t)(s.p - s.base));
	}
	return r;
}
