/* audit_trail_test.c - numbers, chain, seals and rotation of a stream, over starts, stops and crashes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/names.h"
#include "audit/read.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "audit_aid.h"

static char path[64];

static int fresh(void)
{
	snprintf(path, sizeof(path), "/tmp/audit-trail-XXXXXX");
	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(dir >= 0);
	return dir;
}

static void gone(int dir)
{
	close(dir);
	aid_remove(AT_FDCWD, path);
	assert_true(access(path, F_OK) < 0);
}

/* No time passes but what a test lets pass: the pause before a refused write is tried again is over when it says so. */
static uint64_t passed_ms;

static struct mono held(void)
{
	return (struct mono){1000000000000ull + passed_ms * 1000000};
}

static struct trail *start(int dir, uint64_t segment_bytes)
{
	static const struct trail_clock clock = {wall_now, held, NULL};
	struct trail_conf conf = {
	    .what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_bytes = segment_bytes, .clock = &clock};
	struct trail *s;
	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	return s;
}

static void add(struct trail *s, unsigned n)
{
	struct jsonw *w = trail_line(s, "note", wall_now());
	jsonw_uint(w, "n", n);
	jsonw_str(w, "text", "a \"line\"\nof text");
	assert_int_equal(trail_end(s), 0);
}

/* Every line in order: the numbers are dense; how many notes, whose n counts from 1. */
static unsigned notes(int dir, uint64_t *last)
{
	struct read *r;
	struct view line;
	unsigned n = 0;
	int e;

	*last = 0;
	assert_int_equal(read_new(dir, &r), 0);
	while ((e = read_line(r, &line)) > 0) {
		struct entry_head h;
		char want[32];
		assert_int_equal(entry_head(line, &h), 0);
		assert_int_equal(h.seq, *last + 1);
		*last = h.seq;
		if (!view_is(h.kind, "note"))
			continue;
		snprintf(want, sizeof(want), "\"n\":%u,", ++n);
		assert_non_null(memmem(line.p, line.n, want, strlen(want)));
	}
	assert_int_equal(e, 0);
	read_free(&r);
	return n;
}

static void sound(int dir)
{
	struct verify_result v;
	assert_int_equal(verify_dir(dir, NULL, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
}

static size_t count(int dir, unsigned which)
{
	struct names_list l;
	assert_int_equal(names_read(dir, which, &l), 0);
	size_t n = l.n;
	names_free(&l);
	return n;
}

static void test_stop_and_start(void **state)
{
	(void)state;
	int dir = fresh();
	uint64_t last, before = 0;

	for (unsigned run = 0; run < 3; run++) {
		struct trail *s = start(dir, 0);
		assert_int_equal(trail_state(s).epoch, run + 1);
		assert_int_equal(trail_state(s).seq, before + 1);
		for (unsigned i = 1; i <= 10; i++) {
			add(s, run * 10 + i);
			assert_int_equal(trail_commit(s, i % 3 ? TRAIL_WRITTEN : TRAIL_DURABLE), 0);
		}
		assert_int_equal(notes(dir, &last), 10 * (run + 1));
		assert_int_equal(trail_close(&s), 0);
		before = last + 1; /* the seal */
		sound(dir);
	}
	assert_int_equal(notes(dir, &last), 30);
	assert_int_equal(count(dir, NAMES_SEALED), 3);
	assert_int_equal(count(dir, NAMES_OPEN), 0);
	gone(dir);
}

/* Small files and members: everything that rotation and sealing do, many times. */
static void test_rotation(void **state)
{
	(void)state;
	int dir = fresh();
	uint64_t last;
	struct trail *s = start(dir, 4096);

	for (unsigned i = 1; i <= 20000; i++) {
		add(s, i);
		if (i % 50 == 0)
			assert_int_equal(trail_commit(s, TRAIL_WRITTEN), 0);
	}
	assert_true(count(dir, NAMES_SEALED) > 5);
	assert_int_equal(trail_close(&s), 0);
	assert_int_equal(notes(dir, &last), 20000);
	sound(dir);
	gone(dir);
}

static void test_members(void **state)
{
	(void)state;
	int dir = fresh();
	uint64_t last;
	struct trail *s = start(dir, 0);

	for (unsigned i = 1; i <= 12000; i++) {
		add(s, i);
		if (i % 4000 == 0)
			assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
	}
	assert_int_equal(trail_close(&s), 0);
	assert_int_equal(notes(dir, &last), 12000);
	assert_true(last > 12000 + 3); /* several seals */
	sound(dir);
	gone(dir);
}

static int64_t day_off;
static uint64_t seconds;

static struct wall jumping(void)
{
	return (struct wall){wall_now().ns + day_off * 86400 * 1000000000};
}
static struct mono steady(void)
{
	return (struct mono){(1000 + seconds) * 1000000000ull};
}

/* The clock goes a day ahead and back at every step: numbers, seals and rotation follow the monotonic clock. */
static void test_clock_jumps(void **state)
{
	(void)state;
	static const struct trail_clock clock = {jumping, steady, NULL};
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_seconds = 3600, .clock = &clock};
	int dir = fresh();
	uint64_t last;
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (unsigned i = 1; i <= 200; i++) {
		day_off = i % 3 ? i % 2 ? 1 : -1 : 0;
		seconds += 20;
		add(s, i);
		assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
		trail_tick(s);
	}
	/* 4,000 seconds: one file was full by age, and a seal each minute. */
	assert_int_equal(count(dir, NAMES_SEALED), 1);
	assert_in_range(trail_state(s).seals, 60, 70);
	assert_int_equal(trail_close(&s), 0);
	assert_int_equal(notes(dir, &last), 200);
	sound(dir);
	gone(dir);
}

/* A minute in which nothing happens is sealed as well. */
static void test_silence(void **state)
{
	(void)state;
	static const struct trail_clock clock = {wall_now, steady, NULL};
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .clock = &clock};
	int dir = fresh();
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (unsigned i = 0; i < 30; i++) {
		seconds += 60;
		trail_tick(s);
	}
	assert_int_equal(trail_state(s).seals, 30);
	assert_int_equal(trail_close(&s), 0);
	sound(dir);
	gone(dir);
}

static void test_undo(void **state)
{
	(void)state;
	int dir = fresh();
	uint64_t last;
	struct trail *s = start(dir, 0);

	add(s, 1);
	trail_line(s, "note", wall_now());
	trail_undo(s);
	add(s, 2);
	assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
	assert_int_equal(trail_close(&s), 0);
	assert_int_equal(notes(dir, &last), 2);
	gone(dir);
}

/* Refused writes are what is tested: their messages would fill the log. */
static int quiet(void)
{
	int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
	assert_true(err >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0);
	close(null);
	return err;
}

static void loud(int err)
{
	assert_true(dup2(err, STDERR_FILENO) >= 0);
	close(err);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit l;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void until_written(struct trail *s)
{
	for (unsigned i = 0; trail_commit(s, TRAIL_DURABLE); i++) {
		assert_true(i < 1000);
		passed_ms += 10;
	}
}

/*
 * Every file ends at a size that the disk refuses, wherever that is: in the middle of a commit, in the first line, with and without
 * room for the end that repair writes.  Nothing is lost or written twice, and the directory says what happened.
 */
static void test_refused_writes(void **state)
{
	(void)state;
	int err = quiet();
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t limit = 150; limit < 900; limit += 7) {
		int dir = fresh();
		uint64_t last;
		unsigned n = 0;
		struct trail *s = start(dir, 0);
		limit_files(limit);
		bool refused = false;
		while (!refused || n % 5) {
			for (unsigned k = 0; k < 3; k++)
				add(s, ++n);
			refused |= trail_commit(s, n % 2 ? TRAIL_DURABLE : TRAIL_WRITTEN) != 0;
		}
		assert_true(trail_state(s).err != 0);
		assert_true(trail_commit(s, TRAIL_DURABLE) < 0);
		limit_files(RLIM_INFINITY);
		add(s, ++n);
		until_written(s);
		assert_int_equal(trail_state(s).err, 0);
		assert_int_equal(notes(dir, &last), n);
		/* Half of the times the process dies here and the next one repairs. */
		if (limit % 2) {
			assert_int_equal(trail_close(&s), 0);
		} else {
			trail_abandon(&s);
			s = start(dir, 0);
			assert_int_equal(trail_close(&s), 0);
		}
		assert_int_equal(notes(dir, &last), n);
		sound(dir);
		assert_int_equal(count(dir, NAMES_OPEN), 0);
		gone(dir);
	}
	loud(err);
}

/* The same on a real full disk. */
static void test_disk_full(void **state)
{
	(void)state;
	int dir = fresh();
	uint64_t last;
	unsigned n = 0;
	static uint8_t fill[4096];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", path, "tmpfs", 0, "size=256k") < 0) {
		close(dir);
		rmdir(path);
		skip();
	}
	close(dir);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	int err = quiet();
	struct trail *s = start(dir, 0);
	int hog = openat(dir, "hog", O_WRONLY | O_CREAT, 0600);
	for (unsigned round = 0; round < 20; round++) {
		while (write(hog, fill, sizeof(fill)) > 0)
			;
		int r;
		do
			add(s, ++n);
		while (!(r = trail_commit(s, TRAIL_DURABLE)));
		assert_int_equal(r, -ENOSPC);
		add(s, ++n);
		assert_true(trail_commit(s, TRAIL_DURABLE) < 0);
		assert_int_equal(ftruncate(hog, 0), 0);
		assert_int_equal(lseek(hog, 0, SEEK_SET), 0);
		until_written(s);
		assert_int_equal(notes(dir, &last), n);
	}
	assert_int_equal(trail_close(&s), 0);
	assert_int_equal(notes(dir, &last), n);
	sound(dir);
	loud(err);
	close(hog);
	close(dir);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	rmdir(path);
}

int main(void)
{
		const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stop_and_start),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_clock_jumps),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_undo),
	    cmocka_unit_test(test_refused_writes),
	    cmocka_unit_test(test_disk_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
