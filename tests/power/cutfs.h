/*
 * cutfs.h - a file system in memory whose every change is kept in a log, so that what a power cut leaves can be computed.
 *
 * A child process serves it over FUSE; log and controls lie in memory that both share.  State after a cut: changes that an fsync made
 * durable, and of the others any part: names in the order of their changes up to some point, as a journal keeps them; data sector by sector.
 */
#ifndef CUTFS_H
#define CUTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CUT_NAMES = 256, CUT_PATH = 224, CUT_LOG = 1 << 16, CUT_DATA = 192 << 20, CUT_SECTOR = 512, CUT_INODES = 1 << 14 };

enum cut_type { OP_CREATE, OP_MKDIR, OP_WRITE, OP_TRUNCATE, OP_RENAME, OP_UNLINK, OP_LINK, OP_CHMOD, OP_FSYNC, OP_FSYNCDIR, OP_TYPES };

struct cut_op {
	enum cut_type type;
	uint32_t inode; /* of the file or directory that it is about */
	uint64_t off, len; /* OP_WRITE: data at ${at} of the arena; OP_TRUNCATE: off is the length */
	uint64_t at;
	uint32_t mode; /* OP_FSYNC: 1 when it failed */
	char a[CUT_PATH], b[CUT_PATH];
};

/* What goes wrong, and when. */
struct cut_fault {
	int type; /* enum cut_type, or -1: nothing */
	int err;  /* negative errno; 0: a short write of half */
	uint32_t from, count; /* the from-th such call on, so many of them */
	uint64_t room; /* bytes of data that fit, 0: no limit; then ENOSPC */
	bool read_only; /* EROFS */
};

struct cut_shared {
	volatile uint32_t ops;
	volatile uint64_t used;
	volatile uint32_t seen[OP_TYPES]; /* calls since the fault was set */
	volatile uint32_t faults;         /* that happened */
	volatile uint64_t stored;         /* bytes in files */
	struct cut_fault fault;
	struct cut_op op[CUT_LOG];
	uint8_t data[CUT_DATA];
};

struct cut_node {
	bool dir;
	uint32_t mode;
	uint8_t *data;
	uint64_t len, cap;
};
struct cut_name {
	char path[CUT_PATH];
	uint32_t inode; /* 0: free */
};
struct cut_fs {
	struct cut_node node[CUT_INODES];
	struct cut_name name[CUT_NAMES];
	uint32_t nodes;
};

/** cut_shared_new(): Shared memory for one file system. */
struct cut_shared *cut_shared_new(void);
/** cut_serve(sh, mount): The child: serve until unmounted.  Does not return. */
void cut_serve(struct cut_shared *sh, const char *mount) __attribute__((noreturn));

/** cut_up(sh, mount, server): An empty one at ${mount}, served by a child: a descriptor of it, or -1.  cut_down(mount, server, dir): Unmount it; the child has ended. */
int cut_up(struct cut_shared *sh, const char *mount, pid_t *server);
void cut_down(const char *mount, pid_t *server, int dir);

struct cut_fs *cut_new(void);
void cut_free(struct cut_fs **fs);
struct cut_name *cut_find(struct cut_fs *fs, const char *path);
/** cut_name_apply(fs, op): A change of names.  0 or negative errno. */
int cut_name_apply(struct cut_fs *fs, const struct cut_op *op);
int cut_write(struct cut_fs *fs, uint32_t inode, uint64_t off, const uint8_t *p, uint64_t n);
void cut_resize(struct cut_fs *fs, uint32_t inode, uint64_t len);

/** cut_index(sh): Before cut_state(), when the log is complete. */
void cut_index(const struct cut_shared *sh);

/**
 * cut_state(sh, ops, seed, fs):
 * What is there when the power goes after ${ops} changes.  Seed 0: everything arrived; 1: only what was synced; else some of it.
 */
void cut_state(const struct cut_shared *sh, uint32_t ops, uint64_t seed, struct cut_fs *fs);
/** cut_store(fs, dir): Write it into a real directory. */
int cut_store(struct cut_fs *fs, const char *dir);

#endif
