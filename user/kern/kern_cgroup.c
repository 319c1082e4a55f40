/*
 * kern_cgroup.c - where cgroup v2 is mounted, which is never assumed to be /sys/fs/cgroup, and where in it a process is.
 * Floor: kern.      Source: proc(5), mountinfo.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "kern/kern_internal.h"

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; s++, to++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to = *s;
		}
	}
	*to = 0;
}

/* A line: "id parent dev root where options [tags] - type source options"; the whole tree has root "/". */
static bool is_cgroup2(const char *line, char where[PATH_MAX])
{
	char root[PATH_MAX], type[64];
	const char *dash = strstr(line, " - ");
	if (!dash || sscanf(dash, " - %63s", type) != 1 || strcmp(type, "cgroup2") != 0)
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, where) != 2 || strcmp(root, "/") != 0)
		return false;
	unescape(where);
	return true;
}

static int find_root(char where[PATH_MAX])
{
	char *line = NULL;
	size_t cap = 0;
	bool found = false;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	while (!found && getline(&line, &cap, f) > 0)
		found = is_cgroup2(line, where);
	free(line);
	fclose(f);
	return found ? 0 : -ENOENT;
}

int kern_cgroup_open(const char *path, char *why, size_t len)
{
	char root[PATH_MAX];
	struct statfs fs;
	int r, fd;
	if (!path) {
		r = find_root(root);
		if (r < 0)
			return kern_load_say(why, len, -ERR_NO_FEATURE,
			    "no cgroup v2 is mounted (mount -t cgroup2 none DIR): without it no connection can be seen");
		path = root;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return kern_load_say(why, len, -errno, "cannot open the cgroup %s", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return kern_load_say(why, len, -ERR_NO_FEATURE, "%s is not a directory of cgroup v2", path);
	}
	return fd;
}

/* "0::/user.slice/...", the line of cgroup v2. -ESRCH: the process has gone, or died and its cgroup has gone. */
static int path_of(uint32_t tgid, char path[PATH_MAX])
{
	static const char gone[] = " (deleted)";
	char *line = NULL, name[64];
	size_t cap = 0, len;
	ssize_t n;
	int r = -ESRCH;
	snprintf(name, sizeof(name), "/proc/%u/cgroup", tgid);
	FILE *f = fopen(name, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r && (n = getline(&line, &cap, f)) > 0) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[n - 1] = 0;
		len = strlen(line);
		if (len > strlen(gone) && strcmp(line + len - strlen(gone), gone) == 0)
			break;
		snprintf(path, PATH_MAX, "%s", line + 3);
		r = 0;
	}
	free(line);
	fclose(f);
	return r;
}

enum { DEPTH_MAX = 64, TRIES = 3 };

/* How many levels the cgroup is below ours; negative: it is not. */
static int climb(const struct kern *k, int fd)
{
	struct stat st;
	int n = 0, up = -1;
	for (; n < DEPTH_MAX; n++) {
		struct statfs fs;
		if (fstat(n ? up : fd, &st) < 0 || fstatfs(n ? up : fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
			break;
		if (st.st_ino == k->cgroup_id) {
			fd_close(&up);
			return n;
		}
		int next = openat(n ? up : fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&up);
		up = next;
		if (up < 0)
			break;
	}
	fd_close(&up);
	return -ENOENT;
}

/* The process may be moved, or the cgroup removed, between the two. */
static int open_cgroup_of(const char *root, uint32_t tgid)
{
	char path[PATH_MAX];
	int r = -ESRCH, dir = -1, top = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < TRIES && top >= 0 && dir < 0; i++) {
		r = path_of(tgid, path);
		if (r < 0)
			break;
		dir = openat(top, path[1] ? path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? -errno : 0;
	}
	if (top < 0)
		r = -errno;
	fd_close(&top);
	return r < 0 ? r : dir;
}

int kern_cgroup_of(const struct kern *k, uint32_t tgid, int levels)
{
	char root[PATH_MAX];
	int r = find_root(root);
	int dir = r < 0 ? r : open_cgroup_of(root, tgid);
	if (dir < 0)
		return dir;
	int depth = climb(k, dir);
	if (depth < 0)
		fd_close(&dir);
	for (int i = 0; i < depth - levels && dir >= 0; i++) {
		int next = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = -errno;
		close(dir);
		dir = next;
	}
	return depth < 0 ? -EXDEV : dir < 0 ? r : dir;
}
