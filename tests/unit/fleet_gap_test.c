/* fleet_gap_test.c - marks of a trail in, gaps and their causes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/gap.h"

#define S ((int64_t)1000000000)
enum { T0 = 1000000 };

/* Seconds; a letter for what, one for the boot. */
struct step {
	char what; /* e epoch, g segment, s seal, x stop, m lines are missing, t tampered with */
	char boot;
	uint64_t epoch;
	int64_t wall, mono;
};

struct row {
	const char *name;
	struct step in[12];
	const char *out; /* CAUSE FROM-TO, ... */
	int64_t clock;
};

static const struct row rows[] = {
    {"quiet minutes", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'s', 'a', 1, 120, 120}}, "", 0},
    {"a stop and another boot", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'x', 'a', 1, 70, 70}, {'s', 'a', 1, 70, 70}, {'e', 'b', 2, 4000, 0}, {'s', 'b', 2, 4060, 80}}, "off 70-4000", 0},
    {"no stop and another boot", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'e', 'b', 2, 4000, 0}, {'s', 'b', 2, 4060, 80}}, "power 60-4000", 0},
    {"no stop and another boot at once", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'e', 'b', 2, 90, 0}}, "power 60-90", 0},
    {"the same boot after an hour", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'x', 'a', 1, 61, 61}, {'s', 'a', 1, 61, 61}, {'e', 'a', 2, 3661, 0}, {'s', 'a', 2, 3721, 3721}}, "daemon 61-3661", 0},
    {"killed, and back after an hour", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'e', 'a', 2, 3660, 0}}, "daemon 60-3660", 0},
    {"a restart is no gap", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'x', 'a', 1, 61, 61}, {'s', 'a', 1, 61, 61}, {'e', 'a', 2, 64, 0}, {'s', 'a', 2, 124, 124}}, "", 0},
    {"asleep", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'s', 'a', 1, 4000, 120}, {'s', 'a', 1, 4060, 180}}, "asleep 60-4000", 0},
    {"awake and no seal", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'s', 'a', 1, 4000, 4000}}, "stalled 60-4000", 0},
    {"a file is missing", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'m', 0, 0, 0, 0}, {'g', 0, 1, 3660, 0}, {'s', 'a', 1, 3720, 3720}}, "lost 60-3660", 0},
    {"a file was changed", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'t', 0, 0, 0, 0}, {'e', 'b', 2, 3660, 0}, {'s', 'b', 2, 3720, 90}}, "tampered 60-3660", 0},
    {"two files follow each other", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'g', 0, 1, 61, 0}, {'s', 'a', 1, 121, 121}}, "", 0},
    {"the clock goes back", {{'e', 'a', 1, 1000, 0}, {'s', 'a', 1, 1060, 60}, {'s', 'a', 1, 620, 120}}, "", 500},
    {"the clock goes ahead and is put back", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'s', 'a', 1, 3120, 120}, {'s', 'a', 1, 3180, 180}, {'s', 'a', 1, 240, 240}}, "", 3000},
    {"a sleep, and a clock that is put back by something else",
        {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 60, 60}, {'s', 'a', 1, 9120, 120}, {'s', 'a', 1, 8680, 180}}, "asleep 60-9120", 500},
    {"minutes that a busy machine sealed late", {{'e', 'a', 1, 0, 0}, {'s', 'a', 1, 140, 140}, {'s', 'a', 1, 280, 280}}, "", 0},
};

static int play(struct gaps *g, const struct step *s)
{
	struct gap_mark m = {.what = s->what == 'e' ? MARK_EPOCH : s->what == 'g' ? MARK_SEGMENT : s->what == 'x' ? MARK_STOP : MARK_SEAL,
	    .wall = {(T0 + s->wall) * S}, .mono = {(uint64_t)(s->mono * S)}, .epoch = s->epoch};

	if (s->what == 'm' || s->what == 't') {
		gap_missing(g, 10, 20, s->what == 'm' ? GAP_LOST : GAP_TAMPERED);
		return 0;
	}
	if (s->what == 'e' || s->what == 's')
		snprintf(m.boot, sizeof(m.boot), "boot-%c", s->boot);
	return gap_mark(g, &m);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gaps g = {0};
		char got[256] = "";
		for (const struct step *s = rows[i].in; s->what; s++)
			assert_int_equal(play(&g, s), 0);
		for (size_t k = 0; k < g.n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s %lld-%lld", k ? ", " : "", gap_name(g.at[k].cause), (long long)(g.at[k].from.ns / S - T0),
			    (long long)(g.at[k].to.ns / S - T0));
		if (strcmp(got, rows[i].out) != 0 || g.step_ns / S != rows[i].clock)
			fail_msg("%s: \"%s\", clock %lld", rows[i].name, got, (long long)g.step_ns / S);
		gaps_free(&g);
	}
}

/* What comes first may be missing as well, and what comes last. */
static void test_ends(void **state)
{
	struct gaps g = {0};
	struct gap_mark m = {.what = MARK_SEGMENT, .epoch = 3, .wall = {T0 * S}};

	(void)state;
	gap_missing(&g, 1, 9, GAP_LOST);
	assert_int_equal(gap_mark(&g, &m), 0);
	assert_int_equal(g.n, 1);
	assert_int_equal(g.at[0].last, 9);
	assert_int_equal(gap_end(&g, (struct wall){(T0 + 50) * S}, GAP_NOT_COLLECTED), 0);
	assert_int_equal(g.n, 2);
	assert_int_equal(gap_end(&g, (struct wall){(T0 - 50) * S}, GAP_NOT_COLLECTED), 0);
	assert_int_equal(g.n, 2);
	gaps_free(&g);
}

/* Numbers that no machine has, in any order: no crash, no endless list. */
static void test_hostile(void **state)
{
	static const int64_t value[] = {0, 1, -1, INT64_MAX / S - 2 * T0, INT64_MIN / S + 2 * T0, 4102444800};
	static const char what[] = "egsxm";
	struct gaps g = {0};
	uint64_t r = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		r = r * 6364136223846793005u + 1442695040888963407u;
		struct step s = {what[r >> 60 & 3 ? (r >> 33) % 5 : 2], (char)('a' + (r >> 40) % 2), (r >> 41) % 2 + 1, value[(r >> 45) % 6] - T0 / 2, value[(r >> 50) % 6]};
		assert_int_equal(play(&g, &s), 0);
	}
	assert_true(g.n <= GAPS_MAX);
	gaps_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_ends), cmocka_unit_test(test_hostile)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
