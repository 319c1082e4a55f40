/*
 * verify.c - see verify.h.  The files of a directory, in their order; sealed names carry first line, last line and half the file's SHA-256.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/verify_internal.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"

/* A member may begin here: RFC 1952, deflate, no flags, no time. */
static const uint8_t member_start[] = {0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0};

/* The next place at or after ${from} where a member may begin, or -1. */
static off_t next_member(int fd, off_t from)
{
	static uint8_t chunk[1 << 16];
	ssize_t n;

	while ((n = pread(fd, chunk, sizeof(chunk), from)) >= (ssize_t)sizeof(member_start)) {
		const uint8_t *at = memmem(chunk, (size_t)n, member_start, sizeof(member_start));
		if (at)
			return from + (at - chunk);
		from += n - (ssize_t)sizeof(member_start) + 1;
	}
	return -1;
}

/* The lines from ${*at} on.  0: to the end; 1: ${*at} is where to go on after a damaged member; negative. */
static int check_run(struct check *c, int fd, bool sealed, uint64_t most, off_t *at)
{
	struct walk *w;
	struct view line;
	bool unsealed = false; /* a member ended without a seal: it must be the last */
	int r = walk_new(fd, &w);

	if (!r)
		walk_at(w, (uint64_t)*at);
	if (c->lost)
		check_lost_at(c);
	c->sealed_member = true;
	while (!r && !(c->once && c->v->bad) && (r = walk_next(w, &line)) > 0) {
		if (r == WALK_MEMBER) {
			unsealed = !c->sealed_member;
			if (c->lost)
				check_lost_at(c);
		}
		if (r == WALK_LINE && c->seq >= most)
			break;
		if (r == WALK_LINE && unsealed)
			check_bad(c, "a member ends without a seal");
		unsealed &= r != WALK_LINE;
		r = r == WALK_LINE ? verify_line(c, line) : 0;
		if (c->most_raw && c->range_raw > c->most_raw)
			check_bad(c, "more text without a seal than a writer leaves");
	}
	if (r == WALK_LINE)
		r = 0; /* an open file that its successor took over */
	if (r == -ERR_CORRUPT && sealed) {
		check_bad(c, "is damaged or torn");
		off_t place = (off_t)walk_place(w).offset;
		*at = next_member(fd, (place > *at ? place : *at) + 1);
		r = *at < 0 ? 0 : 1;
	} else if (r == -ERR_CORRUPT) {
		r = 0; /* what a writer is writing, or was when it died */
	}
	walk_free(&w);
	return r;
}

/* most: of an open file, where the next one takes over. */
int verify_lines(struct check *c, int fd, bool sealed, uint64_t most)
{
	uint64_t start = c->seq;
	off_t at = 0;
	int r = 1;

	c->first = true;
	while (r == 1 && !(c->once && c->v->bad))
		r = check_run(c, fd, sealed, most, &at);
	if (c->once && c->v->bad)
		return r < 0 ? r : 0;
	if (!r && c->first && sealed)
		check_bad(c, "holds no line");
	c->cut = !c->sealed_member;
	if (!sealed && c->seq > start)
		c->v->open_lines += c->seq - start;
	return r;
}

static int check_hash(struct check *c, int fd, uint64_t bad)
{
	uint8_t sum[CHAIN_LEN];
	char hex[CHAIN_HEX];
	int r = chain_sum_fd(fd, sum, NULL);

	if (r)
		return r;
	chain_hex(sum, CHAIN_LEN, hex);
	if (strncmp(hex, c->names->sha, NAMES_SHA - 1) == 0 || c->v->bad > bad || c->lost)
		return 0;
	/* Every line and seal was right. */
	uint64_t proven = c->proven;
	c->proven = c->seq;
	check_bad(c, "its bytes are not those that its name was made from; no line was changed");
	check_lost_end(c, c->seq);
	c->proven = proven;
	return 0;
}

void verify_place(struct check *c, const struct names *n)
{
	if (strcmp(n->host, c->host) != 0)
		check_bad(c, "is a file of host %s among those of %s", n->host, c->host);
	if (n->first <= c->seq && !c->lost)
		check_bad(c, "begins with line %" PRIu64 ", which the file before it has already", n->first);
	else if (n->first != c->seq + 1)
		check_bad(c, "lines %" PRIu64 " to %" PRIu64 " are missing before it", c->seq + 1, n->first - 1);
}

/* most: of an open file, the last line before its successor begins. */
static int check_file(struct check *c, const struct names *n, uint64_t most)
{
	char path[NAMES_MAX];
	uint64_t bad = c->v->bad;

	names_path(n, path);
	int fd = openat(names_dir(n, c->dir, c->opts->second), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	c->names = n;
	if (!c->v->files++) {
		c->v->first = n->first;
		c->seq = c->proven = n->first - 1;
		c->host = n->host;
	}
	/* Lines first: they say where it is wrong, the hash only that it is. */
	verify_place(c, n);
	int r = verify_lines(c, fd, n->sealed, n->sealed ? UINT64_MAX : most);
	if (!r && n->sealed && n->last != c->seq)
		check_bad(c, "its name says that it ends with line %" PRIu64 ", it ends with %" PRIu64, n->last, c->seq);
	if (!r && n->sealed)
		r = check_hash(c, fd, bad);
	close(fd);
	return r;
}

/* The oldest files may be gone when a record says that they were collected. */
static void check_start(struct check *c)
{
	if (c->v->first > 1 && c->excused >= c->v->first - 1)
		c->v->held_to = c->v->first - 1;
	if (c->opts->partial || c->v->first <= 1 || c->v->held_to || c->lost)
		return;
	uint64_t proven = c->proven, seal = c->seal;
	c->proven = c->seal = 0;
	check_bad(c, "lines 1 to %" PRIu64 " are missing before it, and no record says that they were collected", c->v->first - 1);
	check_lost_end(c, c->v->first - 1);
	c->proven = proven;
	c->seal = seal;
}

int verify_dir(int dir, const struct verify_opts *opts, struct verify_result *v)
{
	static const struct verify_opts none;
	struct names_list list = {0};
	struct check *c = calloc(1, sizeof(*c));

	*v = (struct verify_result){.from = 1};
	if (!c)
		return -ENOMEM;
	c->dir = dir;
	c->opts = opts ? opts : &none;
	c->v = v;
	int r = chain_ready();
	if (!r)
		r = proof_load(c);
	if (!r)
		r = names_read_two(dir, c->opts->second, NAMES_OPEN | NAMES_SEALED, &list);
	for (size_t i = 0; !r && i < list.n; i++)
		r = check_file(c, &list.at[i], i + 1 < list.n ? list.at[i + 1].first - 1 : UINT64_MAX);
	if (!r) {
		check_lost_end(c, c->seq);
		c->names = list.n ? &list.at[0] : NULL;
		check_start(c);
		proof_end(c);
	}
	v->last = c->seq;
	names_free(&list);
	proof_free(c);
	buf_free(&c->held);
	free(c);
	return r < 0 ? r : 0;
}
