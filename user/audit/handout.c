/* handout.c - see handout.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/handout.h"
#include "audit/read.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { CHUNK = 1 << 18, PIECE_HASHED = 2 << 20, PIECE_TEXT = 1 << 20 }; /* bytes; PIECE: between two looks at what else there is to do */

/* Does the stream, read behind the sealed files that were looked at, come by the mark, and from there without a gap to where it ends now? */
struct bound {
	const struct kept_mark *mark; /* NULL: nothing to hold it against */
	bool passed;
	struct chain chain; /* after the last line that was read; the mark's before there is one */
	char file[NAMES_MAX];
};

static bool same(const struct chain *a, const struct chain *b)
{
	return memcmp(a->head, b->head, CHAIN_LEN) == 0;
}

/* The first line of a file says how the chain stood before it. */
static bool file_begins(struct bound *b, const char *file, struct view line)
{
	static const char key[] = "\"prev\":\"";
	const uint8_t *at = memmem(line.p, line.n, key, sizeof(key) - 1);
	bool first = !b->file[0];
	struct chain prev;

	snprintf(b->file, sizeof(b->file), "%s", file);
	if (!at || chain_unhex(view_head(view_skip(line, (size_t)(at - line.p) + sizeof(key) - 1), 2 * CHAIN_LEN), prev.head, CHAIN_LEN))
		return false;
	bool follows = first || same(&prev, &b->chain);
	b->chain = prev;
	return follows;
}

/* Each line.  0, -ERR_CORRUPT: this is not the stream that was read. */
static int bind(struct bound *b, const char *file, struct view line, uint64_t seq)
{
	if (!b->mark)
		return 0;
	if (strcmp(b->file, file) != 0 && !file_begins(b, file, line))
		return -ERR_CORRUPT;
	if (seq == b->mark->seq + 1)
		b->passed = same(&b->chain, &b->mark->head);
	if (seq > b->mark->seq && !b->passed)
		return -ERR_CORRUPT;
	return chain_add(&b->chain, line);
}

/* All lines were read: they end where the stream does, and none of them is missing. */
static bool bound_whole(const struct bound *b, const struct trail_state *st)
{
	return !b->mark || (same(&b->chain, &st->head) && (b->passed || (st->seq == b->mark->seq && same(&b->chain, &b->mark->head))));
}

static int put_line(struct buf *b, int fd, struct view line)
{
	int r = buf_put(b, line);

	if (!r)
		r = buf_puts(b, "\n");
	if (!r && b->len > CHUNK) {
		r = fd_write_all(fd, buf_view(b));
		buf_reset(b);
	}
	return r;
}

/* A line that is not there may have been a revocation.  Behind a mark the chain tells. */
static int in_turn(const struct kept *k, uint64_t last, uint64_t seq)
{
	if (k || seq <= last + 1)
		return 0;
	log_error("lines %llu to %llu of the journal are missing: a file of it was taken away; it holds again when that is back", (unsigned long long)last + 1, (unsigned long long)seq - 1);
	return -ERR_CORRUPT;
}

struct lines { /* that are being read */
	const struct kept *k; /* those behind its mark; NULL: all */
	int fd;
	struct bound bound;
	struct buf text;
	struct read *in;
	uint64_t last; /* number of the last line of any kind */
};

static int lines_begin(struct lines *l, int dir, const struct kept *k, int fd)
{
	*l = (struct lines){.k = k, .fd = fd, .bound = {.mark = k ? &k->mark : NULL}};
	int r = read_new(dir, &l->in);

	if (!r && k) {
		read_from(l->in, k->sealed + 1);
		l->bound.chain = k->mark.head;
	}
	return r;
}

static int one_line(struct lines *l, struct view line, struct handout *out)
{
	const struct kept_mark *after = l->bound.mark;
	struct entry_head h;

	bool ours = entry_head(line, &h) == 0;
	int r = ours || !after ? 0 : -ERR_CORRUPT;
	if (!r && ours)
		r = in_turn(l->k, l->last, h.seq);
	if (!r && ours)
		r = bind(&l->bound, read_file(l->in), line, h.seq);
	if (r)
		return r;
	l->last = ours ? h.seq : l->last;
	if (!ours || (after && h.seq <= after->seq) || !view_is(h.kind, "journal"))
		return 0;
	out->lines++;
	return put_line(&l->text, l->fd, line);
}

/* Oldest first.  1: so much text was read, there is more; 0: to the end; negative. */
static int lines_step(struct lines *l, const struct trail *s, uint64_t most, struct handout *out)
{
	struct trail_state st = trail_state(s);
	struct view line;
	uint64_t bytes = 0;
	int r = 0;

	while (!r && bytes < most && (r = read_line(l->in, &line)) > 0) {
		bytes += line.n;
		r = one_line(l, line, out);
	}
	if (!r && bytes >= most)
		return 1;
	if (!r && !bound_whole(&l->bound, &st))
		r = -ERR_CORRUPT;
	if (r < 0 && !l->k)
		log_error("the journal cannot be read at %s: %s", read_file(l->in), err_text(r));
	return r ? r : fd_write_all(l->fd, buf_view(&l->text));
}

static void lines_end(struct lines *l)
{
	buf_free(&l->text);
	read_free(&l->in);
}

/* 0, or why there is no use of it. */
static int with_state(int dir, const struct trail *s, int fd, struct handout *out, char why[KEPT_WHY])
{
	struct kept k;
	struct lines l;
	int r = kept_open(dir, s, &k, why);

	if (r)
		return r;
	r = kept_copy(&k, fd);
	if (r == -ERR_CORRUPT)
		snprintf(why, KEPT_WHY, "its bytes were changed");
	if (!r) {
		out->state_bytes = k.bytes;
		r = lines_begin(&l, dir, &k, fd);
		if (!r)
			r = lines_step(&l, s, UINT64_MAX, out);
		lines_end(&l);
		if (r == -ERR_CORRUPT)
			snprintf(why, KEPT_WHY, "the lines from its place on are not those that it was made of");
	}
	if (r && !why[0])
		snprintf(why, KEPT_WHY, "%s", err_text(r));
	kept_close(&k);
	return r;
}

/* ---- the whole ---- */

struct handout_run {
	int dir, fd;
	struct trail *s;
	bool done;            /* what was kept is all */
	struct names_list files;
	size_t at;            /* of the sealed file that is hashed */
	int file;             /* -1: none */
	off_t off;
	struct chain_sum *sum;
	bool reading;
	struct lines lines;
	struct handout out;
};

int handout_begin(int dir, struct trail *s, bool whole, int fd, struct handout_run **to)
{
	char why[KEPT_WHY];
	struct handout_run *run = calloc(1, sizeof(*run));

	*to = NULL;
	if (!run)
		return -ENOMEM;
	*run = (struct handout_run){.dir = dir, .fd = fd, .s = s, .file = -1};
	int r = trail_commit(s, TRAIL_DURABLE);
	if (r)
		log_warning("lines of the journal wait to be written: %s", err_text(r));
	r = whole ? -ENOENT : with_state(dir, s, fd, &run->out, why);
	run->done = !r;
	if (r && r != -ENOENT)
		log_warning("the kept state of the journal is not used: %s; the whole journal is read", why);
	if (!r) {
		*to = run;
		return 0;
	}
	run->out = (struct handout){0};
	r = ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
	if (!r)
		r = names_read(dir, NAMES_SEALED, &run->files);
	if (r) {
		log_error("the sealed files of the journal cannot be listed: %s", err_text(r));
		handout_end(&run);
	}
	*to = run;
	return r;
}

/* The file is read: is it what its name says? */
static int hashed(struct handout_run *run)
{
	const struct names *n = &run->files.at[run->at++];
	uint8_t sum[CHAIN_LEN];
	char hex[CHAIN_HEX];
	int r = chain_sum_end(run->sum, sum);

	fd_close(&run->file);
	if (r)
		return r;
	chain_hex(sum, CHAIN_LEN, hex);
	return strncmp(hex, n->sha, NAMES_SHA - 1) == 0 ? 0 : -ERR_CORRUPT;
}

/* 1: there is more to hash. */
static int hash_step(struct handout_run *run)
{
	static uint8_t chunk[CHUNK];
	char path[NAMES_MAX];
	int r = 0;

	for (size_t n = 0; !r && n < PIECE_HASHED && run->at < run->files.n; n += CHUNK) {
		names_path(&run->files.at[run->at], path);
		if (run->file < 0) {
			run->file = openat(run->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
			run->off = 0;
			r = run->file < 0 ? -errno : 0;
		}
		if (!r && !run->sum && !(run->sum = chain_sum_new()))
			r = -ENOMEM;
		ssize_t got = r ? 0 : pread(run->file, chunk, CHUNK, run->off);
		if (!r && got < 0)
			r = -errno;
		else if (!r && got == 0)
			r = hashed(run);
		else if (!r)
			r = chain_sum_add(run->sum, view_of(chunk, (size_t)got));
		run->off += got;
	}
	if (r == -ERR_CORRUPT)
		log_error("%s is not what was sealed: somebody changed it; callgate audit verify says which lines are not proved", path);
	else if (r)
		log_error("the sealed files of the journal cannot be read at %s: %s", path, err_text(r));
	return r ? r : run->at < run->files.n;
}

int handout_step(struct handout_run *run, struct handout *out)
{
	*out = run->out;
	if (run->done)
		return 0;
	if (!run->reading) {
		int r = hash_step(run);
		if (!r)
			r = lines_begin(&run->lines, run->dir, NULL, run->fd);
		else if (r > 0)
			return 1;
		run->reading = !r;
		return r ? r : 1;
	}
	int r = lines_step(&run->lines, run->s, PIECE_TEXT, &run->out);
	if (r)
		return r;
	/* What is kept of this must be about lines that are on the disk, the last one included. */
	struct trail_state st = trail_state(run->s);
	if (!st.err && st.seq == st.safe_seq && run->lines.last == st.seq)
		run->out.mark = (struct kept_mark){st.seq, st.head};
	*out = run->out;
	run->done = true;
	return 0;
}

void handout_end(struct handout_run **to)
{
	struct handout_run *run = *to;

	if (!run)
		return;
	lines_end(&run->lines);
	chain_sum_free(&run->sum);
	fd_close(&run->file);
	names_free(&run->files);
	free(run);
	*to = NULL;
}

int handout(int dir, struct trail *s, bool whole, int fd, struct handout *out)
{
	struct handout_run *run;
	int r = handout_begin(dir, s, whole, fd, &run);

	*out = (struct handout){0};
	if (!r)
		while ((r = handout_step(run, out)) > 0)
			;
	handout_end(&run);
	return r;
}
