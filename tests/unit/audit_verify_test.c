/*
 * audit_verify_test.c - what somebody may do to sealed files, and that verify says so: every byte in one bit, lines taken out,
 * doubled, swapped, files removed, cut, taken from another host, put back from before.
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
#include <zlib.h>

#include "audit/chain.h"
#include "audit/names.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "base/fd.h"
#include "base/log.h"

enum { FILES = 3, LINES = 12 };

static char path[64];
static int dir;

/* The good directory, in memory. */
static struct {
	char name[FILES][NAMES_MAX];
	struct names names[FILES];
	struct buf bytes[FILES];
} good;

static void clear(const char *sub)
{
	int fd = openat(dir, sub, O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			assert_int_equal(unlinkat(fd, e->d_name, 0), 0);
	closedir(d);
}

static void write_file(const char *name, struct view v)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, v), 0);
	close(fd);
}

static void restore(void)
{
	clear("sealed");
	for (size_t i = 0; i < FILES; i++)
		write_file(good.name[i], buf_view(&good.bytes[i]));
}

static void one_run(const char *host)
{
	struct trail_conf conf = {.what = "the test", .host = host, .boot = "0123456789abcdef", .level = 6};
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (unsigned i = 0; i < LINES; i++) {
		struct jsonw *w = trail_line(s, "note", wall_now());
		jsonw_uint(w, "n", i);
		assert_int_equal(trail_end(s), 0);
		if (i % 4 == 3)
			assert_int_equal(trail_commit(s, TRAIL_WRITTEN), 0);
	}
	assert_int_equal(trail_close(&s), 0);
}

static void load(void)
{
	struct names_list l;

	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	assert_int_equal(l.n, FILES);
	for (size_t i = 0; i < FILES; i++) {
		good.names[i] = l.at[i];
		names_path(&l.at[i], good.name[i]);
		good.bytes[i] = (struct buf){0};
		assert_int_equal(fd_slurp(dir, good.name[i], 1 << 20, &good.bytes[i]), 0);
	}
	names_free(&l);
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/audit-verify-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	for (size_t i = 0; i < FILES; i++)
		one_run("box");
	load();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clear("sealed");
	for (size_t i = 0; i < FILES; i++)
		buf_free(&good.bytes[i]);
	unlinkat(dir, "open", AT_REMOVEDIR);
	unlinkat(dir, "sealed", AT_REMOVEDIR);
	close(dir);
	return rmdir(path);
}

static struct verify_result look(void)
{
	struct verify_result v;
	assert_int_equal(verify_dir(dir, &v), 0);
	return v;
}

static void test_good(void **state)
{
	(void)state;
	restore();
	struct verify_result v = look();
	assert_false(v.bad);
	assert_int_equal(v.files, FILES);
	assert_int_equal(v.lines, FILES * (LINES + 2));
	assert_int_equal(v.seals, FILES);
}

static void test_every_byte(void **state)
{
	(void)state;
	restore();
	struct view v = buf_view(&good.bytes[1]);
	uint8_t *copy = malloc(v.n);

	assert_non_null(copy);
	for (size_t i = 0; i < v.n; i++) {
		memcpy(copy, v.p, v.n);
		copy[i] ^= (uint8_t)(1u << (i % 8));
		write_file(good.name[1], view_of(copy, v.n));
		struct verify_result r = look();
		if (!r.bad || strcmp(r.file, good.name[1]) != 0)
			fail_msg("byte %zu changed: %s", i, r.bad ? r.file : "not seen");
	}
	free(copy);
}

static void test_every_cut(void **state)
{
	(void)state;
	restore();
	/* The newest file too: nothing comes after it that could miss the rest. */
	for (size_t f = 0; f < FILES; f++) {
		struct view v = buf_view(&good.bytes[f]);
		for (size_t n = 0; n < v.n; n++) {
			write_file(good.name[f], view_head(v, n));
			if (!look().bad)
				fail_msg("file %zu cut to %zu bytes was not seen", f, n);
		}
		write_file(good.name[f], v);
	}
}

/* ---- an attacker who packs a file anew, under a name that fits its bytes ---- */

static size_t unpack(struct view gz, char *out, size_t max)
{
	z_stream z = {0};
	union {
		const uint8_t *in;
		uint8_t *out;
	} p = {gz.p};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = p.out;
	z.avail_in = (uInt)gz.n;
	z.next_out = (uint8_t *)out;
	z.avail_out = (uInt)max;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	return max - z.avail_out;
}

static void pack_as(size_t f, const char *text, size_t n)
{
	static uint8_t out[1 << 16];
	char hex[CHAIN_HEX], name[NAMES_MAX];
	uint8_t sum[CHAIN_LEN];
	struct names nm = good.names[f];
	z_stream z = {0};
	union {
		const char *in;
		uint8_t *out;
	} p = {text};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = p.out;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t len = sizeof(out) - z.avail_out;
	deflateEnd(&z);
	struct chain_sum *s = chain_sum_new();
	assert_int_equal(chain_sum_add(s, view_of(out, len)), 0);
	assert_int_equal(chain_sum_end(s, sum), 0);
	chain_sum_free(&s);
	chain_hex(sum, CHAIN_LEN, hex);
	memcpy(nm.sha, hex, NAMES_SHA - 1);
	names_path(&nm, name);
	restore();
	assert_int_equal(unlinkat(dir, good.name[f], 0), 0);
	write_file(name, view_of(out, len));
}

/* The start of line ${i} in ${text}, or its end when there are no more. */
static char *nth(char *text, size_t n, size_t i)
{
	char *p = text;
	while (i-- && p < text + n)
		p = (char *)memchr(p, '\n', (size_t)(text + n - p)) + 1;
	return p;
}

static void test_repacked(void **state)
{
	static char text[1 << 16], other[1 << 17];
	(void)state;

	size_t n = unpack(buf_view(&good.bytes[1]), text, sizeof(text));
	pack_as(1, text, n);
	assert_false(look().bad); /* other bytes, the same lines: nothing was changed */
	for (size_t i = 0; i < LINES + 2; i++) {
		char *a = nth(text, n, i), *b = nth(text, n, i + 1), *c = nth(text, n, i + 2);
		size_t la = (size_t)(b - a), lb = (size_t)(c - b), before = (size_t)(a - text);
		/* taken out */
		memcpy(other, text, before);
		memcpy(other + before, b, n - before - la);
		pack_as(1, other, n - la);
		assert_true(look().bad);
		/* doubled */
		memcpy(other, text, before + la);
		memcpy(other + before + la, a, n - before);
		pack_as(1, other, n + la);
		assert_true(look().bad);
		/* swapped with the next */
		if (lb) {
			memcpy(other, text, n);
			memcpy(other + before, b, lb);
			memcpy(other + before + lb, a, la);
			pack_as(1, other, n);
			assert_true(look().bad);
		}
		/* one letter of its content, the number left alone */
		memcpy(other, text, n);
		char *boot = memmem(other + before, la, "01234567", 8);
		assert_non_null(boot);
		*boot = 'f';
		pack_as(1, other, n);
		assert_true(look().bad);
	}
	/* the last line, which is the seal, and a seal in the wrong place */
	pack_as(1, text, (size_t)(nth(text, n, LINES + 1) - text));
	assert_true(look().bad);
}

static void test_files(void **state)
{
	(void)state;
	restore();
	assert_int_equal(unlinkat(dir, good.name[1], 0), 0);
	assert_true(look().bad);
	restore();
	/* The oldest may be gone: retention took it.  What is left is whole and says from where. */
	assert_int_equal(unlinkat(dir, good.name[0], 0), 0);
	struct verify_result v = look();
	assert_false(v.bad);
	assert_int_equal(v.first, good.names[1].first);
	/* The same lines twice, under two names. */
	restore();
	char name[NAMES_MAX];
	struct names n = good.names[1];
	n.epoch++;
	names_path(&n, name);
	write_file(name, buf_view(&good.bytes[1]));
	assert_true(look().bad);
}

/* A file of another host with the same numbers. */
static void test_splice(void **state)
{
	(void)state;
	static struct buf theirs;
	char name[NAMES_MAX];
	struct names_list l;

	clear("sealed");
	for (size_t i = 0; i < FILES; i++)
		one_run("other");
	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	names_path(&l.at[1], name);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, &theirs), 0);
	names_free(&l);
	restore();
	assert_int_equal(unlinkat(dir, good.name[1], 0), 0);
	write_file(name, buf_view(&theirs));
	assert_true(look().bad);
	buf_free(&theirs);
}

int main(void)
{
	log_open("audit_verify_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_repacked),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_splice),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
