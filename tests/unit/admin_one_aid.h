/* admin_one_aid.h - callgate-admin in its rig, and what it takes for one grant to be in force. */
#ifndef TESTS_ADMIN_ONE_AID_H
#define TESTS_ADMIN_ONE_AID_H

#include "admin_aid.h"

#define CONF "{\"users\":[1001],\"mode\":\"enforce\",\"workers\":1}"
#define SERVER "{\"do\":\"server.add\",\"args\":{\"server\":{\"name\":\"one\",\"match\":[{\"host\":\"one.example\"}]},\"reason\":\"r\"}}\n"
#define GRANT "{\"do\":\"grant.add\",\"args\":{\"grant\":{\"uid\":1001,\"server\":\"one\",\"policy\":\"p\"}}}\n"
#define POLICY "{\"do\":\"policy.apply\",\"args\":{\"name\":\"p\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\"}\"}}\n"
#define STATUS "{\"do\":\"status\"}\n"

static inline int setup(void **state)
{
	static struct rig r;

	rig_open(&r, CONF);
	*state = &r;
	return 0;
}

static inline int teardown(void **state)
{
	rig_close(*state);
	return 0;
}

static inline void rig_one_grant(struct rig *r)
{
	assert_string_equal(rig_end(r, SERVER), "ok");
	assert_string_equal(rig_end(r, POLICY), "ok");
	assert_string_equal(rig_end(r, GRANT), "ok");
}

static inline void rig_expire(struct rig *r, uint64_t ms)
{
	job_expire(&r->a, mono_after_ms(mono_now(), ms));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
