/*
 * kern_cgroup.c - where cgroup v2 is mounted; never assumed to be /sys/fs/cgroup.
 * Floor: kern.      Source: proc(5), mountinfo.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
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
