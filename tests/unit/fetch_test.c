/* fetch_test.c - errands in processes of their own; names, and what is known of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "fetch/hosts.h"
#include "fetch/resolve.h"

/* ---- errands ---- */

static int secret_fd = -1; /* the parent's: an errand must not have it */

static int echo(struct view ask, struct buf *answer)
{
	return fcntl(secret_fd, F_GETFD) >= 0 ? -ERR_DENIED : buf_put(answer, ask);
}

static int refuse(struct view ask, struct buf *answer)
{
	(void)ask;
	assert_int_equal(buf_put(answer, VIEW_LIT("half an answer")), 0);
	return -ERR_NOT_FOUND;
}

static int hang(struct view ask, struct buf *answer)
{
	(void)ask;
	(void)answer;
	pause();
	return 0;
}

static int die(struct view ask, struct buf *answer)
{
	(void)ask;
	(void)answer;
	abort();
}

static int flood(struct view ask, struct buf *answer)
{
	static uint8_t much[100000];
	(void)ask;
	answer->max = 0; /* an errand that was taken over */
	return buf_put(answer, view_of(much, sizeof(much)));
}

static const struct errand_kind kinds[] = {
    {"echo", 10000, 64, echo},
    {"fail", 10000, 64, refuse},
    {"hang", 50, 64, hang},
    {"die", 10000, 64, die},
    {"flood", 10000, 64, flood},
};
static const int results[] = {0, -ERR_NOT_FOUND, -ERR_TIMEOUT, -ERR_CLOSED, -ERR_TOO_LONG};

struct end {
	unsigned n;
	int status;
	char text[64];
};

static void on_end(void *arg, int status, struct view answer)
{
	struct end *e = arg;
	e->n++;
	e->status = status;
	snprintf(e->text, sizeof(e->text), VIEW_FMT, VIEW_ARG(answer));
}

static void test_errands(void **state)
{
	(void)state;
	struct pump *p = pump_new();
	secret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct end e = {0};
		assert_int_equal(errand_start(p, &kinds[i], VIEW_LIT("what was asked"), on_end, &e), 0);
		for (int turns = 0; !e.n && turns < 1000; turns++)
			assert_int_equal(pump_turn(p, 20), 0);
		assert_int_equal(e.n, 1);
		assert_int_equal(e.status, results[i]);
		assert_string_equal(e.text, i == 0 ? "what was asked" : "");
	}
	close(secret_fd);
	secret_fd = -1;
	pump_free(&p);
}

static void test_errands_are_few(void **state)
{
	(void)state;
	struct pump *p = pump_new();
	struct end e = {0};
	for (int i = 0; i < ERRAND_RUNNING; i++)
		assert_int_equal(errand_start(p, &kinds[2], view_of(NULL, 0), on_end, &e), 0);
	assert_int_equal(errand_start(p, &kinds[2], view_of(NULL, 0), on_end, &e), -EAGAIN);
	for (int turns = 0; e.n < ERRAND_RUNNING && turns < 1000; turns++)
		assert_int_equal(pump_turn(p, 20), 0);
	assert_int_equal(e.n, ERRAND_RUNNING);
	e = (struct end){0};
	assert_int_equal(errand_start(p, &kinds[0], VIEW_LIT("again"), on_end, &e), 0);
	for (int turns = 0; !e.n && turns < 1000; turns++)
		assert_int_equal(pump_turn(p, 20), 0);
	assert_string_equal(e.text, "again");
	pump_free(&p);
}

/* ---- names ---- */

static struct {
	unsigned n;
	size_t count;
	bool whole;
	struct m_known list[16];
} told;

static void on_known(void *arg, const struct m_known *list, size_t n, bool whole)
{
	(void)arg;
	told.n++;
	told.count = n;
	told.whole = whole;
	memcpy(told.list, list, (n < 16 ? n : 16) * sizeof(*list));
}

static struct resolve_addr addr(const char *text)
{
	struct resolve_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	if (inet_pton(AF_INET, text, a.addr + 12) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, a.addr), 1);
	return a;
}

static bool tells(const char *text, uint16_t port)
{
	struct resolve_addr a = addr(text);
	for (size_t i = 0; i < told.count; i++)
		if (memcmp(told.list[i].addr, a.addr, 16) == 0 && ntohs(told.list[i].port_be) == port)
			return true;
	return false;
}

static void answer(struct hosts *h, const char *name, const char *text, int status, uint64_t seconds)
{
	struct resolve_addr a = addr(text);
	hosts_answer(h, name, view_of(&a, status ? 0 : sizeof(a)), status, (struct mono){seconds * 1000000000u});
}

static void test_names(void **state)
{
	(void)state;
	struct pump *p = pump_new();
	struct hosts *h = hosts_new(p, on_known, NULL);
	memset(&told, 0, sizeof(told));
	/* Nothing is looked up here: the loop is not run. */
	assert_int_equal(hosts_set(h, VIEW_LIT("443 a.test\0008443 a.test\000443 b.test\0")), 0);
	assert_int_equal(told.n, 0);
	answer(h, "a.test", "192.0.2.1", 0, 10);
	assert_int_equal(told.n, 1);
	assert_false(told.whole); /* b.test may have been known to a callgate-fetch before this one */
	assert_true(tells("192.0.2.1", 0));
	answer(h, "b.test", "::1", -ERR_NOT_FOUND, 10);
	assert_true(told.whole);
	assert_int_equal(told.count, 1);

	/* A rotating name: what was, stays for an hour after it was last seen. */
	answer(h, "a.test", "192.0.2.2", 0, 70);
	assert_true(tells("192.0.2.1", 0) && tells("192.0.2.2", 0));
	answer(h, "a.test", "192.0.2.1", 0, 130);
	answer(h, "a.test", "192.0.2.1", 0, 71 + 3600);
	assert_true(tells("192.0.2.1", 0) && !tells("192.0.2.2", 0));

	/* No answer: nothing is forgotten, however long. */
	answer(h, "a.test", "192.0.2.1", -ERR_UNAVAILABLE, 100000);
	answer(h, "b.test", "2001:db8::7", 0, 100000);
	assert_true(tells("192.0.2.1", 0) && tells("2001:db8::7", 0));

	/* Of this machine only the server's own ports; nothing of what is no place for a server; an answer nobody waits for. */
	answer(h, "a.test", "127.0.0.2", 0, 100001);
	answer(h, "b.test", "0.0.0.0", 0, 100002);
	answer(h, "b.test", "224.0.0.1", 0, 100002);
	answer(h, "c.test", "192.0.2.66", 0, 100002);
	assert_true(tells("127.0.0.2", 443) && tells("127.0.0.2", 8443) && !tells("127.0.0.2", 0));
	assert_false(tells("0.0.0.0", 0) || tells("224.0.0.1", 0) || tells("192.0.2.66", 0));

	/* A name that stays keeps its addresses; one that goes takes them away. */
	assert_int_equal(hosts_set(h, VIEW_LIT("443 b.test\0")), 0);
	assert_true(told.whole && tells("2001:db8::7", 0));
	assert_int_equal(told.count, 1);
	assert_int_equal(hosts_set(h, view_of(NULL, 0)), 0);
	assert_int_equal(told.count, 0);
	hosts_free(&h);
	pump_free(&p);
}

static void test_addrs(void **state)
{
	(void)state;
	struct pump *p = pump_new();
	struct hosts *h = hosts_new(p, on_known, NULL);
	struct resolve_addr a = addr("192.0.2.1"), b = addr("2001:db8::7"), more[HOSTS_ADDRS] = {0};
	struct m_addrs m;
	assert_int_equal(hosts_set(h, VIEW_LIT("443 a.test\0")), 0);
	hosts_addrs(h, "a.test", &m);
	assert_int_equal(m.n, 0);
	answer(h, "a.test", "192.0.2.1", 0, 10);
	answer(h, "a.test", "2001:db8::7", 0, 11);
	hosts_addrs(h, "a.test", &m);
	assert_int_equal(m.n, 2);
	assert_memory_equal(m.addr[0], b.addr, 16); /* the younger answer */
	assert_memory_equal(m.addr[1], a.addr, 16);
	hosts_addrs(h, "b.test", &m);
	assert_int_equal(m.n, 0);
	/* Of many the last. */
	for (size_t i = 0; i < HOSTS_ADDRS; i++) {
		more[i] = addr("2001:db8::100");
		more[i].addr[14] = (uint8_t)(i + 2);
	}
	hosts_answer(h, "a.test", view_of(more, sizeof(more)), 0, (struct mono){12 * 1000000000u});
	answer(h, "a.test", "192.0.2.1", 0, 13);
	hosts_addrs(h, "a.test", &m);
	assert_int_equal(m.n, ADDRS_MAX);
	assert_memory_equal(m.addr[0], a.addr, 16);
	hosts_free(&h);
	pump_free(&p);
}

static void test_bad_lists(void **state)
{
	(void)state;
	static char longest[300];
	struct pump *p = pump_new();
	struct hosts *h = hosts_new(p, on_known, NULL);
	assert_int_equal(hosts_set(h, VIEW_LIT("443 a.test\0")), 0);
	answer(h, "a.test", "192.0.2.1", 0, 10);
	const struct view bad[] = {VIEW_LIT("443 a.test"), VIEW_LIT("0 a\0"), VIEW_LIT("65536 a\0"), VIEW_LIT("443a\0"), VIEW_LIT(" a\0"),
	    VIEW_LIT("443 \0"), VIEW_LIT("\0"), VIEW_LIT("999999 a\0"), VIEW_LIT("a 443\0")};
	memset(&told, 0, sizeof(told));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hosts_set(h, bad[i]), -ERR_MALFORMED);
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "443 ", 4);
	assert_int_equal(hosts_set(h, view_of(longest, sizeof(longest))), -ERR_MALFORMED);
	answer(h, "a.test", "192.0.2.2", 0, 20);
	assert_int_equal(told.count, 2); /* the list before is still there */
	hosts_free(&h);
	pump_free(&p);
}

static void test_lookup(void **state)
{
	(void)state;
	struct pump *p = pump_new();
	struct end e = {0};
	assert_int_equal(errand_start(p, &resolve_kind, VIEW_LIT("127.0.0.1"), on_end, &e), 0);
	for (int turns = 0; !e.n && turns < 1000; turns++)
		assert_int_equal(pump_turn(p, 20), 0);
	assert_int_equal(e.status, 0);
	pump_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errands),
	    cmocka_unit_test(test_errands_are_few),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_addrs),
	    cmocka_unit_test(test_bad_lists),
	    cmocka_unit_test(test_lookup),
	};
	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
