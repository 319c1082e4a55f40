/* cutfs.c - the file system itself: names, data, log, faults, and FUSE around them. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/power/cutfs.h"

static struct cut_shared *S;
static struct cut_fs *F;

struct cut_shared *cut_shared_new(void)
{
	struct cut_shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s == MAP_FAILED)
		return NULL;
	s->fault.type = -1;
	return s;
}

struct cut_fs *cut_new(void)
{
	struct cut_fs *fs = calloc(1, sizeof(*fs));
	if (fs) {
		fs->nodes = 2; /* 0 is none, 1 the root */
		fs->node[1] = (struct cut_node){.dir = true, .mode = 0755};
		fs->name[0] = (struct cut_name){"/", 1};
	}
	return fs;
}

void cut_free(struct cut_fs **fs)
{
	for (uint32_t i = 0; *fs && i < CUT_INODES; i++)
		free((*fs)->node[i].data);
	free(*fs);
	*fs = NULL;
}

struct cut_name *cut_find(struct cut_fs *fs, const char *path)
{
	for (size_t i = 0; i < CUT_NAMES; i++)
		if (fs->name[i].inode && strcmp(fs->name[i].path, path) == 0)
			return &fs->name[i];
	return NULL;
}

static int add_name(struct cut_fs *fs, const char *path, uint32_t inode)
{
	for (size_t i = 0; i < CUT_NAMES; i++) {
		if (fs->name[i].inode)
			continue;
		snprintf(fs->name[i].path, CUT_PATH, "%s", path);
		fs->name[i].inode = inode;
		return 0;
	}
	return -ENOSPC;
}

int cut_name_apply(struct cut_fs *fs, const struct cut_op *op)
{
	struct cut_name *a = cut_find(fs, op->a), *b;

	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
		fs->node[op->inode] = (struct cut_node){.dir = op->type == OP_MKDIR, .mode = op->mode};
		return add_name(fs, op->a, op->inode);
	case OP_RENAME:
		b = cut_find(fs, op->b);
		if (b)
			b->inode = 0;
		if (a)
			snprintf(a->path, CUT_PATH, "%s", op->b);
		return 0;
	case OP_UNLINK:
		if (a)
			a->inode = 0;
		return 0;
	case OP_LINK:
		return add_name(fs, op->b, op->inode);
	case OP_CHMOD:
		fs->node[op->inode].mode = op->mode;
		return 0;
	default:
		return 0;
	}
}

void cut_resize(struct cut_fs *fs, uint32_t inode, uint64_t len)
{
	struct cut_node *n = &fs->node[inode];

	if (len > n->cap) {
		uint64_t cap = len < 4096 ? 4096 : 2 * len;
		n->data = realloc(n->data, cap);
		if (!n->data)
			abort();
		n->cap = cap;
	}
	if (len > n->len)
		memset(n->data + n->len, 0, len - n->len);
	n->len = len;
}

int cut_write(struct cut_fs *fs, uint32_t inode, uint64_t off, const uint8_t *p, uint64_t n)
{
	if (off + n > fs->node[inode].len)
		cut_resize(fs, inode, off + n);
	memcpy(fs->node[inode].data + off, p, n);
	return 0;
}

/* ---- log and faults ---- */

static struct cut_op *begin(enum cut_type type, uint32_t inode, const char *a)
{
	static struct cut_op spare;
	struct cut_op *op = S->ops < CUT_LOG ? &S->op[S->ops] : &spare;

	*op = (struct cut_op){.type = type, .inode = inode};
	snprintf(op->a, CUT_PATH, "%s", a ? a : "");
	return op;
}

static void end(void)
{
	if (S->ops >= CUT_LOG) {
		fprintf(stderr, "cutfs: the log is full\n");
		_exit(3);
	}
	__sync_synchronize();
	S->ops = S->ops + 1;
}

/* 0: go on; 1: half of it; negative: the error. */
static int fault(enum cut_type type)
{
	const struct cut_fault *f = &S->fault;
	uint32_t n = S->seen[type];

	S->seen[type] = n + 1;
	if (f->read_only && type != OP_FSYNC && type != OP_FSYNCDIR) {
		S->faults = S->faults + 1;
		return -EROFS;
	}
	if (f->type != (int)type || n < f->from || n - f->from >= f->count)
		return 0;
	S->faults = S->faults + 1;
	return f->err ? f->err : 1;
}

/* ---- FUSE ---- */

static int do_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct cut_name *n = fi && fi->fh ? NULL : cut_find(F, path);
	uint32_t inode = fi && fi->fh ? (uint32_t)fi->fh : n ? n->inode : 0;

	if (!inode)
		return -ENOENT;
	memset(st, 0, sizeof(*st));
	st->st_ino = inode;
	st->st_nlink = 1;
	st->st_mode = (F->node[inode].dir ? S_IFDIR : S_IFREG) | (F->node[inode].mode & 07777);
	st->st_size = (off_t)F->node[inode].len;
	return 0;
}

static int make(enum cut_type type, const char *path, mode_t mode, uint32_t *inode)
{
	int r = fault(type);

	if (r < 0)
		return r;
	if (cut_find(F, path))
		return -EEXIST;
	if (F->nodes == CUT_INODES)
		return -ENOSPC;
	*inode = F->nodes++;
	struct cut_op *op = begin(type, *inode, path);
	op->mode = mode;
	r = cut_name_apply(F, op);
	if (!r)
		end();
	return r;
}

static int do_mkdir(const char *path, mode_t mode)
{
	uint32_t inode;
	return make(OP_MKDIR, path, mode, &inode);
}

static int do_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	uint32_t inode = 0;
	int r = make(OP_CREATE, path, mode, &inode);
	fi->fh = inode;
	fi->direct_io = 1;
	return r;
}

static int do_open(const char *path, struct fuse_file_info *fi)
{
	struct cut_name *n = cut_find(F, path);

	if (!n)
		return -ENOENT;
	if (S->fault.read_only && (fi->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	fi->fh = n->inode;
	fi->direct_io = 1;
	return 0;
}

static int do_read(const char *path, char *out, size_t n, off_t off, struct fuse_file_info *fi)
{
	const struct cut_node *f = &F->node[fi->fh];

	(void)path;
	if ((uint64_t)off >= f->len)
		return 0;
	if (n > f->len - (uint64_t)off)
		n = f->len - (uint64_t)off;
	memcpy(out, f->data + off, n);
	return (int)n;
}

static int do_write(const char *path, const char *in, size_t n, off_t off, struct fuse_file_info *fi)
{
	int r = fault(OP_WRITE);

	(void)path;
	if (r < 0)
		return r;
	if (r == 1)
		n = (n + 1) / 2;
	uint64_t room = S->fault.room;
	if (room && S->stored + n > room) {
		S->faults = S->faults + 1;
		if (S->stored >= room)
			return -ENOSPC;
		n = room - S->stored;
	}
	struct cut_op *op = begin(OP_WRITE, (uint32_t)fi->fh, NULL);
	if (S->used + n > CUT_DATA)
		return -EIO;
	op->off = (uint64_t)off;
	op->len = n;
	op->at = S->used;
	memcpy(S->data + S->used, in, n);
	S->used = S->used + n;
	S->stored = S->stored + n;
	cut_write(F, op->inode, op->off, S->data + op->at, n);
	end();
	return (int)n;
}

static int do_truncate(const char *path, off_t len, struct fuse_file_info *fi)
{
	struct cut_name *name = fi ? NULL : cut_find(F, path);
	int r = fault(OP_TRUNCATE);

	if (r < 0)
		return r;
	struct cut_op *op = begin(OP_TRUNCATE, fi ? (uint32_t)fi->fh : name ? name->inode : 0, NULL);
	if (!op->inode)
		return -ENOENT;
	op->off = (uint64_t)len;
	uint64_t before = F->node[op->inode].len;
	cut_resize(F, op->inode, op->off);
	S->stored = before > op->off ? S->stored - (before - op->off) : S->stored;
	end();
	return 0;
}

static int do_rename(const char *a, const char *b, unsigned flags)
{
	struct cut_name *n = cut_find(F, a);
	int r = fault(OP_RENAME);

	if (r < 0)
		return r;
	if (!n)
		return -ENOENT;
	if (flags == RENAME_NOREPLACE && cut_find(F, b))
		return -EEXIST;
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	struct cut_op *op = begin(OP_RENAME, n->inode, a);
	snprintf(op->b, CUT_PATH, "%s", b);
	r = cut_name_apply(F, op);
	end();
	return r;
}

static int do_unlink(const char *path)
{
	struct cut_name *n = cut_find(F, path);
	int r = fault(OP_UNLINK);

	if (r < 0)
		return r;
	if (!n)
		return -ENOENT;
	struct cut_op *op = begin(OP_UNLINK, n->inode, path);
	S->stored = S->stored - F->node[n->inode].len;
	r = cut_name_apply(F, op);
	end();
	return r;
}

static int do_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	struct cut_name *n = fi ? NULL : cut_find(F, path);
	int r = fault(OP_CHMOD);

	if (r < 0)
		return r;
	struct cut_op *op = begin(OP_CHMOD, fi ? (uint32_t)fi->fh : n ? n->inode : 0, path);
	if (!op->inode)
		return -ENOENT;
	op->mode = mode;
	r = cut_name_apply(F, op);
	end();
	return r;
}

static int do_fsync(const char *path, int data, struct fuse_file_info *fi)
{
	int r = fault(OP_FSYNC);

	(void)path;
	(void)data;
	begin(OP_FSYNC, (uint32_t)fi->fh, NULL)->mode = r < 0;
	end();
	return r;
}

static int do_opendir(const char *path, struct fuse_file_info *fi)
{
	struct cut_name *n = cut_find(F, path);
	if (!n)
		return -ENOENT;
	fi->fh = n->inode;
	return 0;
}

static int do_fsyncdir(const char *path, int data, struct fuse_file_info *fi)
{
	int r = fault(OP_FSYNCDIR);

	(void)data;
	if (r < 0)
		return r;
	begin(OP_FSYNCDIR, (uint32_t)fi->fh, path);
	end();
	return 0;
}

static int do_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off, struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	size_t n = strlen(path);

	(void)off;
	(void)fi;
	(void)flags;
	if (n == 1)
		n = 0;
	for (size_t i = 0; i < CUT_NAMES; i++) {
		const char *p = F->name[i].path;
		if (F->name[i].inode && strncmp(p, path, n) == 0 && p[n] == '/' && p[n + 1] && !strchr(p + n + 1, '/'))
			fill(buf, p + n + 1, NULL, 0, 0);
	}
	return 0;
}

static void *do_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	cfg->use_ino = 1;
	cfg->hard_remove = 1;
	cfg->nullpath_ok = 0;
	cfg->entry_timeout = cfg->attr_timeout = cfg->negative_timeout = 0;
	return NULL;
}

void cut_serve(struct cut_shared *sh, const char *mount)
{
	static const struct fuse_operations ops = {.getattr = do_getattr, .mkdir = do_mkdir, .create = do_create, .open = do_open, .read = do_read,
	    .write = do_write, .truncate = do_truncate, .rename = do_rename, .unlink = do_unlink, .chmod = do_chmod, .fsync = do_fsync,
	    .opendir = do_opendir, .fsyncdir = do_fsyncdir, .readdir = do_readdir, .init = do_init};
	char *argv[] = {"cutfs", "-f", "-s", (char *)(uintptr_t)mount, NULL};

	S = sh;
	F = cut_new();
	_exit(F ? fuse_main(4, argv, &ops, NULL) : 3);
}

int cut_up(struct cut_shared *sh, const char *mount, pid_t *server)
{
	struct stat before, now;

	if (stat(mount, &before) < 0)
		return -1;
	now = before;
	sh->ops = 0;
	sh->used = sh->stored = 0;
	memset(&sh->fault, 0, sizeof(sh->fault));
	sh->fault.type = -1;
	*server = fork();
	if (*server == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		cut_serve(sh, mount);
	}
	for (int i = 0; i < 500 && now.st_dev == before.st_dev; i++) {
		usleep(10000);
		if (stat(mount, &now) < 0)
			now = before;
	}
	return now.st_dev == before.st_dev ? -1 : open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void cut_down(const char *mount, pid_t *server, int dir)
{
	close(dir);
	if (umount2(mount, 0) < 0)
		umount2(mount, MNT_DETACH);
	waitpid(*server, NULL, 0);
	*server = 0;
}
