/* jsonrpc_test.c - what a message is, and what makes it no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/jsonrpc.h"

enum { NODES = 4096 };

static struct json_node nodes[NODES];
static struct json_doc doc;
static struct rpc rpc;

static int read_text(struct view in)
{
	int r = json_scan(&doc, in, nodes, NODES, NULL);
	if (r)
		return r;
	memset(&rpc, 0xa5, sizeof(rpc)); /* rpc_read() must not depend on what was there */
	return rpc_read(&doc, &rpc);
}

#define REQ(rest) "{\"jsonrpc\":\"2.0\",\"id\":1," rest "}"
#define CALL(params) REQ("\"method\":\"tools/call\",\"params\":" params)

static const struct {
	const char *in;
	int ret;
	enum rpc_kind kind;
} table[] = {
	{REQ("\"method\":\"ping\""), 0, RPC_REQUEST},
	{REQ("\"method\":\"ping\",\"params\":{}"), 0, RPC_REQUEST},
	{"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", 0, RPC_NOTIFICATION},
	{REQ("\"result\":{}"), 0, RPC_RESPONSE},
	{REQ("\"error\":{\"code\":-1,\"message\":\"\"}"), 0, RPC_RESPONSE},
	/* shape */
	{"[]", -ERR_BATCH, 0},
	{"[" REQ("\"method\":\"ping\"") "]", -ERR_BATCH, 0},
	{"1", -ERR_MALFORMED, 0},
	{"\"x\"", -ERR_MALFORMED, 0},
	{"{}", -ERR_MALFORMED, 0},
	{"{\"id\":1,\"method\":\"ping\"}", -ERR_MALFORMED, 0},
	{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -ERR_MALFORMED, 0},
	{"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", -ERR_MALFORMED, 0},
	{REQ("\"method\":1"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"\""), -ERR_MALFORMED, 0},
	{REQ("\"method\":null"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"ping\",\"params\":[]"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"ping\",\"params\":null"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"ping\",\"x\":1"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"ping\",\"\":1"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"ping\",\"result\":{}"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"ping\",\"error\":{}"), -ERR_MALFORMED, 0},
	{REQ("\"result\":{},\"error\":{}"), -ERR_MALFORMED, 0},
	{REQ("\"result\":1"), -ERR_MALFORMED, 0},
	{REQ("\"error\":\"x\""), -ERR_MALFORMED, 0},
	{REQ("\"result\":{},\"params\":{}"), -ERR_MALFORMED, 0},
	{"{\"jsonrpc\":\"2.0\",\"result\":{}}", -ERR_MALFORMED, 0},
	/* look-alikes */
	{REQ("\"method\":\"ping\",\"METHOD\":\"tools/call\""), -ERR_AMBIGUOUS, 0},
	{REQ("\"Method\":\"ping\""), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"\\u004dethod\":1"), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"param\xc5\xbf\":{}"), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"param\\u017f\":{}"), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"\xc4\xb1" "d\":1"), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"x\":1,\"ID\":1"), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"ID\":1,\"x\":1"), -ERR_AMBIGUOUS, 0},
	{REQ("\"method\":\"ping\",\"Result\":1"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"Name\":\"b\"}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"NAME\":1}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"argument\xc5\xbf\":{}}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"ta\xc5\xbf\xe2\x84\xaa\":{}}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"tas\xe2\x84\xaa" "id\":1}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"_Meta\":{}}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"_meta\":{\"progresstoken\":1}}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"_meta\":{\"IO.modelcontextprotocol/protocolVersion\":1}}"), -ERR_AMBIGUOUS, 0},
	{CALL("{\"name\":\"a\",\"name\\u0000\":1}"), -ERR_ENCODING, 0},
	{CALL("{\"name\":\"a\",\"name\":\"b\"}"), -ERR_DUPLICATE_KEY, 0},
	{CALL("{\"name\":\"a\",\"nam\":1,\"names\":2,\"arguments\":{\"Name\":1,\"METHOD\":2}}"), 0, RPC_REQUEST},
	{CALL("{\"name\":\"a\",\"_meta\":{\"progressToken\":1,\"other\":{\"progresstoken\":1}}}"), 0, RPC_REQUEST},
	/* tools/call */
	{REQ("\"method\":\"tools/call\""), -ERR_MALFORMED, 0},
	{CALL("{}"), -ERR_MALFORMED, 0},
	{CALL("{\"name\":1}"), -ERR_MALFORMED, 0},
	{CALL("{\"name\":\"a\",\"arguments\":[1]}"), -ERR_MALFORMED, 0},
	{CALL("{\"name\":\"a\",\"arguments\":\"x\"}"), -ERR_MALFORMED, 0},
	{CALL("{\"name\":\"a\",\"arguments\":null}"), 0, RPC_REQUEST},
	{CALL("{\"name\":\"a\",\"_meta\":1}"), -ERR_MALFORMED, 0},
	{CALL("{\"name\":\"a\",\"_meta\":null}"), -ERR_MALFORMED, 0},
	/* targets */
	{REQ("\"method\":\"prompts/get\",\"params\":{}"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"resources/read\",\"params\":{\"name\":\"x\"}"), -ERR_MALFORMED, 0},
	{REQ("\"method\":\"resources/subscribe\""), 0, RPC_REQUEST}, /* the server answers that */
	{REQ("\"method\":\"resources/subscribe\",\"params\":{\"uri\":1}"), -ERR_MALFORMED, 0},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int r = read_text(view_str(table[i].in));
		if (r != table[i].ret)
			print_error("case %zu: %s: %s\n", i, table[i].in, err_name(r));
		assert_int_equal(r, table[i].ret);
		if (!r)
			assert_int_equal(rpc.kind, table[i].kind);
	}
}

static const struct {
	const char *id;
	bool ok;
} ids[] = {
	{"0", true}, {"1", true}, {"-1", true}, {"9007199254740991", true}, {"-9007199254740991", true},
	{"9007199254740992", false}, {"-9007199254740992", false}, {"10000000000000000", false}, {"1e2", false}, {"1E2", false},
	{"1.0", false}, {"-0", false}, {"0.0", false}, {"null", false}, {"true", false}, {"{}", false}, {"[1]", false},
	{"\"\"", true}, {"\"a\\u0041\"", true}, {"\"\\ud83d\\ude00\"", true},
};

static void test_ids(void **state)
{
	(void)state;
	char text[200];
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		snprintf(text, sizeof(text), "{\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"id\":%s}", ids[i].id);
		assert_int_equal(read_text(view_str(text)), ids[i].ok ? 0 : -ERR_MALFORMED);
		assert_true(view_is(rpc.id, ids[i].ok ? ids[i].id : ""));
	}
	for (int n = 256; n < 258; n++) {
		char big[600];
		int k = snprintf(big, sizeof(big), "{\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"id\":\"%0*d\"}", n, 0);
		assert_int_equal(read_text(view_of(big, (size_t)k)), n == 256 ? 0 : -ERR_MALFORMED);
	}
}

static void test_fields(void **state)
{
	(void)state;
	assert_int_equal(read_text(VIEW_LIT("{\"params\":{\"_meta\":{\"progressToken\":7},\"arguments\":{\"x\":1},\"n\\u0061me\":\"d\\u0061nger\"},"
					    "\"m\\u0065thod\":\"tools\\/call\",\"id\":\"i\\n\",\"jsonrpc\":\"2.0\"}")), 0);
	assert_int_equal(rpc.kind, RPC_REQUEST);
	assert_true(rpc.is_call);
	assert_true(view_is(rpc.method, "tools/call"));
	assert_true(view_is(rpc.tool, "danger"));
	assert_true(view_is(rpc.id, "\"i\\n\""));
	assert_true(view_is(json_raw(&doc, rpc.arguments), "{\"x\":1}"));
	assert_true(view_is(json_raw(&doc, rpc.meta), "{\"progressToken\":7}"));
	assert_int_equal(rpc.target.n, 0);

	assert_int_equal(read_text(VIEW_LIT(CALL("{\"name\":\"\",\"arguments\":null}"))), 0);
	assert_true(rpc.is_call);
	assert_int_equal(rpc.tool.n, 0);
	assert_null(rpc.arguments);
	assert_null(rpc.meta);

	assert_int_equal(read_text(VIEW_LIT(REQ("\"method\":\"resources/read\",\"params\":{\"uri\":\"file:\\/\\/a\"}"))), 0);
	assert_false(rpc.is_call);
	assert_true(view_is(rpc.target, "file://a"));
	assert_int_equal(read_text(VIEW_LIT(REQ("\"method\":\"prompts/get\",\"params\":{\"name\":\"p\"}"))), 0);
	assert_true(view_is(rpc.target, "p"));

	assert_int_equal(read_text(VIEW_LIT(REQ("\"error\":{\"code\":1}"))), 0);
	assert_null(rpc.result);
	assert_true(view_is(json_raw(&doc, rpc.error), "{\"code\":1}"));
	assert_int_equal(rpc.method.n, 0);
}

/* The refusal names the id wherever it stands; and never an illegal one. */
static void test_id_survives(void **state)
{
	(void)state;
	assert_int_equal(read_text(VIEW_LIT("{\"METHOD\":1,\"x\":2,\"id\":7}")), -ERR_AMBIGUOUS);
	assert_true(view_is(rpc.id, "7"));
	assert_int_equal(read_text(VIEW_LIT("{\"jsonrpc\":\"2.0\",\"params\":[],\"method\":\"m\",\"id\":\"s\"}")), -ERR_MALFORMED);
	assert_true(view_is(rpc.id, "\"s\""));
	assert_true(view_is(rpc.method, "m"));
	assert_int_equal(read_text(VIEW_LIT("{\"jsonrpc\":\"2.0\",\"METHOD\":\"m\",\"id\":1.5}")), -ERR_AMBIGUOUS);
	assert_int_equal(rpc.id.n, 0);
	assert_int_equal(read_text(VIEW_LIT(CALL("{\"name\":\"a\",\"arguments\":[]}"))), -ERR_MALFORMED);
	assert_true(rpc.is_call);
	assert_true(view_is(rpc.id, "1"));
}

static void test_long_names(void **state)
{
	(void)state;
	static char text[20000];
	static const struct { int letters; bool escaped; int ret; } cases[] = {
		{2048, false, 0}, {2049, false, -ERR_TOO_LONG}, {2048, true, 0}, {2049, true, -ERR_TOO_LONG},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int n = sprintf(text, "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"%s%0*d\"}}",
				cases[i].escaped ? "\\u0030" : "0", cases[i].letters - 1, 0);
		assert_int_equal(read_text(view_of(text, (size_t)n)), cases[i].ret);
		n = sprintf(text, "{\"jsonrpc\":\"2.0\",\"method\":\"%s%0*d\"}", cases[i].escaped ? "\\u0030" : "0", cases[i].letters - 1, 0);
		assert_int_equal(read_text(view_of(text, (size_t)n)), cases[i].ret);
	}
	/* scratch is shared: two names with escapes that fit only one by one */
	int n = sprintf(text, "{\"jsonrpc\":\"2.0\",\"method\":\"tools\\/call\",\"params\":{\"name\":\"\\u0030%0*d\"}}", 2038, 0);
	assert_int_equal(read_text(view_of(text, (size_t)n)), -ERR_TOO_LONG);
	n = sprintf(text, "{\"jsonrpc\":\"2.0\",\"method\":\"resources/read\",\"params\":{\"uri\":\"%0*d\"}}", 9000, 0);
	assert_int_equal(read_text(view_of(text, (size_t)n)), 0);
	assert_int_equal(rpc.target.n, 9000);
}

/* No beginning of a message is a message: there is nothing that a body which was cut could be taken for. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t n = strlen(table[i].in);
		for (size_t cut = 1; cut < n; cut++) {
			char *copy = malloc(cut); /* of just that size: in the sanitizer build a reader that runs beyond it is seen */
			assert_non_null(copy);
			memcpy(copy, table[i].in, cut);
			int r = read_text(view_of(copy, cut));
			/* a scalar's beginning may be a scalar, which is no message either */
			if (r >= 0)
				print_error("case %zu is taken after %zu bytes\n", i, cut);
			free(copy);
			assert_true(r < 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_ids), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_id_survives), cmocka_unit_test(test_long_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
