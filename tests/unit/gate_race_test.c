/* gate_race_test.c - servers that end an idle connection when the next request is on its way: nothing runs twice, and nobody hears of it who would not have without the gate. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define POLICY "{\"version\":\"1\",\"default\":\"allow\"}"

enum { ROUNDS = 300, CALLS = 8 * ROUNDS };

static atomic_int ran[CALLS]; /* how often the server has carried out each call */
static atomic_int idle_us, spread_us; /* when it ends a connection that brings nothing */
static const char *keep;      /* what it says about that */
static int next_id;

static unsigned draw(unsigned below)
{
	static _Thread_local uint64_t x;

	x = x ? x : (uint64_t)(uintptr_t)&x ^ mono_now().ns;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return below ? (unsigned)(x >> 20) % below : 0;
}

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	static char text[512], answer[1024];
	unsigned id;

	(void)h;
	(void)close;
	snprintf(text, sizeof(text), VIEW_FMT, VIEW_ARG(view_head(body, 500)));
	const char *at = strstr(text, "\"id\":");
	assert_true(at && sscanf(at, "\"id\":%u", &id) == 1 && id < CALLS);
	ran[id]++;
	snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":{\"content\":[]}}", id);
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s", keep, strlen(text), text);
	return answer;
}

static long server_waits(void)
{
	return idle_us < 0 ? -1 : (long)idle_us + (long)draw((unsigned)spread_us);
}

static struct client C;

/* One call; true when it was answered by the server.  Else it is said what may have become of it. */
static bool call(void)
{
	char body[160], what[64];
	int id = next_id++;

	assert_true(id < CALLS);
	snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/call\",\"params\":{\"name\":\"pay\",\"arguments\":{}}}", id);
	client_post(&C, "/mcp", "", body);
	const char *text = client_answer(&C);
	snprintf(what, sizeof(what), "\"id\":%d,\"result\":{\"content\":[]}", id);
	bool good = strstr(text, what) != NULL;
	if (!good) {
		assert_non_null(strstr(text, "\"isError\":true"));
		assert_non_null(strstr(text, "closed the connection without an answer. The server may have carried it out"));
	}
	assert_int_equal(ran[id], good);
	return good;
}

static void begins(int idle, int spread, const char *says)
{
	idle_us = idle;
	spread_us = spread;
	keep = says;
}

/* A client for each call: without the gate each would have a connection of its own, and none would fail. */
static void one_call_each(int rounds, unsigned pause_us)
{
	for (int i = 0; i < rounds; i++) {
		assert_true(client_tls(&C, HOST, &B.inner));
		assert_true(call());
		client_close(&C);
		usleep(pause_us ? pause_us : draw(2000));
	}
}

static void test_ends_after_answer(void **state)
{
	(void)state;
	begins(0, 2500, "");
	one_call_each(ROUNDS, 0);
}

/* One client: some of its calls would meet the end without the gate as well.  They are told, and no call is made twice. */
static void test_ends_when_idle(void **state)
{
	int failed = 0;

	(void)state;
	begins(1500, 0, "");
	assert_true(client_tls(&C, HOST, &B.inner));
	for (int i = 0; i < ROUNDS; i++) {
		failed += !call();
		usleep(900 + draw(600));
	}
	client_close(&C);
	print_message("%d of %d met the end\n", failed, ROUNDS);
	assert_true(failed < ROUNDS);
}

static int conns_of(int calls)
{
	int before = B.up_conns;

	one_call_each(calls, 40000); /* the worker sees each leave */
	return B.up_conns - before;
}

/* What is kept for the next client is a connection of which its server has shown that it stays. */
static void test_shows_that_it_stays(void **state)
{
	int more = 1;

	(void)state;
	/* It ended connections before, so its word does not count. */
	begins(-1, 0, "Keep-Alive: timeout=60\r\n");
	assert_int_equal(conns_of(3), 3);
	for (int i = 0; more && i < 100; i++) {
		usleep(200000);
		more = conns_of(1);
	}
	assert_int_equal(more, 0);
	/* One that is soon to be ended is nobody's. */
	begins(-1, 0, "Keep-Alive: max=7, timeout=4\r\n");
	assert_int_equal(conns_of(1), 0);
	assert_int_equal(conns_of(3), 3);
	/* It ends one after all. */
	begins(-1, 0, "");
	assert_int_equal(conns_of(3), 1);
	begins(0, 0, "");
	conns_of(1);
	begins(-1, 0, "");
	assert_int_equal(conns_of(3), 3);
}

static int begin(void **state)
{
	(void)state;
	B.answer = upstream;
	B.up_waits = server_waits;
	bench_start(GATE_ASYNC);
	bench_grant("enforce", 4242, POLICY);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ends_after_answer),
	    cmocka_unit_test(test_ends_when_idle),
	    cmocka_unit_test(test_shows_that_it_stays),
	};
	return cmocka_run_group_tests_name("gate_race", tests, begin, bench_end);
}
