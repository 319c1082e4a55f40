/* handout.c - see handout.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/handout.h"
#include "audit/read.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { CHUNK = 1 << 18 };

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

/* The lines behind the mark of ${k} (NULL: all), oldest first; ${last}: number of the last line of any kind. */
static int lines_into(int dir, const struct trail *s, const struct kept *k, int fd, struct handout *out, uint64_t *last)
{
	const struct kept_mark *after = k ? &k->mark : NULL;
	struct bound bound = {.mark = after};
	struct trail_state st = trail_state(s);
	struct buf b = {0};
	struct read *in;
	struct view line;
	struct entry_head h;
	int r = read_new(dir, &in);

	if (r)
		return r;
	if (k) {
		read_from(in, k->sealed + 1);
		bound.chain = k->mark.head;
	}
	while ((r = read_line(in, &line)) > 0) {
		bool ours = entry_head(line, &h) == 0;
		r = ours || !after ? 0 : -ERR_CORRUPT;
		if (!r && ours)
			r = in_turn(k, *last, h.seq);
		if (!r && ours)
			r = bind(&bound, read_file(in), line, h.seq);
		if (r)
			break;
		*last = ours ? h.seq : *last;
		if (!ours || (after && h.seq <= after->seq) || !view_is(h.kind, "journal"))
			continue;
		out->lines++;
		r = put_line(&b, fd, line);
		if (r)
			break;
	}
	if (!r && !bound_whole(&bound, &st))
		r = -ERR_CORRUPT;
	if (r < 0 && !after)
		log_error("the journal cannot be read at %s: %s", read_file(in), err_text(r));
	if (!r)
		r = fd_write_all(fd, buf_view(&b));
	buf_free(&b);
	read_free(&in);
	return r;
}

/* 0, or why there is no use of it. */
static int with_state(int dir, const struct trail *s, int fd, struct handout *out, char why[KEPT_WHY])
{
	struct kept k;
	uint64_t last = 0;
	int r = kept_open(dir, s, &k, why);

	if (r)
		return r;
	r = kept_copy(&k, fd);
	if (r == -ERR_CORRUPT)
		snprintf(why, KEPT_WHY, "its bytes were changed");
	if (!r) {
		out->state_bytes = k.bytes;
		r = lines_into(dir, s, &k, fd, out, &last);
		if (r == -ERR_CORRUPT)
			snprintf(why, KEPT_WHY, "the lines from its place on are not those that it was made of");
	}
	if (r && !why[0])
		snprintf(why, KEPT_WHY, "%s", err_text(r));
	kept_close(&k);
	return r;
}

static int all_lines(int dir, const struct trail *s, int fd, struct handout *out)
{
	struct trail_state st = trail_state(s);
	uint64_t sealed, last = 0;
	char file[NAMES_MAX];
	int r = kept_files(dir, UINT64_MAX, &sealed, NULL, file);

	if (r == -ERR_CORRUPT)
		log_error("%s is not what was sealed: somebody changed it; callgate audit verify says which lines are not proved", file);
	else if (r)
		log_error("the sealed files of the journal cannot be read at %s: %s", file, err_text(r));
	if (!r)
		r = lines_into(dir, s, NULL, fd, out, &last);
	/* What is kept of this must be about lines that are on the disk, the last one included. */
	if (!r && !st.err && st.seq == st.safe_seq && last == st.seq)
		out->mark = (struct kept_mark){st.seq, st.head};
	return r;
}

int handout(int dir, struct trail *s, bool whole, int fd, struct handout *out)
{
	char why[KEPT_WHY];

	*out = (struct handout){0};
	int r = trail_commit(s, TRAIL_DURABLE);
	if (r)
		log_warning("lines of the journal wait to be written: %s", err_text(r));
	r = whole ? -ENOENT : with_state(dir, s, fd, out, why);
	if (!r)
		return 0;
	if (r != -ENOENT)
		log_warning("the kept state of the journal is not used: %s; the whole journal is read", why);
	*out = (struct handout){0};
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return all_lines(dir, s, fd, out);
}
