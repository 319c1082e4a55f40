/*
 * admin_cli_test.c - the command `callgate` itself, against callgate-admin's floor: what it prints, where, and its exit status.
 * Needs uid 0, as every change does, and the program beside the directory of the tests.
 */
#include "admin_aid.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CONF "{\"users\":[1001],\"mode\":\"enforce\"}"

struct ran {
	int status;
	char out[8192], err[8192];
};

static char program[PATH_LEN];

static int setup(void **state)
{
	char self[PATH_LEN - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	if (n < 0)
		return -1;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(program, sizeof(program), "%s/../callgate", self);
	return 0;
}

static bool cannot(void)
{
	if (geteuid() == 0 && access(program, X_OK) == 0)
		return false;
	print_message("# needs uid 0 and %s\n", program);
	return true;
}

static int temp_file(const char *text)
{
	int fd = memfd_create("stdio", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, view_str(text)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void slurp(int fd, char *out, size_t cap)
{
	ssize_t n = pread(fd, out, cap - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* ${words} are split at blanks; RIG and TMP in them stand for the run directory and a directory for files. */
static struct ran *run(struct rig *r, const char *words, const char *in)
{
	static struct ran ran;
	char text[1024], *argv[40] = {program}, *save = NULL;
	int argc = 1, fd[3] = {temp_file(in), temp_file(""), temp_file("")}, status = 0;
	char run_word[] = "--run";

	snprintf(text, sizeof(text), "%s", words);
	argv[argc++] = run_word;
	argv[argc++] = r->dir;
	for (char *w = strtok_r(text, " ", &save); w && argc < 39; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			dup2(fd[i], i);
		execv(program, argv);
		_exit(99);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		rig_turn(r);
	ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
	close(fd[0]);
	slurp(fd[1], ran.out, sizeof(ran.out));
	slurp(fd[2], ran.err, sizeof(ran.err));
	rig_turns(r, 2);
	return &ran;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, view_str(text)), 0);
	close(fd);
}

static const struct row {
	const char *words, *in;
	int status;
	const char *out, *err; /* a part of each; NULL: must be empty */
} script[] = {
    {"", "", 2, NULL, "usage: callgate"},
    {"--help", "", 0, "usage: callgate", NULL},
    {"--nonsense", "", 2, NULL, "unknown option --nonsense"},
    {"--log", "", 2, NULL, "--log needs a directory"},
    {"nonsense", "", 2, NULL, "there is no \"nonsense\""},
    {"server", "", 2, NULL, "callgate server add"},
    {"server --help", "", 0, "callgate server add", NULL},
    {"server add --help", "", 0, "--host", NULL},
    {"server nonsense", "", 2, NULL, "has no verb"},
    {"server show", "", 2, NULL, "which one?"},
    {"server list x", "", 2, NULL, "one word too many"},
    {"server list --x", "", 2, NULL, "unknown option --x"},
    {"server add one", "", 2, NULL, "--host"},
    {"server add one --host", "", 2, NULL, "--host needs a value"},
    {"server add one --host a.b --host c.d", "", 2, NULL, "given twice"},
    {"server add One --host a.b", "", 1, NULL, "/name"},
    {"server add one --host a.b --port x", "", 1, NULL, "/match/0/port"},
    {"server add one --host one.example --path /mcp --credential key --reason r", "", 0, "server one is registered", NULL},
    {"server add one --host one.example", "", 1, NULL, "exists already"},
    {"server add --file -", "{\"name\":\"two\",\n\"match\":[{\"host\":\"two.example\"},{\"host\":\"::1\",\"port\":8443}]}", 0, "server two is registered", NULL},
    {"server add --file -", "{\"name\":\n}", 1, NULL, "-:2:1:"},
    {"server add --file -", "[]", 1, NULL, "must be one JSON object"},
    {"server add --file /none", "", 1, NULL, "/none: No such file"},
    {"server list", "", 0, "one.example:443/mcp", NULL},
    {"server show one", "", 0, "Bearer {secret}", NULL},
    {"server show three", "", 1, NULL, "there is no server three"},
    {"--json server show three", "", 1, "\"error\":\"not-found\"", NULL},
    {"policy check RIG/good", "", 0, "good, sha256", NULL},
    {"policy check RIG/bad", "", 1, "2 errors", "bad:2:13: /default: "},
    {"policy check RIG/bad --json", "", 1, "\"pointer\":\"/default\"", NULL},
    {"policy check -", "{", 1, "1 error", "-:1:2: "},
    {"policy check /none", "", 1, NULL, "/none: No such file"},
    {"policy check", "", 2, NULL, "which file?"},
    {"policy check RIG/tools --tools -", "[{\"name\":\"T\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"}}}}]", 0, "good, sha256",
        "tools:2:32: warning: /tools/t: the server has no such tool, but it has \"T\""},
    {"policy check RIG/tools --tools - --json", "[{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"A\":{}}}}]", 0, "but it has \\\"A\\\": case counts", NULL},
    {"policy check RIG/tools --tools -", "{}", 1, NULL, "no list of tools"},
    {"policy check RIG/tools --tools RIG/good --server one", "", 2, NULL, "which file?"},
    {"policy check RIG/tools --server one", "", 1, NULL, "nothing is known of the tools of server one"},
    {"policy apply read", "", 2, NULL, "policy apply NAME FILE"},
    {"policy apply read RIG/bad", "", 1, NULL, "was not applied"},
    {"policy list --json", "", 0, "\"policies\":[]", NULL},
    {"policy apply read RIG/good --ticket T-9", "", 0, "policy read is in force, sha256", NULL},
    {"policy apply read RIG/good", "", 0, "in force", "note: this document is in force already"},
    {"policy list", "", 0, "Z  root", NULL},
    {"policy show read", "", 0, "{\n \"version\":\"1\", \"default\":\"deny\"\n}\n", NULL},
    {"policy history read", "", 0, "1        ", NULL},
    {"policy apply read RIG/other --reason wider --ticket T-10", "", 0, "+  \"default\": \"allow\"", NULL},
    {"policy history read", "", 0, "T-10", NULL},
    {"policy show read", "", 0, "allow", NULL},
    {"policy diff read 1", "", 1, "-  \"default\": \"deny\"", NULL},
    {"policy diff read 1 1", "", 0, "", NULL},
    {"policy diff read RIG/good", "", 1, "+  \"default\": \"deny\"", NULL},
    {"policy diff read RIG/other", "", 0, "", NULL},
    {"policy diff read", "", 2, NULL, "policy diff NAME VERSION"},
    {"policy diff read 0", "", 2, NULL, "is no version"},
    {"policy diff read 7", "", 1, NULL, "version 7 does not exist"},
    {"policy rollback read 9", "", 1, NULL, "no such version"},
    {"policy rollback none", "", 1, NULL, "there is no policy none"},
    {"policy rollback read --reason oops", "", 0, "policy read is in force, version 3", NULL},
    {"policy show read", "", 0, "deny", NULL},
    {"policy history read", "", 0, "oops", NULL},
    {"policy history read --json", "", 0, "\"rollback_to\":1", NULL},
    {"policy rollback read 2", "", 0, "version 4", NULL},
    {"policy rollback read 1", "", 0, "version 5", NULL},
    {"policy test RIG/good", "", 1, NULL, NULL},
    {"vault set", "x", 2, NULL, "under which name?"},
    {"vault set key", "", 1, NULL, "standard input is empty"},
    {"vault set key", "\n", 1, NULL, "standard input is empty"},
    {"vault set key", "s3cr3t\n", 0, "credential key is stored, version 1", NULL},
    {"vault list", "", 0, "CREDENTIAL", NULL},
    {"vault remove key", "", 1, NULL, "is used by one"},
    {"grant add --user 1001", "", 2, NULL, "--server NAME"},
    {"grant add --server one", "", 2, NULL, "--user NAME (or --group NAME, or --all-users)"},
    {"grant add --server one --user 1 --all-users", "", 2, NULL, "--user NAME (or --group NAME, or --all-users)"},
    {"grant add --server one --user no-such-account-here", "", 1, NULL, "no account"},
    {"grant add --server one --user 1001 --policy none", "", 1, NULL, "no policy is named none"},
    {"grant add --server one --user 1001 --policy read --ticket T-1 --expires 2199-01-01T00:00:00Z", "", 0, "g-", NULL},
    {"grant add --server one --user 1001 --policy read", "", 1, NULL, "is for the same subject"},
    {"grant add --server two --all-users", "", 0, "g-", "names no policy"},
    {"grant list", "", 0, "(every governed user)", NULL},
    {"policy explain --user 1001 --server one --tool get_x --args {}", "", 1, "(default deny)", NULL},
    {"policy explain --user 1001 --server one --tool get_x --json", "", 1, "\"verdict\":\"deny\"", NULL},
    {"policy explain --user 1002 --server one --tool get_x", "", 1, "(no grant)", NULL},
    {"policy explain --user 1002 --server two --tool get_x", "", 1, "(no policy)", NULL},
    {"policy explain --user 1001 --server none --tool get_x", "", 1, NULL, "there is no server none"},
    {"policy explain --user no-such-account-here --server one --tool t", "", 1, NULL, "there is no account"},
    {"policy explain --user 1001 --server one --tool t --args [1]", "", 1, NULL, "the arguments are no object"},
    {"policy explain --user 1001 --server one --tool t --args {\"a\":1,\"a\":2}", "", 1, NULL, "the arguments, line 1, column"},
    {"policy explain --user 1001 --server one", "", 2, NULL, "--tool T"},
    {"policy explain --policy RIG/good --user 1 --tool t", "", 2, NULL, "--policy FILE"},
    {"policy explain --policy RIG/good --tool t", "", 1, "(default deny)", NULL},
    {"policy explain --policy RIG/other --tool t", "", 0, "allow  (default allow)", NULL},
    {"policy explain --policy RIG/bad --tool t", "", 1, NULL, "line 1, column 12, /version"},
    {"policy simulate", "", 2, NULL, "--policy FILE"},
    {"policy simulate --policy RIG/bad", "", 1, NULL, "/version"},
    {"policy simulate --policy RIG/good --audit /none", "", 1, NULL, "/none: No such file"},
    {"policy suggest", "", 2, NULL, "--server NAME"},
    {"policy suggest --server one --audit /none", "", 1, NULL, "/none: No such file"},
    {"catalog list", "", 0, "SERVER", NULL},
    {"catalog show one", "", 2, NULL, "SERVER TOOL"},
    {"catalog show one get_x", "", 1, NULL, "nothing is known of a tool get_x"},
    {"catalog override one get_x Read", "", 2, NULL, "--reason TEXT"},
    {"catalog override one get_x Low --reason r", "", 1, NULL, "/class: must be"},
    {"catalog override none get_x Read --reason r", "", 1, NULL, "there is no server none"},
    {"catalog override one get_x read --reason harmless --ticket T-4", "", 0, "get_x is Read now", "note: no list of this server"},
    {"catalog list --server one", "", 0, "get_x  Read", NULL},
    {"catalog show one get_x", "", 0, "harmless", NULL},
    {"catalog override one get_x read --reason a\xc2\x9b" "2J\xe2\x80\xae" "b", "", 0, "get_x is Read now", NULL},
    {"catalog show one get_x", "", 0, "a?2J?b", NULL},
    {"policy check /proc/self/exe", "", 1, NULL, "/proc/self/exe: is a link: name the file itself"},
    {"audit verify RIG", "", 1, NULL, "holds no file of a trail"},
    {"audit verify RIG --json", "", 1, "\"ok\":false", NULL},
    {"evidence verify RIG", "", 1, NULL, "callgate: there is no MANIFEST.json: is this a bundle?"},
    {"vault import --env /none", "", 1, NULL, "/none cannot be opened: No such file or directory"},
    {"--state RIG fleet apply", "", 1, NULL, "fleet/come/bundle: No such file or directory; callgate fleet ship fetches it"},
    {"policy check /\xc2\x9b" "2J", "", 1, NULL, "/?2J: No such file"},
    {"--json policy check /\xff", "", 1, "/?: No such file", NULL},
    {"catalog override one get_x none --reason undo", "", 0, "what the rules say", NULL},
    {"catalog show one get_x --json", "", 0, "\"class\":\"Execute\"", NULL},
    {"catalog approve one", "", 2, NULL, "SERVER --all"},
    {"catalog approve one get_y", "", 1, NULL, "has named the tool get_y"},
    {"catalog approve two --all", "", 1, NULL, "nothing is known of the tools of server two"},
    {"catalog forget one get_x", "", 0, "1 tools have no approval", NULL},
    {"approve list", "", 0, "no call waits for an approval", NULL},
    {"approve list --json", "", 0, "\"approvals\":[]", NULL},
    {"approve yes", "", 2, NULL, "which one?"},
    {"approve no a-1 a-2", "", 2, NULL, "a-2"},
    {"approve no a-1 --reason none", "", 1, NULL, "nothing waits under a-1"},
    {"catalog classify", "", 2, NULL, "which file?"},
    {"catalog classify --csv -", "server,tool,label\na,get_x,Write\n", 0, "a,get_x,Read,0.85,", NULL},
    {"catalog classify --csv -", "tool,x\na,b\n", 1, NULL, "must name the columns"},
    {"catalog classify --csv -", "server,tool,description\na,\"b\n", 1, "server,tool,class", "line 2"},
    {"catalog classify --csv - --json", "server,tool\r\na,\"delete,\"\"x\"\r\n", 0, "\"class\":\"Destructive\"", NULL},
    {"grant list --server one", "", 0, "T-1", NULL},
    {"grant list --user 7", "", 0, "GRANT", NULL},
    {"grant show g-none", "", 1, NULL, "there is no grant"},
    {"grant revoke g-none", "", 1, NULL, "no grant in force"},
    {"server remove one", "", 1, NULL, "revoke its grants first"},
    {"status", "", 0, "callgated", NULL},
    {"status --json", "", 0, "\"service\"", NULL},
    {"ca show", "", 0, "sha256", NULL},
    {"ca show --pem", "", 0, "-----BEGIN CERTIFICATE-----\nMA==", NULL},
    {"ca show --json", "", 0, "\"pem\":", NULL},
};

static void expand(const struct rig *r, const char *from, char *to, size_t cap)
{
	const char *at = strstr(from, "RIG");

	snprintf(to, cap, "%.*s%s%s", at ? (int)(at - from) : (int)strlen(from), from, at ? r->dir : "", at ? at + 3 : "");
}

static void a_day_of_an_administrator(void **state)
{
	char path[64], words[512];
	struct rig r;

	(void)state;
	if (cannot())
		skip();
	rig_open(&r, CONF);
	snprintf(path, sizeof(path), "%s/good", r.dir);
	put(path, "{\n \"version\":\"1\", \"default\":\"deny\"\n}\n");
	snprintf(path, sizeof(path), "%s/other", r.dir);
	put(path, "{\"version\":\"1\", \"default\":\"allow\"}\n");
	snprintf(path, sizeof(path), "%s/tools", r.dir);
	put(path, "{\"version\":\"1\",\n \"default\":\"deny\",\"tools\":{\"t\":{\"require\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"gt\",\"value\":1}]}]}}}\n");
	snprintf(path, sizeof(path), "%s/bad", r.dir);
	put(path, "{\"version\":2,\n \"default\": \"block\"}\n");
	for (size_t i = 0; i < sizeof(script) / sizeof(*script); i++) {
		const struct row *t = &script[i];
		expand(&r, t->words, words, sizeof(words));
		struct ran *ran = run(&r, words, t->in);
		/* "policy test" of a file that holds no vectors says so on its own terms. */
		bool any = strncmp(t->words, "policy test", 11) == 0;
		if (ran->status != t->status || (t->out ? !strstr(ran->out, t->out) : !any && ran->out[0]) || (t->err ? !strstr(ran->err, t->err) : ran->err[0] != '\0'))
			fail_msg("callgate %s: status %d\nout: %s\nerr: %s", t->words, ran->status, ran->out, ran->err);
	}
	assert_string_equal(r.secret, "");
	snprintf(path, sizeof(path), "%s/good", r.dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/tools", r.dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/other", r.dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bad", r.dir);
	unlink(path);
	rig_close(&r);
}

static void secrets(void **state)
{
	static char big[REQUEST_SECRET + 2];
	struct rig r;

	(void)state;
	if (cannot())
		skip();
	rig_open(&r, CONF);
	assert_int_equal(run(&r, "vault set key", "one two\n")->status, 0);
	assert_string_equal(r.secret, "one two");
	assert_int_equal(run(&r, "vault set key", "one\n\n")->status, 0);
	assert_string_equal(r.secret, "one\n");
	assert_int_equal(run(&r, "vault set key", "bare")->status, 0);
	assert_string_equal(r.secret, "bare");
	memset(big, 'x', REQUEST_SECRET);
	assert_int_equal(run(&r, "vault set key", big)->status, 0);
	big[REQUEST_SECRET] = 'x';
	struct ran *ran = run(&r, "vault set key", big);
	assert_int_equal(ran->status, 1);
	assert_non_null(strstr(ran->err, "longer than 16384"));
	rig_close(&r);
}

static void a_terminal_is_no_place_for_a_secret(void **state)
{
	struct rig r;
	int tty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;

	(void)state;
	if (cannot() || tty < 0)
		skip();
	assert_int_equal(grantpt(tty) | unlockpt(tty), 0);
	rig_open(&r, CONF);
	pid_t pid = fork();
	if (pid == 0) {
		int in = open(ptsname(tty), O_RDONLY | O_NOCTTY), null = open("/dev/null", O_WRONLY);
		dup2(in, 0);
		dup2(null, 2);
		execl(program, program, "--run", r.dir, "vault", "set", "key", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 2);
	close(tty);
	rig_close(&r);
}

static void refused_and_down(void **state)
{
	struct rig r;

	(void)state;
	if (cannot())
		skip();
	rig_open(&r, CONF);
	r.agent_class = CG_CLASS_AGENT;
	struct ran *ran = run(&r, "server add one --host one.example", "");
	assert_int_equal(ran->status, 1);
	assert_non_null(strstr(ran->err, "callgate: refused: the caller is, or was started by, an agent (codex)"));
	ran = run(&r, "--json server add one --host one.example", "");
	assert_int_equal(ran->status, 1);
	assert_non_null(strstr(ran->out, "\"error\":\"denied\""));
	unlink(r.sock);
	ran = run(&r, "status", "");
	assert_int_equal(ran->status, 3);
	assert_non_null(strstr(ran->err, "is not running"));
	ran = run(&r, "status --json", "");
	assert_int_equal(ran->status, 3);
	assert_non_null(strstr(ran->out, "\"error\":\"not-running\""));
	rig_close(&r);
}

/* ---- ca install and remove, below a directory ---- */

#define TREE "mkdir -p %s/root/etc/ssl/certs %s/root/etc/profile.d %s/root/usr/local/share/ca-certificates"
#define SHOT "cd %s/root && find . ! -path './etc/ssl/certs*' \\( -type f -exec sha256sum {} + -o -type l -print \\) | sort; find etc/ssl/certs | sort"

static void shell(const char *fmt, const struct rig *r, char *out, size_t cap)
{
	char cmd[1024];
	FILE *p;

	snprintf(cmd, sizeof(cmd), "r=%s; ", r->dir);
	for (size_t n = strlen(cmd); *fmt && n < sizeof(cmd) - 64; n = strlen(cmd)) {
		if (fmt[0] == '%' && fmt[1] == 's') {
			strcat(cmd, "$r");
			fmt += 2;
		} else {
			cmd[n] = *fmt++;
			cmd[n + 1] = '\0';
		}
	}
	p = popen(cmd, "r");
	assert_non_null(p);
	size_t n = fread(out, 1, cap - 1, p);
	out[n] = '\0';
	assert_int_equal(pclose(p), 0);
}

static void install_and_remove(void **state)
{
	static const char *const environment[] = {NULL, "", "A=1\n", "A=1", "# x\nSSL_CERT_FILE=/mine.pem\nB=2\n"};
	static char before[16384], after[16384], text[16384];
	struct rig r;
	char path[96], words[128];

	(void)state;
	if (cannot() || access("/usr/sbin/update-ca-certificates", X_OK) < 0)
		skip();
	rig_open(&r, CONF);
	for (size_t i = 0; i < sizeof(environment) / sizeof(*environment); i++) {
		shell(TREE, &r, text, sizeof(text));
		snprintf(path, sizeof(path), "%s/root/etc/environment", r.dir);
		if (environment[i])
			put(path, environment[i]);
		put(strcat(strcpy(text, r.dir), "/root/etc/ca-certificates.conf"), "");
		put(strcat(strcpy(text, r.dir), "/root/etc/ssl/certs/ca-certificates.crt"), "");
		shell(SHOT, &r, before, sizeof(before));
		snprintf(words, sizeof(words), "ca install --root %s/root", r.dir);
		for (int twice = 0; twice < 2; twice++) {
			struct ran *ran = run(&r, words, "");
			if (ran->status)
				fail_msg("%s: %s", words, ran->err);
			shell("cat %s/root/etc/environment", &r, text, sizeof(text));
			assert_non_null(strstr(text, "NODE_EXTRA_CA_CERTS=/etc/callgate/ca.pem\n"));
			assert_true((strstr(text, "SSL_CERT_FILE=/etc/ssl") != NULL) == (i != 4));
			if (environment[i])
				assert_int_equal(strncmp(text, environment[i], strlen(environment[i])), 0);
			shell("cat %s/root/etc/profile.d/callgate.sh %s/root/etc/environment.d/90-callgate.conf", &r, text, sizeof(text));
			assert_non_null(strstr(text, "export NODE_EXTRA_CA_CERTS="));
			assert_true((strstr(text, "SSL_CERT_FILE") != NULL) == (i != 4));
			shell("cat %s/root/usr/local/share/ca-certificates/callgate.crt", &r, text, sizeof(text));
			assert_non_null(strstr(text, "MA=="));
		}
		snprintf(words, sizeof(words), "ca remove --root %s/root", r.dir);
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(run(&r, words, "")->status, 0);
			shell(SHOT, &r, after, sizeof(after));
			assert_string_equal(before, after);
		}
		shell("rm -rf %s/root", &r, text, sizeof(text));
	}
	/* A block that somebody edited is not guessed at. */
	shell(TREE, &r, text, sizeof(text));
	snprintf(words, sizeof(words), "ca install --root %s/root", r.dir);
	assert_int_equal(run(&r, words, "")->status, 0);
	shell("sed -i '/callgate: end/d' %s/root/etc/environment", &r, text, sizeof(text));
	struct ran *ran = run(&r, words, "");
	assert_int_equal(ran->status, 1);
	assert_non_null(strstr(ran->err, "was edited"));
	shell("rm -rf %s/root", &r, text, sizeof(text));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_day_of_an_administrator),
	    cmocka_unit_test(secrets),
	    cmocka_unit_test(a_terminal_is_no_place_for_a_secret),
	    cmocka_unit_test(refused_and_down),
	    cmocka_unit_test(install_and_remove),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
