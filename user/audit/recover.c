/* recover.c - see recover.h. */
#include <errno.h>
#include <fcntl.h>
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
static int repair_copy(int dir, int fd, struct names *name, const char *path, uint64_t size, struct view end)
{
	static const char temp[] = "open/repair";
	uint8_t sum[CHAIN_LEN];

	unlinkat(dir, temp, 0);
	int to = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	int r = to < 0 ? -errno : copy(fd, size, end, to, sum);
	if (!r)
		r = segment_finish(dir, to, temp, name, sum);
	fd_close(&to);
	if (!r)
		return unlinkat(dir, path, 0) < 0 ? -errno : 0;
	unlinkat(dir, temp, 0);
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

static int repair(int dir, int fd, struct names *name, const char *path, uint64_t most, struct recover_report *rep)
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
	r = repair_copy(dir, fd, name, path, size, view_of(end, n));
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG ? repair_here(dir, fd, name, path, size, view_of(end, n)) : r;
}

int recover_file(int dir, const struct names *name, uint64_t most, struct recover_report *rep)
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
	int r = repair(dir, fd, &n, path, most, rep);
	if (r == 1)
		r = unlinkat(dir, path, 0) < 0 ? -errno : 0;
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

int recover_all(int dir, struct recover_report *rep)
{
	struct names_list open, all = {0};

	*rep = (struct recover_report){0};
	int r = names_read(dir, NAMES_OPEN, &open);
	if (!r && open.n)
		r = names_read(dir, NAMES_OPEN | NAMES_SEALED, &all);
	for (size_t i = 0; !r && i < open.n; i++)
		r = recover_file(dir, &open.at[i], most_of(&all, &open.at[i]), rep);
	names_free(&open);
	names_free(&all);
	return r;
}
