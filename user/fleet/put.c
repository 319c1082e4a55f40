/* put.c - see put.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/put.h"

enum { PATH_CAP = 512 };

/* The directory part of ${path}; "." when it has none. */
static int parent(const char *path, char out[PATH_CAP])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return snprintf(out, PATH_CAP, ".") > 0 ? 0 : -EIO;
	if (slash - path >= PATH_CAP)
		return -ENAMETOOLONG;
	memcpy(out, path, (size_t)(slash - path));
	out[slash - path] = '\0';
	return 0;
}

static int sync_at(int at, const char *dir)
{
	int fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	fd_close(&fd);
	return r;
}

int put_sync_dir(int at, const char *path)
{
	char dir[PATH_CAP];
	int r = parent(path, dir);

	return r ? r : sync_at(at, dir);
}

int put_dirs(int at, const char *path, mode_t mode)
{
	char dir[PATH_CAP];
	struct stat st;
	int r = parent(path, dir);

	if (r || fstatat(at, dir, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return r;
	r = put_dirs(at, dir, mode);
	if (r)
		return r;
	if (mkdirat(at, dir, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	return put_sync_dir(at, dir);
}

int put_file(int at, const char *path, struct view v, mode_t mode)
{
	char temp[PATH_CAP];
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash + 1 - path) : 0;

	/* Hidden, so that nobody who lists the directory takes it for one of its files. */
	if (snprintf(temp, sizeof(temp), "%.*s.%s.new", dir, path, path + dir) >= (int)sizeof(temp))
		return -ENAMETOOLONG;
	if (unlinkat(at, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	int fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	int r = fd < 0 ? -errno : fd_write_all(fd, v);
	if (!r && fsync(fd) < 0)
		r = -errno;
	fd_close(&fd);
	if (!r)
		r = put_name(at, temp, path);
	return r;
}

int put_name(int at, const char *from, const char *to)
{
	char a[PATH_CAP], b[PATH_CAP];

	if (renameat(at, from, at, to) < 0)
		return -errno;
	int r = put_sync_dir(at, to);
	if (!r)
		r = parent(from, a);
	if (!r)
		r = parent(to, b);
	return r || strcmp(a, b) == 0 ? r : sync_at(at, a);
}
