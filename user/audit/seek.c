/*
 * seek.c - see seek.h.  Members are found by their header (RFC 1952), as segment.c lets zlib write it: no flags, no time, made on
 * Unix.  The same ten bytes inside of compressed data are told apart by what they inflate to.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/seek.h"
#include "audit/walk.h"

enum { CHUNK = 1 << 18, HEADER = 10, SAME = 8, UNIX = 3 };

static const uint8_t header[SAME] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0};

bool seek_first(int fd, uint64_t offset, char ts[WALL_TEXT], uint64_t *bytes)
{
	struct walk *w = NULL;
	struct view line;
	struct entry_head h;
	bool good = false;

	ts[0] = '\0';
	if (walk_new(fd, &w))
		return false;
	walk_at(w, offset);
	if (walk_next(w, &line) == WALK_LINE && entry_head(line, &h) == 0 && h.ts.n < WALL_TEXT) {
		snprintf(ts, WALL_TEXT, "%.*s", (int)h.ts.n, (const char *)h.ts.p);
		good = true;
	}
	*bytes += walk_read(w) - offset;
	walk_free(&w);
	return good;
}

struct places {
	uint64_t *at;
	size_t n, cap;
};

static bool add(struct places *p, uint64_t offset)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 256;
		uint64_t *at = reallocarray(p->at, cap, sizeof(*at));
		if (!at)
			return false;
		p->at = at;
		p->cap = cap;
	}
	p->at[p->n++] = offset;
	return true;
}

/* Every place that looks like the start of a member.  Reading is cheap, inflating is not. */
static bool find(int fd, struct places *p, uint64_t *bytes)
{
	uint8_t *chunk = malloc(CHUNK);
	uint64_t base = 0;
	ssize_t n;
	bool good = chunk != NULL;

	while (good && (n = pread(fd, chunk, CHUNK, (off_t)base)) >= HEADER) {
		const uint8_t *at = chunk, *end = chunk + n;
		while (good && (at = memmem(at, (size_t)(end - at), header, SAME)) && end - at >= HEADER) {
			if (at[HEADER - 1] == UNIX)
				good = add(p, base + (uint64_t)(at - chunk));
			at++;
		}
		if (n < CHUNK)
			break;
		base += CHUNK - (HEADER - 1); /* a header may lie across two chunks */
		*bytes += (uint64_t)n;
	}
	free(chunk);
	return good;
}

uint64_t seek_member(int fd, const char *since, uint64_t *bytes)
{
	struct places p = {0};
	char ts[WALL_TEXT];
	uint64_t found = 0, ignored = 0;

	/* Counted is what is inflated: that is the cost. */
	size_t low = 0, high = find(fd, &p, &ignored) ? p.n : 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2, real = mid;
		/* Not a member after all: the next one that is. */
		while (real < high && !seek_first(fd, p.at[real], ts, bytes))
			real++;
		if (real < high && strcmp(ts, since) < 0) {
			found = p.at[real];
			low = real + 1;
		} else {
			high = mid;
		}
	}
	free(p.at);
	return found;
}
