/* segment.c - see segment.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "audit/chain.h"
#include "audit/segment.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { GZIP_BITS = 15 + 16, MEM_LEVEL = 8, STEP = 16384 };

struct segment {
	int dir, fd;
	struct names name;
	z_stream z;
	bool in_member, ahead; /* ahead: it has blocks behind its end */
	uint64_t raw;     /* of the member */
	uint64_t written; /* bytes of the file */
	struct chain_sum *sum;
	struct buf out;
};

int segment_dirs(int dir)
{
	static const char *const subs[] = {"open", "sealed", "checkpoints"};

	for (size_t i = 0; i < 3; i++)
		if (mkdirat(dir, subs[i], 0750) < 0 && errno != EEXIST)
			return -errno;
	return fsync(dir) < 0 ? -errno : 0;
}

int segment_sync_dir(int dir, const char *sub)
{
	int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int create(int dir, const char *path)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0440);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST || unlinkat(dir, path, 0) < 0)
			break;
	}
	return -errno;
}

/* Without creating anything: a full disk may have no room for that. */
static int rename_to(int dir, const char *from, const char *path)
{
	if (renameat(dir, from, dir, path) < 0)
		return -errno;
	int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int segment_new(int dir, const struct names *name, int level, const char *from, struct segment **out)
{
	struct segment *s = calloc(1, sizeof(*s));
	char path[NAMES_MAX];
	int r = -ENOMEM;

	*out = NULL;
	if (!s)
		return r;
	s->fd = -1;
	s->dir = dir;
	s->name = *name;
	s->name.sealed = false;
	names_path(&s->name, path);
	s->sum = chain_sum_new();
	if (!s->sum)
		goto err1;
	if (deflateInit2(&s->z, level, Z_DEFLATED, GZIP_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		goto err1;
	s->ahead = from != NULL;
	s->fd = from ? rename_to(dir, from, path) : create(dir, path);
	r = s->fd < 0 ? s->fd : segment_sync_dir(dir, "open");
	if (r)
		goto err2;
	*out = s;
	return 0;
err2:
	fd_close(&s->fd);
	deflateEnd(&s->z);
err1:
	chain_sum_free(&s->sum);
	free(s);
	return r;
}

static int squeeze(struct segment *s, struct view in, int flush)
{
	/* deflate() does not write through next_in; its type cannot say so. */
	union {
		const uint8_t *in;
		uint8_t *out;
	} p = {in.p};
	s->z.next_in = p.out;
	s->z.avail_in = (uInt)in.n;
	for (;;) {
		uint8_t *out = buf_reserve(&s->out, STEP);
		if (!out)
			return -ENOMEM;
		s->z.next_out = out;
		s->z.avail_out = STEP;
		int r = deflate(&s->z, flush);
		buf_commit(&s->out, STEP - s->z.avail_out);
		if (r == Z_STREAM_ERROR)
			return -EINVAL;
		if (r == Z_STREAM_END || s->z.avail_out)
			return 0;
	}
}

int segment_put(struct segment *s, struct view text)
{
	if (!s->in_member) {
		deflateReset(&s->z);
		s->in_member = true;
		s->raw = 0;
	}
	s->raw += text.n;
	return squeeze(s, text, Z_NO_FLUSH);
}

int segment_member_end(struct segment *s)
{
	if (!s->in_member)
		return 0;
	/* Flushed first: should the end of the member be torn off, its last line is still behind a place to cut at. */
	int r = squeeze(s, view_of(NULL, 0), Z_SYNC_FLUSH);
	if (!r)
		r = squeeze(s, view_of(NULL, 0), Z_FINISH);
	s->in_member = false;
	s->raw = 0;
	return r;
}

int segment_write(struct segment *s)
{
	int r = s->in_member ? squeeze(s, view_of(NULL, 0), Z_SYNC_FLUSH) : 0;
	struct view v = buf_view(&s->out);

	if (!r)
		r = chain_sum_add(s->sum, v);
	if (!r)
		r = fd_write_all(s->fd, v);
	s->written += v.n;
	buf_reset(&s->out);
	return r;
}

int segment_sync(struct segment *s)
{
	return fdatasync(s->fd) < 0 ? -errno : 0;
}

/* Without RENAME_NOREPLACE (some network and FUSE file systems) a hard link refuses an existing name as well. */
static int move(int dir, const char *from, const char *to)
{
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS) {
		if (linkat(dir, from, dir, to, 0) == 0)
			return unlinkat(dir, from, 0) < 0 ? -errno : 0;
	}
	if (errno == EEXIST)
		/* The name holds the hash: the same bytes are there already, from a move that was cut short. */
		return unlinkat(dir, from, 0) < 0 ? -errno : 0;
	return -errno;
}

int segment_place(int dir, int fd, const char *from, const char *to)
{
	return fchmod(fd, 0440) < 0 || fsync(fd) < 0 ? -errno : move(dir, from, to);
}

int segment_finish(int dir, int fd, const char *from, struct names *name, const uint8_t *sum)
{
	char to[NAMES_MAX];

	chain_hex(sum, (NAMES_SHA - 1) / 2, name->sha);
	name->sealed = true;
	names_path(name, to);
	int r = segment_place(dir, fd, from, to);
	if (r)
		return r;
	/* Its bytes are safe under one name or the other, and a start knows both: an error here loses nothing, and the next file meets it too. */
	int e = segment_sync_dir(dir, "sealed"), o = segment_sync_dir(dir, "open");
	if (e || o)
		log_warning("%s: its directory cannot be synced: %s", to, err_text(e ? e : o));
	return 0;
}

int segment_seal(struct segment **sp, uint64_t last)
{
	struct segment *s = *sp;
	uint8_t sum[CHAIN_LEN];
	char path[NAMES_MAX];

	int r = segment_member_end(s);
	if (!r)
		r = segment_write(s);
	if (!r)
		r = chain_sum_end(s->sum, sum);
	names_path(&s->name, path);
	s->name.last = last;
	if (!r && s->ahead && ftruncate(s->fd, (off_t)s->written) < 0)
		r = -errno;
	if (!r)
		r = segment_finish(s->dir, s->fd, path, &s->name, sum);
	if (!r)
		segment_drop(sp);
	return r;
}

void segment_drop(struct segment **sp)
{
	struct segment *s = *sp;
	if (!s)
		return;
	fd_close(&s->fd);
	deflateEnd(&s->z);
	chain_sum_free(&s->sum);
	buf_free(&s->out);
	free(s);
	*sp = NULL;
}

uint64_t segment_member_raw(const struct segment *s)
{
	return s->raw;
}

uint64_t segment_bytes(const struct segment *s)
{
	return s->written + s->out.len;
}
