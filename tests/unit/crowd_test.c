/* crowd_test.c - nobody can take the last place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate/crowd.h"

static size_t fill(struct crowd *w, uint32_t uid)
{
	size_t n = 0;

	while (crowd_enter(w, uid))
		n++;
	return n;
}

static void shares(void **state)
{
	struct crowd w = {.max = 16384};

	(void)state;
	assert_int_equal(fill(&w, 1000), 14336); /* 7/8 */
	assert_int_equal(fill(&w, 1001), 1792);  /* 7/8 of the rest */
	assert_false(crowd_enter(&w, 1000));
	/* However many are greedy: the next one finds a place, until there are no more places than users. */
	for (uint32_t uid = 1; uid < 200; uid++)
		assert_true(crowd_enter(&w, uid) && w.n < w.max);
	crowd_free(&w);
}

static void places_come_back(void **state)
{
	struct crowd w = {.max = 64};

	(void)state;
	size_t n = fill(&w, 7);
	assert_int_equal(n, 56);
	/* Users whose entries share a chain. */
	assert_true(crowd_enter(&w, 7 + CROWD_SETS));
	assert_true(crowd_enter(&w, 7 + 2 * CROWD_SETS));
	crowd_leave(&w, 7 + CROWD_SETS);
	crowd_leave(&w, 7 + CROWD_SETS); /* not there any more: nothing happens */
	assert_int_equal(w.n, n + 1);
	for (size_t i = 0; i < n; i++)
		crowd_leave(&w, 7);
	crowd_leave(&w, 7 + 2 * CROWD_SETS);
	assert_int_equal(w.n, 0);
	for (size_t i = 0; i < CROWD_SETS; i++)
		assert_null(w.set[i]);
	assert_int_equal(fill(&w, 8), 56);
	crowd_free(&w);
}

static void what_they_hold(void **state)
{
	struct crowd w = {.max = 64};

	(void)state;
	assert_int_equal(crowd_hold(&w, 7, 0, 100), 0); /* not there */
	assert_true(crowd_enter(&w, 7) && crowd_enter(&w, 7) && crowd_enter(&w, 7 + CROWD_SETS));
	assert_int_equal(crowd_hold(&w, 7, 0, 100), 100);
	assert_int_equal(crowd_hold(&w, 7, 0, 50), 150);
	assert_int_equal(crowd_hold(&w, 7 + CROWD_SETS, 0, 7), 7);
	assert_int_equal(crowd_hold(&w, 7, 100, 20), 70);
	assert_int_equal(crowd_hold(&w, 7, 50, 0), 20);
	crowd_free(&w);
}

static void the_smallest(void **state)
{
	struct crowd none = {.max = 0}, one = {.max = 1};

	(void)state;
	assert_false(crowd_enter(&none, 1));
	assert_true(crowd_enter(&one, 1));
	assert_false(crowd_enter(&one, 2));
	crowd_free(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(shares), cmocka_unit_test(places_come_back), cmocka_unit_test(the_smallest), cmocka_unit_test(what_they_hold)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
