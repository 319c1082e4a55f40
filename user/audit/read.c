/* read.c - see read.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "audit/seek.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"

struct read {
	int dir, second;
	struct names_list files;
	size_t i; /* of the file being read, plus one */
	struct walk *walk;
	int fd;
	uint64_t next; /* lines from this number on belong to the next file: the rest of this one was given up */
	char path[NAMES_MAX];
	char since[WALL_TEXT]; /* of the first file only; empty: from its start */
	uint64_t bytes;
};

int read_new(int dir, struct read **out)
{
	struct read *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->dir = dir;
	r->fd = -1;
	int e = names_read(dir, NAMES_OPEN | NAMES_SEALED, &r->files);
	if (e)
		read_free(&r);
	*out = r;
	return e;
}

int read_also(struct read *r, int second)
{
	struct names_list all;

	if (!second)
		return 0;
	int e = names_read_two(r->dir, second, NAMES_OPEN | NAMES_SEALED, &all);
	if (e)
		return e;
	names_free(&r->files);
	r->files = all;
	r->second = second;
	return 0;
}

void read_free(struct read **rp)
{
	struct read *r = *rp;
	if (!r)
		return;
	walk_free(&r->walk);
	fd_close(&r->fd);
	names_free(&r->files);
	free(r);
	*rp = NULL;
}

const char *read_file(const struct read *r)
{
	return r->path;
}

void read_tail(struct read *r, uint64_t most)
{
	uint64_t lines = 0;
	size_t i = r->files.n;

	/* Open files do not say how much they hold: count them as nothing. */
	while (i && lines < most) {
		const struct names *n = &r->files.at[--i];
		if (n->sealed)
			lines += n->last - n->first + 1;
	}
	r->i = i;
}

void read_from(struct read *r, uint64_t seq)
{
	while (r->i < r->files.n && r->files.at[r->i].sealed && r->files.at[r->i].last < seq)
		r->i++;
}

/* "ts" of the file's first line; empty when it cannot be read. */
static void first_ts(struct read *r, size_t i, char ts[WALL_TEXT])
{
	char path[NAMES_MAX];

	names_path(&r->files.at[i], path);
	int fd = openat(names_dir(&r->files.at[i], r->dir, r->second), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ts[0] = '\0';
	if (fd >= 0)
		seek_first(fd, 0, ts, &r->bytes);
	fd_close(&fd);
}

/* The last file that begins before ${since}: everything before it is older. */
void read_since(struct read *r, struct wall since)
{
	char ts[WALL_TEXT];
	size_t low = 0, high = r->files.n;

	wall_text(since, r->since);
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;
		first_ts(r, mid, ts);
		/* A file that says nothing: better too much than too little. */
		if (!ts[0]) {
			r->since[0] = '\0';
			return;
		}
		if (strcmp(ts, r->since) < 0)
			low = mid;
		else
			high = mid;
	}
	r->i = low;
}

uint64_t read_bytes(const struct read *r)
{
	return r->bytes + (r->walk ? walk_read(r->walk) : 0);
}

/* 1: a file is open; 0: no more. */
static int open_next(struct read *r)
{
	if (r->i == r->files.n)
		return 0;
	const struct names *n = &r->files.at[r->i++];
	names_path(n, r->path);
	r->fd = openat(names_dir(n, r->dir, r->second), r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0)
		return -errno;
	r->next = r->i < r->files.n ? r->files.at[r->i].first : UINT64_MAX;
	int e = walk_new(r->fd, &r->walk);
	if (!e && r->since[0]) {
		uint64_t at = seek_member(r->fd, r->since, &r->bytes);
		walk_at(r->walk, at);
		r->bytes -= at; /* what walk_read() counts too much */
	}
	r->since[0] = '\0';
	return e ? e : 1;
}

static void close_file(struct read *r)
{
	r->bytes += r->walk ? walk_read(r->walk) : 0;
	walk_free(&r->walk);
	fd_close(&r->fd);
}

int read_line(struct read *r, struct view *line)
{
	for (;;) {
		struct entry_head h;
		int e = r->walk ? 1 : open_next(r);
		if (e <= 0) {
			close_file(r);
			return e;
		}
		e = walk_next(r->walk, line);
		if (e == WALK_LINE) {
			if (r->files.at[r->i - 1].sealed || (entry_head(*line, &h) == 0 && h.seq < r->next))
				return 1;
			close_file(r);
		} else if (e <= 0) {
			close_file(r);
			if (e < 0 && !(e == -ERR_CORRUPT && !r->files.at[r->i - 1].sealed))
				return e;
		}
	}
}
