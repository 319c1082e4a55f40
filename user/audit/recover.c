/* recover.c - see recover.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/entry.h"
#include "audit/recover.h"
#include "audit/segment.h"
#include "audit/walk.h"
#include "base/err.h"
#include "base/fd.h"

int recover_cut(int fd, uint64_t first, uint64_t most, uint64_t *last, struct walk_place *cut)
{
	struct walk *w;
	struct view line;
	uint64_t seq = first - 1;
	bool good = true;

	*last = first - 1;
	*cut = (struct walk_place){0};
	int r = walk_new(fd, &w);
	if (r)
		return r;
	while (good && (r = walk_next(w, &line)) > 0) {
		struct entry_head h;
		if (r == WALK_LINE) {
			/* Zeros or another file's blocks can look like text: only the next number in turn goes on. */
			good = entry_head(line, &h) == 0 && h.seq == seq + 1 && h.seq <= most;
			seq += good;
			continue;
		}
		*cut = walk_place(w);
		*last = seq;
	}
	walk_free(&w);
	if (r < 0 && r != -ERR_CORRUPT)
		return r;
	return r == WALK_END && good ? 0 : 1;
}

/* The end of the member that was cut: an empty final block, then RFC 1952's checksum and length. */
static size_t end_of(const struct walk_place *cut, uint8_t end[10])
{
	if (!cut->in_member)
		return 0;
	end[0] = 0x03;
	end[1] = 0x00;
	for (int i = 0; i < 4; i++) {
		end[2 + i] = (uint8_t)(cut->crc >> (8 * i));
		end[6 + i] = (uint8_t)(cut->raw >> (8 * i));
	}
	return 10;
}

/* The first ${n} bytes of ${fd} and ${end} into ${to} (-1: only hashed). */
static int copy(int fd, uint64_t n, struct view end, int to, uint8_t sum[CHAIN_LEN])
{
	static uint8_t chunk[65536];
	struct chain_sum *s = chain_sum_new();
	int r = s ? 0 : -ENOMEM;

	for (uint64_t at = 0; !r && at < n;) {
		ssize_t got = pread(fd, chunk, n - at < sizeof(chunk) ? n - at : sizeof(chunk), (off_t)at);
		if (got <= 0) {
			r = got < 0 ? -errno : -ERR_CORRUPT;
			break;
		}
		struct view v = view_of(chunk, (size_t)got);
		r = chain_sum_add(s, v);
		if (!r && to >= 0)
			r = fd_write_all(to, v);
		at += (uint64_t)got;
	}
	if (!r)
		r = chain_sum_add(s, end);
	if (!r && to >= 0)
		r = fd_write_all(to, end);
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	return r;
}

/*
 * Into a new file: what is read may be in memory only, since a sync of the old one may have failed before, and another would say that all
 * is well.  The old one goes when the new one has its name; should that be cut short, the next start finds the lines twice and drops it.
 */
static int repair_copy(int dir, int to_dir, int fd, struct names *name, const char *path, uint64_t size, struct view end)
{
	static const char temp[] = "open/repair";
	uint8_t sum[CHAIN_LEN];

	unlinkat(to_dir, temp, 0);
	int to = openat(to_dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	int r = to < 0 ? -errno : copy(fd, size, end, to, sum);
	if (!r)
		r = segment_finish(to_dir, to, temp, name, sum);
	fd_close(&to);
	if (!r)
		return unlinkat(dir, path, 0) < 0 && to_dir == dir ? -errno : 0;
	unlinkat(to_dir, temp, 0);
	return r;
}

/* Without room for a copy. */
static int repair_here(int dir, int fd, struct names *name, const char *path, uint64_t size, struct view end)
{
	uint8_t sum[CHAIN_LEN];

	int r = ftruncate(fd, (off_t)size) < 0 || lseek(fd, (off_t)size, SEEK_SET) < 0 ? -errno : fd_write_all(fd, end);
	if (!r)
		r = copy(fd, size + end.n, view_of(NULL, 0), -1, sum);
	return r ? r : segment_finish(dir, fd, path, name, sum);
}

static int repair(int dir, int to, int fd, struct names *name, const char *path, uint64_t most, struct recover_report *rep)
{
	struct walk_place cut;
	struct stat st;
	uint8_t end[10];
	size_t n = 0;

	int r = recover_cut(fd, name->first, most, &name->last, &cut);
	if (r < 0)
		return r;
	if (name->last < name->first) {
		rep->dropped++;
		return 1;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	uint64_t size = (uint64_t)st.st_size;
	if (r == 1) {
		rep->repaired++;
		rep->cut_bytes += size > cut.offset ? size - cut.offset : 0;
		size = cut.offset;
		n = end_of(&cut, end);
	}
	r = repair_copy(dir, to, fd, name, path, size, view_of(end, n));
	if (to != dir)
		return r;
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG ? repair_here(dir, fd, name, path, size, view_of(end, n)) : r;
}

int recover_file(int dir, int to, const struct names *name, uint64_t most, struct recover_report *rep)
{
	char path[NAMES_MAX];
	struct names n = *name;

	n.sealed = false;
	names_path(&n, path);
	rep->files++;
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	/* Files are made read-only, so that nothing else writes them by mistake: ask for the right back. */
	if (fd >= 0 && fchmod(fd, 0640) == 0) {
		close(fd);
		fd = openat(dir, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd < 0)
		return -errno;
	int r = repair(dir, to, fd, &n, path, most, rep);
	if (r == 1)
		r = unlinkat(dir, path, 0) < 0 && to == dir ? -errno : 0;
	close(fd);
	return r;
}

/* The last line that counts of a file: another file that begins there or later has the lines from its first on. */
static uint64_t most_of(const struct names_list *all, const struct names *n)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < all->n; i++) {
		const struct names *x = &all->at[i];
		if (x->first < next && (x->first > n->first || (x->first == n->first && x->sealed)))
			next = x->first;
	}
	return next == UINT64_MAX ? next : next - 1;
}

/* How many errors the writer of an open file had met before it: the second line says so when it was begun after one (trail.h). */
static uint64_t errors_before(int dir, const struct names *n)
{
	static const char key[] = "\"times\":";
	char path[NAMES_MAX];
	struct walk *w = NULL;
	struct view line;
	struct entry_head h;
	uint64_t times = 0;

	names_path(n, path);
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool there = fd >= 0 && walk_new(fd, &w) == 0 && walk_next(w, &line) == WALK_LINE && walk_next(w, &line) == WALK_LINE;
	const uint8_t *at = there && entry_head(line, &h) == 0 && view_is(h.kind, "io_error") ? memmem(line.p, line.n, key, sizeof(key) - 1) : NULL;
	for (at = at ? at + sizeof(key) - 1 : NULL; at && at < line.p + line.n && *at >= '0' && *at <= '9'; at++)
		times = times * 10 + (uint64_t)(*at - '0');
	walk_free(&w);
	fd_close(&fd);
	return times;
}

/*
 * Was ${n} given up for a file of the other directory that begins with the same line?  One of the two at most holds something that was acknowledged,
 * since lines of the other would have other numbers: the one that was begun later.
 */
static bool given_up(int dir, int second, const struct names_list *open, const struct names *n)
{
	for (size_t i = 0; i < open->n; i++) {
		const struct names *x = &open->at[i];
		if (x->first != n->first || x->second == n->second)
			continue;
		if (x->epoch != n->epoch)
			return x->epoch > n->epoch;
		uint64_t mine = errors_before(names_dir(n, dir, second), n), other = errors_before(names_dir(x, dir, second), x);
		return other > mine || (other == mine && x->second);
	}
	return false;
}

/* Of both directories, without regard to what is in the other. */
static int every_open(int dir, int second, struct names_list *list)
{
	struct names_list more = {0};
	int r = names_read(dir, NAMES_OPEN, list);

	if (!r && second)
		r = names_read(second, NAMES_OPEN, &more);
	struct names *at = r || !more.n ? NULL : reallocarray(list->at, list->n + more.n, sizeof(*at));
	if (!r && more.n && !at)
		r = -ENOMEM;
	for (size_t i = 0; at && i < more.n; i++) {
		at[list->n] = more.at[i];
		at[list->n++].second = true;
	}
	list->at = at ? at : list->at;
	names_free(&more);
	return r;
}

int recover_all(int dir, int second, struct recover_report *rep)
{
	struct names_list open, all = {0};

	*rep = (struct recover_report){0};
	int r = every_open(dir, second, &open);
	if (!r && open.n)
		r = names_read_two(dir, second, NAMES_OPEN | NAMES_SEALED, &all);
	for (size_t i = 0; !r && i < open.n; i++) {
		const struct names *n = &open.at[i];
		int at = names_dir(n, dir, second);
		uint64_t most = given_up(dir, second, &open, n) ? n->first - 1 : most_of(&all, n);
		struct recover_report before = *rep;
		r = recover_file(at, at, n, most, rep);
		if (!r || !second || n->second)
			continue;
		/* The first directory cannot be written: what it holds goes to the second. */
		*rep = before;
		r = recover_file(at, second, n, most, rep);
	}
	names_free(&open);
	names_free(&all);
	return r;
}
