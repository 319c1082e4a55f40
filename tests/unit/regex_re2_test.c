/*
 * regex_re2_test.c - our gate and matcher against libre2: what we accept RE2 accepts, and finds in the same texts.
 * And how many steps the worst patterns take on the longest text, counted by PCRE2's callouts.
 * PATTERNS, SEED.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "policy/regex.h"
#include "re2_oracle.h"

enum { SUBJECTS = 24, LONGEST = 60 };

static uint64_t S;

static uint64_t rnd(uint64_t n)
{
	S += 0x9e3779b97f4a7c15u;
	uint64_t z = (S ^ (S >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % n;
}

static struct text {
	char at[512];
	size_t n;
} P, T;

static void put(struct text *t, const char *s)
{
	size_t n = strlen(s);
	if (t->n + n < sizeof(t->at)) {
		memcpy(t->at + t->n, s, n);
		t->n += n;
	}
}

#define PICK(list) list[rnd(sizeof(list) / sizeof(list[0]))]
/* Characters that the two engines could see differently: ends of lines, case pairs beyond ASCII, what \w and \s leave out. */
static const char *const chars[] = {"a", "b", "A", "B", "k", "K", "s", "S", "x", "0", "7", "_", "-", " ", "\n", "\r", "\t", "\v", "\f", "\xc3\xa9", "\xc3\x89", "\xc2\xa0",
    "\xe2\x84\xaa", "\xc5\xbf", "\xce\xb1", "\xce\xa3", "\xcf\x82", "\xc2\xb5", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\xc7\x85", "\xd9\xa3", "/", ".", "]", "^", "{", "}", "\x7f", "\xc2\x85"};
static const char *const escapes[] = {"\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B", "\\A", "\\z", "\\.", "\\\\", "\\n", "\\t", "\\r", "\\v", "\\f", "\\a", "\\x41", "\\x{3b1}",
    "\\x{10ffff}", "\\101", "\\pL", "\\PL", "\\p{Lu}", "\\p{Greek}", "\\P{Greek}", "\\p{^Nd}", "\\pN", "\\p{Latin}", "\\Q.*\\E", "\\Qa", "\\-", "\\/"};
static const char *const classes[] = {"[[:alpha:]]", "[[:^alpha:]]", "[[:word:]]", "[[:space:]]", "[[:punct:]]", "[[:upper:]]", "[[:lower:]]", "[[:digit:]]", "[[:print:]]",
    "[[:graph:]]", "[[:cntrl:]]", "[[:xdigit:]]", "[[:ascii:]]", "[[:blank:]]", "[[:alnum:]]", "[^[:^word:]]"};
static const char *const inside[] = {"a", "b", "k", "s", "K", "0-9", "a-z", "A-Z", "\\d", "\\W", "\\S", "\\s", "[:alpha:]", "[:^space:]", "-", "^", ".", "\\]", "\\pL", "\\P{Lu}",
    "\xc3\xa9", "\xce\xb1-\xcf\x89", "\\x{212a}", "\\n", "\n", "_", "\\-", "!-/", "\xc5\xbf"};
static const char *const ends[] = {"*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{2,3}?", "{,2}", "{0}", "{1,1}", "{3,1}", "{x}", "**", "{10,12}"};
static const char *const groups[] = {"(", "(?:", "(?i:", "(?s:", "(?m:", "(?-i:", "(?i-s:", "(?U:", "(?P<n>", "(?is:"};
static const char *const flags[] = {"(?i)", "(?m)", "(?s)", "(?-i)", "(?U)", "(?im-s)", "(?-ms)"};
/* What is in PCRE2 and not in RE2, and ill-formed pieces. */
static const char *const odd[] = {"(?=a)", "(?!a)", "(?<=a)", "(?>a)", "(?#c)", "\\1", "\\K", "\\R", "\\h", "\\N", "\\X", "\\G", "\\Z", "\\C", "a++", "(*ACCEPT)", "(?|a)", "(?x)", "(?R)",
    "[a", "(", ")", "[z-a]", "\\", "\\x{", "\\p{Nope}", "\\8", "\\cA", "\\e", "(?P=n)", "[[:nope:]]", "[[.a.]]", "[[=a=]]", "\\u0041", "(?J)", "(?^)", "(?n)", "\\E", "\\Q", "(?)", "(?i", "*"};

static void pattern_of(int depth)
{
	unsigned pieces = (unsigned)rnd(5);
	for (unsigned i = 0; i < pieces; i++) {
		uint64_t what = rnd(100);
		if (what < 38) {
			const char *c = PICK(chars);
			put(&P, strchr("^{}].", *c) && rnd(2) ? "\\" : "");
			put(&P, c);
		} else if (what < 52) {
			put(&P, PICK(escapes));
		} else if (what < 60) {
			put(&P, PICK(classes));
		} else if (what < 72) {
			put(&P, rnd(3) ? "[" : "[^");
			for (uint64_t k = 1 + rnd(4); k; k--)
				put(&P, PICK(inside));
			put(&P, "]");
		} else if (what < 84 && depth < 4) {
			put(&P, PICK(groups));
			pattern_of(depth + 1);
			put(&P, ")");
		} else if (what < 88) {
			put(&P, rnd(2) ? "^" : "$");
		} else if (what < 91) {
			put(&P, ".");
		} else if (what < 95) {
			put(&P, "|");
		} else if (what < 98) {
			put(&P, PICK(flags));
		} else {
			put(&P, PICK(odd));
		}
		if (rnd(3) == 0)
			put(&P, PICK(ends));
	}
}

/* Some texts are made of the pattern itself, so that they match now and then. */
static void subject_of(void)
{
	T.n = 0;
	for (uint64_t n = rnd(rnd(4) ? 6 : LONGEST); n; n--)
		put(&T, PICK(chars));
	if (rnd(4) == 0)
		for (size_t i = 0; i < P.n && T.n < 80; i++)
			if (((uint8_t)P.at[i] & 0x80) == 0 && rnd(3))
				T.at[T.n++] = P.at[i];
}

static struct {
	unsigned patterns, accepted, narrower, texts, found, open;
} count;

static void __attribute__((noreturn)) differ(const char *what)
{
	fprintf(stderr, "# pattern:");
	for (size_t i = 0; i < P.n; i++)
		fprintf(stderr, P.at[i] > ' ' && P.at[i] < 0x7f ? "%c" : "\\x%02x", (uint8_t)P.at[i]);
	fprintf(stderr, "\n# text:");
	for (size_t i = 0; i < T.n; i++)
		fprintf(stderr, " %02x", (uint8_t)T.at[i]);
	fail_msg("%s", what);
	abort();
}

/* libre2 works on bytes and so finds an empty \\B inside a character; ours, and RE2 in Go, do not. */
static bool torn_boundary(void)
{
	bool wide = false;
	for (size_t i = 0; i < T.n; i++)
		wide |= (uint8_t)T.at[i] >= 0x80;
	return wide && memmem(P.at, P.n, "\\B", 2);
}

static void compare_text(const struct regex *ours, const void *theirs)
{
	if (torn_boundary())
		return;
	int a = regex_match(ours, view_of(T.at, T.n)), b = re2_oracle_match(theirs, T.at, T.n);
	count.texts++;
	count.found += a == 1;
	count.open += a == -ERR_STEPS;
	if (a >= 0 ? a != b : a != -ERR_STEPS)
		differ(a < 0 ? "ours failed" : a ? "ours found it, RE2 did not" : "RE2 found it, ours did not");
}

/* Both, or neither because ours refuses. */
static bool compare_pattern(struct regex **ours, void **theirs)
{
	char why[REGEX_WHY];
	int r = regex_new(view_of(P.at, P.n), ours, why);
	*theirs = re2_oracle_new(P.at, P.n);
	count.patterns++;
	T.n = 0;
	if (!r && !*theirs)
		differ("ours accepts what RE2 refuses");
	count.accepted += r == 0;
	count.narrower += r && *theirs;
	if (r && *theirs)
		re2_oracle_free(*theirs);
	return r == 0;
}

static void random_patterns(void **state)
{
	const char *n = getenv("PATTERNS"), *s = getenv("SEED");
	(void)state;
	S = s ? strtoull(s, NULL, 10) : 1;
	memset(&count, 0, sizeof(count));
	for (unsigned long i = n ? strtoul(n, NULL, 10) : 4000; i; i--) {
		struct regex *ours;
		void *theirs;
		P.n = 0;
		pattern_of(0);
		if (!compare_pattern(&ours, &theirs))
			continue;
		for (int k = 0; k < SUBJECTS; k++) {
			subject_of();
			compare_text(ours, theirs);
		}
		regex_free(&ours);
		re2_oracle_free(theirs);
	}
	fprintf(stderr, "# %u patterns, %u accepted, %u that RE2 accepts and ours does not; %u texts, %u found, %u left open\n", count.patterns, count.accepted, count.narrower,
	    count.texts, count.found, count.open);
	assert_true(count.accepted * 4 > count.patterns && count.found * 20 > count.texts && count.open * 100 < count.texts);
}

/* Every character of the first planes, and folds of them, against every set that has a name. */
static void every_character(void **state)
{
	static const char *const sets[] = {"\\d", "\\w", "\\s", "\\pL", "\\pN", "\\p{Lu}", "\\p{Ll}", "\\p{Lt}", "\\p{Greek}", "\\p{Latin}", "\\p{Cyrillic}", "(?i)k", "(?i)s", "(?i)[a-z]", "(?i)\xc3\xa9",
	    "(?i)\xce\xa3", "(?i)\xc2\xb5", "(?i)\xc7\x85", "(?i)[^k]", "(?i)\\W", "(?i)[[:upper:]]", "(?i)[[:^lower:]]", "[[:punct:]]", "[[:print:]]", "[[:space:]]", ".", "(?s).", "[^a]", "[^\\n]",
	    "(?i)\xd1\x8f", "(?i)\xc3\x9f", "(?i)\xc4\xb0", "(?i)\xc4\xb1", "(?i)i"};
	unsigned differences = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct regex *ours;
		void *theirs;
		char pattern[64];
		P.n = 0;
		snprintf(pattern, sizeof(pattern), "^(?:%s)$", sets[i]);
		put(&P, pattern);
		assert_true(compare_pattern(&ours, &theirs));
		for (unsigned c = 1; c < 0x2c00; c++) {
			T.n = 0;
			if (c < 0x80) {
				T.at[T.n++] = (char)c;
			} else if (c < 0x800) {
				T.at[T.n++] = (char)(0xc0 | c >> 6);
				T.at[T.n++] = (char)(0x80 | (c & 0x3f));
			} else {
				T.at[T.n++] = (char)(0xe0 | c >> 12);
				T.at[T.n++] = (char)(0x80 | (c >> 6 & 0x3f));
				T.at[T.n++] = (char)(0x80 | (c & 0x3f));
			}
			int a = regex_match(ours, view_of(T.at, T.n)), b = re2_oracle_match(theirs, T.at, T.n);
			if (a != b && differences++ < 40)
				fprintf(stderr, "# %s on U+%04X: ours %d, RE2 %d\n", sets[i], c, a, b);
		}
		regex_free(&ours);
		re2_oracle_free(theirs);
	}
	assert_int_equal(differences, 0);
}

/* ---- steps ---- */

static int step(pcre2_callout_block *block, void *arg)
{
	(void)block;
	++*(uint64_t *)arg;
	return 0;
}

/* How often an item of the pattern is looked at, on the way that regex.c takes. */
static uint64_t steps_of(const char *pattern, struct view text, int *rc)
{
	static int work[2 + 2 * 3 * (2 * REGEX_STATES)]; /* as regex.c has it */
	struct buf b = {0};
	char why[REGEX_WHY];
	uint64_t steps = 0;
	int code;
	size_t off;
	bool anchored;
	assert_int_equal(buf_puts(&b, "(?s:.)*?(?:"), 0); /* also when it is anchored: more steps, not fewer */
	assert_int_equal(regex_gate(view_str(pattern), &b, &anchored, why), 0);
	assert_int_equal(buf_puts(&b, ")"), 0);
	pcre2_code *re = pcre2_compile(buf_view(&b).p, b.len, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_CIRCUMFLEX | PCRE2_NO_AUTO_CAPTURE | PCRE2_NO_DOTSTAR_ANCHOR | PCRE2_AUTO_CALLOUT |
	    PCRE2_NO_START_OPTIMIZE,
	    &code, &off, NULL);
	assert_non_null(re);
	pcre2_match_context *ctx = pcre2_match_context_create(NULL);
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	pcre2_set_callout(ctx, step, &steps);
	*rc = pcre2_dfa_match(re, text.p, text.n, 0, PCRE2_ANCHORED | PCRE2_DFA_SHORTEST, md, ctx, work, sizeof(work) / sizeof(work[0]));
	pcre2_match_data_free(md);
	pcre2_match_context_free(ctx);
	pcre2_code_free(re);
	buf_free(&b);
	return steps;
}

static void bounded_steps(void **state)
{
	static const char *const evil[] = {"^(a+)+$", "^(a|aa)+$", "(a*)*b$", "(x+x+)+y", "(a+a+)+b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:a?){50}a{50}b", "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[c-d]",
	    "(?s)a.{300}c", "(a|a|a|a|a|a|a|a)*c", "((a*)*)*c", "(((a+)+)+)+c", "([a-zA-Z]+)*!!", "a*a*a*a*a*a*a*a*a*a*a*a*b", "(?i)(k|\xe2\x84\xaa|K)+z", "(a{1,30}){1,10}b", "(\\w+\\s?)*$!", "^(.*?,){30}P"};
	uint8_t text[REGEX_SUBJECT_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
		memset(text, 'a', sizeof(text));
		int half, whole, got;
		uint64_t few = steps_of(evil[i], view_of(text, sizeof(text) / 2), &half), all = steps_of(evil[i], view_of(text, sizeof(text)), &whole);
		/* Linear in the text, and never more than every state at every byte. */
		if (all > 2 * few + 2 * REGEX_STATES || all > (uint64_t)(sizeof(text) + 1) * 2 * REGEX_STATES)
			fail_msg("%s: %llu steps on half of the text, %llu on all of it", evil[i], (unsigned long long)few, (unsigned long long)all);
		assert_true(whole == PCRE2_ERROR_NOMATCH || whole == PCRE2_ERROR_DFA_WSSIZE || whole >= 0);
		struct regex *r;
		char why[REGEX_WHY];
		assert_int_equal(regex_new(view_str(evil[i]), &r, why), 0);
		got = regex_match(r, view_of(text, sizeof(text)));
		regex_free(&r);
		/* The callouts make the pattern longer, so it may run out of states sooner than without. */
		assert_true(got == (whole >= 0) || got == -ERR_STEPS || whole == PCRE2_ERROR_DFA_WSSIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(random_patterns), cmocka_unit_test(every_character), cmocka_unit_test(bounded_steps)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
