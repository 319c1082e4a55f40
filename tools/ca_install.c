/* ca_install.c - see ca_install.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "tools/ca_install.h"
#include "tools/ca_vars.h"
#include "tools/tools.h"

#define UPDATE "/usr/sbin/update-ca-certificates"
#define ENVIRONMENT "/etc/environment"
#define ENVIRONMENT_D "/etc/environment.d/90-callgate.conf"
#define PROFILE_D "/etc/profile.d/callgate.sh"
#define CERTS "/etc/ssl/certs"

enum { FILE_MAX = 1 << 20 };

static bool place(char out[PATH_MAX], const char *root, const char *path)
{
	int n = snprintf(out, PATH_MAX, "%s%s", root, path);
	return n > 0 && n < PATH_MAX;
}

static int bad(const char *path, int err)
{
	return tool_fail(EXIT_NO, "%s: %s%s", path, err > -4096 ? strerror(-err) : err_text(err),
	    err == -EACCES || err == -EPERM ? "; this needs root" : "");
}

/* The whole file or the old one: a crash half way must not leave a login without its environment. */
static int replace(const char *path, struct view v)
{
	char temp[PATH_MAX];
	struct stat st = {.st_mode = 0644};

	if (snprintf(temp, sizeof(temp), "%s.callgate-new", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	bool was = lstat(path, &st) == 0;
	if (was && !S_ISREG(st.st_mode))
		return -ERR_UNSUPPORTED;
	int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST && unlink(temp) == 0)
		fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, v);
	if (!r && was && fchown(fd, st.st_uid, st.st_gid) < 0)
		r = -errno;
	if (!r && (fchmod(fd, was ? st.st_mode & 07777 : 0644) < 0 || fsync(fd) < 0))
		r = -errno;
	close(fd);
	if (!r && rename(temp, path) < 0)
		r = -errno;
	if (r)
		unlink(temp);
	return r;
}

/* Not every system has each of the directories. */
static int put_file(const char *root, const char *name, struct view v)
{
	char path[PATH_MAX], dir[PATH_MAX];

	if (!place(path, root, name))
		return bad(name, -ENAMETOOLONG);
	snprintf(dir, sizeof(dir), "%s", path);
	for (char *p = dir + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return bad(dir, -errno);
	}
	int r = replace(path, v);
	return r ? bad(path, r) : EXIT_YES;
}

static int drop_file(const char *root, const char *name)
{
	char path[PATH_MAX];

	if (!place(path, root, name))
		return bad(name, -ENAMETOOLONG);
	return unlink(path) == 0 || errno == ENOENT ? EXIT_YES : bad(path, -errno);
}

/* ---- the environment ---- */

/* The file as it was without our block; *${absent}: there was none. */
static int read_plain(const char *path, struct buf *plain, bool *absent)
{
	struct buf file = {0};
	int r = fd_slurp(AT_FDCWD, path, FILE_MAX, &file);

	if (r == -ENOENT) {
		*absent = true;
		r = 0;
	} else if (!r) {
		r = ca_block_out(buf_view(&file), plain, absent);
	}
	buf_free(&file);
	return r;
}

static int environment(const char *root, bool in)
{
	char path[PATH_MAX];
	struct buf plain = {0}, out = {0};
	bool absent = false;

	if (!place(path, root, ENVIRONMENT))
		return bad(ENVIRONMENT, -ENAMETOOLONG);
	int r = read_plain(path, &plain, &absent);
	if (!r && in)
		r = ca_block_in(buf_view(&plain), absent, &out);
	if (!r && in)
		r = replace(path, buf_view(&out));
	else if (!r && absent)
		r = unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
	else if (!r)
		r = replace(path, buf_view(&plain));
	buf_free(&plain);
	buf_free(&out);
	if (r == -ERR_MALFORMED)
		return tool_fail(EXIT_NO, "%s: the block that callgate put there was edited; take it out by hand, then try again", path);
	return r ? bad(path, r) : EXIT_YES;
}

/* What /etc/environment sets on its own is the machine's choice and is not overridden by the other two files either. */
static int variables(const char *root, const char *name, const char *prefix)
{
	char path[PATH_MAX];
	struct buf plain = {0}, out = {0};
	bool absent;

	int r = place(path, root, ENVIRONMENT) ? read_plain(path, &plain, &absent) : -ENAMETOOLONG;
	if (!r)
		r = buf_puts(&out, "# Written by callgate ca install; callgate ca remove takes it away.\n");
	for (const struct ca_var *v = ca_vars; !r && v->name; v++)
		if (!ca_var_set(buf_view(&plain), v->name))
			r = buf_printf(&out, "%s%s=%s\n", prefix, v->name, v->value);
	int status = r ? bad(name, r) : put_file(root, name, buf_view(&out));
	buf_free(&plain);
	buf_free(&out);
	return status;
}

/* ---- the system's store ---- */

static int update(const char *root)
{
	char name[] = UPDATE, sysroot[] = "--sysroot", dir[PATH_MAX], path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = {name, root[0] ? sysroot : NULL, dir, NULL}, *env[] = {path, NULL};
	posix_spawn_file_actions_t act;
	pid_t pid;
	int status = 0;

	if (!place(dir, root, CERTS) || access(dir, W_OK) < 0)
		return bad(CERTS, -errno);
	(void)place(dir, root, "");
	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_addopen(&act, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&act, STDOUT_FILENO, STDERR_FILENO);
	posix_spawn_file_actions_addopen(&act, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	int err = posix_spawn(&pid, UPDATE, &act, NULL, argv, env);
	posix_spawn_file_actions_destroy(&act);
	if (err == ENOENT)
		return tool_fail(EXIT_NO, "%s is missing; install the package ca-certificates", UPDATE);
	if (err)
		return bad(UPDATE, -err);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		return tool_fail(EXIT_NO, "%s failed; run it by hand to see why", UPDATE);
	return EXIT_YES;
}

/* update-ca-certificates leaves the links to a local certificate that has gone: ours are ${pem} and what points to it. */
static void drop_links(const char *root, const char *pem)
{
	char path[PATH_MAX], to[PATH_MAX];
	struct dirent *e;
	DIR *d = place(path, root, CERTS) ? opendir(path) : NULL;

	while (d && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to) - 1);
		if (n <= 0)
			continue;
		to[n] = '\0';
		const char *base = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
		if (strcmp(e->d_name, pem) == 0 || strcmp(base, pem) == 0)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
}

/* The first certificate of ${pem} in one file of the system's store, a second one, while a rotation is on, in another. */
static int store_files(const char *root, const char *pem)
{
	static const char begin[] = "-----BEGIN";
	const char *next = strstr(pem + 1, begin);
	int status = put_file(root, CA_STORE_FILE, next ? view_of(pem, (size_t)(next - pem)) : view_str(pem));

	if (!status && next)
		return put_file(root, CA_STORE_NEXT, view_str(next));
	if (!status)
		status = drop_file(root, CA_STORE_NEXT);
	drop_links(root, "callgate-next.pem");
	return status;
}

int ca_install(const char *root, const char *pem)
{
	int status = put_file(root, CA_FILE, view_str(pem));

	if (!status)
		status = store_files(root, pem);
	if (!status)
		status = update(root);
	if (!status)
		status = environment(root, true);
	if (!status)
		status = variables(root, ENVIRONMENT_D, "");
	if (!status)
		status = variables(root, PROFILE_D, "export ");
	return status;
}

int ca_remove(const char *root)
{
	int status = environment(root, false);

	/* Everything that can be undone is undone, whatever fails first. */
	int other[] = {drop_file(root, ENVIRONMENT_D), drop_file(root, PROFILE_D), drop_file(root, CA_STORE_FILE),
	    drop_file(root, CA_STORE_NEXT), drop_file(root, CA_FILE)};
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		status = status ? status : other[i];
	drop_links(root, "callgate.pem");
	drop_links(root, "callgate-next.pem");
	int last = update(root);
	return status ? status : last;
}
