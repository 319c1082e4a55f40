/*
 * audit_anchor_test.c - the open tail: a checkpoint that was fetched never leaves more than a minute of lines to cut, and whoever cuts one that it
 * covers is found, also when the directory's own checkpoints are put back to fit.  The clock is the test's.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/names.h"
#include "audit/note.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "audit_aid.h"
#include "base/fd.h"
#include "base/log.h"

enum { SECONDS = 400, ANCHOR = 60 };

static char path[64];
static int dir;
static uint64_t seconds;

static struct mono steady(void)
{
	return (struct mono){(1000 + seconds) * 1000000000ull};
}
static struct wall day(void)
{
	return (struct wall){(int64_t)(1800000000 + seconds) * 1000000000};
}

static struct {
	uint64_t seq; /* of the line */
	off_t end;    /* of the open file after it */
	struct buf checkpoint; /* that the directory had then */
} at[SECONDS];

static void slurp(const char *name, struct buf *b)
{
	*b = (struct buf){.max = NOTE_MAX};
	(void)!fd_slurp(dir, name, NOTE_MAX, b);
}

static void open_path(char out[NAMES_MAX])
{
	struct names_list l;

	assert_int_equal(names_read(dir, NAMES_OPEN, &l), 0);
	assert_int_equal(l.n, 1);
	names_path(&l.at[0], out);
	names_free(&l);
}

static void test_tail(void **state)
{
	static const struct trail_clock clock = {day, steady, NULL};
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_seconds = 86400, .clock = &clock};
	struct trail *s;
	char name[NAMES_MAX];
	struct stat st;
	uint64_t covered = 0;

	(void)state;
	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	open_path(name);
	for (seconds = 0; seconds < SECONDS; seconds++) {
		/* Busy, then idle but for a line now and then. */
		for (int i = 0; i < (seconds < SECONDS / 2 ? 20 : seconds % 7 == 0); i++) {
			struct jsonw *w = trail_line(s, "note", day());
			jsonw_uint(w, "second", seconds);
			assert_int_equal(trail_end(s), 0);
		}
		assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
		trail_tick(s);
		assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
		at[seconds].seq = trail_state(s).seq;
		assert_int_equal(fstatat(dir, name, &st, 0), 0);
		at[seconds].end = st.st_size;
		slurp("checkpoint", &at[seconds].checkpoint);
		struct note n;
		if (at[seconds].checkpoint.len) {
			assert_int_equal(note_read(buf_view(&at[seconds].checkpoint), &n), 0);
			covered = n.size;
		}
		/* Whatever is older than a minute is covered by what can be fetched now. */
		if (seconds >= ANCHOR)
			assert_true(covered >= at[seconds - ANCHOR].seq);
	}
	trail_abandon(&s);

	/* The anchor was fetched a minute before the end; the machine is then cut back to each second of before, with the checkpoint of that second. */
	uint64_t fetched = SECONDS - ANCHOR, found = 0, kept = 0;
	struct note anchor;
	struct buf whole = {.max = 1 << 24};
	assert_int_equal(note_read(buf_view(&at[fetched].checkpoint), &anchor), 0);
	assert_int_equal(fd_slurp(dir, name, 1 << 24, &whole), 0);
	assert_int_equal(fchmodat(dir, name, 0600, 0), 0);
	for (uint64_t t = ANCHOR + 1; t < SECONDS; t += t < fetched - 80 ? 13 : 1) {
		struct verify_opts opts = {.anchor = buf_view(&at[fetched].checkpoint)};
		struct verify_result v;
		int fd = openat(dir, name, O_WRONLY | O_TRUNC);
		assert_int_equal(fd_write_all(fd, view_head(buf_view(&whole), (size_t)at[t].end)), 0);
		close(fd);
		assert_int_equal(unlinkat(dir, "checkpoint", 0), 0);
		fd = openat(dir, "checkpoint", O_WRONLY | O_CREAT | O_EXCL, 0640);
		assert_int_equal(fd_write_all(fd, buf_view(&at[t].checkpoint)), 0);
		close(fd);
		aid_remove(dir, "checkpoints");
		assert_int_equal(verify_dir(dir, &opts, &v), 0);
		if (at[t].seq < anchor.size) {
			if (!v.bad || !strstr(v.why, "missing at the end"))
				fail_msg("cut at second %llu: not found (%s)", (unsigned long long)t, v.why);
			assert_int_equal(v.to, anchor.size);
			found++;
		} else {
			if (v.bad)
				fail_msg("second %llu: %s", (unsigned long long)t, v.why);
			kept++;
		}
	}
	assert_true(found > 40 && kept > 30);
	buf_free(&whole);
	for (size_t i = 0; i < SECONDS; i++)
		buf_free(&at[i].checkpoint);
}

/* A quiet trail has a seal each minute, also around the beginning of another file, which comes with a line and so needs one as well. */
static void test_another_file(void **state)
{
	static const struct trail_clock clock = {day, steady, NULL};
	static const uint64_t lengths[] = {59, 60, 61, 90, 100, 119, 120, 121};
	uint64_t after = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_seconds = lengths[i], .clock = &clock};
		struct trail *s;
		aid_remove(AT_FDCWD, path);
		close(dir);
		dir = mkdir(path, 0700) < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(dir >= 0);
		assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
		uint64_t seals = trail_state(s).seals, sealed = seconds, files = trail_state(s).sealed;
		for (uint64_t end = seconds + 1000; seconds < end; seconds++) {
			trail_tick(s);
			if (trail_state(s).seals != seals)
				sealed = seconds;
			seals = trail_state(s).seals;
			if (seconds - sealed > 61)
				fail_msg("files of %llu seconds: no seal for %llu", (unsigned long long)lengths[i], (unsigned long long)(seconds - sealed));
		}
		after += trail_state(s).sealed - files;
		assert_int_equal(trail_close(&s), 0);
	}
	assert_true(after > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_tail), cmocka_unit_test(test_another_file)};

	log_open("audit_anchor_test", LOG_ERROR);
	snprintf(path, sizeof(path), "/tmp/audit-anchor-XXXXXX");
	dir = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0)
		return 1;
	int r = cmocka_run_group_tests_name("anchor", tests, NULL, NULL);
	close(dir);
	aid_remove(AT_FDCWD, path);
	return r;
}
