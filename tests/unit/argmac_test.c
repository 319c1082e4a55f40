/* argmac_test.c - digests of values: against openssl's command line, apart by type, the same for the same meaning, nothing of the value in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"
#include "gate/record.h"
#include "policy/argmac.h"

static const uint8_t key[ARGMAC_KEY] = "0123456789abcdef0123456789abcde", other[ARGMAC_KEY] = "0123456789abcdef0123456789abcdf";

static const char *of(const uint8_t *k, const char *json)
{
	static char out[4][ARGMAC_TEXT];
	static int turn;
	struct json_node nodes[16];
	struct json_doc doc;

	turn = (turn + 1) % 4;
	assert_int_equal(json_scan(&doc, view_str(json), nodes, 16, NULL), 0);
	assert_int_equal(argmac_of(k, &doc, &nodes[0], out[turn]), 0);
	assert_int_equal(strlen(out[turn]), 22);
	assert_int_equal(strspn(out[turn], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 22);
	return out[turn];
}

static void test_values(void **state)
{
	(void)state;
	/* printf 'shello' | openssl dgst -sha256 -mac HMAC -macopt hexkey:... -binary | head -c 16 | base64, in base64url */
	assert_string_equal(of(key, "\"hello\""), "IO09eUZPMjitsAuQ6FuQaA");
	assert_string_equal(of(key, "1"), "qSDzQWAU5CO-yu4PCUN4Qw");
	assert_string_equal(of(key, "\"h\\u0065llo\""), of(key, "\"hello\""));
	assert_string_not_equal(of(key, "1"), of(key, "\"1\""));
	assert_string_not_equal(of(key, "true"), of(key, "\"true\""));
	assert_string_not_equal(of(key, "null"), of(key, "\"\""));
	assert_string_not_equal(of(key, "[1]"), of(key, "\"[1]\""));
	assert_string_not_equal(of(key, "1"), of(other, "1"));
	static char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	text[0] = text[sizeof(text) - 2] = '"';
	of(key, text);
}

/* Beside arg_keys, in their order; never a value. */
static void test_order(void **state)
{
	static const char body[] = "{\"zeta\":\"secret-one\",\"alpha\":42,\"m\":{\"x\":[true]}}";
	struct json_node nodes[32];
	struct json_doc doc;
	struct buf keys = {0}, macs = {0};
	char want[200], id[ARGMAC_ID];

	(void)state;
	assert_int_equal(json_scan(&doc, view_str(body), nodes, 32, NULL), 0);
	assert_int_equal(record_keys(&doc, &nodes[0], &keys), 0);
	assert_true(view_is(buf_view(&keys), "alpha\x1fm\x1fzeta"));
	assert_int_equal(record_macs(&doc, &nodes[0], key, &macs), 0);
	assert_int_equal(argmac_id(key, id), 0);
	assert_int_equal(strlen(id), 8);
	snprintf(want, sizeof(want), "%s\x1f%s\x1f%s\x1f%s", id, of(key, "42"), of(key, "{\"x\":[true]}"), of(key, "\"secret-one\""));
	assert_true(view_is(buf_view(&macs), want));
	assert_int_equal(record_keys(&doc, NULL, &keys), 0);
	assert_int_equal(record_macs(&doc, NULL, key, &macs), 0);
	assert_int_equal(macs.len, 0);
	buf_free(&keys);
	buf_free(&macs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_order)};
	return cmocka_run_group_tests_name("argmac", tests, NULL, NULL);
}
