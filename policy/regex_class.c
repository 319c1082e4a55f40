/*
 * regex_class.c - characters, escapes and classes of a pattern, as RE2 reads them.
 * Floor: policy, inside.      Source: the RE2 syntax page.
 *
 * Named sets are ASCII in RE2 and are written out as ranges, so that no option of PCRE2 can change what they hold.
 * Under (?i) a negated set must be folded first and turned round afterwards, as RE2 does: hence the small set type.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "policy/regex_class.h"

enum { RUNE_MAX = 0x10ffff, LONG_S = 0x17f, KELVIN = 0x212a }; /* the two that fold into ASCII letters */

void regex_class_fail(struct regex_gate *g, const char *fmt, ...)
{
	va_list ap;
	if (g->err)
		return;
	g->err = -ERR_REGEX;
	va_start(ap, fmt);
	vsnprintf(g->why, REGEX_WHY, fmt, ap);
	va_end(ap);
}

void regex_class_emit(struct regex_gate *g, const char *fmt, ...)
{
	char text[96];
	va_list ap;
	if (g->err)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->err = buf_puts(g->out, text);
}

static bool alnum(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void regex_class_literal(struct regex_gate *g, uint32_t c)
{
	if (alnum(c))
		regex_class_emit(g, "%c", (char)c);
	else
		regex_class_emit(g, "\\x{%x}", c);
}

/* Loose on purpose: what is no UTF-8 becomes a character that the compiler refuses (a surrogate). */
uint32_t regex_class_rune(struct regex_gate *g)
{
	const uint8_t *p = g->in.p;
	uint32_t c = p[0];
	size_t n = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf8 ? 4 : 0;
	if (n == 0 || n > g->in.n) {
		regex_class_fail(g, "the pattern is not UTF-8");
		n = 1;
	}
	if (n > 1)
		c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			regex_class_fail(g, "the pattern is not UTF-8");
		c = c << 6 | (p[i] & 0x3f);
	}
	g->in = view_skip(g->in, n);
	return c;
}

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* After "\x": two digits, or any number of them in braces. */
static uint32_t hex_escape(struct regex_gate *g)
{
	uint32_t c = 0;
	size_t n = 0;
	bool braces = g->in.n && g->in.p[0] == '{';
	if (braces)
		g->in = view_skip(g->in, 1);
	while (g->in.n && hex(g->in.p[0]) >= 0 && (braces || n < 2) && c <= RUNE_MAX) {
		c = c * 16 + (uint32_t)hex(g->in.p[0]);
		g->in = view_skip(g->in, 1);
		n++;
	}
	bool ended = braces ? g->in.n && g->in.p[0] == '}' : n == 2;
	if (!n || !ended || c > RUNE_MAX)
		regex_class_fail(g, "a bad hexadecimal escape");
	if (braces)
		g->in = view_skip(g->in, 1);
	return c;
}

static uint32_t octal_escape(struct regex_gate *g, uint32_t c)
{
	for (int i = 0; i < 2 && g->in.n && g->in.p[0] >= '0' && g->in.p[0] <= '7'; i++) {
		c = c * 8 + (g->in.p[0] - '0');
		g->in = view_skip(g->in, 1);
	}
	return c;
}

uint32_t regex_class_escape(struct regex_gate *g)
{
	static const char from[] = "afnrtv", to[] = "\a\f\n\r\t\v";
	g->in = view_skip(g->in, 1);
	if (!g->in.n) {
		regex_class_fail(g, "the pattern ends in a backslash");
		return 0;
	}
	uint32_t c = regex_class_rune(g);
	if (c == 'x')
		return hex_escape(g);
	if (c == '0')
		return octal_escape(g, 0);
	if (c >= '1' && c <= '7' && g->in.n && g->in.p[0] >= '0' && g->in.p[0] <= '7')
		return octal_escape(g, c - '0');
	const char *f = c && c < 0x80 ? strchr(from, (int)c) : NULL;
	if (f)
		return (uint8_t)to[f - from];
	if (c < 0x80 && !alnum(c) && c != '_' && c >= ' ')
		return c;
	if (c > ' ' && c < 0x7f)
		regex_class_fail(g, "the escape \\%c is not in the RE2 syntax", (char)c);
	else
		regex_class_fail(g, "a backslash before a character that needs none");
	return c;
}

/* Sets of ASCII characters, as pairs of first and last. */
struct set {
	const char *name;
	uint8_t pairs;
	uint8_t range[8];
};
static const struct set perl_sets[] = {
    {"d", 1, {'0', '9'}},
    {"s", 3, {'\t', '\n', '\f', '\r', ' ', ' '}},
    {"w", 4, {'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}},
};
static const struct set posix_sets[] = {
    {"alnum", 3, {'0', '9', 'A', 'Z', 'a', 'z'}},
    {"alpha", 2, {'A', 'Z', 'a', 'z'}},
    {"ascii", 1, {0, 0x7f}},
    {"blank", 2, {'\t', '\t', ' ', ' '}},
    {"cntrl", 2, {0, 0x1f, 0x7f, 0x7f}},
    {"digit", 1, {'0', '9'}},
    {"graph", 1, {'!', '~'}},
    {"lower", 1, {'a', 'z'}},
    {"print", 1, {' ', '~'}},
    {"punct", 4, {'!', '/', ':', '@', '[', '`', '{', '~'}},
    {"space", 2, {'\t', '\r', ' ', ' '}},
    {"upper", 1, {'A', 'Z'}},
    {"word", 4, {'0', '9', 'A', 'Z', '_', '_', 'a', 'z'}},
    {"xdigit", 3, {'0', '9', 'A', 'F', 'a', 'f'}},
};

static void emit_range(struct regex_gate *g, uint32_t lo, uint32_t hi)
{
	regex_class_emit(g, lo == hi ? "\\x{%x}" : "\\x{%x}-\\x{%x}", lo, hi);
}

/* The part of a class that ${s}, or what is not in ${s}, stands for. */
static void emit_set(struct regex_gate *g, const struct set *s, bool negated)
{
	bool in[129] = {false}, fold = g->flags & REGEX_I;
	for (int i = 0; i < s->pairs; i++)
		for (int c = s->range[2 * i]; c <= s->range[2 * i + 1]; c++)
			in[c] = true;
	for (int c = 'a'; fold && c <= 'z'; c++)
		in[c] = in[c - 32] = in[c] || in[c - 32];
	in[128] = negated; /* ends the last run */
	for (int c = 0, from; c < 128; c++) {
		if (in[c] == negated)
			continue;
		for (from = c; c < 127 && in[c + 1] != negated; c++)
			;
		emit_range(g, (uint32_t)from, (uint32_t)c);
	}
	if (!negated)
		return;
	uint32_t from = 0x80;
	if (fold && in['s']) {
		emit_range(g, from, LONG_S - 1);
		from = LONG_S + 1;
	}
	if (fold && in['k']) {
		emit_range(g, from, KELVIN - 1);
		from = KELVIN + 1;
	}
	emit_range(g, from, RUNE_MAX);
}

/* General categories in which both engines agree on what is unassigned, and the scripts most in use. */
static const char *const categories[] = {"L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Cc", "Cf", "Co", "Any"};
static const char *const scripts[] = {"Arabic", "Armenian", "Bengali", "Bopomofo", "Cherokee", "Common", "Coptic", "Cyrillic",
    "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Inherited",
    "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam", "Mongolian", "Myanmar", "Oriya", "Sinhala", "Syriac", "Tamil",
    "Telugu", "Thaana", "Thai", "Tibetan"};

static bool listed(const char *const *list, size_t n, struct view name)
{
	for (size_t i = 0; i < n; i++)
		if (view_is(name, list[i]))
			return true;
	return false;
}

/* From "\p" or "\P" on. */
static void property(struct regex_gate *g)
{
	bool negated = g->in.p[1] == 'P';
	struct view name;
	g->in = view_skip(g->in, 2);
	if (g->flags & REGEX_I)
		regex_class_fail(g, "\\p is not supported under (?i)");
	const uint8_t *close = g->in.n ? memchr(g->in.p, '}', g->in.n) : NULL;
	if (g->in.n && g->in.p[0] != '{') {
		name = view_head(g->in, 1);
		g->in = view_skip(g->in, 1);
	} else if (close) {
		name = view_of(g->in.p + 1, (size_t)(close - g->in.p) - 1);
		g->in = view_skip(g->in, name.n + 2);
	} else {
		regex_class_fail(g, "\\p without a name");
		return;
	}
	if (view_starts(name, VIEW_LIT("^"))) {
		negated = !negated;
		name = view_skip(name, 1);
	}
	bool script = listed(scripts, sizeof(scripts) / sizeof(scripts[0]), name);
	if (!script && !listed(categories, sizeof(categories) / sizeof(categories[0]), name)) {
		regex_class_fail(g, "an unknown or unsupported character property");
		return;
	}
	/* "sc:" since a bare name would also take in characters that a script merely borrows. */
	regex_class_emit(g, "\\%c{%s" VIEW_FMT "}", negated ? 'P' : 'p', script ? "sc:" : "", VIEW_ARG(name));
}

/* The inside of a class for \d \s \w \p and their like; false when something else stands here. */
static bool short_inside(struct regex_gate *g)
{
	if (g->in.n < 2 || g->in.p[0] != '\\')
		return false;
	uint8_t c = g->in.p[1];
	if (c == 'p' || c == 'P') {
		property(g);
		return true;
	}
	for (size_t i = 0; i < sizeof(perl_sets) / sizeof(perl_sets[0]); i++) {
		if ((c | 0x20) != perl_sets[i].name[0])
			continue;
		g->in = view_skip(g->in, 2);
		emit_set(g, &perl_sets[i], c < 'a');
		return true;
	}
	return false;
}

bool regex_class_short(struct regex_gate *g)
{
	size_t len = g->out->len;
	regex_class_emit(g, "[");
	if (!short_inside(g)) {
		if (!g->err)
			buf_truncate(g->out, len);
		return false;
	}
	regex_class_emit(g, "]");
	return true;
}

/* "[:alpha:]" inside a class; false when no ":]" follows: then '[' is an ordinary character. */
static bool posix_inside(struct regex_gate *g)
{
	if (!view_starts(g->in, VIEW_LIT("[:")))
		return false;
	const uint8_t *end = memmem(g->in.p + 2, g->in.n - 2, ":]", 2);
	if (!end)
		return false;
	struct view name = view_of(g->in.p + 2, (size_t)(end - g->in.p) - 2);
	g->in = view_skip(g->in, name.n + 4);
	bool negated = view_starts(name, VIEW_LIT("^"));
	if (negated)
		name = view_skip(name, 1);
	for (size_t i = 0; i < sizeof(posix_sets) / sizeof(posix_sets[0]); i++) {
		if (view_is(name, posix_sets[i].name)) {
			emit_set(g, &posix_sets[i], negated);
			return true;
		}
	}
	regex_class_fail(g, "an unknown class name between [: and :]");
	return true;
}

static uint32_t one_inside(struct regex_gate *g)
{
	if (!g->in.n) {
		regex_class_fail(g, "a class without its ]");
		return 0;
	}
	return g->in.p[0] == '\\' ? regex_class_escape(g) : regex_class_rune(g);
}

static void range_inside(struct regex_gate *g)
{
	uint32_t lo = one_inside(g), hi = lo;
	if (g->in.n >= 2 && g->in.p[0] == '-' && g->in.p[1] != ']') {
		g->in = view_skip(g->in, 1);
		hi = one_inside(g);
		if (hi < lo)
			regex_class_fail(g, "a range whose end comes before its start");
	}
	emit_range(g, lo, hi);
}

void regex_class(struct regex_gate *g)
{
	bool first = true;
	g->in = view_skip(g->in, 1);
	regex_class_emit(g, "[");
	if (g->in.n && g->in.p[0] == '^') {
		regex_class_emit(g, "^");
		g->in = view_skip(g->in, 1);
	}
	for (; !g->err && g->in.n && (first || g->in.p[0] != ']'); first = false)
		if (!posix_inside(g) && !short_inside(g))
			range_inside(g);
	if (!g->in.n)
		regex_class_fail(g, "a class without its ]");
	g->in = view_skip(g->in, 1);
	regex_class_emit(g, "]");
}
