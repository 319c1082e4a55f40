/*
 * ca.c - callgate ca.  install puts the root of this machine into the system's trust store and names it to run times that ignore that
 * store, in the three places that logins read; remove takes exactly that away.  No user's own file is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "tools/tools.h"

#define STORE_FILE "/usr/local/share/ca-certificates/callgate.crt"
#define PEM_FILE "/etc/callgate/ca.pem"
#define BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define BEGIN "# callgate begin: written by `callgate ca install`\n"
#define END "# callgate end\n"
#define MADE "# the file did not exist before\n"

/* Variables that add roots name the one certificate; those that replace the roots name the whole bundle. */
static const struct {
	const char *name, *value;
} vars[] = {
    {"NODE_EXTRA_CA_CERTS", PEM_FILE},
    {"NODE_USE_SYSTEM_CA", "1"},
    {"SSL_CERT_FILE", BUNDLE},
    {"REQUESTS_CA_BUNDLE", BUNDLE},
    {"CURL_CA_BUNDLE", BUNDLE},
    {"PIP_CERT", BUNDLE},
    {"CARGO_HTTP_CAINFO", BUNDLE},
    {"GIT_SSL_CAINFO", BUNDLE},
    {"AWS_CA_BUNDLE", BUNDLE},
    {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", BUNDLE},
    {"UV_SYSTEM_CERTS", "true"},
    {"DENO_TLS_CA_STORE", "system,mozilla"},
};

static const char *root = "";

static char *place(char out[PATH_MAX], const char *path)
{
	snprintf(out, PATH_MAX, "%s%s", root, path);
	return out;
}

static int write_file(const char *path, struct view v)
{
	char full[PATH_MAX], dir[PATH_MAX], temp[PATH_MAX + 8];

	place(full, path);
	snprintf(dir, sizeof(dir), "%s", full);
	for (char *p = dir + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		(void)mkdir(dir, 0755);
	}
	snprintf(temp, sizeof(temp), "%s.new", full);
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : fd_write_all(fd, v);
	if (!r && (fchmod(fd, 0644) < 0 || rename(temp, full) < 0))
		r = -errno;
	fd_close(&fd);
	return r ? tool_fail(EXIT_NO, "%s: %s", full, err_text(r)) : EXIT_YES;
}

static int drop_file(const char *path)
{
	char full[PATH_MAX];

	if (unlink(place(full, path)) < 0 && errno != ENOENT)
		return tool_fail(EXIT_NO, "%s: %s", full, strerror(errno));
	return EXIT_YES;
}

/* What ${text} holds besides our block. */
static int without_block(struct view text, struct buf *out)
{
	const uint8_t *from = text.n ? memmem(text.p, text.n, BEGIN, sizeof(BEGIN) - 1) : NULL;
	struct view rest = from ? view_of(from, text.n - (size_t)(from - text.p)) : view_of(NULL, 0);
	const uint8_t *to = rest.n ? memmem(rest.p, rest.n, END, sizeof(END) - 1) : NULL;

	if (!to)
		return buf_put(out, text);
	int r = buf_put(out, view_head(text, (size_t)(from - text.p)));
	return r ? r : buf_put(out, view_skip(text, (size_t)(to - text.p) + sizeof(END) - 1));
}

static int lines(struct buf *out, const char *prefix)
{
	int r = 0;
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]) && !r; i++)
		r = buf_printf(out, "%s%s=%s\n", prefix, vars[i].name, vars[i].value);
	return r;
}

/* /etc/environment is shared with others: ours is a marked block at its end. */
static int environment(bool on)
{
	char full[PATH_MAX];
	struct buf old = {0}, fresh = {0};
	int r = fd_slurp(AT_FDCWD, place(full, "/etc/environment"), 1 << 20, &old);
	bool missing = r == -ENOENT;
	bool made = missing || (old.len && memmem(buf_view(&old).p, old.len, BEGIN MADE, sizeof(BEGIN MADE) - 1));

	r = missing ? 0 : r;
	if (!r)
		r = without_block(buf_view(&old), &fresh);
	if (!r && on && fresh.len && fresh.mem[fresh.off + fresh.len - 1] != '\n')
		r = buf_puts(&fresh, "\n");
	if (!r && on)
		r = buf_puts(&fresh, BEGIN);
	/* What remove needs to know to leave things as they were; installing twice keeps the note. */
	if (!r && on && made)
		r = buf_puts(&fresh, MADE);
	if (!r && on)
		r = lines(&fresh, "");
	if (!r && on)
		r = buf_puts(&fresh, END);
	int status = EXIT_YES;
	if (r)
		status = tool_fail(EXIT_NO, "%s: %s", full, err_text(r));
	else if (!view_eq(buf_view(&old), buf_view(&fresh)))
		status = fresh.len == 0 && made ? drop_file("/etc/environment") : write_file("/etc/environment", buf_view(&fresh));
	buf_free(&old);
	buf_free(&fresh);
	return status;
}

static int login_files(bool on)
{
	struct buf conf = {0}, sh = {0};
	int status = environment(on);

	if (!on)
		return status || drop_file("/etc/environment.d/90-callgate.conf") || drop_file("/etc/profile.d/callgate.sh");
	if (!status && (buf_puts(&conf, "# written by `callgate ca install`\n") || lines(&conf, "") || buf_puts(&sh, "# written by `callgate ca install`\n") || lines(&sh, "export ")))
		status = tool_fail(EXIT_NO, "out of memory");
	if (!status)
		status = write_file("/etc/environment.d/90-callgate.conf", buf_view(&conf));
	if (!status)
		status = write_file("/etc/profile.d/callgate.sh", buf_view(&sh));
	buf_free(&conf);
	buf_free(&sh);
	return status;
}

static int update_store(void)
{
	if (root[0]) {
		fprintf(stderr, "callgate: the trust store below %s is not rebuilt; run update-ca-certificates there\n", root);
		return EXIT_YES;
	}
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execl("/usr/sbin/update-ca-certificates", "update-ca-certificates", (char *)NULL);
		_exit(127);
	}
	int st = -1;
	if (pid < 0 || waitpid(pid, &st, 0) < 0 || st != 0)
		return tool_fail(EXIT_NO, "update-ca-certificates failed: is the package ca-certificates installed?");
	return EXIT_YES;
}

static int fetch(json_t **a)
{
	int status = tool_ask(tool_request("ca.show", NULL), view_of(NULL, 0), a);
	if (!status && !json_is_string(json_object_get(*a, "pem"))) {
		json_decref(*a);
		return tool_fail(EXIT_NO, "the vault has no certificate authority; see callgate status");
	}
	return status;
}

static int show(int argc, char **argv)
{
	const char *rest[1];
	json_t *a;

	if (tool_flags("ca show", NULL, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	int status = fetch(&a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		printf("subject %s\nsha256 %s\nvalid %s to %s\n%s", tool_text(json_object_get(a, "subject")), tool_text(json_object_get(a, "sha256")),
		    tool_text(json_object_get(a, "not_before")), tool_text(json_object_get(a, "not_after")), json_string_value(json_object_get(a, "pem")));
	json_decref(a);
	return EXIT_YES;
}

static int root_flag(const char *verb, int argc, char **argv)
{
	const char *dir = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--root", &dir, NULL}, {NULL, NULL, NULL}};

	if (tool_flags(verb, flags, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	root = dir ? dir : "";
	return EXIT_YES;
}

static int install(int argc, char **argv)
{
	json_t *a;
	int status = root_flag("ca install", argc, argv);

	if (!status)
		status = fetch(&a);
	if (status)
		return status;
	struct view pem = view_str(json_string_value(json_object_get(a, "pem")));
	status = write_file(PEM_FILE, pem);
	if (!status)
		status = write_file(STORE_FILE, pem);
	json_decref(a);
	if (!status)
		status = login_files(true);
	if (!status)
		status = update_store();
	if (!status && !tool_opts.json)
		puts("installed; programs that are running keep their old environment until the next login");
	return status;
}

static int remove_all(int argc, char **argv)
{
	int status = root_flag("ca remove", argc, argv);

	if (!status)
		status = login_files(false);
	if (!status)
		status = drop_file(STORE_FILE);
	if (!status)
		status = drop_file(PEM_FILE);
	if (!status)
		status = update_store();
	if (!status && !tool_opts.json)
		puts("removed");
	return status;
}

int cmd_ca(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"show", show, "", "the root certificate, its digest and dates"},
	    {"install", install, "[--root DIR]", "trust it on this machine: the system store and the login environment"},
	    {"remove", remove_all, "[--root DIR]", "undo install"},
	    {NULL, NULL, NULL, NULL}};
	return tool_verbs("ca", verbs, argc, argv);
}
