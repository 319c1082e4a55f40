/* audit_trail_test.c - numbers, chain, seals and rotation of a stream, over starts, stops and crashes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/names.h"
#include "audit/read.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "base/log.h"

static char path[64];

static int fresh(void)
{
	snprintf(path, sizeof(path), "/tmp/audit-trail-XXXXXX");
	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(dir >= 0);
	return dir;
}

static void empty(int dir, const char *sub)
{
	int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			assert_int_equal(unlinkat(fd, e->d_name, 0), 0);
	closedir(d);
	assert_int_equal(unlinkat(dir, sub, AT_REMOVEDIR), 0);
}

static void gone(int dir)
{
	empty(dir, "open");
	empty(dir, "sealed");
	close(dir);
	assert_int_equal(rmdir(path), 0);
}

static struct trail *start(int dir, uint64_t segment_bytes)
{
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .segment_bytes = segment_bytes};
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
	assert_int_equal(verify_dir(dir, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
}

static size_t count(int dir, const char *sub, bool sealed)
{
	struct names_list l;
	assert_int_equal(names_read(dir, sub, sealed, &l), 0);
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
	assert_int_equal(count(dir, "sealed", true), 3);
	assert_int_equal(count(dir, "open", false), 0);
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
	assert_true(count(dir, "sealed", true) > 5);
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

int main(void)
{
	log_open("audit_trail_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stop_and_start),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_undo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
