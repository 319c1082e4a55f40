/* vault_token_test.c - credentials that are made when they are wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "base/wipe.h"
#include "ipc/msg.h"
#include "vault/token.h"

static const struct mono t0 = {1000000000000};

static struct view answer(int status, uint32_t life_s, const char *token, const char *fresh)
{
	static uint8_t frame[16384];
	struct m_token m = {.status = status, .http = 200, .life_s = life_s, .token_len = (uint32_t)strlen(token)};

	memcpy(frame, &m, sizeof(m));
	memcpy(frame + sizeof(m), token, strlen(token));
	memcpy(frame + sizeof(m) + strlen(token), fresh, strlen(fresh));
	return view_of(frame, sizeof(m) + strlen(token) + strlen(fresh));
}

static int came(struct token_book *b, struct view v, struct mono now)
{
	struct wrap_head h = {.name = "x", .type = "oauth-client"};
	struct buf kept = {0};
	int r = token_came(b, &h, v, VIEW_LIT("{}"), now, &kept);

	assert_int_equal(kept.len, 0);
	return r;
}

static int get(struct token_book *b, bool refused, struct mono now, uint32_t *ttl)
{
	struct keep out;
	assert_int_equal(keep_open(&out, WRAP_BODY_MAX), 0);
	int r = token_get(b, "x", refused, now, &out, ttl);
	if (!r)
		assert_true(view_eq(keep_view(&out), VIEW_LIT("tok")));
	keep_free(&out);
	return r;
}

static void test_time(void **state)
{
	struct token_book *b = token_new();
	uint32_t ttl = 0;

	(void)state;
	assert_int_equal(get(b, false, t0, &ttl), -EINPROGRESS);
	assert_int_equal(came(b, answer(0, 3600, "tok", ""), t0), 0);
	assert_int_equal(get(b, false, t0, &ttl), 0);
	assert_int_equal(ttl, 30000);
	/* towards its end it is lent for what is left, and never in its last minute */
	assert_int_equal(get(b, false, mono_after_ms(t0, 3600000 - TOKEN_EARLY_MS - 1000), &ttl), 0);
	assert_int_equal(ttl, 1000);
	assert_int_equal(get(b, false, mono_after_ms(t0, 3600000 - TOKEN_EARLY_MS), &ttl), -EINPROGRESS);
	/* one that lives shorter than that is lent for half its life */
	assert_int_equal(came(b, answer(0, 10, "tok", ""), t0), 0);
	assert_int_equal(get(b, false, mono_after_ms(t0, 4999), &ttl), 0);
	assert_int_equal(get(b, false, mono_after_ms(t0, 5000), &ttl), -EINPROGRESS);
	/* a refusal by the server ends one that is not quite new */
	assert_int_equal(came(b, answer(0, 3600, "tok", ""), t0), 0);
	assert_int_equal(get(b, true, mono_after_ms(t0, TOKEN_YOUNG_MS - 1), &ttl), 0);
	assert_int_equal(get(b, true, mono_after_ms(t0, TOKEN_YOUNG_MS), &ttl), -EINPROGRESS);
	free(b);
}

static void test_refusals(void **state)
{
	struct token_book *b = token_new();
	uint32_t ttl;

	(void)state;
	assert_int_equal(came(b, answer(-ERR_DENIED, 0, "", ""), t0), -ERR_DENIED);
	assert_int_equal(get(b, false, mono_after_ms(t0, TOKEN_AGAIN_MS - 1), &ttl), -ERR_UNAVAILABLE);
	assert_int_equal(get(b, false, mono_after_ms(t0, TOKEN_AGAIN_MS), &ttl), -EINPROGRESS);
	assert_int_equal(came(b, answer(0, 60, "line\r\nend", ""), t0), -ERR_MALFORMED);
	assert_int_equal(came(b, answer(0, 60, "", ""), t0), -ERR_MALFORMED);
	assert_int_equal(came(b, answer(1, 60, "tok", ""), t0), -ERR_MALFORMED);
	char endless[TOKEN_LEN + 2];
	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = 0;
	assert_int_equal(came(b, answer(0, 60, endless, ""), t0), -ERR_MALFORMED);
	/* the frame says more than it holds: the rest is the token */
	struct view v = answer(0, 60, "tok", "");
	struct m_token m = {.http = 200, .life_s = 60, .token_len = UINT32_MAX};
	memcpy((uint8_t *)(uintptr_t)v.p, &m, sizeof(m));
	assert_int_equal(came(b, v, t0), 0);
	assert_int_equal(get(b, false, t0, &ttl), 0);
	token_drop(b, "x");
	assert_int_equal(get(b, false, t0, &ttl), -EINPROGRESS);
	free(b);
}

/* More credentials than places: the one that ends first makes room. */
static void test_many(void **state)
{
	struct token_book *b = token_new();
	struct wrap_head h = {.type = "oauth-client"};
	struct keep out;
	uint32_t ttl;
	int lost = 0;

	(void)state;
	assert_int_equal(keep_open(&out, WRAP_BODY_MAX), 0);
	for (uint32_t i = 0; i <= TOKEN_MAX; i++) {
		struct buf kept = {0};
		snprintf(h.name, sizeof(h.name), "c%u", i);
		assert_int_equal(token_came(b, &h, answer(0, 3600 + i, h.name, ""), VIEW_LIT("{}"), t0, &kept), 0);
	}
	for (uint32_t i = 0; i <= TOKEN_MAX; i++) {
		snprintf(h.name, sizeof(h.name), "c%u", i);
		int r = token_get(b, h.name, false, t0, &out, &ttl);
		lost += r == -EINPROGRESS;
		if (!r)
			assert_true(view_eq(keep_view(&out), view_str(h.name)));
	}
	assert_int_equal(lost, 1);
	assert_int_equal(token_get(b, "c0", false, t0, &out, &ttl), -EINPROGRESS);
	keep_free(&out);
	free(b);
}

static void test_refresh(void **state)
{
	struct token_book *b = token_new();
	struct wrap_head h = {.name = "x", .type = "oauth-refresh"};
	struct view secret = VIEW_LIT("{\"client_id\":\"c\",\"refresh_token\":\"r0\"}");
	struct buf kept = {0};

	(void)state;
	assert_int_equal(token_came(b, &h, answer(0, 60, "tok", "r0"), secret, t0, &kept), 0);
	assert_int_equal(kept.len, 0); /* the same: nothing to store */
	assert_int_equal(token_came(b, &h, answer(0, 60, "tok", "r1"), secret, t0, &kept), 0);
	assert_true(view_eq(buf_view(&kept), VIEW_LIT("{\"client_id\":\"c\",\"refresh_token\":\"r1\"}")));
	buf_free(&kept);
	/* no UTF-8: it cannot be stored, and so the token is not used */
	kept = (struct buf){0};
	assert_int_equal(token_came(b, &h, answer(0, 60, "tok", "\xff"), secret, t0, &kept), -ERR_MALFORMED);
	free(b);
}

static void test_question(void **state)
{
	struct wrap_head h = {.name = "x", .type = "oauth-client"};
	struct buf out = {.max = 65536};

	(void)state;
	assert_int_equal(token_ask(&h, VIEW_LIT("{\"client_id\":\"c\",\"client_secret\":\"s\"}"), wall_now(), &out), 0);
	json_t *o = json_loadb((const char *)out.mem, out.len, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(o, "type")), "oauth-client");
	assert_string_equal(json_string_value(json_object_get(o, "client_secret")), "s");
	json_decref(o);
	assert_int_equal(token_ask(&h, VIEW_LIT("none"), wall_now(), &out), -ERR_CORRUPT);
	buf_free(&out);
	const char *why;
	assert_int_equal(token_kind_ok("basic", VIEW_LIT("nobody"), &why), -ERR_MALFORMED);
	assert_int_equal(token_kind_ok("basic", VIEW_LIT("a:b"), &why), 0);
	assert_int_equal(token_kind_ok("bearer", VIEW_LIT("a\nb"), &why), -ERR_MALFORMED);
	assert_int_equal(token_kind_ok("github-app", VIEW_LIT("{\"private_key\":\"x\"}"), &why), -ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_time), cmocka_unit_test(test_refusals), cmocka_unit_test(test_many), cmocka_unit_test(test_refresh),
	    cmocka_unit_test(test_question),
	};
	wipe_json();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
