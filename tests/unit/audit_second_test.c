/*
 * audit_second_test.c - a stream whose directory is full or cannot be written goes on in a second one, on another file system, and comes back: calls are not
 * held, nothing is lost or doubled, both directories verify as one stream and the first alone as one that may end early.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "base/err.h"
#include "base/log.h"

enum { MIB = 1 << 20 };

static char path[64], sub[2][96];
static int dir, second, hog[2];
static uint64_t seconds;
static unsigned n;

static struct mono steady(void)
{
	return (struct mono){(1000 + seconds) * 1000000000ull};
}

static int mounts(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/audit-second-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", path, "tmpfs", 0, "size=8m") < 0) {
		rmdir(path);
		fprintf(stderr, "# no mount namespace of its own\n");
		exit(77);
	}
	return 0;
}

static int unmounts(void **state)
{
	(void)state;
	umount2(path, MNT_DETACH);
	return rmdir(path);
}

/* Two new file systems for each test. */
static int setup(void **state)
{
	(void)state;
	seconds = n = 0;
	for (int i = 0; i < 2; i++) {
		snprintf(sub[i], sizeof(sub[i]), "%s/%d", path, i);
		if (mkdir(sub[i], 0755) < 0 || mount("none", sub[i], "tmpfs", 0, "size=8m") < 0)
			return -1;
		int fd = open(sub[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		hog[i] = openat(fd, "hog", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		*(i ? &second : &dir) = fd;
	}
	return hog[0] < 0 || hog[1] < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(dir);
	close(second);
	for (int i = 0; i < 2; i++) {
		close(hog[i]);
		umount2(sub[i], MNT_DETACH);
		rmdir(sub[i]);
	}
	return 0;
}

static int opened(int other, struct trail **s)
{
	static const struct trail_clock clock = {wall_now, steady, NULL};
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_bytes = 100000, .clock = &clock,
	    .second = other, .room = {.reserve = MIB, .space_left = 3 * MIB, .admin_space_left = 2 * MIB}};
	return trail_open(dir, &conf, NULL, s);
}

static struct trail *begin(void)
{
	struct trail *s = NULL;

	assert_int_equal(opened(second, &s), 0);
	return s;
}

static void eat(int i, uint64_t leave)
{
	static const uint8_t fill[4096];
	struct room r;

	while (room_look(i ? second : dir, &r) == 0 && r.free > leave && write(hog[i], fill, sizeof(fill)) > 0)
		;
}

static void give_back(int i)
{
	assert_int_equal(ftruncate(hog[i], 0), 0);
	assert_int_equal(lseek(hog[i], 0, SEEK_SET), 0);
}

/* A record that is acknowledged: as callgate-audit does it, once more when there is another place. */
static int add(struct trail *s)
{
	char text[200];
	struct jsonw *w = trail_line(s, "note", wall_now());

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + rand() % 26);
	jsonw_uint(w, "n", ++n);
	jsonw_text(w, "text", view_of(text, sizeof(text)));
	assert_int_equal(trail_end(s), 0);
	int r = trail_commit(s, TRAIL_DURABLE);
	return r && trail_may_try(s) ? trail_commit(s, TRAIL_DURABLE) : r;
}

static void some(struct trail *s, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(add(s), 0);
}

static void tick(struct trail *s)
{
	seconds++;
	trail_tick(s);
	assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
}

static unsigned count(int other, const char *kind, const char *with)
{
	struct read *r;
	struct view line;
	unsigned found = 0;
	uint64_t last = 0;

	assert_int_equal(read_new(dir, &r), 0);
	assert_int_equal(read_also(r, other), 0);
	while (read_line(r, &line) > 0) {
		struct entry_head h;
		assert_int_equal(entry_head(line, &h), 0);
		assert_int_equal(h.seq, last + 1);
		last = h.seq;
		found += view_is(h.kind, kind) && memmem(line.p, line.n, with, strlen(with));
	}
	read_free(&r);
	return found;
}

static void sound(int other)
{
	struct verify_opts opts = {.second = other};
	struct verify_result v;

	assert_int_equal(verify_dir(dir, &opts, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
}

static size_t files(int at, unsigned which)
{
	struct names_list l;

	assert_int_equal(names_read(at, which, &l), 0);
	size_t found = l.n;
	names_free(&l);
	return found;
}

static void back_home(struct trail *s)
{
	for (int i = 0; i < 400 && trail_state(s).away; i++)
		tick(s);
	assert_false(trail_state(s).away);
	tick(s);
	assert_int_equal(files(second, NAMES_OPEN | NAMES_SEALED), 0);
}

/* Calls are not held: it never pauses. */
static void test_full(void **state)
{
	(void)state;
	struct trail *s = begin();

	some(s, 20);
	eat(0, 0);
	for (int i = 0; i < 40; i++) {
		some(s, 100);
		tick(s);
		eat(0, 0);
		assert_false(trail_state(s).paused);
	}
	assert_true(trail_state(s).away);
	assert_int_equal(trail_state(s).away_err, -ENOSPC);
	assert_true(trail_state(s).abroad > 2);
	sound(second);
	sound(0); /* the first ends early, and is whole as far as it goes */
	assert_int_equal(count(second, "note", ""), n);
	give_back(0);
	back_home(s);
	some(s, 10);
	assert_int_equal(trail_close(&s), 0);
	sound(0);
	assert_int_equal(count(0, "note", ""), n);
	assert_int_equal(count(0, "disk", "\"event\":\"second\",\"err\":\"errno-28\""), 1);
	assert_int_equal(count(0, "disk", "\"event\":\"first\""), 1);
	assert_int_equal(count(0, "audit_pause", ""), 0);
	/* Nothing lies there: the next start may do without it. */
	assert_int_equal(opened(0, &s), 0);
	assert_int_equal(trail_close(&s), 0);
}

/* The directory cannot be written: no file can be begun in it. */
static void break_first(bool broken)
{
	if (broken)
		assert_int_equal(renameat(dir, "open", dir, "gone"), 0);
	else
		assert_int_equal(renameat(dir, "gone", dir, "open"), 0);
}

static void test_fails(void **state)
{
	(void)state;
	struct trail *s = begin();

	some(s, 20);
	break_first(true);
	some(s, 1500); /* more than a file */
	assert_true(trail_state(s).away);
	for (int i = 0; i < 40; i++) {
		tick(s);
		some(s, 10);
	}
	assert_true(trail_state(s).away);
	break_first(false);
	back_home(s);
	some(s, 10);
	assert_int_equal(trail_close(&s), 0);
	sound(0);
	assert_int_equal(count(0, "note", ""), n);
	assert_int_equal(count(0, "io_error", "\"op\":\"create\""), 0 + count(0, "io_error", ""));
	assert_true(count(0, "io_error", "") >= 1);
	assert_true(count(0, "segment", "\"second\":true") >= 1);
}

/* Killed while records go there; what is acknowledged is found at the next start, and no start does without that directory. */
static void test_killed(void **state)
{
	(void)state;
	for (int broken = 0; broken < 2; broken++) {
		struct trail *s = begin();
		some(s, 20);
		eat(0, 0);
		some(s, 1000);
		tick(s);
		assert_true(trail_state(s).away);
		some(s, 50);
		trail_abandon(&s);
		assert_int_equal(opened(0, &s), -ERR_NOT_FOUND);
		assert_int_equal(unlinkat(second, "second.id", 0), 0);
		assert_int_equal(opened(second, &s), -ERR_NOT_FOUND);
		int id = openat(second, "second.id", O_WRONLY | O_CREAT | O_CLOEXEC, 0400), had = openat(dir, "second.id", O_RDONLY | O_CLOEXEC);
		char text[64];
		ssize_t len = read(had, text, sizeof(text));
		assert_int_equal(write(id, text, (size_t)len), len);
		close(id);
		close(had);
		if (!broken)
			give_back(0);
		s = begin(); /* on a full disk, and on one with room */
		assert_true(trail_state(s).away);
		assert_int_equal(count(second, "note", ""), n);
		some(s, 20);
		if (broken)
			give_back(0);
		back_home(s);
		assert_int_equal(trail_close(&s), 0);
		sound(0);
		assert_int_equal(count(0, "note", ""), n);
	}
}

/* Both are full: it pauses as ever, by what was put aside; no acknowledged record is lost. */
static void test_both(void **state)
{
	(void)state;
	struct trail *s = begin();
	unsigned acked = 0;

	some(s, 20);
	eat(0, 0);
	some(s, 1000);
	for (int i = 0; i < 12000; i++) {
		eat(0, 0);
		eat(1, 0);
		if (i % 200 == 0) {
			seconds++;
			trail_tick(s);
		}
		if (add(s) == 0)
			acked = n;
		else if (i > 8000)
			break;
	}
	assert_true(trail_state(s).paused);
	assert_true(acked >= 2000); /* a mebibyte there, and one here, of text that hardly gets smaller */
	give_back(0);
	give_back(1);
	for (int i = 0; i < 5 && (trail_state(s).paused || trail_state(s).err); i++) {
		seconds++;
		trail_tick(s);
	}
	assert_false(trail_state(s).paused);
	back_home(s);
	some(s, 10);
	assert_int_equal(trail_close(&s), 0);
	sound(0);
	assert_int_equal(count(0, "note", ""), n);
}

/* Put back where it lies already, by a move that was cut short: once in the list, once in the end. */
static void test_twice(void **state)
{
	(void)state;
	struct trail *s = begin();
	struct names_list l;
	char name[NAMES_MAX], cmd[512];

	eat(0, 0);
	some(s, 2000);
	assert_int_equal(names_read(second, NAMES_SEALED, &l), 0);
	assert_true(l.n > 1);
	names_path(&l.at[0], name);
	give_back(0);
	snprintf(cmd, sizeof(cmd), "cp -p %s/%s %s/sealed/", sub[1], name, sub[0]);
	assert_int_equal(system(cmd), 0);
	names_free(&l);
	sound(second);
	assert_int_equal(count(second, "note", ""), n);
	back_home(s);
	assert_int_equal(trail_close(&s), 0);
	sound(0);
	assert_int_equal(count(0, "note", ""), n);
}

/* A file there that somebody changed does not go back, and does not go. */
static void test_changed(void **state)
{
	(void)state;
	struct trail *s = begin();
	struct names_list l;
	char name[NAMES_MAX];

	eat(0, 0);
	some(s, 2000);
	assert_int_equal(names_read(second, NAMES_SEALED, &l), 0);
	names_path(&l.at[0], name);
	names_free(&l);
	assert_int_equal(fchmodat(second, name, 0600, 0), 0);
	int fd = openat(second, name, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 500), 1);
	close(fd);
	give_back(0);
	for (int i = 0; i < 100; i++)
		tick(s);
	assert_true(trail_state(s).away);
	assert_int_equal(faccessat(second, name, F_OK, 0), 0);
	assert_int_equal(trail_close(&s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_both, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
	};
	log_open("audit_second_test", LOG_ERROR);
	return cmocka_run_group_tests_name("second", tests, mounts, unmounts);
}
