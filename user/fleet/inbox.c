/* inbox.c - see inbox.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "fleet/inbox.h"

static int open_beneath(int at, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int inbox_dir(int at, const char *path)
{
	return open_beneath(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add(struct inbox_names *l, const char *name)
{
	if (l->n == INBOX_NAMES) {
		l->more = true;
		return 0;
	}
	if (!(l->n & (l->n - 1))) {
		void *at = reallocarray(l->at, l->n ? 2 * l->n : 16, sizeof(*l->at));
		if (!at)
			return -ENOMEM;
		l->at = at;
	}
	memcpy(l->at[l->n++], name, strlen(name) + 1);
	return 0;
}

/* By the time of the inode, which the peer does not choose. */
static void sweep(int dir, const char *name)
{
	struct stat st;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && now.tv_sec - st.st_ctim.tv_sec > INBOX_STALE_S)
		unlinkat(dir, name, 0);
}

int inbox_list(int dir, struct inbox_names *l)
{
	int fd = open_beneath(dir, ".", O_RDONLY | O_DIRECTORY), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	*l = (struct inbox_names){0};
	if (!d) {
		r = fd < 0 ? fd : -errno;
		fd_close(&fd);
		return r;
	}
	for (struct dirent *e; !r && !l->more && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			sweep(dir, e->d_name);
		else if (strlen(e->d_name) < NAMES_MAX)
			r = add(l, e->d_name);
	}
	closedir(d);
	if (r)
		inbox_free(l);
	else if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_name);
	return r;
}

void inbox_free(struct inbox_names *l)
{
	free(l->at);
	*l = (struct inbox_names){0};
}

static int copy(int from, int to, uint64_t most, struct chain_sum *sum, uint64_t *size)
{
	static uint8_t chunk[1 << 16];

	for (;;) {
		ssize_t n = read(from, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		*size += (uint64_t)n;
		if (*size > most)
			return -ERR_TOO_LONG;
		int r = chain_sum_add(sum, view_of(chunk, (size_t)n));
		if (!r)
			r = fd_write_all(to, view_of(chunk, (size_t)n));
		if (r)
			return r;
	}
}

int inbox_copy(int dir, const char *name, int to, uint64_t most, uint8_t out[CHAIN_LEN], uint64_t *size)
{
	struct stat st;
	/* Not O_NOFOLLOW's ELOOP alone: a fifo must not hold us, a device must not be opened for good. */
	int fd = open_beneath(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	*size = 0;
	if (fd < 0)
		return fd == -ELOOP || fd == -ENXIO || fd == -ENODEV || fd == -EXDEV ? -EINVAL : fd;
	int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	/* A hole of a terabyte costs nothing to make. */
	if (!r && (uint64_t)st.st_size > most)
		r = -ERR_TOO_LONG;
	struct chain_sum *sum = r ? NULL : chain_sum_new();
	if (!r)
		r = sum ? copy(fd, to, most, sum, size) : -ENOMEM;
	if (!r)
		r = chain_sum_end(sum, out);
	chain_sum_free(&sum);
	fd_close(&fd);
	return r;
}

int inbox_remove(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}
