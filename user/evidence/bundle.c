/* bundle.c - see bundle.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "evidence/bundle.h"

enum { BUFFER = 1 << 16 };

struct sheet_out {
	int fd;
	struct buf b;
	struct chain_sum *sum;
	struct bundle_file file;
	bool begun; /* the row has a cell */
};

struct bundle {
	int dir, err;
	char where[BUNDLE_PATH];
	struct sheet_out sheet[SHEETS];
	struct bundle_file *files;
	size_t n;
	struct buf scratch;
};

void bundle_fail(struct bundle *b, int err, const char *where)
{
	if (b->err)
		return;
	b->err = err;
	snprintf(b->where, sizeof(b->where), "%s", where);
}

int bundle_err(const struct bundle *b)
{
	return b->err;
}

const char *bundle_where(const struct bundle *b)
{
	return b->where;
}

/* The directories above a file. */
static int parents(int dir, const char *path)
{
	char p[BUNDLE_PATH];

	snprintf(p, sizeof(p), "%s", path);
	for (char *s = strchr(p, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdirat(dir, p, 0755) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	return 0;
}

static int create(struct bundle *b, const char *path, unsigned mode)
{
	int fd = -1, r = b->err ? b->err : parents(b->dir, path);

	if (!r && (fd = openat(b->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)) < 0)
		r = -errno;
	if (r)
		bundle_fail(b, r, path);
	return fd;
}

static void flush(struct bundle *b, struct sheet_out *s)
{
	struct view v = buf_view(&s->b);
	int r = b->err ? b->err : chain_sum_add(s->sum, v);

	if (!r)
		r = fd_write_all(s->fd, v);
	if (r)
		bundle_fail(b, r, s->file.path);
	s->file.bytes += v.n;
	buf_reset(&s->b);
}

static int open_sheet(struct bundle *b, enum sheet i)
{
	struct sheet_out *s = &b->sheet[i];

	s->file.is_csv = true;
	snprintf(s->file.path, sizeof(s->file.path), "%s", sheets[i].path);
	s->fd = create(b, s->file.path, 0644);
	s->sum = chain_sum_new();
	if (!s->sum || buf_puts(&s->b, sheets[i].columns) || buf_puts(&s->b, "\r\n"))
		bundle_fail(b, -ENOMEM, s->file.path);
	return b->err;
}

static bool is_empty(int dir)
{
	int fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool empty = true;

	for (struct dirent *e; d && (e = readdir(d));)
		empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d)
		closedir(d);
	return empty;
}

int bundle_new(const char *path, struct bundle **out)
{
	struct bundle *b = calloc(1, sizeof(*b));
	int r = b ? chain_ready() : -ENOMEM;

	*out = NULL;
	if (!b)
		return r;
	b->dir = -1;
	for (enum sheet i = 0; i < SHEETS; i++)
		b->sheet[i].fd = -1;
	if (!r && mkdir(path, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (!r && (b->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = -errno;
	if (!r && !is_empty(b->dir))
		r = -EEXIST;
	for (enum sheet i = 0; !r && i < SHEETS; i++)
		r = open_sheet(b, i);
	if (r) {
		bundle_free(&b);
		return r;
	}
	*out = b;
	return 0;
}

void bundle_free(struct bundle **bp)
{
	struct bundle *b = *bp;

	if (!b)
		return;
	for (enum sheet i = 0; i < SHEETS; i++) {
		fd_close(&b->sheet[i].fd);
		chain_sum_free(&b->sheet[i].sum);
		buf_free(&b->sheet[i].b);
	}
	fd_close(&b->dir);
	buf_free(&b->scratch);
	free(b->files);
	free(b);
	*bp = NULL;
}

/* ---- rows ---- */

int row_cell(struct buf *out, struct view v)
{
	bool formula = v.n && (v.p[0] == '=' || v.p[0] == '+' || v.p[0] == '-' || v.p[0] == '@');
	bool quote = false;

	for (size_t i = 0; i < v.n && !quote; i++)
		quote = v.p[i] == '"' || v.p[i] == ',' || v.p[i] < 0x20;
	/* At most each byte twice, two quotes and a '. */
	uint8_t *p = buf_reserve(out, 2 * v.n + 3);
	if (!p)
		return -ENOMEM;
	size_t n = 0;
	if (quote)
		p[n++] = '"';
	if (formula)
		p[n++] = '\'';
	if (!quote) {
		if (v.n)
			memcpy(p + n, v.p, v.n);
		n += v.n;
	}
	for (size_t i = 0; quote && i < v.n; i++) {
		if (v.p[i] == '"')
			p[n++] = '"';
		p[n++] = v.p[i];
	}
	if (quote)
		p[n++] = '"';
	buf_commit(out, n);
	return 0;
}

static struct sheet_out *comma(struct bundle *b, enum sheet i)
{
	struct sheet_out *s = &b->sheet[i];

	if (s->begun && buf_puts(&s->b, ","))
		bundle_fail(b, -ENOMEM, s->file.path);
	s->begun = true;
	return s;
}

void row_text(struct bundle *b, enum sheet i, struct view v)
{
	struct sheet_out *s = comma(b, i);

	if (row_cell(&s->b, v))
		bundle_fail(b, -ENOMEM, s->file.path);
}

void row_str(struct bundle *b, enum sheet i, const char *v)
{
	bool plain = true;

	for (const char *p = v ? v : ""; *p && plain; p++)
		plain = *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\';
	if (plain) {
		row_text(b, i, view_str(v));
		return;
	}
	/* As JSON writes it: a control character in a CSV would begin another line to somebody. */
	struct jsonw w = jsonw_on(&b->scratch);
	buf_reset(&b->scratch);
	jsonw_str(&w, NULL, v);
	struct view t = buf_view(&b->scratch);
	if (jsonw_end(&w) || t.n < 2)
		bundle_fail(b, -ENOMEM, sheets[i].path);
	else
		row_text(b, i, view_of(t.p + 1, t.n - 2));
}

static void row_plain(struct bundle *b, enum sheet i, struct view v)
{
	struct sheet_out *s = comma(b, i);

	if (buf_put(&s->b, v))
		bundle_fail(b, -ENOMEM, s->file.path);
}

void row_num(struct bundle *b, enum sheet i, uint64_t n)
{
	char t[24];
	size_t at = sizeof(t);

	do
		t[--at] = (char)('0' + n % 10);
	while (n /= 10);
	row_plain(b, i, view_of(t + at, sizeof(t) - at));
}

void row_int(struct bundle *b, enum sheet i, int64_t n)
{
	char t[24];

	row_plain(b, i, view_of(t, (size_t)snprintf(t, sizeof(t), "%" PRId64, n)));
}

void row_raw(struct bundle *b, enum sheet i, struct view v)
{
	row_plain(b, i, v);
}

void row_end(struct bundle *b, enum sheet i, const char *ts)
{
	struct sheet_out *s = &b->sheet[i];

	if (buf_puts(&s->b, "\r\n"))
		bundle_fail(b, -ENOMEM, s->file.path);
	s->begun = false;
	s->file.rows++;
	if (ts && *ts) {
		if (!s->file.first[0] || strcmp(ts, s->file.first) < 0)
			snprintf(s->file.first, sizeof(s->file.first), "%s", ts);
		if (strcmp(ts, s->file.last) > 0)
			snprintf(s->file.last, sizeof(s->file.last), "%s", ts);
	}
	if (s->b.len >= BUFFER)
		flush(b, s);
}

uint64_t bundle_rows(const struct bundle *b, enum sheet i)
{
	return b->sheet[i].file.rows;
}

/* ---- files ---- */

static struct bundle_file *named(struct bundle *b, const char *path)
{
	if ((b->n & (b->n - 1)) == 0) {
		void *at = reallocarray(b->files, b->n ? 2 * b->n : 1, sizeof(*b->files));
		if (!at) {
			bundle_fail(b, -ENOMEM, path);
			return NULL;
		}
		b->files = at;
	}
	struct bundle_file *f = &b->files[b->n++];
	*f = (struct bundle_file){0};
	snprintf(f->path, sizeof(f->path), "%s", path);
	return f;
}

void bundle_put_apart(struct bundle *b, const char *path, struct view v, unsigned mode)
{
	int fd = create(b, path, mode);
	int r = fd < 0 ? 0 : fd_write_all(fd, v);

	if (r)
		bundle_fail(b, r, path);
	fd_close(&fd);
}

void bundle_put(struct bundle *b, const char *path, struct view v)
{
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	size_t n = strlen(path);

	bundle_put_apart(b, path, v, n > 3 && strcmp(path + n - 3, ".sh") == 0 ? 0755 : 0644);
	struct bundle_file *f = named(b, path);
	if (!f || !s || chain_sum_add(s, v) || chain_sum_end(s, sum))
		bundle_fail(b, -ENOMEM, path);
	else {
		chain_hex(sum, CHAIN_LEN, f->sha256);
		f->bytes = v.n;
	}
	chain_sum_free(&s);
}

void bundle_copy(struct bundle *b, const char *path, int dir, const char *at)
{
	static uint8_t chunk[1 << 16];
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	int from = openat(dir, at, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = from < 0 ? -errno : s ? 0 : -ENOMEM;
	int to = r ? -1 : create(b, path, 0644);
	uint64_t bytes = 0;
	ssize_t n = 0;

	while (!r && to >= 0 && (n = read(from, chunk, sizeof(chunk))) > 0) {
		r = chain_sum_add(s, view_of(chunk, (size_t)n));
		if (!r)
			r = fd_write_all(to, view_of(chunk, (size_t)n));
		bytes += (uint64_t)n;
	}
	if (n < 0)
		r = -errno;
	if (!r)
		r = chain_sum_end(s, sum);
	struct bundle_file *f = r || to < 0 ? NULL : named(b, path);
	if (f) {
		chain_hex(sum, CHAIN_LEN, f->sha256);
		f->bytes = bytes;
	}
	if (r)
		bundle_fail(b, r, path);
	chain_sum_free(&s);
	fd_close(&from);
	fd_close(&to);
}

void bundle_close_sheets(struct bundle *b)
{
	for (enum sheet i = 0; i < SHEETS; i++) {
		struct sheet_out *s = &b->sheet[i];
		uint8_t sum[CHAIN_LEN];
		if (s->fd < 0)
			continue;
		flush(b, s);
		if (close(s->fd) < 0)
			bundle_fail(b, -errno, s->file.path);
		s->fd = -1;
		if (!b->err && chain_sum_end(s->sum, sum))
			bundle_fail(b, -ENOMEM, s->file.path);
		struct bundle_file *f = b->err ? NULL : named(b, s->file.path);
		if (!f)
			return;
		chain_hex(sum, CHAIN_LEN, s->file.sha256);
		*f = s->file;
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct bundle_file *)a)->path, ((const struct bundle_file *)b)->path);
}

const struct bundle_file *bundle_files(struct bundle *b, size_t *n)
{
	if (b->n)
		qsort(b->files, b->n, sizeof(*b->files), by_path);
	*n = b->n;
	return b->files;
}
