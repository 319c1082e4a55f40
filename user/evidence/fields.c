/* fields.c - see fields.h. */
#include "base/err.h"
#include "evidence/fields.h"

enum { SLOTS = 512, DEPTH = 64 };

static const struct {
	const char *name;
	uint8_t len;
} member[FLD_N] = {
#define X(symbol, name) {name, sizeof(name) - 1},
    FIELDS(X)
#undef X
};

static unsigned hash(const uint8_t *p, size_t n)
{
	return n ? (unsigned)(p[0] * 31u + p[n - 1] * 131u + p[n / 2] * 7u + n * 53u) % SLOTS : 0;
}

/* Number of a member, or FLD_N.  The table is made from the names once. */
static enum field find(struct view key)
{
	static uint8_t slot[SLOTS];
	static bool made;

	if (!made) {
		for (unsigned i = 0; i < FLD_N; i++) {
			unsigned at = hash((const uint8_t *)member[i].name, member[i].len);
			while (slot[at])
				at = (at + 1) % SLOTS;
			slot[at] = (uint8_t)(i + 1);
		}
		made = true;
	}
	for (unsigned at = hash(key.p, key.n); slot[at]; at = (at + 1) % SLOTS) {
		unsigned i = slot[at] - 1u;
		if (member[i].len == key.n && memcmp(member[i].name, key.p, key.n) == 0)
			return (enum field)i;
	}
	return FLD_N;
}

/* Past the string whose opening quote is at ${p}; NULL: it does not end. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end; p++) {
		p = memchr(p, '"', (size_t)(end - p));
		if (!p)
			return NULL;
		const uint8_t *b = p;
		while (b[-1] == '\\')
			b--;
		/* An odd run of backslashes escapes the quote; the opening quote stops the run. */
		if (((p - b) & 1) == 0)
			return p + 1;
	}
	return NULL;
}

/* Past an array or an object. */
static const uint8_t *nest_end(const uint8_t *p, const uint8_t *end)
{
	char open[DEPTH];
	int depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = string_end(p, end);
			if (!p)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[') {
			if (depth == DEPTH)
				return NULL;
			open[depth++] = *p == '{' ? '}' : ']';
		} else if (*p == '}' || *p == ']') {
			if (open[--depth] != (char)*p)
				return NULL;
			if (!depth)
				return p + 1;
		}
		p++;
	}
	return NULL;
}

static const uint8_t *value_end(const uint8_t *p, const uint8_t *end)
{
	if (p == end)
		return NULL;
	if (*p == '"')
		return string_end(p, end);
	if (*p == '{' || *p == '[')
		return nest_end(p, end);
	const uint8_t *start = p;
	while (p < end && (*p == '-' || *p == '+' || *p == '.' || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || *p == 'E'))
		p++;
	return p == start ? NULL : p;
}

int fields_read(struct fields *f, struct view v)
{
	const uint8_t *p = v.p, *end = v.p + v.n;

	memset(f, 0, sizeof(*f));
	if (v.n < 2 || *p != '{')
		return -ERR_MALFORMED;
	if (v.n == 2 && p[1] == '}')
		return 0;
	do {
		const uint8_t *key = ++p;
		if (p >= end || *p != '"' || !(p = string_end(p, end)) || p >= end || *p != ':')
			return -ERR_MALFORMED;
		enum field i = find(view_of(key + 1, (size_t)(p - key) - 2));
		const uint8_t *value = ++p;
		p = value_end(p, end);
		if (!p || p >= end || (i < FLD_N && f->raw[i].n))
			return -ERR_MALFORMED;
		if (i < FLD_N)
			f->raw[i] = view_of(value, (size_t)(p - value));
	} while (*p == ',');
	return *p == '}' && p + 1 == end ? 0 : -ERR_MALFORMED;
}

struct view fields_text(const struct fields *f, enum field i)
{
	struct view v = f->raw[i];

	return v.n >= 2 && v.p[0] == '"' ? view_of(v.p + 1, v.n - 2) : view_of(NULL, 0);
}

static uint64_t number(struct view v, uint64_t none)
{
	uint64_t n = 0;

	if (!v.n || v.n > 20)
		return none;
	for (size_t k = 0; k < v.n; k++) {
		unsigned d = v.p[k] - '0';
		if (d > 9 || n > (UINT64_MAX - d) / 10)
			return none;
		n = n * 10 + d;
	}
	return n;
}

uint64_t fields_num(const struct fields *f, enum field i, uint64_t none)
{
	return number(f->raw[i], none);
}

int64_t fields_int(const struct fields *f, enum field i)
{
	struct view v = f->raw[i];
	bool minus = v.n && v.p[0] == '-';
	uint64_t n = number(minus ? view_skip(v, 1) : v, 0);

	return n > INT64_MAX ? 0 : minus ? -(int64_t)n : (int64_t)n;
}
