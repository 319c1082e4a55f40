/* ident_test.c - what a process is: hostile names in /proc, agent patterns, real processes, the ring buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/describe.h"
#include "ident/digest.h"
#include "ident/execs.h"
#include "ident/hasher.h"
#include "ident/proc.h"

#define REST " S 77 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 200 18446744073709551615 1\n"

static void test_stat(void **state)
{
	static const struct {
		const char *text;
		int ret;
	} rows[] = {
	    {"5 (bash)" REST, 0},
	    {"5 (a) S 1 (b)" REST, 0}, /* a name that looks like the fields after it */
	    {"5 ()))" REST, 0},
	    {"5 (x\n6 (y)" REST, 0},
	    {"5 ()" REST, 0},
	    {"", -ERR_MALFORMED},
	    {"5 bash S 1", -ERR_MALFORMED},
	    {"5 (bash)", -ERR_MALFORMED},
	    {"5 (bash) S", -ERR_MALFORMED},
	    {"5 (bash) S 99999999999 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 4242 1", -ERR_MALFORMED},
	    {"5 (bash) S 77 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 x 1", -ERR_MALFORMED},
	    {"5 (bash) S 77 1 1 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 99999999999999999999 1", -ERR_MALFORMED},
	};
	struct proc_stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = proc_parse_stat(view_str(rows[i].text), &st);
		if (r != rows[i].ret)
			fail_msg("row %zu gave %d", i, r);
		assert_int_equal(st.ppid, r ? 0 : 77);
		assert_int_equal(st.start_ticks, r ? 0 : 4242);
	}
}

/* Each prefix, up against a page that cannot be read. */
static void test_prefixes(void **state)
{
	static const char stat[] = "5 (a) b)" REST, status[] = "Name:\tUid:\t7\\nUid:\t8\nUmask:\t0\nUid:\t1001\t1002\t3\t4\n",
			  cgroup[] = "3:cpu:/x\n0::/user.slice/a.service\n";
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct proc_stat st;
	uint32_t uid;
	char out[64];

	(void)state;
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	for (size_t n = 0; n < sizeof(stat); n++) {
		memcpy(page + 4096 - n, stat, n);
		int r = proc_parse_stat(view_of(page + 4096 - n, n), &st);
		assert_true(r == 0 ? st.start_ticks == 4242 : r == -ERR_MALFORMED);
	}
	for (size_t n = 0; n < sizeof(status); n++) {
		memcpy(page + 4096 - n, status, n);
		int r = proc_parse_uid(view_of(page + 4096 - n, n), &uid);
		assert_true(r == 0 ? uid == 1001 : r == -ERR_MALFORMED && uid == ~0u);
	}
	for (size_t n = 0; n < sizeof(cgroup); n++) {
		memcpy(page + 4096 - n, cgroup, n);
		int r = proc_parse_cgroup(view_of(page + 4096 - n, n), out, sizeof(out));
		assert_true(r == 0 ? strcmp(out, "/user.slice/a.service") == 0 : out[0] == 0);
	}
	assert_int_equal(proc_parse_uid(view_str(status), &uid), 0);
	assert_int_equal(proc_parse_cgroup(view_str(cgroup), out, sizeof(out)), 0);
	assert_int_equal(proc_parse_cgroup(view_str(cgroup), out, 8), -ERR_TOO_LONG);
	munmap(page, 8192);
}

static void test_unit(void **state)
{
	static const struct {
		const char *cgroup, *unit;
	} rows[] = {
	    {"/system.slice/ssh.service", "ssh.service"},
	    {"/system.slice/ssh.service/evil.service", "ssh.service"}, /* delegated: the name is the service's own choice */
	    {"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/app-code-77.scope", "app-code-77.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope/b.service", "a.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope"},
	    {"/user.slice/user-1000.slice/user@1000.service/user@7.service/x.service", "user@7.service"},
	    {"/user.slice/user-1000.slice/user@1000.service", "user@1000.service"},
	    {"/", ""},
	    {"", ""},
	    {"/.service", ""},
	    {"/a/b", ""},
	    {"/0123456789012345678901234567890123456789012345678901234567890123.service", ""},
	};
	char out[NAME_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proc_unit(rows[i].cgroup, out, sizeof(out));
		assert_string_equal(out, rows[i].unit);
	}
}

static void test_container(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	static const struct {
		const char *cgroup, *id;
	} rows[] = {
	    {"/system.slice/docker-" ID ".scope", ID},
	    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container", ID},
	    {"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" ID ".scope", ID},
	    {"/docker/" ID, ID},
	    {"/docker/" ID "/docker/" ID2, ID2},
	    {"/lxc.payload.web/system.slice/x.service", "web"},
	    {"/user.slice/session-3.scope", ""},
	    {"/docker/" ID "0", ""},
	    {"/docker/0123456789abcdef", ""},
	    {"", ""},
	};
	char out[72];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proc_container(rows[i].cgroup, out, sizeof(out));
		assert_string_equal(out, rows[i].id);
	}
}

static void test_tty(void **state)
{
	static const struct {
		uint32_t tty;
		const char *name;
	} rows[] = {{0, ""}, {34816, "pts/0"}, {34819, "pts/3"}, {35072, "pts/256"}, {1025, "tty1"}, {1088, "ttyS0"}, {0x301 << 8 | 5, "769:5"}};
	char out[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		proc_tty(rows[i].tty, out, sizeof(out));
		assert_string_equal(out, rows[i].name);
	}
}

/* ---- digests ---- */

static int text_file(const char *path, const char *text, size_t n)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, view_of(text, n)), 0);
	return fd;
}

static void test_digest(void **state)
{
	/* Source: FIPS 180-4 example, "abc". */
	static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03,
	    0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	struct digests *d = digest_new();
	char path[] = "/tmp/ident_digest.XXXXXX";
	uint8_t sum[DIGEST_LEN];
	uint64_t key, other;
	static char big[3 * DIGEST_PIECE / 2];

	(void)state;
	close(mkstemp(path));
	assert_int_equal(digest_want(d, text_file(path, "abc", 3), &key, sum), 0);
	assert_int_equal(digest_want(d, open(path, O_RDONLY), &other, sum), 0); /* the same file, asked for twice: made once */
	assert_int_equal(key, other);
	assert_int_equal(digest_get(d, key, sum), 0);
	assert_false(digest_step(d));
	assert_int_equal(digest_get(d, key, sum), 1);
	assert_memory_equal(sum, abc, sizeof(abc));
	memset(sum, 0, sizeof(sum));
	assert_int_equal(digest_want(d, open(path, O_RDONLY), &key, sum), 1);
	assert_memory_equal(sum, abc, sizeof(abc));

	/* other content of the same size, with the old modification time: not the old digest */
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	usleep(20000);
	int fd = text_file(path, "abd", 3);
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(digest_want(d, fd, &key, sum), 0);
	assert_false(digest_step(d));
	assert_int_equal(digest_get(d, key, sum), 1);
	assert_memory_not_equal(sum, abc, sizeof(abc));

	/* a file that takes two pieces; and one that changes between them */
	for (int change = 0; change < 2; change++) {
		big[0] = (char)change;
		assert_int_equal(digest_want(d, text_file(path, big, sizeof(big)), &key, sum), 0);
		assert_true(digest_step(d));
		assert_int_equal(digest_get(d, key, sum), 0);
		usleep(20000);
		if (change)
			assert_int_equal(truncate(path, sizeof(big) - 1), 0);
		assert_false(digest_step(d));
		assert_int_equal(digest_get(d, key, sum), change ? -ERR_NOT_FOUND : 1);
	}
	/* what is no file, what is too much, what nobody asked for */
	assert_true(digest_want(d, open("/dev/zero", O_RDONLY), &key, sum) < 0);
	assert_int_equal(digest_want(d, -1, &key, sum), -EBADF);
	assert_int_equal(digest_get(d, 0, sum), -ERR_NOT_FOUND);
	assert_int_equal(digest_get(d, 123456789, sum), -ERR_NOT_FOUND);
	fd = open(path, O_RDWR);
	assert_int_equal(ftruncate(fd, (off_t)DIGEST_FILE_MAX + 1), 0);
	assert_true(digest_want(d, fd, &key, sum) < 0);
	unlink(path);
	digest_free(&d);
}

static struct hashed next_answer(struct hasher *h)
{
	struct pollfd p = {.fd = hasher_fd(h), .events = POLLIN};
	struct hashed a;

	while (!hasher_next(h, &a))
		assert_int_equal(poll(&p, 1, 60000), 1);
	return a;
}

static void test_hasher(void **state)
{
	static struct agents *none;
	char why[200], path[PATH_MAX] = "";
	uint8_t sum[DIGEST_LEN];
	unsigned len;
	struct buf exe = {0};
	struct hasher *h;
	uint64_t seen = 0;
	int procfs = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(agents_load("{\"agents\":[]}", why, sizeof(why), &none), 0);
	struct describe *d = describe_new(procfs, none);
	assert_true(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	assert_int_equal(fd_slurp(AT_FDCWD, path, 256 << 20, &exe), 0);
	assert_int_equal(EVP_Digest(buf_view(&exe).p, buf_view(&exe).n, sum, &len, EVP_sha256(), NULL), 1);
	assert_int_equal(hasher_new(d, &h), 0);
	const struct m_describe me = {.tgid = (uint32_t)getpid()}, nobody = {.tgid = 0x7ffffffe}, other = {.tgid = me.tgid, .exe_ino = 1};
	/* several ask for the same, one for somebody who is not there, one for what is not run any more; nobody waits for the first */
	assert_int_equal(hasher_ask(h, &me, 0), 0);
	for (uint64_t id = 1; id <= 5; id++)
		assert_int_equal(hasher_ask(h, id == 3 ? &nobody : id == 4 ? &other : &me, id), 0);
	for (int i = 0; i < 5; i++) {
		struct hashed a = next_answer(h);
		assert_in_range(a.id, 1, 5);
		assert_false(seen & 1u << a.id);
		seen |= 1u << a.id;
		assert_int_equal(a.status, a.id == 3 || a.id == 4 ? -ERR_NOT_FOUND : 0);
		if (!a.status)
			assert_memory_equal(a.sum, sum, sizeof(sum));
	}
	/* no more than there is room for the answers of, also when nobody takes them; then as before */
	int r = 0;
	size_t n = 0;
	while ((r = hasher_ask(h, &me, 100 + n)) == 0)
		n++;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(n, HASHER_WAITERS);
	for (; n > 0; n--)
		assert_int_equal(next_answer(h).status, 0);
	assert_int_equal(hasher_ask(h, &me, 9), 0);
	assert_int_equal(next_answer(h).id, 9);
	hasher_free(&h);
	describe_free(&d);
	agents_free(&none);
	buf_free(&exe);
	close(procfs);
}

static void test_start(void **state)
{
	static const struct {
		uint64_t ticks, ns;
		bool same;
	} rows[] = {{4242, 42420000000, true}, {4242, 42429999999, true}, {4242, 42439999999, true}, {4242, 42440000000, false},
	    {4242, 42410000000, true}, {4242, 42409999999, false}, {0, 0, true}, {4242, 0, false}, {UINT64_MAX, 1, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(proc_same_start(rows[i].ticks, 100, rows[i].ns), rows[i].same);
}

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

/* The patterns that are shipped, as callgated sends them. */
static struct agents *shipped(void)
{
	struct dirent **names;
	struct buf conf = {0};
	struct agents *a;
	char why[200];
	int n = scandir("policy/agents.d", &names, NULL, alphasort), sent = 0;

	assert_true(n > 2);
	assert_int_equal(buf_puts(&conf, "{\"agents\":["), 0);
	for (int i = 0; i < n; i++) {
		char path[300];
		struct buf text = {0};
		snprintf(path, sizeof(path), "policy/agents.d/%s", names[i]->d_name);
		if (names[i]->d_name[0] != '.') {
			assert_int_equal(fd_slurp(AT_FDCWD, path, 65536, &text), 0);
			assert_int_equal(buf_printf(&conf, "%s" VIEW_FMT, sent++ ? "," : "", VIEW_ARG(buf_view(&text))), 0);
		}
		buf_free(&text);
		free(names[i]);
	}
	free(names);
	assert_int_equal(buf_put(&conf, view_of("]}", 3)), 0);
	assert_int_equal(agents_load((const char *)conf.mem, why, sizeof(why), &a), 0);
	assert_string_equal(why, "");
	assert_int_equal(agents_class(a, (uint32_t)sent) != CG_CLASS_NONE, 1);
	assert_int_equal(agents_class(a, (uint32_t)sent + 1), CG_CLASS_NONE);
	buf_free(&conf);
	return a;
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

/* ---- real processes ---- */

struct scene {
	char path[64];
	int procfs;
	struct agents *agents;
	struct describe *d;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	snprintf(s->path, sizeof(s->path), "/tmp/ident_test.XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->procfs = open("/proc", O_RDONLY | O_DIRECTORY);
	s->agents = shipped();
	s->d = describe_new(s->procfs, s->agents);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;
	char file[100];

	snprintf(file, sizeof(file), "%s/claude", s->path);
	unlink(file);
	rmdir(s->path);
	describe_free(&s->d);
	agents_free(&s->agents);
	close(s->procfs);
	free(s);
	return 0;
}

/* A copy of ${from} that is called like an agent. */
static void copy(const char *from, const char *to)
{
	struct buf b = {0};
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	assert_int_equal(fd_slurp(AT_FDCWD, from, 0, &b), 0);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, buf_view(&b)), 0);
	close(fd);
	buf_free(&b);
}

/* Start ${path} with a child of its own that waits: their pids.  Both say "up" on a pipe first. */
static pid_t start(const char *path, pid_t *kid)
{
	int up[2];
	char line[32] = "";

	assert_int_equal(pipe(up), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(up[1], 1);
		execl(path, path, "-c", "exec 9<&0; cat <&9 & echo $!; wait", (char *)NULL);
		_exit(127);
	}
	close(up[1]);
	assert_true(read(up[0], line, sizeof(line) - 1) > 0);
	close(up[0]);
	*kid = atoi(line);
	return pid;
}

static void test_ancestor(void **state)
{
	struct scene *s = *state;
	char file[100];
	pid_t kid;
	struct m_described out;
	struct m_mark mark;
	int hold[2], in = dup(0);

	snprintf(file, sizeof(file), "%s/claude", s->path);
	char shell[PATH_MAX];
	assert_non_null(realpath("/bin/bash", shell));
	copy(shell, file);
	assert_int_equal(pipe(hold), 0);
	dup2(hold[0], 0); /* what the child reads from never ends */
	pid_t pid = start(file, &kid);
	struct m_describe q = {.tgid = (uint32_t)pid};
	assert_false(describe(s->d, &q, &out, &mark)); /* without an exact start nothing can be marked */
	assert_int_equal(out.status, 0);
	assert_string_equal(out.agent, "claude-code");
	assert_int_equal(out.agent_class, CG_CLASS_AGENT);
	assert_int_equal(out.strength, IDENT_WEAK); /* anyone may call a program so */
	assert_string_equal(out.exe, file);
	assert_int_equal(out.uid, getuid());
	assert_int_equal(out.ppid, getpid());
	uint64_t start_ns = out.start_ns;
	q.tgid = (uint32_t)kid;
	for (int i = 0; i < 1000; i++) { /* until the shell's child has become cat */
		assert_false(describe(s->d, &q, &out, &mark));
		if (strcmp(out.exe, file))
			break;
		usleep(1000);
	}
	assert_string_equal(out.agent, "claude-code");
	assert_int_equal(out.ppid, pid);
	assert_string_not_equal(out.exe, file);
	/* with its start it is marked, once; with another start it is another process */
	q = (struct m_describe){.tgid = (uint32_t)pid, .start_ns = start_ns};
	assert_true(describe(s->d, &q, &out, &mark));
	assert_int_equal(mark.tgid, pid);
	assert_true(mark.start_ns == start_ns && mark.agent_class == CG_CLASS_AGENT);
	assert_string_equal(mark.label, "claude-code");
	assert_string_equal(agents_name(s->agents, agents_by_tag(s->agents, mark.agent)), "claude-code");
	assert_false(describe(s->d, &q, &out, &mark));
	assert_string_equal(out.agent, "claude-code");
	q.start_ns += 1000000000;
	assert_false(describe(s->d, &q, &out, &mark));
	assert_int_equal(out.status, -ERR_NOT_FOUND);
	assert_int_equal(out.uid, ~0u);
	assert_int_equal(out.agent_class, CG_CLASS_NONE);
	/* the test itself is no agent */
	q = (struct m_describe){.tgid = (uint32_t)getpid()};
	assert_false(describe(s->d, &q, &out, &mark));
	assert_int_equal(out.status, 0);
	kill(pid, SIGKILL);
	kill(kid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* gone */
	q = (struct m_describe){.tgid = (uint32_t)pid};
	assert_false(describe(s->d, &q, &out, &mark));
	assert_int_equal(out.status, -ERR_NOT_FOUND);
	dup2(in, 0);
	close(in);
	close(hold[0]);
	close(hold[1]);
}

/* A name made to break a careless reader of stat. */
static void test_hostile_name(void **state)
{
	struct scene *s = *state;
	struct m_describe q = {.tgid = (uint32_t)getpid()};
	struct m_described plain, odd;
	struct m_mark mark;

	describe(s->d, &q, &plain, &mark);
	assert_int_equal(prctl(PR_SET_NAME, ") R 1 1\n(x", 0, 0, 0), 0);
	describe(s->d, &q, &odd, &mark);
	assert_memory_equal(&plain, &odd, sizeof(plain));
	assert_int_equal(odd.ppid, getppid());
	assert_int_equal(odd.uid, getuid());
}

static void test_root_owned(void **state)
{
	struct scene *s = *state;
	struct proc p;
	char exe[PATH_MAX], file[100];
	bool deleted;

	assert_int_equal(proc_open(s->procfs, (uint32_t)getpid(), &p), 0);
	assert_int_equal(proc_exe(&p, exe, &deleted), 0);
	assert_false(deleted);
	/* root's, but not what the process runs; not there; in a directory for everybody */
	assert_false(proc_root_owned(&p, s->procfs, "/bin/true"));
	assert_false(proc_root_owned(&p, s->procfs, "/nonexistent/claude"));
	assert_false(proc_root_owned(&p, s->procfs, "relative"));
	snprintf(file, sizeof(file), "%s/claude", s->path);
	assert_int_equal(symlink(exe, file), 0);
	assert_false(proc_root_owned(&p, s->procfs, file));
	char resolved[PATH_MAX];
	assert_int_equal(proc_resolve(&p, s->procfs, file, resolved), 0);
	assert_string_equal(resolved, exe);
	proc_close(&p);
	/* a process of the system's own */
	int hold[2];
	assert_int_equal(pipe(hold), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(hold[0], 0);
		close(hold[1]);
		execl("/usr/bin/cat", "cat", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(proc_open(s->procfs, (uint32_t)pid, &p), 0);
	/* The child is ready when its executable is another. */
	for (int i = 0; i < 1000 && (proc_exe(&p, exe, &deleted) || strcmp(exe, "/usr/bin/cat")); i++)
		usleep(1000);
	assert_string_equal(exe, "/usr/bin/cat");
	assert_true(proc_root_owned(&p, s->procfs, exe));
	proc_close(&p);
	close(hold[0]);
	close(hold[1]);
	waitpid(pid, NULL, 0);
}

/* ---- exec events ---- */

static struct cg_exec event(uint32_t tgid, uint32_t ppid, uint32_t cls, uint64_t start, const char *path, const char *script)
{
	struct cg_exec e = {.tgid = tgid, .ppid = ppid, .cls = cls, .start_ns = start};

	snprintf(e.path, sizeof(e.path), "%s", path);
	snprintf(e.script, sizeof(e.script), "%s", script);
	return e;
}

/* Numbers above the largest pid: these processes have gone before they could be looked at. */
enum { GONE = 5000000 };

static void test_exec(void **state)
{
	struct scene *s = *state;
	struct m_mark mark;
	static const struct {
		const char *path, *script, *label;
	} rows[] = {
	    {"/tmp/claude", "", "claude-code"},
	    {"/usr/bin/node", "/usr/lib/node_modules/@openai/codex/bin/codex.js", "codex"},
	    {"/x/@google/gemini-cli/bundle/gemini.js", "", "gemini-cli"}, /* by its first line */
	    {"/usr/bin/cat", "/usr/lib/node_modules/@openai/codex/bin/codex.js", NULL},
	    {"/usr/bin/bash", "-c", NULL},
	    {"", "", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cg_exec e = event(GONE + (uint32_t)i, 1, 0, 1000 + i, rows[i].path, rows[i].script);
		assert_int_equal(describe_exec(s->d, &e, &mark), rows[i].label != NULL);
		if (!rows[i].label)
			continue;
		assert_string_equal(mark.label, rows[i].label);
		assert_true(mark.start_ns == 1000 + i && mark.tgid == GONE + i);
		assert_false(describe_exec(s->d, &e, &mark)); /* told once */
	}
	struct cg_exec none = {0};
	assert_false(describe_exec(s->d, &none, &mark));
	struct cg_exec full;
	memset(&full, 'x', sizeof(full)); /* texts without an end */
	assert_false(describe_exec(s->d, &full, &mark));
}

/* By its name an agent is told before anything is looked at; what a look finds later is not told twice, and what was not told is. */
static void test_glance(void **state)
{
	struct scene *s = *state;
	struct m_mark mark;
	struct describe *d = describe_new(s->procfs, s->agents);
	struct cg_exec agent = event(GONE, 1, 0, 1000, "/tmp/claude", ""), editor = event(GONE + 1, 1, 0, 1000, "/usr/share/code/code", ""),
	    none = event(GONE + 2, 1, 0, 1000, "/bin/true", ""), full;

	assert_true(describe_glance(d, &agent, &mark));
	assert_string_equal(mark.label, "claude-code");
	assert_true(mark.tgid == GONE && mark.start_ns == 1000 && mark.agent_class == CG_CLASS_AGENT);
	assert_int_equal(describe_class(d, GONE, 1000), CG_CLASS_AGENT);
	assert_int_equal(describe_class(d, GONE, 1001), CG_CLASS_NONE);
	assert_false(describe_glance(d, &agent, &mark));
	assert_false(describe_exec(d, &agent, &mark));
	describe_untold(d, GONE, 1001); /* somebody else */
	assert_false(describe_exec(d, &agent, &mark));
	describe_untold(d, GONE, 1000);
	assert_true(describe_exec(d, &agent, &mark));
	/* whether an editor is a person's takes a look */
	assert_false(describe_glance(d, &editor, &mark));
	assert_int_equal(describe_class(d, GONE + 1, 1000), CG_CLASS_NONE);
	assert_true(describe_exec(d, &editor, &mark));
	assert_int_equal(mark.agent_class, CG_CLASS_EDITOR);
	assert_false(describe_glance(d, &none, &mark));
	memset(&full, 'x', sizeof(full));
	assert_false(describe_glance(d, &full, &mark));
	describe_free(&d);
}

/* A process whose agent has gone: the tree is known from the events alone. */
static void test_orphan(void **state)
{
	struct scene *s = *state;
	struct m_mark mark;
	struct m_described out;
	struct m_describe q = {.tgid = (uint32_t)getpid()};

	describe(s->d, &q, &out, &mark);
	if (out.agent_class != CG_CLASS_NONE)
		skip(); /* run by an agent itself */
	uint64_t start_ns = out.start_ns;
	struct cg_exec root = event(GONE, 1, 0, 5000, "/tmp/claude", "");
	assert_true(describe_exec(s->d, &root, &mark));
	struct cg_exec child = event((uint32_t)getpid(), GONE, CG_CLASS_NONE, start_ns, "/usr/bin/make", "");
	assert_false(describe_exec(s->d, &child, &mark));
	describe(s->d, &q, &out, &mark);
	assert_string_equal(out.agent, "claude-code");
	assert_int_equal(out.agent_class, CG_CLASS_AGENT);
	/* a second exec, now with init as its parent, does not wash it off */
	child = event((uint32_t)getpid(), 1, CG_CLASS_NONE, start_ns, "/usr/bin/callgate", "");
	assert_false(describe_exec(s->d, &child, &mark));
	describe(s->d, &q, &out, &mark);
	assert_string_equal(out.agent, "claude-code");
	/* the same number, another process */
	child = event((uint32_t)getpid(), 1, CG_CLASS_NONE, start_ns + 50000000, "/usr/bin/callgate", "");
	struct describe *fresh = describe_new(s->procfs, s->agents);
	child.cls = CG_CLASS_AGENT;
	assert_false(describe_exec(fresh, &child, &mark));
	describe(fresh, &q, &out, &mark);
	assert_int_equal(out.agent_class, CG_CLASS_NONE);
	/* only the kernel knows the tree: an agent without a name */
	child.start_ns = start_ns;
	assert_false(describe_exec(fresh, &child, &mark));
	describe(fresh, &q, &out, &mark);
	assert_int_equal(out.agent_class, CG_CLASS_AGENT);
	assert_int_equal(out.strength, IDENT_WEAK);
	assert_string_equal(out.agent, "");
	describe_free(&fresh);
}

/* ---- the ring buffer ---- */

enum { RING = 4096 };

struct ring {
	_Alignas(8) uint64_t consumer, producer;
	uint8_t *data; /* the same page twice */
	struct execs *x;
};

static void ring_make(struct ring *r)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	*r = (struct ring){0};
	assert_int_equal(ftruncate(fd, RING), 0);
	r->data = mmap(NULL, 2 * RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r->data, MAP_FAILED);
	for (int i = 0; i < 2; i++)
		assert_ptr_not_equal(mmap(r->data + i * RING, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0), MAP_FAILED);
	close(fd);
	r->x = execs_on(&r->consumer, &r->producer, r->data, RING);
}

static void ring_put(struct ring *r, uint32_t head, const struct cg_exec *e)
{
	uint8_t *at = r->data + r->producer % RING;
	uint32_t len = head & 0x3fffffff;

	memcpy(at, &head, 4);
	if (e)
		memcpy(at + 8, e, sizeof(*e));
	r->producer += (len + 8 + 7) & ~7u;
}

static void test_ring(void **state)
{
	struct ring r;
	struct cg_exec e, got;

	(void)state;
	ring_make(&r);
	assert_int_equal(execs_next(r.x, &got), 0);
	/* many more than fit at once, so that they wrap at every offset */
	for (uint32_t i = 0; i < 100; i++) {
		e = event(i, 1, 0, i, "/a", "b");
		ring_put(&r, sizeof(e), &e);
		ring_put(&r, 16 | BPF_RINGBUF_DISCARD_BIT, NULL);
		ring_put(&r, 24, NULL); /* of another kind */
		assert_int_equal(execs_next(r.x, &got), 1);
		assert_memory_equal(&got, &e, sizeof(e));
		assert_int_equal(execs_next(r.x, &got), 0);
		assert_true(r.consumer == r.producer);
	}
	/* shown first, they still come in their turn, and none is shown twice */
	for (uint32_t i = 0; i < 3; i++) {
		e = event(i, 1, 0, i, "/a", "b");
		ring_put(&r, sizeof(e), &e);
		ring_put(&r, 24, NULL);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(execs_peek(r.x, &got), 1);
		assert_int_equal(got.tgid, i);
	}
	assert_int_equal(execs_peek(r.x, &got), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(execs_next(r.x, &got), 1);
		assert_int_equal(got.tgid, i);
		assert_int_equal(execs_peek(r.x, &got), 0);
	}
	/* what was taken unseen is not shown any more */
	e = event(7, 1, 0, 7, "/a", "b");
	ring_put(&r, sizeof(e), &e);
	assert_int_equal(execs_next(r.x, &got), 1);
	assert_int_equal(execs_peek(r.x, &got), 0);
	assert_int_equal(execs_next(r.x, &got), 0);
	/* one that is still being written holds up those after it */
	uint8_t *busy = r.data + r.producer % RING;
	ring_put(&r, sizeof(e) | BPF_RINGBUF_BUSY_BIT, NULL);
	e = event(2, 1, 0, 2, "/late", "");
	ring_put(&r, sizeof(e), &e);
	assert_int_equal(execs_next(r.x, &got), 0);
	uint32_t done = sizeof(e);
	memcpy(busy, &done, 4);
	assert_int_equal(execs_next(r.x, &got), 1);
	assert_int_equal(execs_next(r.x, &got), 1);
	assert_string_equal(got.path, "/late");
	/* lengths that make no sense */
	ring_put(&r, 0x3fffffff, NULL);
	assert_int_equal(execs_next(r.x, &got), -ERR_CORRUPT);
	r.producer = r.consumer + 8;
	memcpy(r.data + r.consumer % RING, &done, 4);
	assert_int_equal(execs_next(r.x, &got), -ERR_CORRUPT);
	execs_free(&r.x);
	munmap(r.data, 2 * RING);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stat), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_unit), cmocka_unit_test(test_start),
	    cmocka_unit_test(test_container),
	    cmocka_unit_test(test_tty),
	    cmocka_unit_test(test_digest),
	    cmocka_unit_test(test_hasher),
	    cmocka_unit_test(test_script), cmocka_unit_test(test_shipped),
	    cmocka_unit_test(test_layouts), cmocka_unit_test(test_bad_patterns), T(test_ancestor),
	    T(test_hostile_name), T(test_root_owned), T(test_exec), T(test_glance), T(test_orphan), cmocka_unit_test(test_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
