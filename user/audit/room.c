/* room.c - see room.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "audit/room.h"
#include "base/fd.h"

int room_look(int dir, struct room *r)
{
	struct statvfs v;

	*r = (struct room){0};
	if (fstatvfs(dir, &v) < 0)
		return -errno;
	r->free = (uint64_t)v.f_bavail * v.f_frsize;
	r->total = (uint64_t)v.f_blocks * v.f_frsize;
	return 0;
}

enum room_stage room_stage(const struct room *r, const struct room_conf *conf)
{
	/* A file system that does not say how large it is has no stages. */
	if (!r->total)
		return ROOM_GOOD;
	if (conf->reserve && r->free < ROOM_LEAST)
		return ROOM_FULL;
	if (r->free < conf->admin_space_left)
		return ROOM_ADMIN_SPACE_LEFT;
	return r->free < conf->space_left ? ROOM_SPACE_LEFT : ROOM_GOOD;
}

const char *room_word(enum room_stage stage)
{
	static const char *const words[] = {"good", "space_left", "admin_space_left", "full"};
	return words[stage];
}

bool room_error(int e)
{
	return e == -ENOSPC || e == -EDQUOT;
}

int room_set_aside(int dir, uint64_t bytes)
{
	static const char temp[] = "open/reserve.new";
	struct stat st;

	if (!bytes)
		return -ENOENT;
	if (fstatat(dir, ROOM_RESERVE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 && (uint64_t)st.st_blocks * 512 >= bytes)
		return 0;
	unlinkat(dir, ROOM_RESERVE, 0);
	unlinkat(dir, temp, 0);
	int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	/* Blocks behind the end: a reader, and a repair after a crash, see only what was written. */
	int r = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) < 0 || fsync(fd) < 0 ? -errno : 0;
	fd_close(&fd);
	if (!r && renameat(dir, temp, dir, ROOM_RESERVE) < 0)
		r = -errno;
	if (r)
		unlinkat(dir, temp, 0);
	return r;
}
