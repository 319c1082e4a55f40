/*
 * audit_room_test.c - a disk that fills up, a real one in memory: the stages, the pause, what the reserve takes while another process eats
 * whatever is freed, a crash and a stop meanwhile, and that everything goes on.
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
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "base/log.h"

enum { MIB = 1 << 20 };

static char path[64];
static int dir, hog;
static uint64_t seconds;
static unsigned n;

static struct mono steady(void)
{
	return (struct mono){(1000 + seconds) * 1000000000ull};
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/audit-room-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", path, "tmpfs", 0, "size=8m") < 0) {
		rmdir(path);
		fprintf(stderr, "# no mount namespace of its own\n");
		exit(77);
	}
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hog = openat(dir, "hog", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return dir < 0 || hog < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(hog);
	close(dir);
	umount2(path, MNT_DETACH);
	return rmdir(path);
}

static struct trail *begin(uint64_t reserve)
{
	static const struct trail_clock clock = {wall_now, steady, NULL};
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_bytes = 100000, .clock = &clock,
	    .room = {.reserve = reserve, .space_left = 5 * MIB, .admin_space_left = 3 * MIB}};
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	return s;
}

/* Another process that takes what it can get; how much is left then. */
static void eat(uint64_t leave)
{
	static const uint8_t fill[4096];
	struct room r;

	while (room_look(dir, &r) == 0 && r.free > leave && write(hog, fill, sizeof(fill)) > 0)
		;
}

static void give_back(void)
{
	assert_int_equal(ftruncate(hog, 0), 0);
	assert_int_equal(lseek(hog, 0, SEEK_SET), 0);
}

static int add(struct trail *s)
{
	char text[200];
	struct jsonw *w = trail_line(s, "note", wall_now());

	/* Nothing that gets small. */
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + rand() % 26);
	jsonw_uint(w, "n", ++n);
	jsonw_text(w, "text", view_of(text, sizeof(text)));
	assert_int_equal(trail_end(s), 0);
	int r = trail_commit(s, TRAIL_DURABLE);
	return r && trail_may_try(s) ? trail_commit(s, TRAIL_DURABLE) : r;
}

static void tick(struct trail *s)
{
	seconds++;
	trail_tick(s);
	assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
}

static unsigned count(const char *kind, const char *with)
{
	struct read *r;
	struct view line;
	unsigned found = 0;
	uint64_t last = 0;

	assert_int_equal(read_new(dir, &r), 0);
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

static void sound(void)
{
	struct verify_result v;

	assert_int_equal(verify_dir(dir, NULL, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
	assert_int_equal(count("note", ""), n);
}

static void test_stages(void **state)
{
	(void)state;
	struct trail *s = begin(MIB);

	assert_true(trail_state(s).reserve);
	for (int round = 1; round <= 3; round++) {
		tick(s);
		assert_int_equal(trail_state(s).stage, ROOM_GOOD);
		eat(4 * MIB);
		tick(s);
		assert_int_equal(trail_state(s).stage, ROOM_SPACE_LEFT);
		eat(2 * MIB);
		tick(s);
		tick(s);
		assert_int_equal(trail_state(s).stage, ROOM_ADMIN_SPACE_LEFT);
		assert_false(trail_state(s).paused);
		eat(MIB / 2);
		tick(s);
		assert_int_equal(trail_state(s).stage, ROOM_FULL);
		assert_true(trail_state(s).paused);
		give_back();
		tick(s);
		assert_false(trail_state(s).paused);
		tick(s);
		/* Each said once a time. */
		assert_int_equal(count("disk", "\"event\":\"space_left\""), round);
		assert_int_equal(count("disk", "\"event\":\"admin_space_left\""), round);
		assert_int_equal(count("audit_pause", "\"event\":\"disk_full\""), round);
		assert_int_equal(count("audit_resume", "\"paused_ms\":1000"), round);
	}
	assert_int_equal(trail_close(&s), 0);
	sound();
}

/* How many lines can be written on a disk without a free block. */
static unsigned on_full_disk(struct trail *s)
{
	unsigned before = n;

	do
		eat(0);
	while (add(s) == 0);
	return n - before - 1;
}

static void test_reserve(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct trail *s = begin(MIB);
		unsigned written;

		tick(s);
		written = on_full_disk(s);
		/* A mebibyte, of text that hardly gets smaller. */
		assert_in_range(written, 3000, 8000);
		assert_true(trail_state(s).paused);
		assert_false(trail_state(s).reserve);
		assert_int_equal(trail_state(s).err, -ENOSPC);
		/* What does not fit any more waits in memory, for as long as this lives. */
		unsigned kept = 1;
		if (how == 1) {
			trail_abandon(&s);
			n -= kept;
			give_back();
			s = begin(MIB);
		} else if (how == 2) {
			assert_true(trail_close(&s) < 0);
			n -= kept;
			give_back();
			s = begin(MIB);
		}
		give_back();
		seconds++;
		trail_tick(s);
		tick(s);
		assert_false(trail_state(s).paused);
		assert_true(trail_state(s).reserve);
		assert_int_equal(trail_state(s).err, 0);
		assert_int_equal(add(s), 0);
		if (how == 0) {
			assert_int_equal(count("audit_resume", "disk_full"), 4);
			assert_int_equal(count("io_error", "\"err\":\"errno-28\""), 2);
		}
		assert_int_equal(trail_close(&s), 0);
		sound();
	}
}

/* A start and a stop with the reserve there and not a block beside it. */
static void test_start_on_full_disk(void **state)
{
	(void)state;
	struct trail *s = begin(MIB);

	assert_int_equal(trail_close(&s), 0);
	eat(0);
	s = begin(MIB);
	assert_true(trail_state(s).paused);
	for (int i = 0; i < 100; i++)
		assert_int_equal(add(s), 0);
	eat(0);
	trail_abandon(&s);
	give_back();
	s = begin(MIB);
	assert_int_equal(add(s), 0);
	tick(s);
	assert_int_equal(trail_close(&s), 0);
	sound();
	assert_int_equal(count("audit_pause", "disk_full"), 3 + 3 + 1);
}

/* And without one: nothing. */
static void test_without(void **state)
{
	(void)state;
	struct trail *s = begin(0);

	assert_false(trail_state(s).reserve);
	assert_in_range(on_full_disk(s), 0, 40);
	assert_false(trail_state(s).paused);
	give_back();
	seconds++;
	trail_tick(s);
	assert_int_equal(trail_state(s).err, 0);
	assert_int_equal(trail_close(&s), 0);
	sound();
}

/* Keys that are damaged and a disk on which no new ones can be made: an error, and a start as soon as there is room. */
static void test_no_keys(void **state)
{
	(void)state;
	static const struct trail_clock clock = {wall_now, steady, NULL};
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .clock = &clock, .room = {.reserve = MIB}};
	struct trail *s = begin(MIB);

	assert_int_equal(trail_close(&s), 0);
	int fd = openat(dir, "keys/state", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	eat(0);
	assert_int_equal(trail_open(dir, &conf, NULL, &s), -ENOSPC);
	assert_null(s);
	give_back();
	s = begin(MIB);
	assert_int_equal(add(s), 0);
	assert_int_equal(trail_close(&s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stages),
	    cmocka_unit_test(test_reserve),
	    cmocka_unit_test(test_start_on_full_disk),
	    cmocka_unit_test(test_without),
	    cmocka_unit_test(test_no_keys),
	};
	log_open("audit_room_test", LOG_ERROR);
	return cmocka_run_group_tests_name("room", tests, setup, teardown);
}
