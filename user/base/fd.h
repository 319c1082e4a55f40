/*
 * fd.h - descriptors: whole reads and writes, sealed memory files.
 * Floor: base.      Errors: negative errno.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/buf.h"

/** fd_close(fd): Close *${fd} if it is open and set it to -1. */
void fd_close(int *fd);

/** fd_write_all(fd, v): Write all of ${v}, going on after short writes and EINTR. */
int fd_write_all(int fd, struct view v) __attribute__((warn_unused_result));

/** fd_read_all(fd, out): Append everything up to end of file to ${out}, within its ceiling. */
int fd_read_all(int fd, struct buf *out) __attribute__((warn_unused_result));

/** fd_slurp(dirfd, path, max, out): Read a whole file of at most ${max} bytes. */
int fd_slurp(int dirfd, const char *path, size_t max, struct buf *out) __attribute__((warn_unused_result));

/** fd_slurp_regular(dir, name, max, out): The same of a regular file, and of nothing that could block or lead elsewhere: -ERR_CORRUPT. */
int fd_slurp_regular(int dir, const char *name, size_t max, struct buf *out) __attribute__((warn_unused_result));

/**
 * fd_replace(dir, name, mode, v, placed): Write ${name} below the directory ${dir} so that it is whole before it has its name, by way of
 * NAME.tmp.  The directory itself is synced last: *${placed} (may be NULL) says whether the new file stands there even so.  errno.
 */
int fd_replace(int dir, const char *name, unsigned mode, struct view v, bool *placed) __attribute__((warn_unused_result));

/**
 * fd_each(dir, path, fn, arg):
 * Call ${fn} with each entry of the directory ${path} below ${dir}, but not . and .., until it answers something else than 0, which is then
 * the result.  errno; -ENOENT: there is no such directory.
 */
int fd_each(int dir, const char *path, int (*fn)(void *arg, int dir, const char *name), void *arg) __attribute__((warn_unused_result));

/** fd_sealed(name, v): A new memory file holding ${v}, sealed against every change; returns the descriptor (close-on-exec). */
int fd_sealed(const char *name, struct view v) __attribute__((warn_unused_result));

/** fd_map_sealed(fd, max, out): Map a memory file of at most ${max} bytes that carries all seals; -ERR_MALFORMED if a seal is missing. */
int fd_map_sealed(int fd, size_t max, struct view *out) __attribute__((warn_unused_result));
void fd_unmap(struct view *v);

#endif
