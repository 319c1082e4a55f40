/* cutstate.c - what a power cut leaves of a log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/power/cutfs.h"

enum { DEEP = 8 };

static uint64_t roll(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x * 2685821657736338717ull;
}

static bool is_name(enum cut_type t)
{
	return t == OP_CREATE || t == OP_MKDIR || t == OP_RENAME || t == OP_UNLINK || t == OP_LINK || t == OP_CHMOD || t == OP_TRUNCATE;
}

static bool in_dir(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
	return n == strlen(dir) && strncmp(path, dir, n) == 0;
}

/* When was change i made durable?  After a failed sync of its file never: the kernel has marked the pages clean. */
static uint32_t sync_at[CUT_LOG];

void cut_index(const struct cut_shared *sh)
{
	for (uint32_t i = 0; i < sh->ops; i++) {
		const struct cut_op *op = &sh->op[i];
		sync_at[i] = UINT32_MAX;
		for (uint32_t j = i + 1; j < sh->ops && sync_at[i] == UINT32_MAX; j++) {
			const struct cut_op *s = &sh->op[j];
			if (s->type == OP_FSYNC && s->inode == op->inode && (op->type == OP_WRITE || op->type == OP_TRUNCATE || op->type == OP_CHMOD)) {
				if (s->mode && op->type == OP_WRITE)
					break;
				sync_at[i] = s->mode ? UINT32_MAX : j;
			}
			if (s->type == OP_FSYNCDIR && is_name(op->type) && (in_dir(op->a, s->a) || (op->b[0] && in_dir(op->b, s->a))))
				sync_at[i] = j;
		}
	}
}

static bool synced(const struct cut_shared *sh, uint32_t i, uint32_t ops)
{
	(void)sh;
	return sync_at[i] < ops;
}

/* The sectors of a write that arrived, and what stands where one did not. */
static void torn(const struct cut_shared *sh, const struct cut_op *op, uint64_t *x, struct cut_fs *fs)
{
	uint64_t before = fs->node[op->inode].len, stale = roll(x) % 3;
	bool grows = roll(x) % 2;

	for (uint64_t done = 0; done < op->len;) {
		uint64_t off = op->off + done, n = CUT_SECTOR - off % CUT_SECTOR;
		if (n > op->len - done)
			n = op->len - done;
		if (roll(x) % 2) {
			cut_write(fs, op->inode, off, sh->data + op->at + done, n);
		} else if (grows && off + n > before) {
			/* The length is there, the data is not: zeros, or what the disk had. */
			uint64_t from = off > fs->node[op->inode].len ? off : fs->node[op->inode].len;
			if (off + n > fs->node[op->inode].len)
				cut_resize(fs, op->inode, off + n);
			for (uint64_t k = from; stale == 2 && k < off + n; k++)
				fs->node[op->inode].data[k] = (uint8_t)roll(x);
		}
		done += n;
	}
}

void cut_state(const struct cut_shared *sh, uint32_t ops, uint64_t seed, struct cut_fs *fs)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ull + ops + 1;
	uint32_t names = 0; /* changes of names before this one arrived */

	for (uint32_t i = 0; i < ops; i++)
		if (is_name(sh->op[i].type) && synced(sh, i, ops))
			names = i + 1;
	if (seed == 0)
		names = ops;
	else if (seed > 1)
		names += (uint32_t)(roll(&x) % (ops - names + 1));
	for (uint32_t i = 0; i < ops; i++) {
		const struct cut_op *op = &sh->op[i];
		if (op->type == OP_TRUNCATE && (i < names || synced(sh, i, ops)))
			cut_resize(fs, op->inode, op->off);
		else if (is_name(op->type) && op->type != OP_TRUNCATE && i < names)
			(void)!cut_name_apply(fs, op);
		if (op->type != OP_WRITE)
			continue;
		if (seed == 0 || synced(sh, i, ops))
			cut_write(fs, op->inode, op->off, sh->data + op->at, op->len);
		else if (seed > 1)
			torn(sh, op, &x, fs);
	}
}

int cut_store(struct cut_fs *fs, const char *dir)
{
	char path[512];

	/* Directories first, as often as they are deep: one may stand in the table before its parent. */
	for (int pass = 0; pass <= DEEP; pass++) {
		for (size_t i = 1; i < CUT_NAMES; i++) {
			const struct cut_name *n = &fs->name[i];
			const struct cut_node *f = &fs->node[n->inode];
			if (!n->inode || f->dir != (pass < DEEP))
				continue;
			snprintf(path, sizeof(path), "%s%s", dir, n->path);
			if (f->dir) {
				if (mkdir(path, 0755) < 0 && errno != EEXIST && errno != ENOENT)
					return -errno;
				continue;
			}
			int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
			if (fd < 0 || (f->len && write(fd, f->data, f->len) != (ssize_t)f->len)) {
				int e = -errno;
				close(fd);
				return errno == ENOENT ? 0 : e; /* its directory did not arrive */
			}
			close(fd);
		}
	}
	return 0;
}
