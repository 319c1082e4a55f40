/*
 * digest.h - SHA-256 of executables, a piece at a time, remembered.
 * Floor: ident.      Owns: descriptors of files that are being read.
 *
 * A result is kept under (device, inode, size, mtime, ctime).  The change time is there because a user sets the modification time of
 * his file as he likes.  Files of a file system that another process answers for (FUSE, a network) have no digest: they may show
 * each reader something else, and may never answer.
 */
#ifndef IDENT_DIGEST_H
#define IDENT_DIGEST_H

#include "base/view.h"

enum { DIGEST_LEN = 32, DIGEST_KNOWN = 4096, DIGEST_QUEUE = 64, DIGEST_PIECE = 4 << 20, DIGEST_FILE_MAX = 1 << 30 };

struct digests;

struct digests *digest_new(void);
void digest_free(struct digests **d);

/** digest_want(d, fd, key, out): The digest of the open file ${fd} (taken over).  1: it is in ${out}; 0: it is being made, ${key} names it
 *  for digest_get(); negative: there will be none (-EAGAIN: too many at once). */
int digest_want(struct digests *d, int fd, uint64_t *key, uint8_t out[DIGEST_LEN]) __attribute__((warn_unused_result));
/** digest_get(d, key, out): 1 known, 0 still being made, -ERR_NOT_FOUND there is none. */
int digest_get(const struct digests *d, uint64_t key, uint8_t out[DIGEST_LEN]) __attribute__((warn_unused_result));
/** digest_step(d): Read one more piece of the first file; true while there is work. */
bool digest_step(struct digests *d);
/** digest_busy(d): There is work. */
bool digest_busy(const struct digests *d);

#endif
