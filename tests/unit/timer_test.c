/* timer_test.c - timers fire in order, once, and can be moved and taken back. */
#include "io_aid.h"

enum { MANY = 300 };

struct shot {
	struct timer t;
	unsigned *next;
	unsigned order, ms;
	struct loop *l;
	bool again;
};

static void fire(void *arg)
{
	struct shot *s = arg;
	s->order = ++*s->next;
	if (s->again)
		assert_int_equal(timer_set(s->l, &s->t, 0, fire, s), 0);
}

static void test_order(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	static struct shot s[MANY];
	unsigned next = 0, seed = 7;

	for (unsigned i = 0; i < MANY; i++) {
		seed = seed * 1103515245 + 12345;
		s[i] = (struct shot){.next = &next, .ms = seed >> 16 & 31};
		assert_int_equal(timer_set(l, &s[i].t, s[i].ms, fire, &s[i]), 0);
	}
	/* Every third is taken back, every fifth moved far away and back again. */
	for (unsigned i = 0; i < MANY; i += 3)
		timer_off(l, &s[i].t);
	for (unsigned i = 0; i < MANY; i += 5) {
		assert_int_equal(timer_set(l, &s[i].t, 1000000, fire, &s[i]), 0);
		assert_int_equal(timer_set(l, &s[i].t, s[i].ms, fire, &s[i]), 0);
	}
	unsigned off = 0;
	for (unsigned i = 0; i < MANY; i++)
		off += i % 3 == 0 && i % 5 != 0;
	until(l, next == MANY - off);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(s[i].t.pos, 0);
		assert_int_equal(s[i].order != 0, !(i % 3 == 0 && i % 5 != 0));
		for (unsigned j = 0; j < MANY; j++)
			if (s[i].order && s[j].order && s[i].t.at.ns < s[j].t.at.ns)
				assert_true(s[i].order < s[j].order);
	}
	loop_free(&l);
}

static void test_again(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	unsigned next = 0;
	struct shot s = {.next = &next, .l = l, .again = true};

	/* One that sets itself for at once fires once a turn, and does not hold up the turn. */
	assert_int_equal(timer_set(l, &s.t, 0, fire, &s), 0);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(loop_turn(l, 1000), 0);
		assert_int_equal(next, i);
	}
	timer_off(l, &s.t);
	timer_off(l, &s.t);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(next, 5);
	loop_free(&l);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void test_wakes_the_wait(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct timer t = {0};
	struct mono before = mono_now();

	/* loop_run() waits for ever: only the timer can end it, and not too soon. */
	assert_int_equal(timer_set(l, &t, 20, stop, l), 0);
	assert_int_equal(loop_run(l), 0);
	assert_true(mono_since_us(before, mono_now()) >= 20000);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_wakes_the_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
