/*
 * regex_gate.c - read a pattern as RE2 does and write it in PCRE2's words.
 * Floor: policy, inside.      Source: the RE2 syntax page.
 *
 * Every construct that the two engines know by the same letters but understand differently is resolved here: $ and ^ by
 * the m flag, the dot by the s flag, named sets to ranges, greediness dropped (only existence of a match counts).
 * Look-around, back-references, possessive and atomic groups, callouts and verbs have no rule here, so they are refused.
 */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "policy/regex_class.h"

enum last { NOTHING, ATOM, REPEATED }; /* what a repetition here would repeat */

/* Automaton positions of a piece: those under a counted repetition may all be alive at once. */
struct size {
	uint32_t plain, repeated;
};
enum { SIZE_HUGE = 1 << 20 };

struct group {
	struct size size, atom; /* of what is read so far; of the last atom, not yet in size */
	size_t atom_at;         /* where the last atom begins in the output */
	uint8_t flags;          /* to go back to */
};

struct gate {
	struct regex_gate g;
	struct group group[REGEX_DEPTH + 1];
	uint32_t depth;
	enum last last;
	bool choice; /* alternatives outside of every group */
	struct view names[64];
	uint32_t n_names;
};

static void add_atom(struct gate *t)
{
	struct group *g = &t->group[t->depth];
	g->size.plain += g->atom.plain;
	g->size.repeated += g->atom.repeated;
	if (g->size.repeated > SIZE_HUGE)
		g->size.repeated = SIZE_HUGE;
	g->atom = (struct size){0};
}

static void begin_atom(struct gate *t)
{
	add_atom(t);
	t->group[t->depth].atom = (struct size){.plain = 1};
	t->group[t->depth].atom_at = t->g.out->len;
	t->last = ATOM;
}

static void literal(struct gate *t, uint32_t c)
{
	begin_atom(t);
	regex_class_literal(&t->g, c);
}

static bool next_is(const struct gate *t, const char *s)
{
	return view_starts(t->g.in, view_str(s));
}

static void skip(struct gate *t, size_t n)
{
	t->g.in = view_skip(t->g.in, n);
}

/* RE2 reads no number with a needless zero, nor one of nine digits and more. */
static bool number(struct view *v, uint32_t *out)
{
	uint32_t n = 0, digits = 0;
	if (v->n >= 2 && v->p[0] == '0' && v->p[1] >= '0' && v->p[1] <= '9')
		return false;
	for (; v->n && v->p[0] >= '0' && v->p[0] <= '9'; digits++) {
		if (n >= 100000000)
			return false;
		n = n * 10 + (v->p[0] - '0');
		*v = view_skip(*v, 1);
	}
	*out = n;
	return digits > 0;
}

/* "{2}", "{2,}", "{2,5}": fill and take it; false when the brace is an ordinary character. */
static bool counted(struct gate *t, uint32_t *lo, uint32_t *hi)
{
	struct view v = view_skip(t->g.in, 1);
	if (!number(&v, lo))
		return false;
	*hi = *lo;
	if (v.n && v.p[0] == ',') {
		v = view_skip(v, 1);
		if (v.n && v.p[0] == '}')
			*hi = UINT32_MAX;
		else if (!number(&v, hi))
			return false;
	}
	if (!v.n || v.p[0] != '}')
		return false;
	t->g.in = view_skip(v, 1);
	return true;
}

static void scale_atom(struct gate *t, uint32_t times)
{
	struct size *a = &t->group[t->depth].atom;
	if (times < 2)
		return;
	uint64_t n = ((uint64_t)a->plain + a->repeated) * times;
	*a = (struct size){.repeated = n > SIZE_HUGE ? SIZE_HUGE : (uint32_t)n};
}

/* Put the last atom into a group of its own. */
static void wrap_atom(struct gate *t)
{
	static const char open[] = "(?:";
	size_t at = t->group[t->depth].atom_at, n = t->g.out->len - at;
	regex_class_emit(&t->g, "%s)", open);
	if (t->g.err)
		return;
	uint8_t *p = t->g.out->mem + t->g.out->off + at;
	memmove(p + sizeof(open) - 1, p, n);
	memcpy(p, open, sizeof(open) - 1);
}

/*
 * An unbounded repetition with a minimum is always of a group: for a single character PCRE2 would count how often it has
 * matched, and every count would be a state of its own.
 */
static void emit_repeat(struct gate *t, uint32_t lo, uint32_t hi)
{
	if (lo > REGEX_REPEAT_MAX || (hi > REGEX_REPEAT_MAX && hi != UINT32_MAX))
		regex_class_fail(&t->g, "a repetition of more than %d", REGEX_REPEAT_MAX);
	if (hi < lo)
		regex_class_fail(&t->g, "a repetition whose end comes before its start");
	if (hi == UINT32_MAX && lo)
		wrap_atom(t);
	if (hi == UINT32_MAX)
		regex_class_emit(&t->g, "{%u,}", lo);
	else
		regex_class_emit(&t->g, "{%u,%u}", lo, hi);
	scale_atom(t, hi == UINT32_MAX ? lo : hi);
}

/* A repetition, if one stands here. */
static bool repeat(struct gate *t)
{
	uint8_t c = t->g.in.p[0];
	uint32_t lo = c == '+', hi = c == '?' ? 1 : UINT32_MAX;
	if (c == '{') {
		if (!counted(t, &lo, &hi))
			return false;
	} else if (c == '*' || c == '+' || c == '?') {
		skip(t, 1);
	} else {
		return false;
	}
	if (t->last != ATOM)
		regex_class_fail(&t->g, t->last == NOTHING ? "a repetition of nothing" : "a repetition of a repetition");
	emit_repeat(t, lo, hi);
	if (next_is(t, "?"))
		skip(t, 1);
	t->last = REPEATED;
	return true;
}

static void open_group(struct gate *t, uint8_t inside)
{
	if (t->depth == REGEX_DEPTH) {
		regex_class_fail(&t->g, "groups are nested more than %d deep", REGEX_DEPTH);
		return;
	}
	add_atom(t);
	t->group[t->depth].atom_at = t->g.out->len;
	t->group[++t->depth] = (struct group){.flags = t->g.flags};
	regex_class_emit(&t->g, (inside & REGEX_I) == (t->g.flags & REGEX_I) ? "(?:" : inside & REGEX_I ? "(?i:" : "(?-i:");
	t->g.flags = inside;
	t->last = NOTHING;
}

static void close_group(struct gate *t)
{
	skip(t, 1);
	if (t->depth == 0) {
		regex_class_fail(&t->g, "a ) without its (");
		return;
	}
	add_atom(t);
	struct size whole = t->group[t->depth].size;
	t->g.flags = t->group[t->depth].flags;
	t->depth--;
	whole.plain += 2;
	t->group[t->depth].atom = whole;
	t->last = ATOM;
	regex_class_emit(&t->g, ")");
}

static void named_group(struct gate *t)
{
	skip(t, 4);
	const uint8_t *end = t->g.in.n ? memchr(t->g.in.p, '>', t->g.in.n) : NULL;
	struct view name = view_of(t->g.in.p, end ? (size_t)(end - t->g.in.p) : 0);
	bool good = name.n > 0 && t->n_names < sizeof(t->names) / sizeof(t->names[0]);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];
		good &= (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
	}
	for (uint32_t i = 0; i < t->n_names; i++)
		good &= !view_eq(t->names[i], name);
	if (!good) {
		regex_class_fail(&t->g, "a group name that is empty, ill-formed, or given twice");
		return;
	}
	t->names[t->n_names++] = name;
	skip(t, name.n + 1);
	open_group(t, t->g.flags);
}

/* After "(?": flags, then ')' for the rest of the group or ':' for a group of their own. */
static void flag_group(struct gate *t)
{
	static const char letters[] = "imsU"; /* in the order of the bits of enum regex_flag */
	uint8_t flags = t->g.flags;
	bool off = false, bare = false; /* bare: a '-' with no letter after it yet */
	skip(t, 2);
	for (; t->g.in.n; skip(t, 1)) {
		uint8_t c = t->g.in.p[0];
		const char *f = c ? strchr(letters, c) : NULL;
		if (f) {
			uint8_t bit = (uint8_t)(1 << (f - letters));
			flags = off ? flags & (uint8_t)~bit : flags | bit;
			bare = false;
		} else if (c == '-' && !off) {
			off = bare = true;
		} else {
			break;
		}
	}
	if (bare || !(next_is(t, ":") || next_is(t, ")"))) {
		regex_class_fail(&t->g, "(? begins something that is not in the RE2 syntax");
		return;
	}
	bool group = next_is(t, ":");
	skip(t, 1);
	if (group) {
		open_group(t, flags);
		return;
	}
	if ((flags ^ t->g.flags) & REGEX_I)
		regex_class_emit(&t->g, flags & REGEX_I ? "(?i)" : "(?-i)");
	add_atom(t);
	t->g.flags = flags;
	t->last = NOTHING;
}

static void parenthesis(struct gate *t)
{
	if (next_is(t, "(?P<")) {
		named_group(t);
	} else if (next_is(t, "(?")) {
		flag_group(t);
	} else {
		skip(t, 1);
		open_group(t, t->g.flags);
	}
}

static void assertion(struct gate *t, size_t taken, const char *pcre)
{
	skip(t, taken);
	begin_atom(t);
	regex_class_emit(&t->g, "(?:%s)", pcre);
}

static void quoted(struct gate *t)
{
	skip(t, 2);
	while (t->g.in.n && !next_is(t, "\\E") && !t->g.err)
		literal(t, regex_class_rune(&t->g));
	skip(t, 2);
}

static void backslash(struct gate *t)
{
	static const char *const asserts[] = {"\\A", "\\z", "\\b", "\\B"};
	for (size_t i = 0; i < sizeof(asserts) / sizeof(asserts[0]); i++) {
		if (next_is(t, asserts[i])) {
			assertion(t, 2, asserts[i]);
			return;
		}
	}
	if (next_is(t, "\\Q")) {
		quoted(t);
		return;
	}
	begin_atom(t);
	if (!regex_class_short(&t->g))
		regex_class_literal(&t->g, regex_class_escape(&t->g));
}

static void piece(struct gate *t)
{
	bool m = t->g.flags & REGEX_M;
	switch (t->g.in.p[0]) {
	case '(':
		parenthesis(t);
		return;
	case ')':
		close_group(t);
		return;
	case '|':
		skip(t, 1);
		add_atom(t);
		t->group[t->depth].size.plain++;
		t->choice |= t->depth == 0;
		regex_class_emit(&t->g, "|");
		t->last = NOTHING;
		return;
	case '[':
		begin_atom(t);
		regex_class(&t->g);
		return;
	case '.':
		skip(t, 1);
		begin_atom(t);
		regex_class_emit(&t->g, t->g.flags & REGEX_S ? "[\\x{0}-\\x{10ffff}]" : "[^\\x{a}]");
		return;
	case '^':
		assertion(t, 1, m ? "(?m:^)" : "\\A");
		return;
	case '$':
		assertion(t, 1, m ? "(?m:$)" : "\\z");
		return;
	case '\\':
		backslash(t);
		return;
	default:
		literal(t, regex_class_rune(&t->g));
	}
}

/* Does it begin with \A, which a repetition would make optional? */
static bool begins_at_start(const struct buf *out, size_t from)
{
	struct view v = view_skip(buf_view(out), from);
	return view_starts(v, VIEW_LIT("(?:\\A)")) && !view_starts(view_skip(v, 6), VIEW_LIT("{"));
}

int regex_gate(struct view pattern, struct buf *out, bool *anchored, char why[REGEX_WHY])
{
	size_t from = out->len;
	struct gate t = {.g = {.in = pattern, .out = out, .why = why}};

	why[0] = '\0';
	if (pattern.n > REGEX_PATTERN_MAX)
		regex_class_fail(&t.g, "a pattern of more than %d bytes", REGEX_PATTERN_MAX);
	while (t.g.in.n && !t.g.err)
		if (!repeat(&t))
			piece(&t);
	if (t.depth)
		regex_class_fail(&t.g, "a ( without its )");
	add_atom(&t);
	if (t.group[0].size.repeated > REGEX_STATES)
		regex_class_fail(&t.g, "its repetitions need more than %d states", REGEX_STATES);
	*anchored = !t.g.err && !t.choice && begins_at_start(out, from);
	return t.g.err;
}
