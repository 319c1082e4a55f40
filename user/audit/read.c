/* read.c - see read.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"

struct item {
	struct names name;
	bool sealed;
};

struct read {
	int dir;
	struct item *at;
	size_t n, i; /* i: of the file being read, plus one */
	struct walk *walk;
	int fd;
	uint64_t next; /* lines from this number on belong to the next file: the rest of this one was given up */
	char path[NAMES_MAX + 8];
};

static int by_first(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	if (x->name.first != y->name.first)
		return x->name.first < y->name.first ? -1 : 1;
	return x->sealed > y->sealed ? -1 : x->sealed < y->sealed;
}

static void add(struct read *r, const struct names_list *list, bool sealed)
{
	for (size_t i = 0; i < list->n; i++)
		r->at[r->n++] = (struct item){list->at[i], sealed};
}

int read_new(int dir, struct read **out)
{
	struct names_list open = {0}, sealed = {0};
	struct read *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->dir = dir;
	r->fd = -1;
	/* Open first: a file sealed in between is then in both lists, never in none. */
	int e = names_read(dir, "open", false, &open);
	if (!e)
		e = names_read(dir, "sealed", true, &sealed);
	r->at = e ? NULL : calloc(open.n + sealed.n + 1, sizeof(*r->at));
	if (!e && !r->at)
		e = -ENOMEM;
	if (!e) {
		add(r, &sealed, true);
		add(r, &open, false);
		qsort(r->at, r->n, sizeof(*r->at), by_first);
		*out = r;
		r = NULL;
	}
	names_free(&open);
	names_free(&sealed);
	read_free(&r);
	return e;
}

void read_free(struct read **rp)
{
	struct read *r = *rp;
	if (!r)
		return;
	walk_free(&r->walk);
	fd_close(&r->fd);
	free(r->at);
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
	size_t i = r->n;

	/* Open files do not say how much they hold: count them as nothing. */
	while (i && lines < most) {
		i--;
		if (r->at[i].sealed)
			lines += r->at[i].name.last - r->at[i].name.first + 1;
	}
	r->i = i;
}

/* 1: a file is open; 0: no more. */
static int open_next(struct read *r)
{
	char base[NAMES_MAX];

	while (r->i < r->n) {
		const struct item *it = &r->at[r->i++];
		/* Sealed while the list was made: its sealed name came first. */
		if (!it->sealed && r->i >= 2 && r->at[r->i - 2].sealed && r->at[r->i - 2].name.first == it->name.first)
			continue;
		if (it->sealed)
			names_sealed(&it->name, base);
		else
			names_open(&it->name, base);
		snprintf(r->path, sizeof(r->path), "%s/%s", it->sealed ? "sealed" : "open", base);
		r->fd = openat(r->dir, r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (r->fd < 0)
			return -errno;
		r->next = r->i < r->n ? r->at[r->i].name.first : UINT64_MAX;
		int e = walk_new(r->fd, &r->walk);
		return e ? e : 1;
	}
	return 0;
}

static void close_file(struct read *r)
{
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
			if (r->at[r->i - 1].sealed || (entry_head(*line, &h) == 0 && h.seq < r->next))
				return 1;
			close_file(r);
		} else if (e <= 0) {
			close_file(r);
			if (e < 0 && !(e == -ERR_CORRUPT && !r->at[r->i - 1].sealed))
				return e;
		}
	}
}
