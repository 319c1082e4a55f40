/* walk.c - see walk.h. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "audit/walk.h"
#include "base/buf.h"
#include "base/err.h"

/* KEPT bytes before the unread input stay in front of it, so that a flush mark across two reads is seen. */
enum { IN = 65536, OUT = 65536, KEPT = 4, GZIP_BITS = 15 + 16 };

struct walk {
	int fd;
	int err;
	z_stream z;
	bool in_member;
	uint64_t read; /* bytes of the file read so far */
	uint32_t crc, raw; /* of the text inflated in this member */
	uint64_t given;    /* raw bytes of the member handed out as lines */
	struct buf text;
	size_t looked; /* text bytes known to hold no newline */
	size_t line_n; /* bytes of the line last handed out, newline included */
	enum walk_what mark; /* WALK_COMMIT or WALK_MEMBER waits behind the lines; WALK_END: none */
	struct walk_place at, place;
	uint8_t in[KEPT + IN];
};

int walk_new(int fd, struct walk **out)
{
	struct walk *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w)
		return -ENOMEM;
	w->fd = fd;
	w->text.max = WALK_LINE_MAX + 2 * OUT;
	w->z.next_in = w->in + KEPT;
	if (inflateInit2(&w->z, GZIP_BITS) != Z_OK) {
		free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void walk_free(struct walk **wp)
{
	struct walk *w = *wp;
	if (!w)
		return;
	inflateEnd(&w->z);
	buf_free(&w->text);
	free(w);
	*wp = NULL;
}

void walk_at(struct walk *w, uint64_t offset)
{
	w->read = offset;
}

struct walk_place walk_place(const struct walk *w)
{
	return w->place;
}

uint64_t walk_read(const struct walk *w)
{
	return w->read;
}

uint64_t walk_raw(const struct walk *w)
{
	return w->given;
}

/* More input, when there is none: 1, 0 at the end of the file, or negative. */
static int fill(struct walk *w)
{
	if (w->z.avail_in)
		return 1;
	/* At the start there is nothing to keep; the zeros there are no flush mark. */
	if (w->read)
		memmove(w->in, w->z.next_in - KEPT, KEPT);
	ssize_t n;
	do
		n = pread(w->fd, w->in + KEPT, IN, (off_t)w->read);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	w->read += (uint64_t)n;
	w->z.next_in = w->in + KEPT;
	w->z.avail_in = (uInt)n;
	return 1;
}

static void set_mark(struct walk *w, enum walk_what what)
{
	w->mark = what;
	w->at = (struct walk_place){w->read - w->z.avail_in, what == WALK_COMMIT, w->crc, w->raw};
}

/* Inflate up to the next block boundary, or a buffer full.  0 or negative. */
static int inflate_some(struct walk *w)
{
	static const uint8_t flushed[KEPT] = {0, 0, 0xff, 0xff};
	uint8_t *out = buf_reserve(&w->text, OUT);

	if (!out)
		return w->text.len > WALK_LINE_MAX ? -ERR_CORRUPT : -ENOMEM;
	if (!w->in_member) {
		inflateReset(&w->z);
		w->in_member = true;
		w->crc = w->raw = 0;
		w->given = 0;
	}
	w->z.next_out = out;
	w->z.avail_out = OUT;
	int r = inflate(&w->z, Z_BLOCK);
	uint32_t n = OUT - w->z.avail_out;
	w->crc = (uint32_t)crc32(w->crc, out, n);
	w->raw += n;
	buf_commit(&w->text, n);
	if (r == Z_STREAM_END) {
		w->in_member = false;
		set_mark(w, WALK_MEMBER);
		return 0;
	}
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	if (r != Z_OK && r != Z_BUF_ERROR)
		return -ERR_CORRUPT;
	/* 128: between two blocks; the low bits count the bits of the last byte that are not used yet; 64: the last block. */
	if ((w->z.data_type & 0xff) == 128 && memcmp(w->z.next_in - KEPT, flushed, KEPT) == 0)
		set_mark(w, WALK_COMMIT);
	return 0;
}

static bool take_line(struct walk *w, struct view *line)
{
	struct view v = buf_view(&w->text);
	const uint8_t *nl = v.n > w->looked ? memchr(v.p + w->looked, '\n', v.n - w->looked) : NULL;

	if (!nl) {
		w->looked = v.n;
		return false;
	}
	*line = view_of(v.p, (size_t)(nl - v.p));
	w->line_n = line->n + 1;
	w->given += w->line_n;
	w->looked = 0;
	return true;
}

static int next(struct walk *w, struct view *line)
{
	for (;;) {
		if (take_line(w, line))
			return line->n > WALK_LINE_MAX ? -ERR_CORRUPT : WALK_LINE;
		if (w->mark) {
			enum walk_what what = w->mark;
			w->mark = WALK_END;
			if (!w->text.len) {
				w->place = w->at;
				return (int)what;
			}
			/* A boundary inside a line is none of ours; a member that ends inside a line is damaged. */
			if (what == WALK_MEMBER)
				return -ERR_CORRUPT;
		}
		if (w->text.len > WALK_LINE_MAX)
			return -ERR_CORRUPT;
		int r = fill(w);
		if (r < 0)
			return r;
		if (r == 0)
			return w->in_member ? -ERR_CORRUPT : WALK_END;
		r = inflate_some(w);
		if (r)
			return r;
	}
}

int walk_next(struct walk *w, struct view *line)
{
	*line = view_of(NULL, 0);
	if (w->err)
		return w->err;
	buf_consume(&w->text, w->line_n);
	w->line_n = 0;
	int r = next(w, line);
	if (r < 0) {
		w->err = r;
		*line = view_of(NULL, 0);
	}
	return r;
}
