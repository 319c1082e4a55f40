/* pump_test.c - the event loop of the processes that have no ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipc/pump.h"

static void stop(void *arg, int fd, short what)
{
	char byte;

	(void)what;
	assert_int_equal(read(fd, &byte, 1), 1);
	pump_stop(arg);
}

static void late(void *arg)
{
	++*(int *)arg;
}

static void end(void *arg)
{
	pump_stop(arg);
}

/* callgated turns its loop while its children start, and may be told to end there. */
static void test_a_stop_before_the_run(void **state)
{
	struct pump *p = pump_new();
	int fd[2], ran = 0;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(pump_add(p, fd[0], POLLIN, stop, p), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(pump_turn(p, 1000), 0);
	/* Were the stop forgotten, this would be what ends the run. */
	assert_int_equal(pump_timer(p, mono_after_ms(mono_now(), 300), late, &ran), 0);
	assert_int_equal(pump_timer(p, mono_after_ms(mono_now(), 400), end, p), 0);
	assert_int_equal(pump_run(p), 0);
	assert_int_equal(ran, 0);
	/* It counts once: the next run goes on until the next stop. */
	assert_int_equal(pump_run(p), 0);
	assert_int_equal(ran, 1);
	close(fd[0]);
	close(fd[1]);
	pump_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_stop_before_the_run)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
