/* gate_words_test.c - the pure parts of the gate: targets, heads, lists, answers, headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "gate/head.h"
#include "gate/headers.h"
#include "gate/listing.h"
#include "gate/path.h"
#include "gate/record.h"
#include "gate/scrub.h"
#include "gate/session.h"
#include "gate/words.h"

static void paths(void **state)
{
	static const struct {
		const char *target, *path;
		int ret;
	} table[] = {
	    {"/mcp", "/mcp", 0},
	    {"/", "/", 0},
	    {"/mcp/?a=//b/../c", "/mcp/", 0},
	    {"/a%20b", "/a%20b", 0},
	    {"/.well-known/x", "/.well-known/x", 0},
	    {"/..a/...", "/..a/...", 0},
	    {"/a;b=1", "/a;b=1", 0},
	    {"", "", -ERR_UNSUPPORTED},
	    {"*", "", -ERR_UNSUPPORTED},
	    {"http://h/mcp", "", -ERR_UNSUPPORTED},
	    {"mcp", "", -ERR_UNSUPPORTED},
	    {"//mcp", "", -ERR_AMBIGUOUS},
	    {"/a//b", "", -ERR_AMBIGUOUS},
	    {"/./mcp", "", -ERR_AMBIGUOUS},
	    {"/a/../mcp", "", -ERR_AMBIGUOUS},
	    {"/a/..", "", -ERR_AMBIGUOUS},
	    {"/a/..?q", "", -ERR_AMBIGUOUS},
	    {"/a/..;x/b", "", -ERR_AMBIGUOUS},
	    {"/a/.", "", -ERR_AMBIGUOUS},
	    {"/%6dcp", "", -ERR_AMBIGUOUS},
	    {"/%2e%2e/mcp", "", -ERR_AMBIGUOUS},
	    {"/a%2fb", "", -ERR_AMBIGUOUS},
	    {"/a%2Fb", "", -ERR_AMBIGUOUS},
	    {"/a%5Cb", "", -ERR_AMBIGUOUS},
	    {"/a%252f", "", -ERR_AMBIGUOUS},
	    {"/a\\b", "", -ERR_AMBIGUOUS},
	    {"/a%", "", -ERR_AMBIGUOUS},
	    {"/a%0", "", -ERR_AMBIGUOUS},
	    {"/a%zz", "", -ERR_AMBIGUOUS},
	    {"/a%00", "", -ERR_AMBIGUOUS},
	    {"/a#b", "", -ERR_AMBIGUOUS},
	    {"/\xc3\xa4", "", -ERR_AMBIGUOUS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct view path;
		/* exactly as long as it is, so that a read past the end is seen */
		size_t n = strlen(table[i].target);
		char *copy = malloc(n ? n : 1);
		memcpy(copy, table[i].target, n);
		int r = path_of(view_of(copy, n), &path);
		if (r != table[i].ret || !view_is(path, table[i].path))
			fail_msg("%s: %d " VIEW_FMT, table[i].target, r, VIEW_ARG(path));
		free(copy);
	}
}

static void hosts(void **state)
{
	static const struct {
		const char *host, *name;
		uint16_t port;
		int ret;
	} table[] = {
	    {"a.test", "a.test", 0, 0},
	    {"a.test:443", "a.test", 443, 0},
	    {"a.test.", "a.test", 0, 0},
	    {"[::1]:8443", "::1", 8443, 0},
	    {"[::1]", "::1", 0, 0},
	    {"", "", 0, -ERR_MALFORMED},
	    {":443", "", 0, -ERR_MALFORMED},
	    {"a:", "a", 0, -ERR_MALFORMED},
	    {"a:0", "a", 0, -ERR_MALFORMED},
	    {"a:65536", "a", 0, -ERR_MALFORMED},
	    {"a:4 3", "a", 0, -ERR_MALFORMED},
	    {"[::1", "", 0, -ERR_MALFORMED},
	    {"[::1]x", "::1", 0, -ERR_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct view name;
		uint16_t port;
		assert_int_equal(path_host(view_str(table[i].host), &name, &port), table[i].ret);
		if (table[i].ret == 0) {
			assert_true(view_is(name, table[i].name));
			assert_int_equal(port, table[i].port);
		}
	}
	struct view h;
	assert_true(path_authority(view_str("http://u@a.test:80/x?http://b/"), &h));
	assert_true(view_is(h, "a.test:80"));
	assert_false(path_authority(view_str("/http://a.test"), &h));
	assert_true(path_is_oauth(view_str("/.well-known/oauth-authorization-server/mcp")));
	assert_true(path_is_oauth(view_str("/mcp/.well-known/openid-configuration")));
	assert_true(path_is_oauth(view_str("/register")));
	assert_false(path_is_oauth(view_str("/mcp/register")));
	assert_false(path_is_oauth(view_str("/mcp")));
}

static void heads(void **state)
{
	static const char request[] =
	    "POST /mcp?x=1 HTTP/1.1\r\nhost: a.test\r\nAuthorization: Bearer theirs\r\nauthorization: again\r\nX_Api-Key: k\r\nCookie: c\r\n"
	    "Proxy-Authorization: p\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nAccept-Encoding: gzip\r\nTE: trailers\r\n"
	    "Upgrade: h2c\r\nHTTP2-Settings: AA\r\nExpect: 100-continue\r\nMcp-Session-Id: s\r\nOrigin: o\r\nContent-Length: 2\r\n\r\n{}";
	static const char response[] = "HTTP/1.1 200 Fine\r\nServer: s\r\nSet-Cookie: a\r\nWWW-Authenticate: b\r\nAlt-Svc: h3\r\n"
	                               "Keep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\nMcp-Session-Id: s\r\n\r\n";
	struct http1_head h;
	struct buf out = {0};
	struct head_inject in = {"X-Api-Key", "Key {secret}!", VIEW_LIT("S")};

	(void)state;
	assert_true(http1_request(view_str(request), &h) > 0);
	assert_int_equal(head_request(&out, &h, HEAD_BROKERED, &in, 2), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	assert_string_equal((const char *)buf_view(&out).p, "POST /mcp?x=1 HTTP/1.1\r\nHost: a.test\r\nMcp-Session-Id: s\r\nOrigin: o\r\n"
	                                                    "X-Api-Key: Key S!\r\nAccept-Encoding: identity\r\nContent-Length: 2\r\n\r\n");
	assert_false(head_nominates(&h));
	buf_reset(&out);
	assert_true(http1_response(view_str(response), &h) > 0);
	assert_int_equal(head_response(&out, &h, HEAD_BROKERED, 7, true), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	assert_string_equal((const char *)buf_view(&out).p,
	    "HTTP/1.1 200 Fine\r\nServer: s\r\nMcp-Session-Id: s\r\nContent-Length: 7\r\nConnection: close\r\n\r\n");
	buf_reset(&out);
	assert_int_equal(head_response(&out, &h, 0, -1, false), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	assert_non_null(strstr((const char *)buf_view(&out).p, "Set-Cookie: a\r\nWWW-Authenticate: b\r\n"));
	assert_non_null(strstr((const char *)buf_view(&out).p, "Transfer-Encoding: chunked\r\n\r\n"));
	assert_true(http1_request(view_str("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, MCP-Name\r\n\r\n"), &h) > 0);
	assert_true(head_nominates(&h));
	buf_free(&out);
}

static struct pol *policy(void)
{
	struct pol *p = NULL;

	assert_int_equal(pol_load(view_str("{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{},\"two\":{}}}"), NULL, NULL, &p), 0);
	return p;
}

static void lists(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: unchanged */
		int ret;
	} table[] = {
	    {"{\"id\":1,\"result\":{\"tools\":[ {\"name\":\"danger\"} , {\"name\":\"echo\", \"d\":[1]} ,{\"name\":\"two\"}]}}",
	        "{\"id\":1,\"result\":{\"tools\":[{\"name\":\"echo\", \"d\":[1]},{\"name\":\"two\"}]}}", 1},
	    {"{\"result\":{\"tools\":[{\"name\":\"x\"}],\"nextCursor\":\"\"},\"id\":1}", "{\"result\":{\"tools\":[],\"nextCursor\":\"\"},\"id\":1}", 1},
	    {"{\"result\":{\"cacheScope\":\"public\",\"tools\":[{\"name\":\"x\"}]}}", "{\"result\":{\"cacheScope\":\"private\",\"tools\":[]}}", 1},
	    {"{\"result\":{\"tools\":[{\"name\":\"x\"}],\"cacheScope\":\"public\"}}", "{\"result\":{\"tools\":[],\"cacheScope\":\"private\"}}", 1},
	    {"{\"result\":{\"tools\":[{\"name\":\"\\u0065cho\"}]}}", NULL, 0},
	    {"{\"result\":{\"tools\":[{\"title\":\"nameless\"},1,\"echo\"]}}", "{\"result\":{\"tools\":[]}}", 1},
	    {"[{\"id\":1,\"result\":{\"tools\":[{\"name\":\"x\"}]}},{\"id\":2,\"result\":{}}]",
	        "[{\"id\":1,\"result\":{\"tools\":[]}},{\"id\":2,\"result\":{}}]", 1},
	    {"{\"result\":{\"tools\":{}}}", NULL, -ERR_MALFORMED},
	    {"{\"result\":{\"content\":[]}}", NULL, 0},
	    {"{\"result\":{\"tools\":[]}}", NULL, 0},
	    {"{\"error\":{\"code\":1}}", NULL, 0},
	    {"7", NULL, 0},
	};
	struct pol *p = policy();
	struct json_node nodes[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct json_doc doc;
		struct buf out = {0};
		assert_int_equal(json_scan(&doc, view_str(table[i].in), nodes, 64, NULL), 0);
		assert_int_equal(listing_filter(&doc, p, NULL, NULL, &out), table[i].ret);
		if (table[i].out && !view_is(buf_view(&out), table[i].out))
			fail_msg("%s: " VIEW_FMT, table[i].in, VIEW_ARG(buf_view(&out)));
		/* without a policy nothing is listed */
		if (table[i].ret >= 0 && listing_filter(&doc, NULL, NULL, NULL, &out) == 1)
			assert_null(memmem(buf_view(&out).p, out.len, "name", 4));
		buf_free(&out);
	}
	pol_free(&p);
}

static void answers(void **state)
{
	struct pol_decision d = {.rule = "/tools/a/deny_if/x-eq"};
	struct json_node nodes[64];
	struct json_doc doc;
	struct buf out = {0};
	char id[WORDS_CALL_ID], text[4096];

	(void)state;
	words_call_id(0x1f, 255, id);
	assert_string_equal(id, "00000000001f-ff");
	snprintf(d.text, sizeof(d.text), "say \"please\"\n");
	words_denial(text, sizeof(text), &d, id, NULL);
	assert_string_equal(text, "Denied by policy: say \"please\"\n (rule /tools/a/deny_if/x-eq, audit id 00000000001f-ff)");
	assert_int_equal(words_denied(&out, VIEW_LIT("\"q\\u0041\""), true, &d, id, NULL), 0);
	assert_int_equal(json_scan(&doc, buf_view(&out), nodes, 64, NULL), 0);
	assert_true(view_starts(buf_view(&out), VIEW_LIT("{\"jsonrpc\":\"2.0\",\"id\":\"q\\u0041\",\"result\":{\"resultType\":\"complete\",\"content\"")));
	const struct json_node *result = json_get(&doc, &nodes[0], VIEW_LIT("result"));
	assert_int_equal(json_get(&doc, result, VIEW_LIT("isError"))->type, JSON_TRUE);
	const struct json_node *item = json_first(&doc, json_get(&doc, result, VIEW_LIT("content")));
	assert_true(json_str_eq(&doc, json_get(&doc, item, VIEW_LIT("text")), view_str(text)));
	buf_reset(&out);
	assert_int_equal(words_denied(&out, VIEW_LIT("1"), false, &d, id, NULL), 0);
	assert_null(memmem(buf_view(&out).p, out.len, "resultType", 10));
	assert_null(memmem(buf_view(&out).p, out.len, "approval", 8));
	buf_reset(&out);
	assert_int_equal(words_denied(&out, VIEW_LIT("1"), false, &d, id, &(struct words_approval){"a-1", true}), 0);
	assert_non_null(memmem(buf_view(&out).p, out.len, "\"text\":\"Not yet: say", 20));
	assert_non_null(memmem(buf_view(&out).p, out.len, "\"approval\":\"a-1\",\"waiting\":true", 31));
	buf_reset(&out);
	assert_int_equal(words_error(&out, view_of(NULL, 0), WORDS_PARAMS, "Unknown tool: x"), 0);
	assert_true(view_is(buf_view(&out), "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,\"message\":\"Unknown tool: x\"}}"));
	buf_free(&out);
}

static void repeated_headers(void **state)
{
#define META ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}}}"
#define BODY "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"n\xc3\xa4me\"" META
	static const struct {
		const char *headers, *body;
		bool ok, new_era;
	} table[] = {
	    {"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: =?base64?bsOkbWU=?=\r\n", BODY, true, true},
	    {"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: =?base64?bsOkbWU?=\r\n", BODY, true, true},
	    {"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: name\r\n", BODY, false, true},
	    {"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: =?base64?!!!!?=\r\n", BODY, false, true},
	    {"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n", BODY, false, true},
	    {"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: ping\r\nMcp-Name: =?base64?bsOkbWU=?=\r\n", BODY, false, true},
	    {"MCP-Protocol-Version: 2025-11-25\r\nMcp-Method: tools/call\r\nMcp-Name: =?base64?bsOkbWU=?=\r\n", BODY, false, true},
	    {"Mcp-Method: tools/call\r\nMcp-Name: =?base64?bsOkbWU=?=\r\n", BODY, false, true},
	    {"MCP-Protocol-Version: 2025-11-25\r\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", true, false},
	    {"", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", true, false},
	    {"MCP-Protocol-Version: 2026-07-28\r\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", false, true},
	    {"MCP-Protocol-Version: 2026-07-28\r\n", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		static struct http1_head h;
		static struct rpc m;
		struct json_node nodes[64];
		struct json_doc doc;
		char text[1024];
		bool new_era;
		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", table[i].headers);
		assert_true(http1_request(view_str(text), &h) > 0);
		assert_int_equal(json_scan(&doc, view_str(table[i].body), nodes, 64, NULL), 0);
		assert_int_equal(rpc_read(&doc, &m), 0);
		const char *why = headers_agree(&h, &doc, &m, &new_era);
		if (!why != table[i].ok || (table[i].ok && new_era != table[i].new_era))
			fail_msg("row %zu: %s", i, why ? why : "agreed");
	}
}

static void keys(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"{}", ""},
	    {"{\"b\":\"secret\",\"a\":{\"z\":1},\"ab\":2,\"B\":3}", "B\x1f" "a\x1f" "ab\x1f" "b"},
	    {"{\"\\u001f\":1,\"\\u0061\":2}", "?\x1f" "a"},
	    {"{\"\":1}", ""},
	};
	struct json_node nodes[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct json_doc doc;
		struct buf out = {0};
		assert_int_equal(json_scan(&doc, view_str(table[i].in), nodes, 64, NULL), 0);
		assert_int_equal(record_keys(&doc, &nodes[0], &out), 0);
		assert_true(view_is(buf_view(&out), table[i].out));
		buf_free(&out);
	}
	/* more than fits: cut, and said so */
	static char many[64 << 10];
	static struct json_node lots[4096];
	size_t n = 0;
	many[n++] = '{';
	for (int i = 0; i < 2000; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "%s\"\\u0061%d\":1", i ? "," : "", i);
	many[n++] = '}';
	struct json_doc doc;
	struct buf out = {0};
	assert_int_equal(json_scan(&doc, view_of(many, n), lots, 4096, NULL), 0);
	assert_true(record_keys(&doc, &lots[0], &out) < 0);
	assert_true(out.len > 0);
	buf_free(&out);
}

static int collect(void *arg, struct view v)
{
	return buf_put(arg, v);
}

static void scrubbed(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"", ""},
	    {"nothing here", "nothing here"},
	    {"a abababac b", "a ******** b"},
	    {"abababacabababac", "****************"},
	    {"abababababac!", "abab********!"},
	    {"abababa", "abababa"},
	    {"xabababac", "x********"},
	    {"abababab abababac", "abababab ********"},
	};
	struct view secret = VIEW_LIT("abababac");

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct view in = view_str(table[i].in);
		/* every cut in three */
		for (size_t a = 0; a <= in.n; a++)
			for (size_t b = a; b <= in.n; b++) {
				struct buf tail = {0}, out = {0};
				int found = scrub(&tail, secret, view_head(in, a), false, collect, &out);
				found |= scrub(&tail, secret, view_head(view_skip(in, a), b - a), false, collect, &out);
				found |= scrub(&tail, secret, view_skip(in, b), true, collect, &out);
				assert_int_equal(found, strcmp(table[i].in, table[i].out) != 0);
				if (!view_is(buf_view(&out), table[i].out))
					fail_msg("%s at %zu, %zu: " VIEW_FMT, table[i].in, a, b, VIEW_ARG(buf_view(&out)));
				buf_free(&tail);
				buf_free(&out);
			}
		struct buf whole = {0};
		assert_int_equal(buf_put(&whole, in), 0);
		assert_int_equal(scrub_in_place(&whole, secret), strcmp(table[i].in, table[i].out) != 0);
		assert_true(view_is(buf_view(&whole), table[i].out));
		buf_free(&whole);
	}
}

static void sessions(void **state)
{
	struct sessions *s = session_new();
	char id[32];

	(void)state;
	assert_non_null(s);
	assert_true(session_ok(s, "a", view_str("one"), 1));
	session_bind(s, "a", view_str("one"), 1);
	assert_true(session_ok(s, "a", view_str("one"), 1));
	assert_false(session_ok(s, "a", view_str("one"), 2));
	assert_true(session_ok(s, "b", view_str("one"), 2));
	assert_true(session_ok(s, "a", view_str("on"), 2));
	session_bind(s, "a", view_str("one"), 2); /* the first keeps it */
	assert_false(session_ok(s, "a", view_str("one"), 2));
	session_end(s, "a", view_str("one"));
	assert_true(session_ok(s, "a", view_str("one"), 2));
	/* far more than fit: the newest are known */
	for (int i = 0; i < 50000; i++) {
		snprintf(id, sizeof(id), "id-%d", i);
		session_bind(s, "a", view_str(id), 7);
		assert_false(session_ok(s, "a", view_str(id), 8));
	}
	/* however many one user has, another one's are not pushed out by them, and who comes late finds a place */
	for (uint32_t late = 8; late <= 9; late++) {
		for (int i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "own-%u-%d", late, i);
			session_bind(s, "a", view_str(id), late);
		}
		for (int i = 0; i < 50000; i++) {
			snprintf(id, sizeof(id), "more-%u-%d", late, i);
			session_bind(s, "a", view_str(id), 7);
		}
		for (int i = 0; i < 100; i++) {
			snprintf(id, sizeof(id), "own-%u-%d", late, i);
			assert_true(session_has(s, "a", view_str(id), late));
			assert_false(session_ok(s, "a", view_str(id), 7));
		}
	}
	session_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths),
	    cmocka_unit_test(hosts),
	    cmocka_unit_test(heads),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(repeated_headers),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(scrubbed),
	    cmocka_unit_test(sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
