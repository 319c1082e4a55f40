/* world_test.c - what is in force: files that load, files that do not, which server a path belongs to, which grant counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "policy/grant_table.h"
#include "policy/world.h"

#define WORLD(servers, grants, policies) \
	"{\"generation\":7,\"mode\":\"enforce\",\"servers\":[" servers "],\"grants\":[" grants "],\"policies\":{" policies "}}"
#define SERVER "{\"name\":\"s\",\"match\":[{\"host\":\"api.example\",\"path\":\"/mcp\"}]}"

static struct world *load(const char *text)
{
	char why[256];
	struct world *w;
	int r = world_load(view_str(text), why, sizeof(why), &w);
	if (r)
		fail_msg("%s: %s", why, text);
	return w;
}

static void bad_files_do_not_load(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "null", "{}", "{\"generation\":1,\"servers\":[],\"grants\":[]}",
	    "{\"generation\":-1,\"servers\":[],\"grants\":[],\"policies\":{}}", "{\"generation\":\"1\",\"servers\":[],\"grants\":[],\"policies\":{}}",
	    WORLD("{\"match\":[{\"host\":\"h\"}]}", "", ""), WORLD("{\"name\":\"s\"}", "", ""), WORLD("{\"name\":\"s\",\"match\":[]}", "", ""),
	    WORLD("{\"name\":\"s\",\"match\":[1]}", "", ""), WORLD("{\"name\":\"s\",\"match\":[{\"host\":\"\"}]}", "", ""),
	    WORLD("{\"name\":\"s\",\"match\":[{\"host\":\"h\",\"port\":0}]}", "", ""), WORLD("{\"name\":\"s\",\"match\":[{\"host\":\"h\",\"port\":65536}]}", "", ""),
	    WORLD("{\"name\":\"s\",\"match\":[{\"host\":\"h\",\"path\":\"mcp\"}]}", "", ""),
	    WORLD("{\"name\":\"s\",\"match\":[{\"host\":\"h\\u0000x\"}]}", "", ""),
	    WORLD("{\"name\":\"s\",\"match\":[{\"host\":\"h\"}],\"inject\":{\"header\":\"a\",\"format\":\"no place\"}}", "", ""),
	    WORLD(SERVER, "{\"id\":\"g\",\"server\":\"s\"}", ""), /* a lost uid is not "everybody" */
	    WORLD(SERVER, "{\"id\":\"g\",\"server\":\"s\",\"uid\":-1}", ""), WORLD(SERVER, "{\"id\":\"g\",\"server\":\"s\",\"uid\":4294967295}", ""),
	    WORLD(SERVER, "{\"id\":\"g\",\"server\":\"s\",\"uid\":\"1000\"}", ""), WORLD(SERVER, "{\"server\":\"s\",\"uid\":1}", ""),
	    WORLD(SERVER, "{\"id\":\"g\",\"uid\":1}", ""), WORLD(SERVER, "{\"id\":\"g\",\"server\":\"s\",\"uid\":1,\"expires_at\":\"soon\"}", ""),
	    WORLD(SERVER, "", "\"ab\":\"{}\""),
	    WORLD(SERVER, "", "\"0000000000000000000000000000000000000000000000000000000000000000\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\"}\"")};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[256];
		struct world *w;
		if (world_load(view_str(bad[i]), why, sizeof(why), &w) == 0)
			fail_msg("loaded: %s", bad[i]);
		assert_null(w);
		assert_true(why[0]);
	}
}

/* No part of a good file is one. */
static void every_prefix_fails(void **state)
{
	static const char good[] = WORLD(SERVER, "{\"id\":\"g\",\"server\":\"s\",\"uid\":null}", "");
	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		char why[64];
		struct world *w;
		assert_true(world_load(view_of(good, n), why, sizeof(why), &w) < 0);
		assert_null(w);
	}
	struct world *w = load(good);
	assert_int_equal(world_generation(w), 7);
	struct world *again = world_ref(w);
	world_unref(&w);
	assert_null(w);
	assert_int_equal(world_generation(again), 7);
	world_unref(&again);
}

static void paths_end_at_boundaries(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		const char *path, *server;
	} row[] = {{"api.example", 443, "/mcp", "a"}, {"API.Example", 443, "/mcp/", "a"}, {"api.example", 443, "/mcp/x", "a"}, {"api.example", 443, "/mcp?x=1", "a"},
	    {"api.example", 443, "/mcpx", NULL}, {"api.example", 443, "/mc", NULL}, {"api.example", 443, "/", NULL}, {"api.example", 443, "", NULL},
	    {"api.example", 443, "/MCP", NULL}, {"api.example", 443, "/mcp/deep", "b"}, {"api.example", 443, "/mcp/deep/er", "b"}, {"api.example", 443, "/mcp/deeper", "a"},
	    {"api.example", 444, "/mcp", NULL}, {"api.example.", 443, "/mcp", NULL}, {"whole.example", 8443, "/anything", "c"}, {"whole.example", 443, "/anything", NULL},
	    {"slash.example", 443, "/v1/", "d"}, {"slash.example", 443, "/v1/x", "d"}, {"slash.example", 443, "/v1", "d"}, {"slash.example", 443, "/v1x", NULL}, {"slash.example", 443, "/v", NULL}};
	struct world *w = load(WORLD("{\"name\":\"a\",\"match\":[{\"host\":\"api.example\",\"path\":\"/mcp\"}]},"
				     "{\"name\":\"b\",\"match\":[{\"host\":\"api.example\",\"path\":\"/mcp/deep\"}]},"
				     "{\"name\":\"c\",\"match\":[{\"host\":\"whole.example\",\"port\":8443}]},"
				     "{\"name\":\"d\",\"match\":[{\"host\":\"slash.example\",\"path\":\"/v1/\"}]}", "", ""));
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct world_server *s = world_server(w, view_str(row[i].host), row[i].port, view_str(row[i].path));
		if (row[i].server ? !s || strcmp(s->name, row[i].server) != 0 : s != NULL)
			fail_msg("%s:%u%s is %s", row[i].host, row[i].port, row[i].path, s ? s->name : "none");
	}
	assert_true(world_host(w, VIEW_LIT("API.EXAMPLE"), 443));
	assert_false(world_host(w, VIEW_LIT("api.example"), 80));
	assert_false(world_host(w, VIEW_LIT("other.example"), 443));
	world_unref(&w);
}

#define WHO(u, l, a, d) {.uid = (u), .login_uid = (l), .agent = (a), .exe_sha256 = (d)}

static void the_most_specific_live_grant_counts(void **state)
{
	static const struct {
		struct subject who;
		int64_t now_s;
		const char *grant, *why;
	} row[] = {{WHO(1, UINT32_MAX, "", NULL), 0, "any", NULL}, {WHO(1, UINT32_MAX, "claude", NULL), 0, "agent", NULL}, {WHO(1, UINT32_MAX, NULL, NULL), 0, "any", NULL}, {WHO(1000, UINT32_MAX, "", NULL), 0, "user", NULL},
	    {WHO(1000, UINT32_MAX, "claude", NULL), 0, "both", NULL}, {WHO(1000, UINT32_MAX, "other", NULL), 0, "user", NULL}, {WHO(1000, 5, "other", NULL), 0, "login", NULL},
	    {WHO(1000, 9, "claude", "aa"), 0, "sealed", NULL}, {WHO(1000, UINT32_MAX, "claude", "ab"), 0, "both", NULL}, {WHO(1, UINT32_MAX, "claude", "aa"), 0, "agent", NULL},
	    /* the grant of uid 1000 ends: from its last instant on the wider one is left */
	    {WHO(1000, UINT32_MAX, "", NULL), 1767225599, "user", NULL}, {WHO(1000, UINT32_MAX, "", NULL), 1767225600, "any", NULL}};
	struct world *w = load(WORLD(SERVER, "{\"id\":\"any\",\"uid\":null,\"server\":\"s\"},{\"id\":\"agent\",\"uid\":null,\"agent\":\"claude\",\"server\":\"s\"},"
					     "{\"id\":\"user\",\"uid\":1000,\"server\":\"s\",\"expires_at\":\"2026-01-01T00:00:00Z\"},"
					     "{\"id\":\"both\",\"uid\":1000,\"agent\":\"claude\",\"server\":\"s\"},{\"id\":\"login\",\"uid\":1000,\"login_uid\":5,\"server\":\"s\"},"
					     "{\"id\":\"sealed\",\"uid\":1000,\"agent\":\"claude\",\"login_uid\":9,\"exe_sha256\":\"aa\",\"server\":\"s\"},"
					     "{\"id\":\"elsewhere\",\"uid\":1000,\"agent\":\"claude\",\"server\":\"r\"}", ""));
	const struct world_server *s = world_server(w, VIEW_LIT("api.example"), 443, VIEW_LIT("/mcp"));
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *why;
		const struct world_grant *g = world_grant(w, &row[i].who, s, (struct wall){row[i].now_s * 1000000000}, &why);
		if (!g || strcmp(g->id, row[i].grant) != 0)
			fail_msg("row %zu is %s", i, g ? g->id : why);
	}
	world_unref(&w);
}

static void refusals_say_why(void **state)
{
	static const struct {
		const char *world;
		struct subject who;
		const char *why;
	} row[] = {{WORLD(SERVER, "", ""), WHO(1, 1, "", NULL), "(no grant)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":2,\"server\":\"s\"}", ""), WHO(1, 1, "", NULL), "(no grant)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"agent\":\"x\",\"server\":\"s\"}", ""), WHO(1, 1, "", NULL), "(no grant)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"server\":\"s\",\"expires_at\":\"2020-01-01T00:00:00Z\"}", ""), WHO(1, 1, "", NULL), "(expired)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"login_uid\":7,\"server\":\"s\"}", ""), WHO(1, 1, "", NULL), "(identity mismatch)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"login_uid\":7,\"server\":\"s\"}", ""), WHO(1, UINT32_MAX, "", NULL), "(identity mismatch)"},
	    /* bound to an executable's digest: an unknown one and another one do not fit */
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"exe_sha256\":\"00\",\"server\":\"s\"}", ""), WHO(1, 1, "", ""), "(identity mismatch)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"exe_sha256\":\"00\",\"server\":\"s\"}", ""), WHO(1, 1, "", "01"), "(identity mismatch)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"exe_sha256\":\"\",\"server\":\"s\"}", ""), WHO(1, 1, "", ""), "(identity mismatch)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":1,\"exe_sha256\":\"00\",\"server\":\"s\"}", ""), WHO(1, 1, "", NULL), "(identity mismatch)"},
	    {WORLD(SERVER, "{\"id\":\"g\",\"uid\":null,\"exe_sha256\":\"\",\"server\":\"s\"}", ""), WHO(1, 1, "", NULL), "(identity mismatch)"}};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct world *w = load(row[i].world);
		const char *why = NULL;
		const struct world_server *s = world_server(w, VIEW_LIT("api.example"), 443, VIEW_LIT("/mcp"));
		assert_null(world_grant(w, &row[i].who, s, (struct wall){(int64_t)1767225600 * 1000000000}, &why));
		assert_string_equal(why, row[i].why);
		world_unref(&w);
	}
}

/* Everything but the user and the group narrows: what does not fit is a mismatch, never another's grant. */
static void subjects(void **state)
{
	static const uint32_t groups[] = {4, 50};
	static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	const struct subject alice = {.uid = 1000, .login_uid = 1000, .gid = 1000, .group = groups, .groups = 2, .agent = "",
	    .unit = "app-codex@1.service", .cgroup = "/user.slice/user-1000.slice/app", .token_sha256 = ""};
	struct subject su = alice, other = alice, token = alice, bare = {.uid = 1000, .login_uid = UINT32_MAX, .agent = ""};
	su.login_uid = 1001;
	other.uid = 1001;
	token.token_sha256 = hash;
	const struct {
		const struct subject *who;
		const char *grant, *why; /* NULL: it fits */
	} row[] = {
	    {&alice, "\"uid\":1000", NULL}, {&bare, "\"uid\":1000", NULL}, {&su, "\"uid\":1000", "(identity mismatch)"},
	    {&su, "\"uid\":1000,\"via\":\"su\"", NULL}, {&alice, "\"uid\":1000,\"via\":\"su\"", NULL}, {&su, "\"uid\":1000,\"login_uid\":1001", NULL},
	    {&su, "\"uid\":null", "(identity mismatch)"}, {&other, "\"uid\":1000,\"via\":\"su\"", "(no grant)"},
	    {&alice, "\"uid\":null,\"gid\":50", NULL}, {&alice, "\"uid\":null,\"gid\":1000", NULL}, {&alice, "\"uid\":null,\"gid\":51", "(no grant)"},
	    {&bare, "\"uid\":null,\"gid\":50", "(no grant)"},
	    {&alice, "\"uid\":1000,\"unit\":\"app-*.service\"", NULL}, {&alice, "\"uid\":1000,\"unit\":\"app-?.service\"", "(identity mismatch)"},
	    {&bare, "\"uid\":1000,\"unit\":\"*\"", "(identity mismatch)"},
	    {&alice, "\"uid\":1000,\"cgroup\":\"/user.slice/**\"", NULL}, {&alice, "\"uid\":1000,\"cgroup\":\"/user.slice/*\"", "(identity mismatch)"},
	    {&token, "\"uid\":1000,\"token_sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"", NULL},
	    {&alice, "\"uid\":1000,\"token_sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"", "(identity mismatch)"},
	    {&token, "\"uid\":1001,\"token_sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"", "(no grant)"},
	    {&token, "\"uid\":1000", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char text[1024];
		const char *why = NULL;
		snprintf(text, sizeof(text), "{\"generation\":1,\"mode\":\"enforce\",\"servers\":[{\"name\":\"s\",\"match\":[{\"host\":\"api.example\"}]}],"
		    "\"grants\":[{\"id\":\"g\",\"server\":\"s\",%s}],\"policies\":{}}", row[i].grant);
		struct world *w = load(text);
		const struct world_server *s = world_server(w, VIEW_LIT("api.example"), 443, VIEW_LIT("/mcp"));
		const struct world_grant *g = world_grant(w, row[i].who, s, (struct wall){0}, &why);
		if (!g != (row[i].why != NULL) || (!g && strcmp(why, row[i].why) != 0))
			fail_msg("row %zu (%s): %s", i, row[i].grant, g ? "fits" : why);
		world_unref(&w);
	}
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool yes;
	} row[] = {{"", "", true}, {"*", "", true}, {"a", "", false}, {"", "a", false}, {"*", "abc", true}, {"*", "a/c", false}, {"**", "a/c", true},
	    {"a*c", "abc", true}, {"a*c", "a/c", false}, {"a**c", "a/b/c", true}, {"*.service", "x.service", true}, {"*.service", "x.scope", false},
	    {"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}, {"/u/**/x", "/u/a/b/x", true}, {"/u/*/x", "/u/a/b/x", false}, {"a*b*", "ab", true},
	    {"/u/**/app*", "/u/app/b/app1", true}, {"/u/**/app*", "/u/app/b/ap", false}, {"**a*b", "a/axb", true}, {"x*/y", "xz/y", true}};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (subject_glob(row[i].pattern, row[i].text) != row[i].yes)
			fail_msg("%s on %s", row[i].pattern, row[i].text);
}

/* ---- grants as a table ---- */

struct made {
	struct buf row, pool;
	uint32_t rows;
};

static uint32_t pool(struct made *m, const char *text)
{
	uint32_t at = (uint32_t)m->pool.len;

	assert_int_equal(buf_put(&m->pool, view_of(text, strlen(text) + 1)), 0);
	return at;
}

static void row(struct made *m, struct grant_row r, const char *const text[GT_TEXTS])
{
	for (size_t i = 0; i < GT_TEXTS; i++)
		r.text[i] = text[i] ? pool(m, text[i]) : 0;
	assert_int_equal(buf_put(&m->row, view_of(&r, sizeof(r))), 0);
	m->rows++;
}

static void table_into(struct made *m, struct buf *out)
{
	struct grant_table_head h = {.magic = GRANT_TABLE_MAGIC, .rows = m->rows, .row_size = sizeof(struct grant_row), .pool = m->pool.len};

	assert_int_equal(buf_put(out, view_of(&h, sizeof(h))) || buf_put(out, buf_view(&m->row)) || buf_put(out, buf_view(&m->pool)), 0);
	buf_free(&m->row);
	buf_free(&m->pool);
}

static const char document[] = "{\"version\":\"1\",\"default\":\"deny\"}";

/* Three grants of server s, one of a server that is not there. */
static void a_file(struct buf *out)
{
	struct made m = {0};
	struct pol *p;

	assert_int_equal(pol_load(view_str(document), NULL, NULL, &p), 0);
	assert_int_equal(buf_printf(out, "{\"generation\":7,\"mode\":\"enforce\",\"servers\":[{\"name\":\"z\",\"match\":[{\"host\":\"z.example\"}]}," SERVER "],\"policies\":{\"%s\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"deny\\\"}\"},"
	    "\"policy_names\":{\"p\":\"%s\",\"gone\":\"00\"}}", pol_hash(p), pol_hash(p)), 0);
	pol_free(&p);
	assert_int_equal(buf_put(out, VIEW_LIT("\0")), 0);
	pool(&m, "");
	row(&m, (struct grant_row){.flags = GRANT_ANY_UID, .uid = 7, .expires_ns = 5}, (const char *[GT_TEXTS]){[GT_ID] = "a", [GT_SERVER] = "s", [GT_POLICY] = "gone"});
	row(&m, (struct grant_row){.flags = GRANT_UID | GRANT_GID | GRANT_LOGIN_UID | GRANT_SU, .uid = 7, .gid = 8, .login_uid = 9}, (const char *[GT_TEXTS]){[GT_ID] = "b", [GT_SERVER] = "s", [GT_POLICY] = "p",
	    [GT_CREDENTIAL] = "c", [GT_AGENT] = "d", [GT_EXE_SHA256] = "e", [GT_UNIT] = "f", [GT_CGROUP] = "g", [GT_TOKEN_SHA256] = "h"});
	row(&m, (struct grant_row){.flags = GRANT_UID, .uid = 7}, (const char *[GT_TEXTS]){[GT_ID] = "c", [GT_SERVER] = "nowhere", [GT_POLICY] = "p"});
	row(&m, (struct grant_row){.flags = GRANT_UID | GRANT_SU, .uid = 7}, (const char *[GT_TEXTS]){[GT_ID] = "d", [GT_SERVER] = "s", [GT_POLICY] = "unknown"});
	table_into(&m, out);
}

static void a_table_says_the_same(void **state)
{
	struct buf file = {0};
	char why[256];
	struct world *w;
	uint32_t group = 8;

	(void)state;
	a_file(&file);
	if (world_load(buf_view(&file), why, sizeof(why), &w))
		fail_msg("%s", why);
	buf_free(&file); /* nothing is borrowed */
	const struct world_server *s = world_server_named(w, VIEW_LIT("s")), *z = world_server_named(w, VIEW_LIT("z"));
	struct subject who = {.uid = 7, .login_uid = 9, .agent = "d", .exe_sha256 = "e", .unit = "f", .cgroup = "g", .token_sha256 = "h", .group = &group, .groups = 1};
	const struct world_grant *g = world_grant(w, &who, s, (struct wall){1}, &(const char *){NULL});
	assert_non_null(g);
	assert_string_equal(g->id, "b");
	assert_string_equal(g->server, "s");
	assert_string_equal(g->policy_name, "p");
	assert_string_equal(g->policy_hash, pol_hash(g->policy));
	assert_string_equal(g->credential, "c");
	assert_string_equal(g->agent, "d");
	assert_string_equal(g->exe_sha256, "e");
	assert_string_equal(g->unit, "f");
	assert_string_equal(g->cgroup, "g");
	assert_string_equal(g->token_sha256, "h");
	assert_true(g->su && g->has_gid && g->gid == 8 && g->has_login_uid && g->login_uid == 9 && !g->any_uid && g->uid == 7 && !g->expires.ns);
	assert_true(world_brokered(w, VIEW_LIT("api.example"), 443));
	/* Each member narrows. */
	for (size_t i = 0; i < 6; i++) {
		struct subject other = who;
		*(const char **[]){&other.agent, &other.exe_sha256, &other.unit, &other.cgroup, &other.token_sha256, &(const char *){NULL}}[i] = "x";
		if (i == 5)
			other.groups = 0;
		g = world_grant(w, &other, s, (struct wall){1}, &(const char *){NULL});
		assert_string_equal(g->id, "d");
		assert_true(!g->policy && !g->policy_name && !g->policy_hash);
	}
	const char *rule;
	who = (struct subject){.uid = 1, .login_uid = UINT32_MAX, .agent = ""};
	g = world_grant(w, &who, s, (struct wall){4}, &rule);
	assert_non_null(g);
	assert_string_equal(g->id, "a");
	assert_true(g->any_uid && !g->policy && !g->policy_name);
	assert_null(world_grant(w, &who, s, (struct wall){5}, &rule));
	assert_string_equal(rule, "(expired)");
	who.uid = 7;
	assert_null(world_grant(w, &who, z, (struct wall){1}, &rule));
	world_unref(&w);
}

/* Cut anywhere it is none; with any byte changed it is none, or one that can be asked. */
static void no_part_of_a_table_is_one(void **state)
{
	struct buf file = {0}, copy = {0};
	char why[256];
	struct world *w;

	(void)state;
	a_file(&file);
	struct view v = buf_view(&file);
	for (size_t n = 0; n < v.n; n++)
		if (world_load(view_head(v, n), why, sizeof(why), &w) == 0 || w || !why[0])
			fail_msg("loaded with %zu of %zu bytes", n, v.n);
	assert_int_equal(buf_put(&copy, v) || buf_puts(&copy, "x"), 0);
	assert_true(world_load(buf_view(&copy), why, sizeof(why), &w) < 0);
	assert_int_equal(world_load(view_head(buf_view(&copy), v.n), why, sizeof(why), &w), 0);
	world_unref(&w);
	for (size_t i = 0; i < 8 * v.n; i++) {
		copy.mem[copy.off + i / 8] ^= (uint8_t)(1u << i % 8);
		if (world_load(view_head(buf_view(&copy), v.n), why, sizeof(why), &w) == 0) {
			const struct world_server *s = world_server_named(w, VIEW_LIT("s"));
			struct subject who = {.uid = 7, .login_uid = 9, .agent = "d"};
			const char *rule;
			if (s)
				world_grant(w, &who, s, (struct wall){1}, &rule);
			world_unref(&w);
		}
		copy.mem[copy.off + i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_free(&file);
	buf_free(&copy);
}

static void bad_tables(void **state)
{
	static const struct {
		struct grant_row r;
		const char *id, *server, *says;
	} row_[] = {
	    {{.flags = 0}, "b", "s", "whose"}, {{.flags = GRANT_UID | GRANT_ANY_UID}, "b", "s", "whose"}, {{.flags = GRANT_UID | 32}, "b", "s", "whose"}, {{.flags = GRANT_UID, .uid = UINT32_MAX}, "b", "s", "number"},
	    {{.flags = GRANT_ANY_UID | GRANT_GID, .gid = UINT32_MAX}, "b", "s", "number"}, {{.flags = GRANT_ANY_UID | GRANT_LOGIN_UID, .login_uid = UINT32_MAX}, "b", "s", "number"}, {{.flags = GRANT_UID}, NULL, "s", "id"},
	    {{.flags = GRANT_UID}, "b", NULL, "server"}, {{.flags = GRANT_UID}, "", "s", "id"}, {{.flags = GRANT_UID}, "a", "s", "order"}, {{.flags = GRANT_UID}, "A", "s", "order"}};
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row_) / sizeof(*row_); i++) {
		struct made m = {0};
		struct buf out = {0};
		struct grant_table t;

		pool(&m, "");
		row(&m, (struct grant_row){.flags = GRANT_UID}, (const char *[GT_TEXTS]){[GT_ID] = "a", [GT_SERVER] = "s"});
		row(&m, row_[i].r, (const char *[GT_TEXTS]){[GT_ID] = row_[i].id, [GT_SERVER] = row_[i].server});
		table_into(&m, &out);
		if (grant_table_open(buf_view(&out), &t, why, sizeof(why)) == 0 || t.rows || !strstr(why, row_[i].says))
			fail_msg("row %zu: %s", i, why);
		buf_free(&out);
	}
}

/* ---- many grants: the chains say what looking at each of them says ---- */

enum { RANDOM_GRANTS = 300 };

static uint32_t dice(uint64_t *seed, uint32_t sides)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % sides;
}

static const char *const names[] = {"s", "t", "u"}, *const labels[] = {NULL, "x", "y"};

static struct grant_row random_row(uint64_t *seed)
{
	struct grant_row r = {.flags = dice(seed, 4) ? GRANT_UID : GRANT_ANY_UID, .uid = dice(seed, 20), .expires_ns = dice(seed, 3) ? 0 : 1 + dice(seed, 3)};

	if (!dice(seed, 4))
		r.flags |= GRANT_GID, r.gid = dice(seed, 3);
	if (!dice(seed, 6))
		r.flags |= GRANT_LOGIN_UID, r.login_uid = dice(seed, 20);
	return r;
}

/* The first of the heaviest in the order of ids, or the last reason why not. */
static const char *each_looked_at(const struct world_grant *g, const char *server, const struct subject *who, int64_t now)
{
	const char *says = "(no grant)";
	int most = -1;

	for (size_t i = 0; i < RANDOM_GRANTS; i++, g++) {
		if (strcmp(g->server, server) != 0 || !subject_addressed(g, who))
			continue;
		const char *no = !subject_fits(g, who) ? "(identity mismatch)" : g->expires.ns && g->expires.ns <= now ? "(expired)" : NULL;
		if (no ? most < 0 : subject_weight(g) > most) {
			says = no ? no : g->id;
			most = no ? most : subject_weight(g);
		}
	}
	return says;
}

static void many_grants(void **state)
{
	static char id[RANDOM_GRANTS][8];
	static struct world_grant list[RANDOM_GRANTS];
	uint64_t seed = 1;
	unsigned kinds[2] = {0};

	(void)state;
	for (unsigned round = 0; round < 30; round++) {
		struct made m = {0};
		struct buf out = {0};
		struct world *w;
		char why[256];
		assert_int_equal(buf_puts(&out, "{\"generation\":7,\"mode\":\"enforce\",\"servers\":[{\"name\":\"t\",\"match\":[{\"host\":\"t\"}]},{\"name\":\"s\",\"match\":[{\"host\":\"s\"}]},"
		    "{\"name\":\"u\",\"match\":[{\"host\":\"u\"}]}],\"policies\":{}}"), 0);
		assert_int_equal(buf_put(&out, VIEW_LIT("\0")), 0);
		pool(&m, "");
		for (size_t i = 0; i < RANDOM_GRANTS; i++) {
			struct grant_row r = random_row(&seed);
			const char *server = names[dice(&seed, 3)], *agent = labels[dice(&seed, 3)];
			snprintf(id[i], sizeof(id[i]), "g%05zu", i);
			row(&m, r, (const char *[GT_TEXTS]){[GT_ID] = id[i], [GT_SERVER] = server, [GT_AGENT] = agent});
			list[i] = (struct world_grant){.id = id[i], .server = server, .agent = agent, .any_uid = r.flags & GRANT_ANY_UID, .uid = r.uid, .has_gid = r.flags & GRANT_GID,
			    .gid = r.gid, .has_login_uid = r.flags & GRANT_LOGIN_UID, .login_uid = r.login_uid, .expires = {r.expires_ns}};
		}
		table_into(&m, &out);
		if (world_load(buf_view(&out), why, sizeof(why), &w))
			fail_msg("%s", why);
		for (unsigned i = 0; i < 400; i++) {
			struct subject who = {.uid = dice(&seed, 22), .login_uid = dice(&seed, 2) ? UINT32_MAX : dice(&seed, 22), .agent = labels[dice(&seed, 3)], .gid = dice(&seed, 4)};
			const char *server = names[dice(&seed, 3)], *rule;
			int64_t now = dice(&seed, 4);
			const struct world_grant *g = world_grant(w, &who, world_server_named(w, view_str(server)), (struct wall){now}, &rule);
			const char *want = each_looked_at(list, server, &who, now), *have = g ? g->id : rule;
			kinds[g != NULL]++;
			if (strcmp(want, have) != 0)
				fail_msg("round %u, %u: %s, not %s", round, i, have, want);
		}
		world_unref(&w);
		buf_free(&out);
	}
	assert_true(kinds[0] > 100 && kinds[1] > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_files_do_not_load),
	    cmocka_unit_test(every_prefix_fails),
	    cmocka_unit_test(paths_end_at_boundaries),
	    cmocka_unit_test(the_most_specific_live_grant_counts),
	    cmocka_unit_test(refusals_say_why), cmocka_unit_test(subjects), cmocka_unit_test(patterns),
	    cmocka_unit_test(a_table_says_the_same), cmocka_unit_test(no_part_of_a_table_is_one), cmocka_unit_test(bad_tables), cmocka_unit_test(many_grants),
	};
	return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
