/* toml.c - see toml.h. */
#include "base/err.h"
#include "clients/toml.h"

struct toml {
	struct view in; /* what is left */
	toml_fn *fn;
	void *arg;
	struct view path[TOML_PATH];
	size_t n, used;
	char names[TOML_NAMES];
	char text[TOML_TEXT];
};

static int value(struct toml *t, bool told, unsigned depth);

static int peek(const struct toml *t)
{
	return t->in.n ? t->in.p[0] : -1;
}

static bool take(struct toml *t, const char *s)
{
	if (!view_starts(t->in, view_str(s)))
		return false;
	t->in = view_skip(t->in, strlen(s));
	return true;
}

static void blanks(struct toml *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->in = view_skip(t->in, 1);
}

static void comment(struct toml *t)
{
	blanks(t);
	if (peek(t) == '#')
		while (t->in.n && peek(t) != '\n')
			t->in = view_skip(t->in, 1);
}

/* Blanks, comments and line ends. */
static void space(struct toml *t)
{
	for (comment(t); take(t, "\n") || take(t, "\r\n"); comment(t))
		;
}

struct sink {
	char *p;
	size_t n, cap; /* n > cap: it did not fit */
};

static void put(struct sink *s, uint8_t c)
{
	if (s->n < s->cap)
		s->p[s->n] = (char)c;
	s->n++;
}

static void put_code(struct sink *s, uint32_t c)
{
	if (c < 0x80) {
		put(s, (uint8_t)c);
	} else if (c < 0x800) {
		put(s, (uint8_t)(0xc0 | c >> 6));
		put(s, (uint8_t)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		put(s, (uint8_t)(0xe0 | c >> 12));
		put(s, (uint8_t)(0x80 | (c >> 6 & 63)));
		put(s, (uint8_t)(0x80 | (c & 63)));
	} else {
		put(s, (uint8_t)(0xf0 | c >> 18));
		put(s, (uint8_t)(0x80 | (c >> 12 & 63)));
		put(s, (uint8_t)(0x80 | (c >> 6 & 63)));
		put(s, (uint8_t)(0x80 | (c & 63)));
	}
}

static int code(struct toml *t, unsigned digits, struct sink *s)
{
	uint32_t c = 0;

	for (unsigned i = 0; i < digits; i++) {
		int d = peek(t);
		int v = d >= '0' && d <= '9' ? d - '0' : d >= 'a' && d <= 'f' ? d - 'a' + 10 : d >= 'A' && d <= 'F' ? d - 'A' + 10 : -1;
		if (v < 0)
			return -ERR_MALFORMED;
		c = c << 4 | (uint32_t)v;
		t->in = view_skip(t->in, 1);
	}
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -ERR_MALFORMED;
	put_code(s, c);
	return 0;
}

/* Behind a backslash. */
static int escape(struct toml *t, bool lines, struct sink *s)
{
	static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
	int c = peek(t);
	const char *at = c > 0 ? strchr(from, c) : NULL;

	if (lines && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
		blanks(t);
		if (!take(t, "\n") && !take(t, "\r\n"))
			return -ERR_MALFORMED;
		while (peek(t) == ' ' || peek(t) == '\t' || peek(t) == '\r' || peek(t) == '\n')
			t->in = view_skip(t->in, 1);
		return 0;
	}
	t->in = view_skip(t->in, 1);
	if (at) {
		put(s, (uint8_t)to[at - from]);
		return 0;
	}
	return c == 'u' ? code(t, 4, s) : c == 'U' ? code(t, 8, s) : -ERR_MALFORMED;
}

/* A string, which begins here, into ${s}. */
static int string(struct toml *t, bool may_span, struct sink *s)
{
	const char *close = peek(t) == '"' ? "\"" : "'", *long_close = peek(t) == '"' ? "\"\"\"" : "'''";
	bool basic = peek(t) == '"', lines = may_span && take(t, long_close);

	if (lines)
		(void)(take(t, "\n") || take(t, "\r\n"));
	else
		t->in = view_skip(t->in, 1);
	for (;;) {
		int c = peek(t);
		if (lines && take(t, long_close)) {
			/* One or two more quotes belong to the text. */
			for (int i = 0; i < 2 && take(t, close); i++)
				put(s, (uint8_t)close[0]);
			return 0;
		}
		if (!lines && take(t, close))
			return 0;
		if (c < 0 || (c < 0x20 && c != '\t' && !(lines && (c == '\n' || c == '\r'))) || c == 0x7f)
			return -ERR_MALFORMED;
		t->in = view_skip(t->in, 1);
		if (!basic || c != '\\') {
			put(s, (uint8_t)c);
			continue;
		}
		int r = escape(t, lines, s);
		if (r)
			return r;
	}
}

static bool bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int one_key(struct toml *t)
{
	struct sink s = {t->names + t->used, 0, sizeof(t->names) - t->used};
	int r = 0;

	if (peek(t) == '"' || peek(t) == '\'') {
		r = string(t, false, &s);
	} else {
		for (; bare(peek(t)); t->in = view_skip(t->in, 1))
			put(&s, t->in.p[0]);
		r = s.n ? 0 : -ERR_MALFORMED;
	}
	if (r)
		return r;
	if (s.n > s.cap || t->n == TOML_PATH)
		return -ERR_TOO_LONG;
	t->path[t->n++] = view_of(s.p, s.n);
	t->used += s.n;
	return 0;
}

/* A key with dots, behind what the path has already. */
static int key(struct toml *t)
{
	int r;

	do {
		blanks(t);
		r = one_key(t);
		blanks(t);
	} while (!r && take(t, "."));
	return r;
}

static int pair(struct toml *t, bool told, unsigned depth)
{
	size_t n = t->n, used = t->used;
	int r = key(t);

	if (!r && !take(t, "="))
		r = -ERR_MALFORMED;
	blanks(t);
	r = r ? r : value(t, told, depth);
	t->n = n;
	t->used = used;
	return r;
}

/* What is between brackets, commas between; ${close} ends it. */
static int list(struct toml *t, const char *close, bool told, unsigned depth)
{
	bool table = close[0] == '}';

	if (depth == TOML_DEPTH)
		return -ERR_TOO_DEEP;
	for (space(t); !take(t, close); space(t)) {
		int r = table ? pair(t, told, depth + 1) : value(t, false, depth + 1);
		if (r)
			return r;
		space(t);
		if (!take(t, ",")) {
			if (!take(t, close))
				return -ERR_MALFORMED;
			return 0;
		}
	}
	return 0;
}

static int value(struct toml *t, bool told, unsigned depth)
{
	struct sink s = {t->text, 0, sizeof(t->text)};
	int c = peek(t), r;

	if (c == '"' || c == '\'') {
		r = string(t, true, &s);
		if (!r && told && s.n <= s.cap)
			t->fn(t->arg, t->path, t->n, view_of(s.p, s.n));
		return r;
	}
	if (take(t, "["))
		return list(t, "]", false, depth);
	if (take(t, "{"))
		return list(t, "}", told, depth);
	size_t n = 0;
	for (; bare(peek(t)) || peek(t) == '.' || peek(t) == '+' || peek(t) == ':' || peek(t) == ' '; n++)
		t->in = view_skip(t->in, 1);
	return n ? 0 : -ERR_MALFORMED;
}

static int table(struct toml *t)
{
	const char *close = take(t, "[") ? "]]" : "]";

	t->n = t->used = 0;
	int r = key(t);
	return r ? r : take(t, close) ? 0 : -ERR_MALFORMED;
}

static int document(struct toml *t)
{
	for (space(t); t->in.n; space(t)) {
		int r = take(t, "[") ? table(t) : pair(t, true, 0);
		if (r)
			return r;
		comment(t);
		if (t->in.n && !take(t, "\n") && !take(t, "\r\n"))
			return -ERR_MALFORMED;
	}
	return 0;
}

int toml_read(struct view in, toml_fn *fn, void *arg, size_t *line)
{
	struct toml t = {.in = in, .fn = fn, .arg = arg};

	(void)take(&t, "\xef\xbb\xbf");
	int r = document(&t);
	*line = 1;
	for (size_t i = 0; i < in.n - t.in.n; i++)
		*line += in.p[i] == '\n';
	explicit_bzero(&t, sizeof(t));
	return r;
}
