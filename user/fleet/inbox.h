/*
 * inbox.h - take files out of a directory that somebody hostile writes while we read.
 * Floor: fleet.      Owns: nothing; descriptors belong to the caller.      Errors: negative.
 *
 * Nothing here follows a link of any kind or leaves the directory (openat2(2)), waits for a fifo, or believes a size.  A file is
 * copied once, to where nobody else writes, and only the copy is looked at: what happens to the original meanwhile does not matter.
 */
#ifndef FLEET_INBOX_H
#define FLEET_INBOX_H

#include "audit/chain.h"
#include "audit/names.h"

enum {
	INBOX_NAMES = 1 << 16,  /* names that one look at a directory takes; the rest is for the next look */
	INBOX_SEGMENT = 1 << 30, /* bytes of a segment */
	INBOX_STALE_S = 2 * 86400,
};

/** inbox_dir(at, path): Open a directory below ${at}.  A descriptor; -ENOENT; -ELOOP or -ENOTDIR when it is something else. */
int inbox_dir(int at, const char *path) __attribute__((warn_unused_result));

struct inbox_names {
	char (*at)[NAMES_MAX];
	size_t n;
	bool more; /* there were more than INBOX_NAMES */
};

/**
 * inbox_list(dir, l):
 * The names in ${dir}, sorted, without those that are too long for any of ours, and those that begin with a dot: rsync gives these to what
 * is not whole yet.  Such a file that has not changed for INBOX_STALE_S is what a broken transfer left: it goes.
 */
int inbox_list(int dir, struct inbox_names *l) __attribute__((warn_unused_result));
void inbox_free(struct inbox_names *l);

/**
 * inbox_copy(dir, name, to, most, sum, size):
 * Append the bytes of ${name} to ${to}; ${sum} gets their SHA-256.  0; -ENOENT: gone; -EINVAL: no regular file; -ERR_TOO_LONG: more than
 * ${most} bytes; -EACCES; or another negative.
 */
int inbox_copy(int dir, const char *name, int to, uint64_t most, uint8_t sum[CHAIN_LEN], uint64_t *size) __attribute__((warn_unused_result));

/** inbox_remove(dir, name): Whatever it is; a directory only when it is empty.  0 or negative errno. */
int inbox_remove(int dir, const char *name) __attribute__((warn_unused_result));

#endif
