/* keeps_test.c - what is known of servers that keep or end idle connections, and how their word is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gate/keeps.h"

static struct mono at(uint64_t s)
{
	return (struct mono){s * 1000000000u};
}

static void test_word(void **state)
{
	static const struct {
		const char *field;
		uint16_t seconds;
	} t[] = {{"timeout=5", 5}, {"TimeOut=5", 5}, {"timeout=5, max=100", 5}, {"max=100, timeout=15", 15}, {"max=100,timeout=15", 15}, {"timeout=0", 0},
	    {"", 0}, {"timeout", 0}, {"timeout=", 0}, {"timeout=x", 0}, {"timeout=-5", 0}, {"mytimeout=5", 0}, {"max=timeout=5", 0}, {",,, timeout=7", 7},
	    {"timeout=65534", 65534}, {"timeout=65536", 65535}, {"timeout=99999999999999999999999999", 65535}, {"max=1", 0}, {",", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (keeps_timeout(view_str(t[i].field)) != t[i].seconds)
			fail_msg("%s: %u", t[i].field, keeps_timeout(view_str(t[i].field)));
}

static void test_servers(void **state)
{
	static struct keeps k;
	char name[32];

	(void)state;
	assert_int_equal(keeps_ask(&k, "a.test", 443, at(10)), KEEPS_UNKNOWN);
	keeps_say(&k, "a.test", 443, true, at(10));
	assert_int_equal(keeps_ask(&k, "a.test", 443, at(10)), KEEPS_SHOWN);
	assert_int_equal(keeps_ask(&k, "a.test", 8443, at(10)), KEEPS_UNKNOWN);
	assert_int_equal(keeps_ask(&k, "b.test", 443, at(10)), KEEPS_UNKNOWN);
	keeps_say(&k, "a.test", 443, false, at(11));
	assert_int_equal(keeps_ask(&k, "a.test", 443, at(11)), KEEPS_ENDED);
	/* Not for ever. */
	assert_int_equal(keeps_ask(&k, "a.test", 443, at(11 + KEEPS_MS / 1000)), KEEPS_ENDED);
	assert_int_equal(keeps_ask(&k, "a.test", 443, at(12 + KEEPS_MS / 1000)), KEEPS_UNKNOWN);
	/* Of many servers the last. */
	for (unsigned i = 0; i < KEEPS_MAX; i++) {
		snprintf(name, sizeof(name), "%u.test", i);
		keeps_say(&k, name, 443, true, at(20 + i));
	}
	assert_int_equal(keeps_ask(&k, "a.test", 443, at(20)), KEEPS_UNKNOWN);
	assert_int_equal(keeps_ask(&k, "0.test", 443, at(100)), KEEPS_SHOWN);
	keeps_say(&k, "one-more.test", 443, true, at(101));
	assert_int_equal(keeps_ask(&k, "0.test", 443, at(101)), KEEPS_UNKNOWN);
	assert_int_equal(keeps_ask(&k, "1.test", 443, at(101)), KEEPS_SHOWN);
	assert_int_equal(keeps_ask(&k, "one-more.test", 443, at(101)), KEEPS_SHOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_word),
	    cmocka_unit_test(test_servers),
	};
	return cmocka_run_group_tests_name("keeps", tests, NULL, NULL);
}
