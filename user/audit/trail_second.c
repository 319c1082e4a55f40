/*
 * trail_second.c - a stream whose directory fails goes on in a second one, and back.
 *
 * Whether a second directory belongs to the first is told by second.id, the same word in both: while the first has one, lines may lie in the second, and no start
 * does without it.  Sealed files go back oldest first, each whole and synced before it goes from where it was; files are begun in the first
 * directory again when nothing lies in the second any more.  So the first directory alone always holds a stream without a gap, which may end early.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/trail_internal.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { ID = 33, TRY_S = 5, TURNS_MOST = 6, QUIET_S = 3600, CHUNK = 1 << 18 };
static const char id_file[] = "second.id", probe_file[] = "open/probe", back_file[] = "open/back";

/* ---- which directory it is ---- */

static int id_read(int dir, char id[ID])
{
	struct buf b = {.max = ID};

	id[0] = '\0';
	int r = fd_slurp(dir, id_file, ID, &b);
	if (!r && b.len == ID - 1) {
		memcpy(id, buf_view(&b).p, ID - 1);
		id[ID - 1] = '\0';
	} else if (!r) {
		r = -ERR_CORRUPT;
	}
	buf_free(&b);
	return r;
}

static int id_write(int dir, const char *id)
{
	unlinkat(dir, "second.new", 0);
	int fd = openat(dir, "second.new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0440);
	int r = fd < 0 ? -errno : fd_write_all(fd, view_str(id));
	if (!r && (fsync(fd) < 0 || renameat(dir, "second.new", dir, id_file) < 0 || fsync(dir) < 0))
		r = -errno;
	fd_close(&fd);
	return r;
}

static int count_files(int dir, uint64_t *n)
{
	struct names_list list;
	int r = names_read(dir, NAMES_OPEN | NAMES_SEALED, &list);

	*n = list.n;
	names_free(&list);
	return r;
}

/* Neither was part of a pair. */
static int adopt(struct trail *s, int second)
{
	uint8_t raw[(ID - 1) / 2];
	char id[ID];
	uint64_t n;
	int r = count_files(second, &n);

	if (!r && n) {
		log_error("the second directory of %s holds files of a stream that the first knows nothing of: move them away", s->what);
		return -EEXIST;
	}
	if (!r)
		r = segment_dirs(second);
	if (!r && getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		r = -EIO;
	if (!r) {
		chain_hex(raw, sizeof(raw), id);
		r = id_write(second, id);
	}
	if (!r)
		r = id_write(s->dir, id);
	if (r)
		log_warning("%s goes on without its second directory, which cannot be prepared: %s", s->what, err_text(r));
	else
		s->second = second;
	return 0;
}

int trail_second_open(struct trail *s, int second)
{
	char first[ID], other[ID];
	int r = id_read(s->dir, first);

	if (r == -ENOENT)
		return second ? adopt(s, second) : 0;
	if (r && r != -ERR_CORRUPT) {
		log_error("what is in %s cannot be read: %s", s->what, err_text(r));
		return r;
	}
	if (!r)
		r = second ? id_read(second, other) : -ENOENT;
	if (!r && strcmp(first, other) != 0)
		r = -ERR_CORRUPT;
	if (r) {
		log_error("lines of %s may lie in the second directory that it had, and %s: mount it and name it in audit.second; if it is lost for good, with the lines "
			  "in it, remove second.id", s->what, second ? "the one that is there is another" : "none is there");
		return -ERR_NOT_FOUND;
	}
	s->second = second;
	r = count_files(second, &s->abroad);
	if (r)
		log_error("the second directory of %s cannot be read: %s", s->what, err_text(r));
	/* What lies there goes back before anything new is begun in the first directory. */
	s->away = s->told_away = !r && s->abroad;
	return r;
}

void trail_second_close(struct trail *s)
{
	uint64_t n;

	if (!s->second || s->away || s->left || count_files(s->second, &n) || n)
		return;
	if (unlinkat(s->dir, id_file, 0) == 0)
		unlinkat(s->second, id_file, 0);
}

/* ---- there ---- */

int trail_place(const struct trail *s)
{
	return s->away ? s->second : s->dir;
}

static void go_away(struct trail *s, int e)
{
	struct mono now = s->clock.mono();

	/* One that fails soon again is tried less often. */
	if (s->home_at.ns && now.ns - s->away_at.ns > QUIET_S * 1000000000ull)
		s->turns = 0;
	s->away = true;
	s->away_err = e;
	s->away_at = now;
	s->home_at = mono_after_ms(now, (TRY_S * 1000u) << s->turns);
	s->turns += s->turns < TURNS_MOST;
	if (!s->told_away)
		log_error("the first directory of %s: %s; the next file goes to the second", s->what, err_text(e));
	trail_room_reserve(s);
}

bool trail_second_turn(struct trail *s, int e)
{
	if (!s->second)
		return false;
	if (!s->seg_away) {
		go_away(s, e);
		s->retry_at = (struct mono){0};
		return true;
	}
	/* The second is full: what it put aside comes first. */
	if (room_error(e) && s->reserve)
		return false;
	s->away = false;
	trail_room_reserve(s);
	return false;
}

bool trail_second_full(struct trail *s)
{
	struct room r;

	if (!s->second || s->away || room_look(s->second, &r) || room_stage(&r, &s->room) == ROOM_FULL)
		return false;
	go_away(s, -ENOSPC);
	s->turn = s->seg != NULL;
	return true;
}

/* ---- and back ---- */

/* Room for so many bytes more, and a file can be made, synced and removed. */
static int first_works(struct trail *s, uint64_t bytes)
{
	static const uint8_t text[512];
	struct room r;

	if (room_look(s->dir, &r))
		r = (struct room){0};
	r.free -= r.free < bytes ? r.free : bytes;
	if (r.total && (room_stage(&r, &s->room) >= ROOM_ADMIN_SPACE_LEFT || r.free < 2 * ROOM_LEAST + s->room.reserve))
		return -ENOSPC;
	unlinkat(s->dir, probe_file, 0);
	int fd = openat(s->dir, probe_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int e = fd < 0 ? -errno : fd_write_all(fd, view_of(text, sizeof(text)));
	if (!e && fsync(fd) < 0)
		e = -errno;
	fd_close(&fd);
	if (unlinkat(s->dir, probe_file, 0) < 0 && !e)
		e = -errno;
	return e;
}

static bool is_named(const struct names *n, const uint8_t sum[CHAIN_LEN])
{
	char hex[CHAIN_HEX];

	chain_hex(sum, CHAIN_LEN, hex);
	return strncmp(hex, n->sha, NAMES_SHA - 1) == 0;
}

/* Its bytes, and its time: retention counts from that. */
static int copy(const struct names *n, int from, int to)
{
	static uint8_t chunk[CHUNK];
	uint8_t sum[CHAIN_LEN];
	struct stat st;
	struct chain_sum *h = chain_sum_new();
	int r = h ? 0 : -ENOMEM;
	ssize_t got;

	for (off_t at = 0; !r && (got = pread(from, chunk, sizeof(chunk), at)) != 0; at += got) {
		r = got < 0 ? -errno : chain_sum_add(h, view_of(chunk, (size_t)got));
		if (!r)
			r = fd_write_all(to, view_of(chunk, (size_t)got));
		if (r)
			break;
	}
	if (!r)
		r = chain_sum_end(h, sum);
	chain_sum_free(&h);
	if (!r && !is_named(n, sum))
		r = -ERR_CORRUPT;
	if (!r && fstat(from, &st) < 0)
		r = -errno;
	if (!r) {
		const struct timespec times[2] = {st.st_atim, st.st_mtim};
		(void)!futimens(to, times); /* where that cannot be said the file only stays longer */
	}
	return r;
}

/* Whole and synced under its name in the first directory; then it goes from the second. */
static int bring(struct trail *s, const struct names *n)
{
	char path[NAMES_MAX];

	names_path(n, path);
	unlinkat(s->dir, back_file, 0);
	int from = openat(s->second, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int fd = from < 0 ? -1 : openat(s->dir, back_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	int r = from < 0 || fd < 0 ? -errno : copy(n, from, fd);
	/* There already, from a time that was cut short: whether that is on the disk nobody can say any more. */
	if (!r && unlinkat(s->dir, path, 0) < 0 && errno != ENOENT)
		r = -errno;
	if (!r)
		r = segment_place(s->dir, fd, back_file, path);
	if (!r)
		r = segment_sync_dir(s->dir, "sealed");
	if (!r && unlinkat(s->second, path, 0) < 0)
		r = -errno;
	fd_close(&fd);
	fd_close(&from);
	if (r == -ERR_CORRUPT && s->back_err != r)
		log_error("%s in the second directory of %s is not what was sealed: nothing goes back before it is moved away", path, s->what);
	return r;
}

static void go_home(struct trail *s)
{
	s->away = false;
	s->away_err = 0;
	log_notice("the first directory of %s can be written again, and holds everything", s->what);
	unlinkat(s->second, "checkpoint", 0);
	s->noted = 0;
	trail_checkpoint(s, true);
	trail_room_reserve(s);
	int r = trail_turn_over(s);
	if (r)
		trail_fail(s, r);
}

/* Nothing sealed lies there: the open file goes back too, and the next one is begun in the first directory.  0, negative; 1: its writing failed. */
static int end_there(struct trail *s)
{
	struct names_list list = {0};

	if (trail_waiting(s) && trail_commit(s, TRAIL_DURABLE))
		return 1;
	int r = s->seg ? trail_seal_open(s) : 0;
	if (r) {
		trail_fail(s, r);
		return 1;
	}
	r = names_read(s->second, NAMES_SEALED, &list);
	for (size_t i = 0; !r && i < list.n; i++)
		r = bring(s, &list.at[i]);
	names_free(&list);
	if (!r)
		go_home(s);
	return r;
}

static uint64_t size_at(int dir, const struct names *n)
{
	char path[NAMES_MAX];
	struct stat st;

	names_path(n, path);
	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

static int back(struct trail *s)
{
	struct names_list list;
	int r = names_read(s->second, NAMES_SEALED, &list);

	s->abroad = list.n;
	if (!r && (list.n || s->away))
		r = first_works(s, list.n ? size_at(s->second, &list.at[0]) : s->seg ? segment_bytes(s->seg) : 0);
	if (!r && list.n) {
		r = bring(s, &list.at[0]);
		s->abroad -= !r;
		/* The next one soon: one a turn, for records are waiting meanwhile. */
		if (!r)
			s->home_at = s->clock.mono();
	} else if (!r && s->away) {
		r = end_there(s);
	}
	names_free(&list);
	return r;
}

/* Not while nothing can be written: both may be tried in turns for long. */
static void tell(struct trail *s)
{
	if (s->err || s->away == s->told_away)
		return;
	trail_room_say(s, "disk", s->away ? "second" : "first", s->away_err);
	s->told_away = s->away;
}

void trail_second_tick(struct trail *s)
{
	struct mono now = s->clock.mono();

	if (!s->second || s->begun || s->err)
		return;
	tell(s);
	if (now.ns < s->home_at.ns)
		return;
	s->home_at = mono_after_ms(now, (TRY_S * 1000u) << (s->turns ? s->turns - 1 : 0));
	int r = back(s);
	if (r < 0 && r != s->back_err && r != s->away_err)
		log_warning("what lies in the second directory of %s does not go back yet: %s", s->what, err_text(r));
	s->back_err = r < 0 ? r : 0;
	tell(s);
}
