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
static int close_member(int fd, const struct walk_place *cut)
{
	uint8_t end[10] = {0x03, 0x00};

	if (ftruncate(fd, (off_t)cut->offset) < 0)
		return -errno;
	if (!cut->in_member)
		return 0;
	for (int i = 0; i < 4; i++) {
		end[2 + i] = (uint8_t)(cut->crc >> (8 * i));
		end[6 + i] = (uint8_t)(cut->raw >> (8 * i));
	}
	if (lseek(fd, (off_t)cut->offset, SEEK_SET) < 0)
		return -errno;
	return fd_write_all(fd, view_of(end, sizeof(end)));
}

static int sum_of(int fd, uint8_t out[CHAIN_LEN])
{
	struct chain_sum *s = chain_sum_new();
	static uint8_t chunk[65536];
	ssize_t n = 0;
	int r = s ? 0 : -ENOMEM;

	for (off_t at = 0; !r && (n = pread(fd, chunk, sizeof(chunk), at)) > 0; at += n)
		r = chain_sum_add(s, view_of(chunk, (size_t)n));
	if (!r && n < 0)
		r = -errno;
	if (!r)
		r = chain_sum_end(s, out);
	chain_sum_free(&s);
	return r;
}

static int repair(int dir, int fd, struct names *name, uint64_t most, struct recover_report *rep)
{
	struct walk_place cut;
	struct stat st;
	uint8_t sum[CHAIN_LEN];

	int r = recover_cut(fd, name->first, most, &name->last, &cut);
	if (r < 0)
		return r;
	if (name->last < name->first) {
		rep->dropped++;
		return 1;
	}
	if (r == 1) {
		rep->repaired++;
		if (fstat(fd, &st) == 0 && (uint64_t)st.st_size > cut.offset)
			rep->cut_bytes += (uint64_t)st.st_size - cut.offset;
		r = close_member(fd, &cut);
	}
	if (!r)
		r = sum_of(fd, sum);
	return r ? r : segment_finish(dir, fd, name, sum);
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
	int r = repair(dir, fd, &n, most, rep);
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
