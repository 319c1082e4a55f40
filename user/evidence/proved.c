/* proved.c - see proved.h.  Files and lines; proved_seal.c has what proves them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"
#include "evidence/proved_internal.h"

int proved_bad_at(struct proved *p, const char *what, uint64_t from, uint64_t to, const char *fmt, ...)
{
	struct proved_bad b = {.what = what, .from = from, .to = to};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b.why, sizeof(b.why), fmt, ap);
	va_end(ap);
	if (p->file)
		snprintf(b.file, sizeof(b.file), "%s", p->name);
	snprintf(b.since, sizeof(b.since), "%s", p->last_ts);
	snprintf(b.until, sizeof(b.until), "%s", p->until);
	return p->calls->bad ? p->calls->bad(p->calls->arg, &b) : 0;
}

static int hash_file(int fd, char hex[CHAIN_HEX], uint64_t *bytes)
{
	uint8_t sum[CHAIN_LEN];
	int r = chain_sum_fd(fd, sum, bytes);

	if (!r)
		chain_hex(sum, CHAIN_LEN, hex);
	return r;
}

/* Keep a line until a seal comes.  0, 1: no room, so nothing of this file can be proved any more; or negative. */
static int hold(struct proved *p, struct view line, uint64_t member, uint64_t offset)
{
	if (p->lines_n == p->lines_cap) {
		size_t more = p->lines_cap ? 2 * p->lines_cap : 1024;
		void *at = reallocarray(p->lines, more, sizeof(*p->lines));
		if (!at)
			return -ENOMEM;
		p->lines = at;
		p->lines_cap = more;
	}
	if (p->held.len + line.n + 1 > PROVED_HELD)
		return 1;
	p->lines[p->lines_n++] = (struct proved_line){.len = (uint32_t)line.n, .file = (uint32_t)p->i, .member = member, .offset = offset};
	return buf_put(&p->held, line);
}

void proved_drop(struct proved *p)
{
	p->out->held_back += p->lines_n;
	p->lines_n = 0;
	buf_reset(&p->held);
}

/* What was held back can never be proved: say so.  ${to}: the last line of it. */
static int give_up(struct proved *p, const char *what, uint64_t to, const char *why)
{
	uint64_t from = p->proven + 1;

	proved_drop(p);
	p->known = false;
	p->proven = p->seq = to;
	return proved_bad_at(p, what, from, to, "%s", why);
}

/* Hand out what is held, and the seal that proves it. */
static int deliver(struct proved *p, struct view seal_line, uint64_t seal, uint64_t member, uint64_t offset)
{
	struct view v = buf_view(&p->held);
	struct proved_at at = {.seal = seal};
	size_t k = 0;
	int r = 0;

	for (size_t i = 0; !r && i < p->lines_n; i++) {
		const struct proved_line *l = &p->lines[i];
		struct view line = view_head(v, l->len);
		v = view_skip(v, l->len);
		at.file = &p->files.at[l->file];
		at.member = l->member;
		at.offset = l->offset;
		while (k < p->nlate && p->late[k].file != at.file)
			k++; /* lines stand in the order of their files */
		*(k < p->nlate ? &p->late[k].lines : &p->segment.lines) += 1;
		p->out->lines++;
		r = p->calls->line(p->calls->arg, line, &at);
	}
	p->lines_n = 0;
	buf_reset(&p->held);
	if (r)
		return r;
	at = (struct proved_at){p->file, member, offset, seal};
	p->segment.lines++;
	p->segment.seals++;
	p->out->lines++;
	p->out->seals++;
	if (!p->out->first)
		p->out->first = p->range_first;
	p->out->last = p->seq;
	return p->calls->line(p->calls->arg, seal_line, &at);
}

/* One line of a file.  0; 1: the rest of the file is of no use, it was told; or negative. */
static int take(struct proved *p, struct view line, uint64_t member, uint64_t offset, bool first)
{
	struct entry_head h;
	int r = 0;

	if (entry_head(line, &h))
		return give_up(p, "damaged", p->file->names.last, "a line that is none of ours") ?: 1;
	if (h.seq != p->seq + 1)
		return give_up(p, "damaged", p->file->names.last, "its lines are not numbered one after the other") ?: 1;
	size_t n = h.ts.n < WALL_TEXT - 1 ? h.ts.n : WALL_TEXT - 1;
	memcpy(p->last_ts, h.ts.p, n);
	p->last_ts[n] = '\0';
	if (!p->segment.first_ts[0])
		memcpy(p->segment.first_ts, p->last_ts, n + 1);
	if (first && (r = proved_first(p, line)))
		return r < 0 ? r : give_up(p, "damaged", p->file->names.last, p->why) ?: 1;
	bool seal = !first && view_is(h.kind, "seal");
	if (seal && (r = proved_seal(p, line)))
		return r < 0 ? r : give_up(p, "damaged", p->file->names.last, p->why) ?: 1;
	p->seq = h.seq;
	p->out->raw += line.n + 1;
	if (chain_add(&p->chain, line))
		return -ENOMEM;
	if (seal) {
		r = deliver(p, line, p->seal, member, offset);
		p->range_first = p->seq + 1;
		p->range_raw = 0;
		p->proven = p->seq;
		p->range_before = p->chain;
		return r ? r : proved_notes(p);
	}
	p->range_raw += line.n + 1;
	r = hold(p, line, member, offset);
	return r == 1 ? give_up(p, "damaged", p->file->names.last, "more lines without a seal than any writer leaves") ?: 1 : r;
}

static int take_lines(struct proved *p, int fd)
{
	struct walk *w;
	struct view line;
	uint64_t member = 0;
	bool first = true;
	int what, r = walk_new(fd, &w);

	while (!r && (what = walk_next(w, &line)) != WALK_END) {
		if (what < 0) {
			r = what != -ERR_CORRUPT ? what : give_up(p, "damaged", p->file->names.last, "it is no whole gzip file") ?: 1;
		} else if (what == WALK_MEMBER) {
			member = walk_place(w).offset;
		} else if (what == WALK_LINE) {
			r = take(p, line, member, walk_raw(w) - line.n - 1, first);
			first = false;
		}
	}
	walk_free(&w);
	if (!r && p->seq != p->file->names.last)
		r = give_up(p, "damaged", p->file->names.last, "its name tells another last line than it has") ?: 1;
	return r == 1 ? 0 : r;
}

/* The numbers between the file before and this one. */
static int place(struct proved *p, const struct names *n)
{
	int r = 0;

	if (n->first <= p->seq && p->seq)
		return proved_bad_at(p, "damaged", n->first, n->last, "it begins with a line that a file before it has") ?: 1;
	if (p->seq && n->first != p->seq + 1) {
		const struct layout_file *file = p->file;
		p->file = NULL; /* it is not this file's fault */
		if (p->lines_n)
			r = give_up(p, "unsealed", p->seq, "the file ends without a seal and the next one is not there");
		if (!r)
			r = proved_bad_at(p, "missing", p->seq + 1, n->first - 1, "no file of the store has these lines");
		p->file = file;
		p->known = false;
		p->proven = n->first - 1;
	} else if (!p->seq) {
		p->proven = n->first - 1;
	}
	p->seq = n->first - 1;
	return r;
}

static int tell_late(struct proved *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->nlate; i++)
		r = p->calls->segment(p->calls->arg, &p->late[i]);
	p->nlate = 0;
	return r;
}

/* A file is told when it is known what of it is proved: with the next ones when its end has no seal.  All in their order. */
static int tell(struct proved *p)
{
	struct proved_segment *more = p->calls->segment ? reallocarray(p->late, p->nlate + 1, sizeof(*more)) : NULL;

	if (!more)
		return p->calls->segment ? -ENOMEM : 0;
	p->late = more;
	p->late[p->nlate++] = p->segment;
	return p->lines_n ? 0 : tell_late(p);
}

static int take_file(struct proved *p, size_t i)
{
	char path[LAYOUT_PATH];
	int fd = -1, r;

	p->i = i;
	p->file = &p->files.at[i];
	p->segment = (struct proved_segment){.file = p->file};
	names_path(&p->file->names, path);
	snprintf(p->name, sizeof(p->name), "%.190s", path + strlen("sealed/"));
	layout_segment_path(p->t, p->host, p->file->date, p->name, path);
	fd = openat(p->store, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : hash_file(fd, p->segment.sha256, &p->segment.bytes);
	if (r)
		goto out;
	p->until[0] = '\0';
	proved_peek(fd, p->until);
	r = place(p, &p->file->names);
	if (r == 0 && strncmp(p->segment.sha256, p->file->names.sha, NAMES_SHA - 1) != 0) {
		r = give_up(p, "damaged", p->file->names.last, "its bytes are not those that its name was made from");
	} else if (r == 0) {
		p->until[0] = '\0';
		r = take_lines(p, fd);
		snprintf(p->segment.last_ts, sizeof(p->segment.last_ts), "%s", p->last_ts);
	}
	if (r == 1)
		r = 0;
	p->out->files++;
	if (!r)
		r = tell(p);
out:
	fd_close(&fd);
	return r;
}

/* The file before the first that matters: its last line may hold what the next one's seals build on, and lines of the first hour. */
static size_t begin_at(const struct layout_files *f, const char *from)
{
	size_t i = 0;

	while (from && i < f->n && strcmp(f->at[i].date, from) < 0)
		i++;
	return i ? i - 1 : 0;
}

int proved_read(int store, enum layout_trail t, const char *host, const struct enrol *e, const char *from, const char *to,
    const struct proved_calls *calls, struct proved_result *out)
{
	struct proved *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	*out = (struct proved_result){0};
	if (!p)
		return r;
	*p = (struct proved){.store = store, .t = t, .host = host, .calls = calls, .out = out};
	p->held.max = PROVED_HELD + 1;
	r = chain_ready();
	if (!r)
		r = proved_load(p, e, to);
	if (!r)
		r = layout_segments(store, t, host, NULL, to, &p->files);
	for (size_t i = r ? 0 : begin_at(&p->files, from); !r && i < p->files.n; i++)
		r = take_file(p, i);
	p->file = NULL;
	p->until[0] = '\0';
	if (!r && p->lines_n)
		r = give_up(p, "unsealed", p->seq, "the last file ends without a seal");
	if (!r)
		r = tell_late(p);
	if (!r)
		r = proved_end(p);
	proved_unload(p);
	layout_files_free(&p->files);
	buf_free(&p->held);
	free(p->lines);
	free(p->late);
	free(p);
	return r;
}
