/* admin_check_test.c - names, hosts, servers, grants: what is taken, and what is said about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "admin/check.h"
#include "base/buf.h"
#include "base/err.h"

static json_t *parse(const char *text)
{
	json_error_t err;
	json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &err);

	if (!v)
		fail_msg("%s: %s", err.text, text);
	return v;
}

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void names(void **state)
{
	static const struct {
		const char *in;
		bool ok;
	} row[] = {{"a", true}, {"0", true}, {"github-read.v2_x", true}, {A63, true}, {A63 "a", false}, {"", false}, {NULL, false}, {"A", false}, {"-a", false},
	    {".a", false}, {"a b", false}, {"a/b", false}, {"a\n", false}, {"\xc3\xa4", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (check_name(row[i].in) != row[i].ok)
			fail_msg("name \"%s\"", row[i].in);
}

static void hosts(void **state)
{
	static const struct {
		const char *in;
		bool ok;
	} row[] = {{"api.example.com", true}, {"localhost", true}, {"a_b.example", true}, {"xn--bcher-kva.example", true}, {"1.2.3.example", true},
	    {"10.0.0.1", true}, {"::1", true}, {"2001:db8::7", true}, {A63 ".example", true},
	    {"", false}, {".", false}, {"a..b", false}, {".a", false}, {"a.", false}, {"API.example.com", false}, {"a b", false}, {"a:443", false}, {"-a.b", false},
	    {"a-.b", false}, {"1.2.3", false}, {"1.2.3.4.5", false}, {"010.0.0.1", false}, {"[::1]", false}, {"2001:DB8::7", false}, {"2001:db8:0::7", false},
	    {"::ffff:10.0.0.1", false}, {"256.1.1.1", false}, {"a/b", false}, {"*.example.com", false}, {A63 "a.example", false}, {"\xc3\xa4.de", false}};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (check_host(row[i].in) != row[i].ok)
			fail_msg("host \"%s\"", row[i].in);
	snprintf(longest, sizeof(longest), "%s.%s.%s.%.61s", A63, A63, A63, A63);
	assert_true(check_host(longest)); /* 253 */
	snprintf(longest, sizeof(longest), "%s.%s.%s.%.62s", A63, A63, A63, A63);
	assert_false(check_host(longest));
}

static const char world[] =
    "{\"servers\":{\"one\":{\"name\":\"one\",\"match\":[{\"host\":\"one.example\",\"port\":443,\"path\":\"/mcp\"}]}},"
    "\"grants\":{\"g-a\":{\"id\":\"g-a\",\"uid\":1001,\"server\":\"one\",\"expires_at\":\"2030-01-01T00:00:00Z\"},"
    "\"g-b\":{\"id\":\"g-b\",\"uid\":1002,\"agent\":\"codex\",\"server\":\"one\",\"expires_at\":\"2020-01-01T00:00:00Z\"},"
    "\"g-c\":{\"id\":\"g-c\",\"uid\":null,\"server\":\"one\"}},"
    "\"policies\":{\"read\":{\"name\":\"read\"}},\"credentials\":{\"key\":{\"name\":\"key\",\"version\":1}}}";

static void roster(struct roster *r)
{
	json_t *v = parse(world);

	*r = (struct roster){
	    .servers = json_incref(json_object_get(v, "servers")),
	    .policies = json_incref(json_object_get(v, "policies")),
	    .credentials = json_incref(json_object_get(v, "credentials")),
	};
	const char *id;
	json_t *g;
	json_object_foreach(json_object_get(v, "grants"), id, g)
		assert_int_equal(grants_put(&r->grants, g), 0);
	json_decref(v);
}

#define AT(more) "{\"name\":\"s\",\"match\":[{\"host\":\"a.b\"}]" more "}"
#define MATCH(list) "{\"name\":\"s\",\"match\":" list "}"

static void servers(void **state)
{
	static const struct {
		const char *in, *says; /* NULL: taken */
	} row[] = {
	    {AT(""), NULL},
	    {AT(",\"credential\":\"k\",\"mode\":\"observe\",\"owner\":\"the platform team\""), NULL},
	    {AT(",\"inject\":{\"header\":\"X-Api-Key\"}"), NULL},
	    {AT(",\"inject\":{\"format\":\"token {secret}\"}"), NULL},
	    {MATCH("[{\"host\":\"a.b\",\"port\":1},{\"host\":\"a.b\",\"port\":65535,\"path\":\"/x/y\"},{\"host\":\"::1\"}]"), NULL},
	    {MATCH("[{\"host\":\"one.example\",\"path\":\"/other\"}]"), NULL},
	    {"{}", "/name"},
	    {"{\"name\":\"s\"}", "/match"},
	    {"{\"name\":\"one\",\"match\":[{\"host\":\"a.b\"}]}", "exists already"},
	    {"{\"name\":\"S\",\"match\":[{\"host\":\"a.b\"}]}", "/name"},
	    {AT(",\"nmae\":1"), "/nmae: unknown"},
	    {AT(",\"credential\":\"A B\""), "/credential"},
	    {AT(",\"credential\":7"), "/credential"},
	    {AT(",\"mode\":\"off\""), "/mode"},
	    {AT(",\"owner\":\"two\\nlines\""), "/owner"},
	    {AT(",\"inject\":1"), "/inject"},
	    {AT(",\"inject\":{\"headr\":\"x\"}"), "/inject/headr"},
	    {AT(",\"inject\":{\"header\":\"Host\"}"), "/inject/header"},
	    {AT(",\"inject\":{\"header\":\"content-LENGTH\"}"), "/inject/header"},
	    {AT(",\"inject\":{\"header\":\"Mcp-Session-Id\"}"), "/inject/header"},
	    {AT(",\"inject\":{\"header\":\"a b\"}"), "/inject/header"},
	    {AT(",\"inject\":{\"format\":\"none\"}"), "/inject/format"},
	    {AT(",\"inject\":{\"format\":\"{secret}{secret}\"}"), "/inject/format"},
	    {AT(",\"inject\":{\"format\":\"a\\r\\nb {secret}\"}"), "/inject/format"},
	    {MATCH("[]"), "/match"},
	    {MATCH("{}"), "/match"},
	    {MATCH("[1]"), "/match/0"},
	    {MATCH("[{\"host\":\"a.b\",\"prot\":1}]"), "/match/0/prot: unknown"},
	    {MATCH("[{\"host\":\"A.b\"}]"), "/match/0/host"},
	    {MATCH("[{\"port\":443}]"), "/match/0/host"},
	    {MATCH("[{\"host\":\"a.b\",\"port\":0}]"), "/match/0/port"},
	    {MATCH("[{\"host\":\"a.b\",\"port\":65536}]"), "/match/0/port"},
	    {MATCH("[{\"host\":\"a.b\",\"port\":\"443\"}]"), "/match/0/port"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":\"mcp\"}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":\"/a/../b\"}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":\"/a/..\"}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":\"/a//b\"}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":\"/a%2fb\"}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":\"/a?b\"}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\",\"path\":7}]"), "/match/0/path"},
	    {MATCH("[{\"host\":\"a.b\"},{\"host\":\"a.b\",\"port\":443}]"), "/match/1: server this one"},
	    {MATCH("[{\"host\":\"one.example\",\"path\":\"/mcp\"}]"), "/match/0: server one answers"},
	};
	struct roster r;

	(void)state;
	roster(&r);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char why[CHECK_WHY] = "";
		json_t *in = parse(row[i].in), *out = check_server(in, &r, why);
		if (!out != !!row[i].says || (row[i].says && !strstr(why, row[i].says)))
			fail_msg("%s: %s", row[i].in, why);
		/* The defaults are written out, so that the journal says what held. */
		if (out) {
			assert_true(json_is_integer(json_object_get(json_array_get(json_object_get(out, "match"), 0), "port")));
			assert_non_null(strstr(json_string_value(json_object_get(json_object_get(out, "inject"), "format")), "{secret}"));
		}
		json_decref(in);
		json_decref(out);
	}
	roster_free(&r);
}

static void places(void **state)
{
	struct buf text = {0};
	struct roster r;
	char why[CHECK_WHY];

	(void)state;
	roster(&r);
	for (int n = CHECK_MATCHES; n <= CHECK_MATCHES + 1; n++) {
		buf_reset(&text);
		assert_int_equal(buf_puts(&text, "{\"name\":\"s\",\"match\":["), 0);
		for (int i = 0; i < n; i++)
			assert_int_equal(buf_printf(&text, "%s{\"host\":\"h%d.example\"}", i ? "," : "", i), 0);
		assert_int_equal(buf_puts(&text, "]}"), 0);
		json_t *in = json_loadb((const char *)buf_view(&text).p, text.len, 0, NULL), *out = check_server(in, &r, why);
		assert_true((out != NULL) == (n == CHECK_MATCHES));
		json_decref(in);
		json_decref(out);
	}
	assert_int_equal(check_server_gone("none", &r, why), -ERR_NOT_FOUND);
	assert_int_equal(check_server_gone("one", &r, why), -ERR_EXISTS);
	assert_non_null(strstr(why, "g-a"));
	grants_free(&r.grants);
	assert_int_equal(check_server_gone("one", &r, why), 0);
	buf_free(&text);
	roster_free(&r);
}

static void grants(void **state)
{
	static const struct {
		const char *in, *says;
	} row[] = {
	    {"{\"uid\":1009,\"server\":\"one\"}", NULL},
	    {"{\"uid\":1001,\"agent\":\"codex\",\"server\":\"one\"}", NULL},
	    {"{\"uid\":1001,\"login_uid\":1001,\"server\":\"one\"}", NULL},
	    {"{\"uid\":1002,\"agent\":\"codex\",\"server\":\"one\"}", NULL}, /* the equal one has expired */
	    {"{\"uid\":null,\"agent\":\"codex\",\"server\":\"one\",\"policy\":\"read\",\"credential\":\"key\",\"ticket\":\"T-1\",\"reason\":\"why\",\"user\":\"x\","
	     "\"expires_at\":\"2031-01-01T00:00:00+02:00\"}", NULL},
	    {"{\"uid\":1001,\"server\":\"one\"}", "g-a is for the same"},
	    {"{\"uid\":1001,\"server\":\"one\",\"policy\":\"read\"}", "g-a is for the same"},
	    {"{\"uid\":null,\"server\":\"one\"}", "g-c is for the same"},
	    {"{\"server\":\"one\"}", "/uid"},
	    {"{\"uid\":\"1001\",\"server\":\"one\"}", "/uid"},
	    {"{\"uid\":-1,\"server\":\"one\"}", "/uid"},
	    {"{\"uid\":4294967295,\"server\":\"one\"}", "/uid"},
	    {"{\"uid\":1.0,\"server\":\"one\"}", "/uid"},
	    {"{\"uid\":1,\"login_uid\":null,\"server\":\"one\"}", "/login_uid"},
	    {"{\"uid\":1}", "/server: is missing"},
	    {"{\"uid\":1,\"server\":\"two\"}", "/server: no server"},
	    {"{\"uid\":1,\"server\":7}", "/server"},
	    {"{\"uid\":1,\"server\":\"one\",\"polcy\":\"read\"}", "/polcy: unknown"},
	    {"{\"uid\":1,\"server\":\"one\",\"id\":\"g-mine\"}", "/id: unknown"},
	    {"{\"uid\":1,\"server\":\"one\",\"issued_by\":{\"uid\":0}}", "/issued_by: unknown"},
	    {"{\"uid\":1,\"server\":\"one\",\"policy\":\"write\"}", "no policy is named write"},
	    {"{\"uid\":1,\"server\":\"one\",\"credential\":\"other\"}", "no credential is named other"},
	    {"{\"uid\":1,\"server\":\"one\",\"expires_at\":\"tomorrow\"}", "/expires_at"},
	    {"{\"uid\":1,\"server\":\"one\",\"expires_at\":\"2262-01-01T00:00:00Z\"}", NULL},
	    {"{\"uid\":1,\"server\":\"one\",\"expires_at\":\"2999-01-01T00:00:00Z\"}", "before 2262"},
	    {"{\"uid\":1,\"server\":\"one\",\"expires_at\":\"9999-12-31T23:59:59-23:59\"}", "before 2262"},
	    {"{\"uid\":1,\"server\":\"one\",\"expires_at\":\"2026-01-01T00:00:00Z\"}", "lies in the past"},
	    {"{\"uid\":1,\"server\":\"one\",\"agent\":\"Claude Code\"}", "/agent"},
	    {"{\"uid\":1,\"server\":\"one\",\"exe_sha256\":\"abc\"}", "/exe_sha256"},
	    {"{\"uid\":1,\"server\":\"one\",\"reason\":\"a\\tb\"}", "/reason"},
	    {"{\"uid\":1,\"server\":\"one\",\"user\":\"a:b\"}", "/user"},
	};
	struct roster r;
	struct wall now;

	(void)state;
	roster(&r);
	assert_int_equal(wall_parse("2026-11-03T10:00:00Z", &now), 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char why[CHECK_WHY] = "";
		json_t *in = parse(row[i].in), *out = check_grant(in, &r, now, why);
		if (!out != !!row[i].says || (row[i].says && !strstr(why, row[i].says)))
			fail_msg("%s: %s", row[i].in, why);
		json_decref(in);
		json_decref(out);
	}
	roster_free(&r);
}

static void ids(void **state)
{
	struct roster r;
	char a[16], b[16];

	(void)state;
	roster(&r);
	assert_int_equal(check_grant_id(&r, a), 0);
	assert_int_equal(check_grant_id(&r, b), 0);
	assert_int_equal(strlen(a), 10);
	assert_int_equal(strncmp(a, "g-", 2), 0);
	assert_string_not_equal(a, b);
	roster_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(hosts),
	    cmocka_unit_test(servers),
	    cmocka_unit_test(places),
	    cmocka_unit_test(grants),
	    cmocka_unit_test(ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
