/*
 * audit_recover_test.c - a segment cut at every byte, with three kinds of tail: what was committed is there after recovery, the
 * file is whole gzip, the numbers go on, the directory verifies.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/recover.h"
#include "audit/read.h"
#include "audit/segment.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "audit_aid.h"
#include "base/fd.h"
#include "base/log.h"
#include "gzip_aid.h"

enum { COMMITS = 24 };

enum tail { TAIL_NONE, TAIL_ZERO, TAIL_RANDOM, TAILS };

static char path[64];
static int dir;

struct sample {
	struct buf bytes;
	char name[NAMES_MAX];
	size_t end[COMMITS + 1];   /* bytes of the file after each commit */
	uint64_t seq[COMMITS + 1]; /* its last line */
};

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/audit-recover-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	return dir < 0 || segment_dirs(dir);
}

static int teardown(void **state)
{
	(void)state;
	close(dir);
	aid_remove(AT_FDCWD, path);
	return 0;
}

static struct trail *start(void)
{
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6};
	struct trail *s;
	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	return s;
}

/* A file of many commits and a few members: what a live stream has on disk at its last commit. */
static void make(struct sample *a, size_t text)
{
	struct trail *s = start();

	for (size_t i = 0; i <= COMMITS; i++) {
		for (size_t k = 0; i && k <= i % 3; k++) {
			struct jsonw *w = trail_line(s, "note", wall_now());
			char *filler = calloc(1, text + 1);
			assert_non_null(filler);
			for (size_t j = 0; j < text; j++)
				filler[j] = (char)('a' + (j * j + i * 7 + k) % 26);
			jsonw_str(w, "text", filler);
			free(filler);
			assert_int_equal(trail_end(s), 0);
		}
		assert_int_equal(trail_commit(s, TRAIL_WRITTEN), 0);
		aid_open_file(dir, a->name, &a->bytes);
		a->end[i] = a->bytes.len;
		a->seq[i] = trail_state(s).seq;
	}
	/* Away with it, as if the process had died here: the test has the bytes. */
	assert_int_equal(trail_close(&s), 0);
	aid_clear(dir, "sealed");
	aid_forget(dir);
}

static void put(const struct sample *a, size_t cut, enum tail tail)
{
	struct view all = buf_view(&a->bytes);
	int fd = openat(dir, a->name, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, view_head(all, cut)), 0);
	uint32_t x = (uint32_t)cut * 2654435761u + 1;
	for (size_t i = cut; tail != TAIL_NONE && i < all.n; i++) {
		uint8_t c = 0;
		if (tail == TAIL_RANDOM) {
			x = x * 1664525 + 1013904223;
			c = (uint8_t)(x >> 24);
		}
		assert_int_equal(fd_write_all(fd, view_of(&c, 1)), 0);
	}
	close(fd);
}

static bool whole(const char *name)
{
	struct buf b = {0};

	assert_int_equal(fd_slurp(dir, name, 1 << 20, &b), 0);
	bool good = gzip_whole(buf_view(&b));
	buf_free(&b);
	return good;
}

static uint64_t last_sealed(void)
{
	struct names_list l;
	uint64_t last = 0;

	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	for (size_t i = 0; i < l.n; i++) {
		char name[NAMES_MAX];
		names_path(&l.at[i], name);
		assert_true(whole(name));
		last = l.at[i].last;
	}
	names_free(&l);
	return last;
}

static uint64_t committed(const struct sample *a, size_t cut)
{
	uint64_t seq = 0;
	for (size_t i = 0; i <= COMMITS; i++)
		if (a->end[i] <= cut)
			seq = a->seq[i];
	return seq;
}

static void every_cut(size_t text, size_t step)
{
	struct sample a = {0};

	make(&a, text);
	for (size_t cut = 0; cut <= a.bytes.len; cut += step) {
		for (enum tail t = TAIL_NONE; t < TAILS; t++) {
			struct recover_report rep;
			put(&a, cut, t);
			assert_int_equal(recover_all(dir, 0, &rep), 0);
			uint64_t last = last_sealed();
			if (last < committed(&a, cut) || last > a.seq[COMMITS])
				fail_msg("cut at %zu, tail %d: line %llu is the last, %llu were committed", cut, t,
				    (unsigned long long)last, (unsigned long long)committed(&a, cut));
			aid_clear(dir, "open");
			aid_clear(dir, "sealed");
		}
	}
	buf_free(&a.bytes);
}

static void test_every_byte(void **state)
{
	(void)state;
	every_cut(40, 1);
}

/* Larger blocks, several members: every 97th byte. */
static void test_members(void **state)
{
	(void)state;
	every_cut(30000, 97);
}

/* A whole start after a cut: the numbers go on, an epoch names the old head, everything verifies. */
static void test_start(void **state)
{
	(void)state;
	struct sample a = {0};

	make(&a, 40);
	for (size_t cut = 0; cut <= a.bytes.len; cut += 13) {
		put(&a, cut, (enum tail)(cut % TAILS));
		struct trail *s = start();
		uint64_t first = trail_state(s).seq;
		assert_true(first > committed(&a, cut));
		assert_int_equal(trail_close(&s), 0);
		struct verify_result v;
		assert_int_equal(verify_dir(dir, NULL, &v), 0);
		if (v.bad)
			fail_msg("cut at %zu: %s: %s", cut, v.file, v.why);
		assert_int_equal(v.last, first + 1);
		aid_clear(dir, "sealed");
		aid_forget(dir);
	}
	buf_free(&a.bytes);
}

/* Two open files that overlap, as after a disk error whose repair failed as well: the later one counts. */
static void test_overlap(void **state)
{
	(void)state;
	struct sample a = {0}, b = {0};
	uint64_t last = 0;
	struct read *r;
	struct view line;

	make(&a, 40);
	put(&a, a.bytes.len, TAIL_NONE);
	uint64_t most = a.seq[10];
	struct names n;
	assert_true(names_parse(a.name + 5, false, &n));
	n.first = most + 1;
	struct segment *seg;
	assert_int_equal(segment_new(dir, &n, 6, NULL, &seg), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_int_equal(buf_printf(&b.bytes, "{\"kind\":\"segment\",\"seq\":%llu,\"ts\":\"\",\"host\":\"box\",\"boot\":\"\"}\n",
		                     (unsigned long long)(most + i)), 0);
		assert_int_equal(segment_put(seg, buf_view(&b.bytes)), 0);
		buf_reset(&b.bytes);
	}
	assert_int_equal(segment_write(seg), 0);
	segment_drop(&seg);
	struct recover_report rep;
	assert_int_equal(recover_all(dir, 0, &rep), 0);
	assert_int_equal(rep.repaired, 2);
	assert_int_equal(read_new(dir, &r), 0);
	while (read_line(r, &line) > 0) {
		struct entry_head h;
		assert_int_equal(entry_head(line, &h), 0);
		assert_int_equal(h.seq, ++last);
	}
	assert_int_equal(last, most + 3);
	read_free(&r);
	aid_clear(dir, "sealed");
	buf_free(&a.bytes);
	buf_free(&b.bytes);
}

int main(void)
{
	log_open("audit_recover_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_start),
	    cmocka_unit_test(test_overlap),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
