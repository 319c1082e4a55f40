/*
 * put.h - files that are whole and on disk before they have their name.
 * Floor: fleet.      Owns: nothing.      Errors: negative errno.
 * Paths are ours, below a directory that nobody else writes: no part of one is a peer's without layout.h having let it in.
 */
#ifndef FLEET_PUT_H
#define FLEET_PUT_H

#include <sys/types.h>

#include "base/view.h"

/** put_dirs(at, path, mode): Make the directories that ${path} lies in, durably. */
int put_dirs(int at, const char *path, mode_t mode) __attribute__((warn_unused_result));

/** put_file(at, path, v, mode): ${path} holds ${v}, in place of what it held; its directories are there.  On disk when it returns 0. */
int put_file(int at, const char *path, struct view v, mode_t mode) __attribute__((warn_unused_result));

/** put_name(at, from, to): Rename a file that is on disk already, over what is there; both names are then on disk. */
int put_name(int at, const char *from, const char *to) __attribute__((warn_unused_result));

/** put_sync_dir(at, path): fsync(2) of the directory that ${path} lies in. */
int put_sync_dir(int at, const char *path) __attribute__((warn_unused_result));

#endif
