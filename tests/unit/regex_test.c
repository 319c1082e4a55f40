/* regex_test.c - patterns: what is accepted, what they match, and that no pattern and no text takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/err.h"
#include "policy/regex.h"

static int match(const char *pattern, struct view text)
{
	char why[REGEX_WHY];
	struct regex *r;
	int e = regex_new(view_str(pattern), &r, why);
	if (e)
		return e;
	e = regex_match(r, text);
	regex_free(&r);
	assert_null(r);
	return e;
}

/* What RE2 says.  The text of a row ends at its NUL; 1 match, 0 none. */
static const struct {
	const char *pattern, *text;
	int want;
} rows[] = {
    {"", "", 1}, {"", "x", 1}, {"^$", "", 1}, {"^$", "\n", 0}, {"feat", "my-feat-x", 1}, {"^feat", "my-feat", 0}, {"x$", "x\n", 0},
    {"(?m)x$", "x\ny", 1}, {"(?m)^y", "x\ny", 1}, {"^y", "x\ny", 0}, {"(?m)^$", "a\n", 1}, {"(?m)^", "", 1}, {"\\Ax\\z", "x", 1},
    {"\\Ax\\z", "x\n", 0}, {".", "\n", 0}, {"(?s).", "\n", 1}, {"(?s:.)x", "\nx", 1}, {"a.c", "a\nc", 0}, {"a.c", "a\xc3\xa9" "c", 1},
    {"^.$", "\xf0\x9f\x98\x80", 1}, {"(?i)drop", "DrOp", 1}, {"drop", "DROP", 0}, {"(?i:d)rop", "DROP", 0}, {"(?i)d(?-i)rop", "DROP", 0},
    {"(?i)(?:a|b)c", "BC", 1}, {"(a(?i)b)c", "aBc", 1}, {"(a(?i)b)c", "aBC", 0}, {"a(?i)b|c", "C", 1}, {"(?i)k", "\xe2\x84\xaa", 1},
    {"(?i)[k]", "\xe2\x84\xaa", 1}, {"k", "\xe2\x84\xaa", 0}, {"\\d+", "x42", 1}, {"^\\d$", "\xd9\xa3", 0}, {"^\\w$", "\xc3\xa9", 0},
    {"^\\s$", "\v", 0}, {"^\\s$", "\f", 1}, {"^\\S$", "\v", 1}, {"^\\S$", "\xc2\xa0", 1}, {"^[[:space:]]$", "\v", 1}, {"^[\\W]$", "\xc5\xbf", 1},
    {"(?i)^[\\W]$", "\xc5\xbf", 0}, {"(?i)^\\W$", "s", 0}, {"(?i)^[[:^lower:]]$", "A", 0}, {"^[[:^lower:]]$", "A", 1}, {"^[^a]$", "\n", 1},
    {"^[]a]+$", "]a", 1}, {"^[^]a]$", "]", 0}, {"^[a-]+$", "a-", 1}, {"^[a\\-z]+$", "-", 1}, {"^[a\\-z]+$", "m", 0}, {"^[[a]+$", "[a", 1},
    {"[[:alpha:]]", "7", 0}, {"[[:word:]]", "_", 1}, {"^[\\d-x]+$", "1-x", 1}, {"^[a-b-d]+$", "-d", 1}, {"^[\\x41-\\x{43}]+$", "ABC", 1},
    {"a|b", "b", 1}, {"a|", "z", 1}, {"|", "", 1}, {"()", "", 1}, {"(|a)+", "", 1}, {"a{2}", "aa", 1}, {"^a{2}$", "aaa", 0}, {"^a{2,}$", "aaa", 1},
    {"^a{1,2}$", "aa", 1}, {"^a{,2}$", "a{,2}", 1}, {"^a{,2}$", "aa", 0}, {"^{$", "{", 1}, {"^a{x}$", "a{x}", 1}, {"^a{01}$", "a{01}", 1},
    {"^x{0}$", "", 1}, {"a*?b", "aab", 1}, {"a+?", "a", 1}, {"^(ab)*$", "abab", 1}, {"^(ab)*$", "aba", 0}, {"(?U)a+", "a", 1},
    {"\\bfoo\\b", "a foo b", 1}, {"\\bfoo\\b", "afoo", 0}, {"foo\\B", "foox", 1}, {"\\b", "\xc3\xa9", 0}, {"^\\.$", ".", 1}, {"^\\.$", "x", 0},
    {"^\\x2e$", ".", 1}, {"^\\056$", ".", 1}, {"^\\Q.*\\E$", ".*", 1}, {"^\\Q.*\\E$", "xx", 0}, {"^\\Qa\\E*$", "aaa", 1}, {"\\Q(", "(", 1},
    {"^(?P<n>a)$", "a", 1}, {"^\\pL$", "\xc3\xa9", 1}, {"^\\p{Greek}$", "\xce\xb1", 1}, {"^\\P{Greek}$", "a", 1}, {"^[\\p{Lu}\\d]+$", "A1", 1},
    {"^\\p{^Lu}$", "a", 1}, {"^\\a\\f\\t\\n\\r\\v$", "\a\f\t\n\r\v", 1}, {"^/Users/[^/]+/(\\.ssh|\\.aws|secrets)", "/Users/al/.ssh/id", 1},
    {"^*x", "x", 1}, {"$*", "x", 1}, {"(^a)*b", "b", 1}, {"^(a*)*$", "aaaa", 1}, {"^(a|ab)(c|bcd)$", "abcd", 1}, {"]", "]", 1}, {"}", "}", 1},
    {"\\-\\/\\#\\ ", "-/# ", 1}, {"#", "#", 1}, {"a b", "ab", 0},
};

static void matches_as_re2_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int got = match(rows[i].pattern, view_str(rows[i].text));
		if (got != rows[i].want)
			fail_msg("pattern %s: %d, not %d", rows[i].pattern, got, rows[i].want);
	}
}

static void refuses_what_re2_refuses(void **state)
{
	static const char *const bad[] = {"(?=x)", "(?!x)", "(?<=x)", "(?<!x)", "(?>x)", "(?#x)", "(?|x)", "(?R)", "(?1)", "(?&n)", "(?C)", "(?C1)", "(*FAIL)",
	    "(*LIMIT_MATCH=1)a", "(?P=n)", "(?P>n)", "(?<n>x)", "(?'n'x)", "(?x)a", "(?-)", "(?i-:a)", "(?i--m)", "(?", "(?P<>x)", "(?P<n", "(?P<a-b>x)",
	    "(?P<n>x)(?P<n>y)", "(a)\\1", "\\1", "\\8", "\\Z", "\\G", "\\K", "\\R", "\\h", "\\H", "\\X", "\\N", "\\C", "\\c", "\\e", "\\g1", "\\k<n>", "\\u0041", "\\E",
	    "\\", "\\x", "\\x4", "\\x{}", "\\x{110000}", "\\x{41", "\\xZZ", "\\p", "\\p{}", "\\p{L", "\\p{Nope}", "\\pX", "[", "[]", "[^]", "[a", "[invalid(", "[z-a]",
	    "[a-\\d]", "[[:nope:]]", "[[:^:]]", "[\\", "[\\q]", "[\\b]", "a**", "a*+", "a++", "a?+", "a{2}{3}", "a{2}+", "a{1,2}{3}", "a*???", "*a", "+", "?", "(*a)", "|*",
	    "(?i)*", "{2}*", "a{1001}", "a{1,1001}", "a{1001,}", "a{3,2}", "(", ")", "(a", "a)", "(()", "\\_", "\\\xc3\xa9", "\xff", "a\xc3", "x{1000}{1000}"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[REGEX_WHY];
		struct regex *r;
		int e = regex_new(view_str(bad[i]), &r, why);
		if (e != -ERR_REGEX)
			fail_msg("pattern %s: %d", bad[i], e);
		assert_null(r);
		assert_true(why[0] != '\0');
	}
}

static void refuses_what_could_take_too_much(void **state)
{
	char big[REGEX_PATTERN_MAX + 2], deep[2 * REGEX_DEPTH + 4];
	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(match(big, VIEW_LIT("a")), -ERR_REGEX);
	big[REGEX_PATTERN_MAX] = '\0';
	assert_int_equal(match(big, VIEW_LIT("a")), 0);
	memset(deep, '(', REGEX_DEPTH + 1);
	memset(deep + REGEX_DEPTH + 1, ')', REGEX_DEPTH + 1);
	deep[2 * REGEX_DEPTH + 2] = '\0';
	assert_int_equal(match(deep, VIEW_LIT("")), -ERR_REGEX);
	assert_int_equal(match("(a{20}){21}", VIEW_LIT("a")), -ERR_REGEX);
	assert_int_equal(match("((((a{100}){100}){100}){100}){100}", VIEW_LIT("a")), -ERR_REGEX);
	assert_int_equal(match("(a{20}){20}", VIEW_LIT("a")), -ERR_REGEX); /* groups count as well */
	assert_int_equal(match("a{400}", VIEW_LIT("a")), 0);
}

/* Backtracking would need 2^n steps for the first three.  All must end with the right answer. */
static void evil_patterns_are_just_patterns(void **state)
{
	static const struct {
		const char *pattern;
		int want;
	} t[] = {{"^(a+)+$", 0}, {"^(a|aa)+$", 0}, {"(a*)*b$", 0}, {"(x+x+)+y", 0}, {"^(?:a?){50}a{50}", 1}, {"(?s)a.{300}c", 0}, {"(.*)(.*)(.*)(.*)(.*)[c-d]", 0},
	    {"a{0,300}!", 1}};
	uint8_t text[REGEX_SUBJECT_MAX];
	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '!';
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int got = match(t[i].pattern, view_of(text, sizeof(text)));
		if (got != t[i].want)
			fail_msg("pattern %s: %d, not %d", t[i].pattern, got, t[i].want);
	}
}

static void says_when_it_cannot_tell(void **state)
{
	uint8_t text[REGEX_SUBJECT_MAX + 1];
	char many[2 * REGEX_STATES * 2 + 8] = "^";
	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(match("a", view_of(text, sizeof(text) - 1)), 1);
	assert_int_equal(match("a", view_of(text, sizeof(text))), -ERR_TOO_LONG);
	assert_int_equal(match("x", VIEW_LIT("\xff")), -ERR_ENCODING);
	/* Without counted repetitions the gate cannot foresee the number of states; the workspace is the bound. */
	for (int i = 0; i < 2 * REGEX_STATES; i++)
		strcat(many, "a?");
	assert_int_equal(match(many, VIEW_LIT("b")), -ERR_STEPS);
}

static void texts_may_hold_nul(void **state)
{
	(void)state;
	assert_int_equal(match("a.b", VIEW_LIT("a\0b")), 1);
	assert_int_equal(match("^a\\x00b$", VIEW_LIT("a\0b")), 1);
	assert_int_equal(match("^a$", VIEW_LIT("a\0b")), 0);
	assert_int_equal(match("^$", view_of(NULL, 0)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matches_as_re2_does),
	    cmocka_unit_test(refuses_what_re2_refuses),
	    cmocka_unit_test(refuses_what_could_take_too_much),
	    cmocka_unit_test(evil_patterns_are_just_patterns),
	    cmocka_unit_test(says_when_it_cannot_tell),
	    cmocka_unit_test(texts_may_hold_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
