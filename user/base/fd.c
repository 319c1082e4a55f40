/* fd.c - see fd.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int fd_write_all(int fd, struct view v)
{
	while (v.n) {
		ssize_t n = write(fd, v.p, v.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		v = view_skip(v, (size_t)n);
	}
	return 0;
}

int fd_read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t chunk[16384];
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		int r = buf_put(out, view_of(chunk, (size_t)n));
		explicit_bzero(chunk, (size_t)n); /* may be a secret from standard input */
		if (r)
			return r;
	}
}

int fd_slurp(int dirfd, const char *path, size_t max, struct buf *out)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	out->max = max;
	int r = fd_read_all(fd, out);
	fd_close(&fd);
	return r;
}

int fd_slurp_regular(int dir, const char *name, size_t max, struct buf *out)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	out->max = max;
	int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? fd_read_all(fd, out) : -ERR_CORRUPT;
	fd_close(&fd);
	return r;
}

static int write_temp(int dir, const char *temp, unsigned mode, struct view v)
{
	if (unlinkat(dir, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, v);
	if (!r && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	fd_close(&fd);
	return r;
}

int fd_replace(int dir, const char *name, unsigned mode, struct view v, bool *placed)
{
	char temp[NAME_MAX + 1];

	if (placed)
		*placed = false;
	int n = snprintf(temp, sizeof(temp), "%s.tmp", name);
	if (n < 0 || (size_t)n >= sizeof(temp))
		return -ENAMETOOLONG;
	int r = write_temp(dir, temp, mode, v);
	if (!r && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (r) {
		(void)unlinkat(dir, temp, 0);
		return r;
	}
	if (placed)
		*placed = true;
	return fsync(dir) < 0 ? -errno : 0;
}

int fd_each(int dir, const char *path, int (*fn)(void *arg, int dir, const char *name), void *arg)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		r = -errno;
		fd_close(&fd);
		return r;
	}
	for (struct dirent *e; !r && (errno = 0, e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = fn(arg, dirfd(d), e->d_name);
	if (!r)
		r = -errno;
	closedir(d);
	return r;
}

int fd_sealed(const char *name, struct view v)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, v);
	if (!r && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	if (r) {
		fd_close(&fd);
		return r;
	}
	return fd;
}

int fd_map_sealed(int fd, size_t max, struct view *out)
{
	struct stat st;

	*out = view_of(NULL, 0);
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -ERR_MALFORMED;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size > max)
		return -ERR_TOO_LONG;
	if (st.st_size == 0)
		return 0;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = view_of(p, (size_t)st.st_size);
	return 0;
}

void fd_unmap(struct view *v)
{
	if (v->p) {
		/* The mapping is ours, made by fd_map_sealed(); a view is const only to its readers. */
		union {
			const uint8_t *in;
			void *out;
		} p = {v->p};
		munmap(p.out, v->n);
	}
	*v = view_of(NULL, 0);
}
