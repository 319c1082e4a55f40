/* ident_agents_test.c - who is an agent: the patterns that are shipped, command lines of real installs, patterns that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "ident_aid.h"

static void test_script(void **state)
{
	static const struct {
		const char *args; /* '|' stands for NUL */
		const char *script, *module;
	} rows[] = {
	    {"node|/a/cli.js|x|", "/a/cli.js", NULL},
	    {"node|--no-warnings|--enable-source-maps|cli.js|", "cli.js", NULL},
	    {"node|-r|/evil/claude.js|/a/cli.js|", "/a/cli.js", NULL},
	    {"node|--import|x|/a/cli.js|", "/a/cli.js", NULL},
	    {"node|-e|1|/a/cli.js|", NULL, NULL},
	    {"bun|run|/a/cli.ts|", "/a/cli.ts", NULL},
	    {"python3|-m|aider|--yes|", NULL, "aider"},
	    {"python3|-c|x|", NULL, NULL},
	    {"python3|-u|/usr/bin/aider|", "/usr/bin/aider", NULL},
	    {"node|", NULL, NULL},
	    {"node", NULL, NULL},
	    {"", NULL, NULL},
	    {"||||", NULL, NULL},
	    {"python3|-m", NULL, NULL},
	    {"node|cli.js", "cli.js", NULL}, /* cut before its end */
	    {"node|-|x|", "-", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char args[64];
		const char *script, *module;
		size_t n = strlen(rows[i].args);
		snprintf(args, sizeof(args), "%s", rows[i].args);
		for (size_t k = 0; k < n; k++)
			if (args[k] == '|')
				args[k] = 0;
		agents_script(args, n, &script, &module);
		assert_int_equal(script != NULL, rows[i].script != NULL);
		assert_int_equal(module != NULL, rows[i].module != NULL);
		if (script)
			assert_string_equal(script, rows[i].script);
		if (module)
			assert_string_equal(module, rows[i].module);
	}
}

static void test_shipped(void **state)
{
	struct agents *a = shipped();
	static const struct {
		const char *path, *name;
		enum agents_how how;
	} exes[] = {
	    {"/home/u/.local/share/claude/versions/2.1.330", "claude-code", AGENTS_BY_PATH},
	    {"/x/node_modules/@anthropic-ai/claude-code-linux-x64/claude", "claude-code", AGENTS_BY_PATH},
	    {"/tmp/claude", "claude-code", AGENTS_BY_NAME},
	    {"/x/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex", "codex", AGENTS_BY_PATH},
	    {"/x/node_modules/opencode-linux-x64/bin/opencode", "opencode", AGENTS_BY_PATH},
	    {"/usr/share/code/code", "vscode", AGENTS_BY_PATH},
	    {"/usr/share/cursor/cursor", "cursor", AGENTS_BY_PATH},
	    {"/home/u/.local/zed.app/libexec/zed-editor", "zed", AGENTS_BY_PATH},
	    {"/usr/share/windsurf/windsurf", "windsurf", AGENTS_BY_PATH},
	    {"/home/u/.local/bin/goose", "goose", AGENTS_BY_PATH},
	    {"/usr/bin/claudette", "", AGENTS_NO},
	    {"/usr/bin/bash", "", AGENTS_NO},
	    {"", "", AGENTS_NO},
	};
	static const struct {
		const char *path, *name;
	} scripts[] = {
	    {"/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js", "claude-code"},
	    {"/usr/lib/node_modules/@openai/codex/bin/codex.js", "codex"},
	    {"/x/@google/gemini-cli/bundle/gemini.js", "gemini-cli"},
	    {"/x/@qwen-code/qwen-code/cli.js", "qwen-code"},
	    {"/x/@github/copilot/index.js", "copilot-cli"},
	    {"/x/@continuedev/cli/dist/cn.js", "continue"},
	    {"/home/u/.local/bin/aider", "aider"},
	    {"/home/u/server.js", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(exes) / sizeof(exes[0]); i++) {
		enum agents_how how;
		uint32_t label = agents_by_exe(a, exes[i].path, &how);
		assert_string_equal(agents_name(a, label), exes[i].name);
		assert_int_equal(how, exes[i].how);
	}
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		assert_string_equal(agents_name(a, agents_by_script(a, scripts[i].path)), scripts[i].name);
	assert_string_equal(agents_name(a, agents_by_module(a, "aider")), "aider");
	assert_true(agents_interpreter("/usr/bin/node") && agents_interpreter("/usr/bin/python3.11"));
	assert_false(agents_interpreter("/usr/bin/nodejsx") || agents_interpreter("/usr/bin/bash") || agents_interpreter(""));
	agents_free(&a);
}

/* Whole command lines as they are found on real machines, and what each must be. */
static void test_layouts(void **state)
{
	struct agents *a = shipped();
	static const struct {
		const char *exe, *args; /* '|' for NUL */
		const char *name;
		enum cg_class cls;
	} rows[] = {
	    /* VS Code: its window, its terminals' host, its extension host; on a desktop, as a snap, as a remote server */
	    {"/usr/share/code/code", "/usr/share/code/code", "vscode", CG_CLASS_EDITOR},
	    {"/usr/share/code/code", "/usr/share/code/code --type=zygote --no-sandbox", "vscode", CG_CLASS_EDITOR},
	    {"/usr/share/code/code", "/usr/share/code/code|--type=utility|--utility-sub-type=network.mojom.NetworkService|--lang=en-US", "vscode", CG_CLASS_EDITOR},
	    {"/usr/share/code/code", "/usr/share/code/code|--type=utility|--utility-sub-type=node.mojom.NodeService|--lang=en-US|--service-sandbox-type=none|--no-sandbox|--enable-crash-reporter=x,no_channel", "vscode", CG_CLASS_EDITOR},
	    {"/usr/share/code/code", "/usr/share/code/code|--type=utility|--utility-sub-type=node.mojom.NodeService|--lang=en-US|--service-sandbox-type=none|--no-sandbox|--dns-result-order=ipv4first|--inspect-port=0|--enable-crash-reporter=x", "vscode", CG_CLASS_AGENT},
	    {"/snap/code/170/usr/share/code/code", "/snap/code/170/usr/share/code/code|--type=utility|--inspect-port=0", "vscode", CG_CLASS_AGENT},
	    {"/home/u/.vscode-server/cli/servers/Stable-0f0d87fa9e96c856c5212fc86db137ac0d783365/server/node", "node|/home/u/.vscode-server/cli/servers/Stable-0f0d/server/out/server-main.js|--port=0", "vscode", CG_CLASS_EDITOR},
	    {"/home/u/.vscode-server/cli/servers/Stable-0f0d87fa9e96c856c5212fc86db137ac0d783365/server/node", "node|/home/u/.vscode-server/cli/servers/Stable-0f0d/server/out/bootstrap-fork|--type=ptyHost|--logsLevel|2", "vscode", CG_CLASS_EDITOR},
	    {"/home/u/.vscode-server/cli/servers/Stable-0f0d87fa9e96c856c5212fc86db137ac0d783365/server/node", "node|--dns-result-order=ipv4first|/home/u/.vscode-server/cli/servers/Stable-0f0d/server/out/bootstrap-fork|--type=extensionHost|--transformURIs", "vscode", CG_CLASS_AGENT},
	    {"/home/u/.vscode-server/bin/863d2581ecda6849923a2118d93a088b0745d9d6/node", "node|/home/u/.vscode-server/bin/863d/out/bootstrap-fork|--type=extensionHost", "vscode", CG_CLASS_AGENT},
	    {"/usr/share/codium/codium", "codium", "vscode", CG_CLASS_EDITOR},
	    /* forks of it */
	    {"/usr/share/cursor/cursor", "cursor|--type=utility|--inspect-port=0", "cursor", CG_CLASS_AGENT},
	    {"/tmp/.mount_CursorXk2a9Q/usr/share/cursor/cursor", "cursor", "cursor", CG_CLASS_EDITOR},
	    {"/home/u/.cursor-server/bin/9f33/node", "node|out/bootstrap-fork|--type=extensionHost", "cursor", CG_CLASS_AGENT},
	    {"/usr/share/windsurf/windsurf", "windsurf", "windsurf", CG_CLASS_EDITOR},
	    {"/usr/share/windsurf/resources/app/extensions/windsurf/bin/language_server_linux_x64", "language_server_linux_x64|--run_child", "windsurf", CG_CLASS_AGENT},
	    {"/home/u/.local/zed.app/libexec/zed-editor", "zed-editor|.", "zed", CG_CLASS_EDITOR},
	    {"/home/u/.zed_server/zed-remote-server-stable-0.190.6", "zed-remote-server|run", "zed", CG_CLASS_EDITOR},
	    /* agents of their own binary */
	    {"/home/u/.local/share/claude/versions/2.1.330", "claude", "claude-code", CG_CLASS_AGENT},
	    {"/home/u/.vscode/extensions/anthropic.claude-code-2.1.330-linux-x64/resources/native-binary/claude", "claude", "claude-code", CG_CLASS_AGENT},
	    {"/home/u/.vscode/extensions/openai.chatgpt-0.5.1-linux-x64/bin/linux-x86_64/codex", "codex|app-server", "codex", CG_CLASS_AGENT},
	    {"/usr/lib/node_modules/@openai/codex/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex", "codex", "codex", CG_CLASS_AGENT},
	    {"/home/u/.opencode/bin/opencode", "opencode", "opencode", CG_CLASS_AGENT},
	    {"/home/linuxbrew/.linuxbrew/Cellar/block-goose-cli/1.9.0/bin/goose", "goose|session", "goose", CG_CLASS_AGENT},
	    {"/usr/lib/Goose/resources/bin/goosed", "goosed|agent", "goose", CG_CLASS_AGENT},
	    {"/home/u/.local/share/cursor-agent/versions/2025.10.02-bd871ac/node", "node|--use-system-ca|/home/u/.local/share/cursor-agent/versions/2025.10.02-bd871ac/index.js", "cursor-agent", CG_CLASS_AGENT},
	    {"/home/u/.local/share/copilot/node_modules/@github/copilot-linux-x64/copilot", "copilot", "copilot-cli", CG_CLASS_AGENT},
	    {"/home/u/.continue/bin/continue-binary", "continue-binary", "continue", CG_CLASS_AGENT},
	    /* agents that an interpreter runs */
	    {"/usr/bin/node", "node|/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js", "claude-code", CG_CLASS_AGENT},
	    {"/usr/bin/node", "node|/home/u/p/node_modules/@anthropic-ai/claude-agent-sdk/cli.js|--output-format|stream-json", "claude-code", CG_CLASS_AGENT},
	    {"/usr/bin/node", "/usr/bin/node|--no-warnings=DEP0040|--max-old-space-size=8192|/usr/lib/node_modules/@google/gemini-cli/dist/index.js", "gemini-cli", CG_CLASS_AGENT},
	    {"/home/u/.nvm/versions/node/v22.23.3/bin/node", "node|/home/u/.nvm/versions/node/v22.23.3/lib/node_modules/@google/gemini-cli/bundle/gemini.js", "gemini-cli", CG_CLASS_AGENT},
	    {"/usr/bin/node", "node|/usr/lib/node_modules/@qwen-code/qwen-code/dist/index.js", "qwen-code", CG_CLASS_AGENT},
	    {"/usr/bin/node", "node|/usr/lib/node_modules/@github/copilot/npm-loader.js", "copilot-cli", CG_CLASS_AGENT},
	    {"/usr/bin/node", "node|/usr/lib/node_modules/@continuedev/cli/dist/cn.js", "continue", CG_CLASS_AGENT},
	    {"/usr/bin/node", "node|/usr/lib/node_modules/opencode-ai/bin/opencode", "opencode", CG_CLASS_AGENT},
	    {"/home/u/.bun/bin/bun", "bun|run|/home/u/.bun/install/global/node_modules/@openai/codex/bin/codex.js", "codex", CG_CLASS_AGENT},
	    {"/home/u/.local/share/uv/tools/aider-chat/bin/python3.12", "/home/u/.local/share/uv/tools/aider-chat/bin/python|/home/u/.local/bin/aider", "aider", CG_CLASS_AGENT},
	    {"/usr/bin/python3.11", "python3|-m|aider|--model|x", "aider", CG_CLASS_AGENT},
	    /* and what is none */
	    {"/usr/bin/node", "node|/home/u/project/server.js|--inspect-port=0", "", CG_CLASS_NONE},
	    {"/usr/bin/node", "node|/usr/lib/node_modules/npm/bin/npm-cli.js|install|@anthropic-ai/claude-code", "", CG_CLASS_NONE},
	    {"/usr/bin/python3.11", "python3|-m|http.server", "", CG_CLASS_NONE},
	    {"/usr/bin/cn", "cn", "", CG_CLASS_NONE},
	    {"/usr/bin/git", "git|clone|https://x/codex", "", CG_CLASS_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char args[AGENTS_ARGS];
		const char *script, *module;
		enum agents_how how;
		size_t n = strlen(rows[i].args);
		snprintf(args, sizeof(args), "%s", rows[i].args);
		for (size_t k = 0; k < n; k++)
			args[k] = args[k] == '|' ? 0 : args[k];
		uint32_t label = agents_by_exe(a, rows[i].exe, &how);
		if (!label && agents_interpreter(rows[i].exe)) {
			agents_script(args, n, &script, &module);
			label = module ? agents_by_module(a, module) : script ? agents_by_script(a, script) : 0;
		}
		if (strcmp(agents_name(a, label), rows[i].name) != 0 || agents_role(a, label, rows[i].exe, args, n) != rows[i].cls)
			fail_msg("%s %s: %s, class %d", rows[i].exe, rows[i].args, agents_name(a, label), agents_role(a, label, rows[i].exe, args, n));
	}
	agents_free(&a);
}

static void test_bad_patterns(void **state)
{
	static const struct {
		const char *conf;
		int ret;
		bool why;
	} rows[] = {
	    {"{\"agents\":[]}", 0, false},
	    {"{\"agents\":[{\"name\":\"a\"},{\"name\":\"A B\"}]}", 0, true},
	    {"{\"agents\":[{\"name\":\"a\",\"class\":\"robot\"}]}", 0, true},
	    {"{\"agents\":[{\"name\":\"a\",\"exe\":\"a\"}]}", 0, true},
	    {"{\"agents\":[{\"name\":\"a\",\"exe\":[\"\"]}]}", 0, true},
	    {"{\"agents\":[{\"name\":\"a\",\"exes\":[\"a\"]}]}", 0, true},
	    {"{\"agents\":[{\"name\":\"a\",\"class\":\"agent\",\"agent_arg\":[\"-x\"]}]}", 0, true},
	    {"{\"agents\":[7]}", 0, true},
	    {"{\"agents\":7}", -ERR_MALFORMED, true},
	    {"{}", -ERR_MALFORMED, true},
	    {"{\"agents\":[", -ERR_MALFORMED, true},
	    {"", -ERR_MALFORMED, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct agents *a;
		char why[200];
		assert_int_equal(agents_load(rows[i].conf, why, sizeof(why), &a), rows[i].ret);
		assert_int_equal(why[0] != 0, rows[i].why);
		assert_int_equal(a != NULL, rows[i].ret == 0);
		agents_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_script),
	    cmocka_unit_test(test_shipped),
	    cmocka_unit_test(test_layouts),
	    cmocka_unit_test(test_bad_patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
