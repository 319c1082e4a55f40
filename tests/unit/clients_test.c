/* clients_test.c - configurations of MCP clients and environment files: what is found in them, and what is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "clients/clients.h"
#include "clients/dotenv.h"
#include "clients/jsonc.h"
#include "clients/toml.h"

static char out[1 << 16];

static void say(void *arg, const struct clients_row *row)
{
	static const char *const state[] = {"none", "live", "ref", "url", "bad", "var", "note"};
	size_t n = strlen(out);

	(void)arg;
	assert_true(clients_row_ok(row));
	assert_int_equal(strlen(row->value), row->value_len);
	snprintf(out + n, sizeof(out) - n, "%s %s %s%s:%u%s [%s] [%s|%s] %s%s\n", state[row->state], row->name, row->url.tls ? "" : "clear:", row->url.host, row->url.port, row->url.path, row->at,
	    row->header, row->format, row->ref, row->value);
}

static const struct clients_file *file_of(const char *path, bool project)
{
	const struct clients_file *f;

	for (size_t i = 0; (f = clients_file(i)); i++)
		if (strcmp(f->path, path) == 0 && f->project == project)
			return f;
	fail_msg("%s", path);
	return NULL;
}

static const char *read_as(const char *path, struct view text)
{
	struct buf b = {0};

	out[0] = '\0';
	assert_int_equal(buf_put(&b, text), 0);
	clients_read(file_of(path, false), "F", &b, say, NULL);
	return out;
}

/* As each client writes it. */
static void each_client(void **state)
{
	static const struct {
		const char *path, *text, *rows;
	} row[] = {
	    {".claude.json", "{\"numStartups\":3,\"mcpServers\":{\"github\":{\"type\":\"http\",\"url\":\"https://api.githubcopilot.com/mcp/\",\"headers\":{\"Authorization\":\"Bearer ghp_abc\",\"X-Trace\":\"on\"}},"
	     "\"local\":{\"command\":\"npx\",\"args\":[\"x\"],\"env\":{\"API_KEY\":\"zzz\"}}},\"projects\":{\"/home/a/p\":{\"history\":[1,{}],\"mcpServers\":{\"x\":{\"type\":\"sse\",\"url\":\"http://Ten.Example.:8080/sse?a=1\",\"headers\":{\"X-API-Key\":\"${KEY}\"}}}},\"/b\":{}}}",
	     "live github api.githubcopilot.com:443/mcp/ [mcpServers.github.headers.Authorization] [Authorization|Bearer {secret}] ghp_abc\n"
	     "url x clear:ten.example:8080/sse [] [|] \n"
	     "ref x clear:ten.example:8080/sse [projects./home/a/p.mcpServers.x.headers.X-API-Key] [X-API-Key|{secret}] KEY\n"},
	    {".codex/config.toml", "model = \"o3\"\n[mcp_servers.docs]\nurl = \"https://docs.example/mcp\"\nbearer_token_env_var = \"DOCS\"\nhttp_headers = { \"X-Api-Key\" = 'k1', plain = \"no\" }\n"
	     "[mcp_servers.\"two.parts\".env_http_headers]\nX-Token = \"TOK\"\n[mcp_servers.\"two.parts\"]\nurl = 'https://[2001:db8::1]:8443'\nstartup_timeout_sec = 2.5\n[mcp_servers.local]\ncommand = \"npx\"\nargs = [\"-y\", 'x', # and\n]\n",
	     "ref docs docs.example:443/mcp [mcp_servers.docs.bearer_token_env_var] [Authorization|Bearer {secret}] DOCS\n"
	     "live docs docs.example:443/mcp [mcp_servers.docs.http_headers.X-Api-Key] [X-Api-Key|{secret}] k1\n"
	     "ref two.parts 2001:db8::1:8443/ [mcp_servers.two.parts.env_http_headers.X-Token] [X-Token|{secret}] TOK\n"},
	    {".cursor/mcp.json", "// mine\n{\"mcpServers\":{\"a\":{\"url\":\"https://a.example/mcp\",\"headers\":{\"Authorization\":\"Bearer ${env:A_TOKEN}\",},},\"b\":{\"url\":\"https://b.example\"}}}",
	     "ref a a.example:443/mcp [mcpServers.a.headers.Authorization] [Authorization|Bearer {secret}] env:A_TOKEN\n"
	     "none b b.example:443/ [] [|] \n"},
	    {".gemini/settings.json", "{\"theme\":\"x\",\"mcpServers\":{\"g\":{\"httpUrl\":\"https://g.example/mcp\",\"headers\":{\"Authorization\":\"$G_TOKEN\",\"x-goog-api-key\":\"${K:-AIza1}\"}}}}",
	     "ref g g.example:443/mcp [mcpServers.g.headers.Authorization] [Authorization|{secret}] G_TOKEN\n"
	     "live g g.example:443/mcp [mcpServers.g.headers.x-goog-api-key] [x-goog-api-key|{secret}] AIza1\n"},
	    {".config/Code/User/mcp.json", "{\"inputs\":[{\"id\":\"pat\"}],\"servers\":{\"v\":{\"type\":\"http\",\"url\":\"https://user:pw@v.example/mcp\",\"headers\":{\"Authorization\":\"Bearer ${input:pat}\"}}}}",
	     "url v v.example:443/mcp [] [|] \n"
	     "ref v v.example:443/mcp [servers.v.headers.Authorization] [Authorization|Bearer {secret}] input:pat\n"},
	    {".config/opencode/opencode.json", "{\"mcp\":{\"o\":{\"type\":\"remote\",\"url\":\"https://o.example/mcp\",\"headers\":{\"Authorization\":\"Basic dTpw\",\"Cookie\":\"{file:~/.c}\",\"X-Auth\":\"\",\"x-secret\":\"a\\u0001\",\"x-key-id\":\"id-{env:X}\"}}}}",
	     "live o o.example:443/mcp [mcp.o.headers.Authorization] [Authorization|Basic {secret}] dTpw\n"
	     "ref o o.example:443/mcp [mcp.o.headers.Cookie] [Cookie|{secret}] file:~/.c\n"
	     "none o o.example:443/mcp [mcp.o.headers.X-Auth] [X-Auth|{secret}] \n"
	     "bad o o.example:443/mcp [mcp.o.headers.x-secret] [x-secret|{secret}] \n"
	     "ref o o.example:443/mcp [mcp.o.headers.x-key-id] [x-key-id|{secret}] env:X\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(read_as(row[i].path, view_str(row[i].text)), row[i].rows);
}

/* The key itself where a template has the name of a variable, before or behind one, or one that begins as if it were one: a row is shown, and it is not in it. */
static void key_for_a_name(void **state)
{
	static const char *const value[] = {"Bearer ghp_k3y${X}", "Bearer ${X}ghp_k3y", "${ghp_k3y}", "Bearer ${env:ghp_k3y}", "{env:ghp_k3y}", "$ghp_k3y", "$2b$10$ghp_k3y", "${", "${ghp_k3y", "${A:-ghp_k3y}!", "ghp_k3y{env:}"};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		snprintf(text, sizeof(text), "{\"mcpServers\":{\"g\":{\"url\":\"https://g.example/mcp\",\"headers\":{\"Authorization\":\"%s\"}}}}", value[i]);
		assert_memory_equal(read_as(".gemini/settings.json", view_str(text)), "ref g ", 6);
		assert_null(strstr(out, "k3y"));
	}
	assert_memory_equal(read_as(".codex/config.toml", VIEW_LIT("[mcp_servers.d]\nurl='https://d.example/'\nbearer_token_env_var='ghp_k3y'\nenv_http_headers={X-Token='k3y'}\n")), "ref d ", 6);
	assert_null(strstr(out, "k3y"));
	assert_int_equal(strcspn(strchr(out, '\n') + 1, " "), 3);
}

/* Whoever wrote it: a remark, or nothing, and no terminal is spoken to. */
static void hostile(void **state)
{
	static const struct {
		const char *path, *text, *rows;
	} row[] = {
	    {".claude.json", "", "note  clear::0 [] [|] cannot be read: the input breaks its format, line 1\n"},
	    {".claude.json", "\n[", "note  clear::0 [] [|] cannot be read: the input breaks its format, line 2\n"}, {".claude.json", "[]", ""}, {".claude.json", "{\"mcpServers\":[]}", ""}, {".claude.json", "{\"mcpServers\":{\"a\":1,\"b\":{\"url\":1}}}", ""},
	    {".claude.json", "{\"mcpServers\":{\"a\":{\"url\":\"ftp://x/\"},\"b\":{\"url\":\"https://\"},\"c\":{\"url\":\"https://h:0/\"},\"d\":{\"url\":\"https://h\\n/\"}},\"projects\":[]}", ""},
	    {".claude.json", "{\"mcpServers\":{\"a\":{\"url\":\"https://evil.example\\\\@h/\"},\"b\":{\"url\":\"https://%68/\"},\"c\":{\"url\":\"https://[g]/\"},\"d\":{\"url\":\"https://u:p@w@h/\"}}}", "url d h:443/ [] [|] \n"},
	    {".claude.json", "{\"a\":1,\"a\":2}", "note  clear::0 [] [|] cannot be read: a key is given twice in one object, line 1\n"},
	    {".claude.json", "{\"mcpServers\":{\"\\u001b[2J\\u202e\":{\"url\":\"https://h/\"}}}", "none ?[2J??? h:443/ [] [|] \n"},
	    {".codex/config.toml", "[mcp_servers.a\nurl='x'", "note  clear::0 [] [|] cannot be read: the input breaks its format, line 1\n"},
	    {".codex/config.toml", "mcp_servers.a.url = 'https://h/'\nmcp_servers = {a={url=\"https://i/\"}}", "none a i:443/ [] [|] \n"},
	};
	static char deep[4096], wide[1 << 20];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(read_as(row[i].path, view_str(row[i].text)), row[i].rows);
	memset(deep, '[', sizeof(deep));
	assert_non_null(strstr(read_as(".claude.json", view_of(deep, sizeof(deep))), "nested too deeply"));
	memcpy(deep, "a=", 2);
	assert_non_null(strstr(read_as(".codex/config.toml", view_of(deep, sizeof(deep))), "nested too deeply"));
	memset(deep, 'a', sizeof(deep));
	assert_non_null(strstr(read_as(".codex/config.toml", view_of(deep, sizeof(deep))), "larger than the limit"));
	/* a bomb of many values, and many servers */
	memset(wide, ',', sizeof(wide));
	for (size_t i = 1; i + 1 < sizeof(wide); i += 2)
		wide[i] = '0';
	wide[0] = '[';
	wide[sizeof(wide) - 1] = ']';
	read_as(".claude.json", view_of(wide, sizeof(wide)));
	size_t n = (size_t)snprintf(wide, sizeof(wide), "{\"mcpServers\":{");
	for (int i = 0; i < 70; i++)
		n += (size_t)snprintf(wide + n, sizeof(wide) - n, "%s\"s%d\":{\"url\":\"https://h%d/\"}", i ? "," : "", i, i);
	snprintf(wide + n, sizeof(wide) - n, "}}");
	assert_non_null(strstr(read_as(".claude.json", view_str(wide)), "has more servers"));
	assert_non_null(strstr(out, "none s63 "));
	assert_null(strstr(out, "none s64 "));
}

static void told(void *arg, const struct view *path, size_t n, struct view value)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s" VIEW_FMT, i ? "." : "", VIEW_ARG(path[i]));
	snprintf(out + strlen(out), sizeof(out) - strlen(out), "=" VIEW_FMT ";", VIEW_ARG(value));
}

static void toml(void **state)
{
	static const struct {
		const char *text, *told; /* NULL: malformed */
		size_t line;
	} row[] = {
	    {"", "", 1}, {"\xef\xbb\xbf# c\r\na = 'b' # d\r\n", "a=b;", 3}, {"a.b . \"c d\".'e'=\"f\"", "a.b.c d.e=f;", 1}, {"[t]\na='1'\n[t.u]\nb='2'\n[[v]]\nc='3'", "t.a=1;t.u.b=2;v.c=3;", 6},
	    {"a = \"x\\t\\u00e9\\U0001F600\\\"\\\\\"", "a=x\t\xc3\xa9\xf0\x9f\x98\x80\"\\;", 1}, {"a = 'x\\n'", "a=x\\n;", 1}, {"a = \"\"\"\nx\n y\\\n   z\"\"\"\"\"", "a=x\n yz\"\";", 4}, {"a = '''x'y''z'''", "a=x'y''z;", 1},
	    {"a=1\nb=-1.5e3\nc=1979-05-27 07:32:00.5Z\nd=true\ne=[1,[\"x\"],{f='g'},]\nh='i'", "h=i;", 6}, {"a={b='1',c={d='2'},e.f='3'}", "a.b=1;a.c.d=2;a.e.f=3;", 1}, {"a={}\nb=''", "b=;", 2},
	    {"a", NULL, 1}, {"a=", NULL, 1}, {"a='b", NULL, 1}, {"a='b'c", NULL, 1}, {"=1", NULL, 1}, {"[a", NULL, 1}, {"[a]b=1", NULL, 1}, {"[[a]\n", NULL, 1}, {"a=\"\\q\"", NULL, 1}, {"a=\"\\ud800\"", NULL, 1}, {"a=\"\\U00110000\"", NULL, 1},
	    {"a='x\ny'", NULL, 1}, {"a=[1", NULL, 1}, {"a={b=1", NULL, 1}, {"a=[1 2]\n\nb=[,]", NULL, 3}, {"x='1'\na..b='2'", NULL, 2}, {"a=\"\"\"x", NULL, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t line;
		out[0] = '\0';
		int r = toml_read(view_str(row[i].text), told, NULL, &line);
		if (!r != (row[i].told != NULL) || line != row[i].line || (row[i].told && strcmp(out, row[i].told) != 0))
			fail_msg("row %zu: %d, line %zu, %s", i, r, line, out);
	}
}

static void jsonc(void **state)
{
	static const char *const row[][2] = {{"", ""}, {"/", "/"}, {"//x", "   "}, {"/*x", "   "}, {"/*/", "   "}, {"{\"a//b\":1,}//c\n", "{\"a//b\":1 }   \n"}, {"[1,/*x\n*/]", "[1    \n  ]"}, {"[\"\\\",]\",]", "[\"\\\",]\" ]"},
	    {"[,]", "[ ]"}, {"\"x", "\"x"}, {"\"\\", "\"\\"}, {"\xef\xbb\xbf{}", "   {}"}, {"[1 , // x\n ]", "[1       \n ]"}, {"[1,2]", "[1,2]"}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "%s", row[i][0]);
		jsonc_plain((uint8_t *)text, strlen(text));
		assert_string_equal(text, row[i][1]);
	}
}

static void variable(void *arg, struct view name, struct view value, const char *bad)
{
	(void)arg;
	snprintf(out + strlen(out), sizeof(out) - strlen(out), VIEW_FMT "%s" VIEW_FMT "|", VIEW_ARG(name), bad ? "!" : "=", VIEW_ARG(value));
}

static void env(void **state)
{
	static const struct {
		const char *text, *rows;
	} row[] = {
	    {"", ""}, {"# c\n\nA=b\r\nexport  B='c d' # e\n\tC=\"x\\n\\\"\\$y\"", "A=b|B=c d|C=x\n\"$y|"}, {"K='-----BEGIN\nx\n-----END'\nL=", "K=-----BEGIN\nx\n-----END|L=|"}, {"A=b c \nB=c#d\n", "A=b c|B=c#d|"},
	    {"A=$B\nB=a #c\nC=\"$D\"\nD=\"a\\qb\"\nE= x\nF='a'b\nG=a\\b\nH=`x`\nI='$ok'\nJ=\"a'b\"\n", "A!|B!|C!|D!|E!|F!|G!|H!|I=$ok|J=a'b|"}, {"\xef\xbb\xbf" "A=1", "A=1|"},
	    {"A=1\nB\nC=2\n", "A=1|@2"}, {"A=1\n\n1B=2", "A=1|@3"}, {"A = 1", "@1"}, {"X=1\nA=\"b\nc", "X=1|@2"}, {"export A", "@1"}, {"exportA=1", "exportA=1|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t line;
		out[0] = '\0';
		if (dotenv_read(view_str(row[i].text), variable, NULL, &line))
			snprintf(out + strlen(out), sizeof(out) - strlen(out), "@%zu", line);
		if (strcmp(out, row[i].rows) != 0)
			fail_msg("row %zu: %s", i, out);
	}
}

static void env_rows(void **state)
{
	(void)state;
	out[0] = '\0';
	clients_env("F", VIEW_LIT("A=b\nB=$c\nA23456789012345678901234567890123456789012345678901234567890123=x\nA234567890123456789012345678901234567890123456789012345678901234=x\n-"), say, NULL);
	assert_string_equal(out, "var A clear::0 [] [|] b\n"
	    "bad B clear::0 [] [|] holds $ ` \\ or a quote, or a # behind a blank; write it in single quotes\n"
	    "var A23456789012345678901234567890123456789012345678901234567890123 clear::0 [] [|] x\n"
	    "bad A23456789012345678901234567890123456789012345678901234567890... clear::0 [] [|] has a name of more than 63 letters\n"
	    "note  clear::0 [] [|] line 5 is no NAME=VALUE; what stands behind it was not read\n");
}

static void urls(void **state)
{
	static const struct {
		const char *text, *host, *path; /* host NULL: none */
		unsigned port;
		bool tls, more;
	} row[] = {
	    {"https://h", "h", "/", 443, true, false}, {"HTTP://H.:81/a/b", "h", "/a/b", 81, false, false}, {"https://u@h/?q", "h", "/", 443, true, true}, {"https://h#x", "h", "/", 443, true, true}, {"https://u:p@[::1]:9/x", "::1", "/x", 9, true, true},
	    {"https://h@evil/", "evil", "/", 443, true, true}, {"https:/h", NULL, NULL, 0, false, false}, {"https://", NULL, NULL, 0, false, false}, {"https://:1/", NULL, NULL, 0, false, false}, {"https://h:/", NULL, NULL, 0, false, false},
	    {"https://h:65536/", NULL, NULL, 0, false, false}, {"https://h:1x/", NULL, NULL, 0, false, false}, {"https://[::1/", NULL, NULL, 0, false, false}, {"https://[::1]x/", NULL, NULL, 0, false, false}, {"https://a b/", NULL, NULL, 0, false, false}, {"", NULL, NULL, 0, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct url u;
		int r = url_read(view_str(row[i].text), &u);
		if (!r != (row[i].host != NULL))
			fail_msg("row %zu: %d", i, r);
		if (r)
			continue;
		assert_string_equal(u.host, row[i].host);
		assert_string_equal(u.path, row[i].path);
		assert_int_equal(u.port, row[i].port);
		assert_true(u.tls == row[i].tls && u.more == row[i].more);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_client), cmocka_unit_test(key_for_a_name),
	    cmocka_unit_test(hostile), cmocka_unit_test(toml), cmocka_unit_test(jsonc), cmocka_unit_test(env), cmocka_unit_test(env_rows), cmocka_unit_test(urls),
	};
	return cmocka_run_group_tests_name("clients", tests, NULL, NULL);
}
