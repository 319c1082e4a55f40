/* fetch_token_test.c - what a token endpoint is asked, and what is made of its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/err.h"
#include "fetch/token.h"

static void test_queries(void **state)
{
	static const struct {
		const char *ask, *url, *head, *body; /* url NULL: refused */
	} rows[] = {
	    {"{\"type\":\"oauth-client\",\"token_url\":\"https://h/t?x=1\",\"client_id\":\"a b\",\"client_secret\":\"s&=%\\u00e9\",\"scope\":\"r w\"}", "https://h/t?x=1",
	        "Content-Type: application/x-www-form-urlencoded", "grant_type=client_credentials&client_id=a%20b&client_secret=s%26%3D%25%C3%A9&scope=r%20w"},
	    {"{\"type\":\"oauth-refresh\",\"token_url\":\"https://h/t\",\"client_id\":\"a\",\"refresh_token\":\"r\",\"resource\":\"https://m/\"}", "https://h/t",
	        "Content-Type: application/x-www-form-urlencoded", "grant_type=refresh_token&client_id=a&refresh_token=r&resource=https%3A%2F%2Fm%2F"},
	    {"{\"type\":\"github-app\",\"installation_id\":\"42\",\"jwt\":\"a.b.c\"}", "https://api.github.com/app/installations/42/access_tokens",
	        "Authorization: Bearer a.b.c", ""},
	    {"{\"type\":\"github-app\",\"installation_id\":\"42\",\"jwt\":\"a\",\"api_url\":\"https://g.example/api/v3\"}",
	        "https://g.example/api/v3/app/installations/42/access_tokens", "Authorization: Bearer a", ""},
	    {"{\"type\":\"github-app\",\"installation_id\":\"42/../1\",\"jwt\":\"a\"}", NULL, NULL, NULL},
	    {"{\"type\":\"github-app\",\"installation_id\":\"42\"}", NULL, NULL, NULL},
	    {"{\"type\":\"oauth-client\",\"client_id\":\"a\"}", NULL, NULL, NULL},
	    {"{\"type\":\"oauth-client\",\"token_url\":\"http://h/t\"}", NULL, NULL, NULL},
	    {"{\"type\":\"oauth-client\",\"token_url\":\"file:///etc/passwd\"}", NULL, NULL, NULL},
	    {"{\"type\":\"oauth-client\",\"token_url\":\"https://h/\\r\\nX: y\"}", NULL, NULL, NULL},
	    {"{\"token_url\":\"https://h/t\"}", NULL, NULL, NULL},
	    {"[]", NULL, NULL, NULL},
	    {"", NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct token_query q;
		int r = token_query(view_str(rows[i].ask), &q);
		assert_int_equal(r, rows[i].url ? 0 : -ERR_MALFORMED);
		if (r)
			continue;
		assert_true(view_eq(buf_view(&q.url), view_str(rows[i].url)));
		assert_true(view_eq(buf_view(&q.head), view_str(rows[i].head)));
		assert_true(view_eq(buf_view(&q.body), view_str(rows[i].body)));
		token_query_free(&q);
	}
}

static void test_answers(void **state)
{
	enum { NOW = 1764216000 }; /* 2025-11-27T04:00:00Z */
	static const struct {
		unsigned http;
		const char *body;
		int status;
		uint32_t life;
		const char *rest;
	} rows[] = {
	    {200, "{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":3600}", 0, 3600, "t"},
	    {200, "{\"access_token\":\"t\",\"expires_in\":\"60\",\"refresh_token\":\"r\"}", 0, 60, "tr"},
	    {200, "{\"access_token\":\"t\"}", 0, 0, "t"},
	    {200, "{\"access_token\":\"t\",\"expires_in\":99999999999}", 0, UINT32_MAX, "t"},
	    {201, "{\"token\":\"g\",\"expires_at\":\"2025-11-27T05:00:00Z\"}", 0, 3600, "g"},
	    {201, "{\"token\":\"g\",\"expires_at\":\"2025-11-27T03:00:00Z\"}", -ERR_MALFORMED, 0, ""},
	    {201, "{\"token\":\"g\",\"expires_at\":\"tomorrow\"}", 0, 0, "g"},
	    {200, "{\"access_token\":\"t\",\"expires_in\":-1}", -ERR_MALFORMED, 0, ""},
	    {200, "{\"access_token\":\"t\",\"token_type\":\"mac\"}", -ERR_MALFORMED, 0, ""},
	    {200, "{\"access_token\":\"\"}", -ERR_MALFORMED, 0, ""},
	    {200, "{\"access_token\":7}", -ERR_MALFORMED, 0, ""},
	    {200, "{\"access_token\":\"t\",\"access_token\":\"u\"}", -ERR_MALFORMED, 0, ""},
	    {200, "[\"t\"]", -ERR_MALFORMED, 0, ""},
	    {200, "", -ERR_MALFORMED, 0, ""},
	    {302, "{\"access_token\":\"t\"}", -ERR_DENIED, 0, ""},
	    {400, "{\"error\":\"invalid_client\"}", -ERR_DENIED, 0, ""},
	    {0, "", -ERR_DENIED, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = {.max = TOKEN_ANSWER};
		struct m_token m;
		assert_int_equal(token_answer(rows[i].http, view_str(rows[i].body), NOW, &out), 0);
		memcpy(&m, out.mem, sizeof(m));
		assert_int_equal(m.status, rows[i].status);
		assert_int_equal(m.life_s, rows[i].life);
		assert_true(view_eq(view_skip(buf_view(&out), sizeof(m)), view_str(rows[i].rest)));
		assert_true(m.token_len <= strlen(rows[i].rest));
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_queries), cmocka_unit_test(test_answers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
