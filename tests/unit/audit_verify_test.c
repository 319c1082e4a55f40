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
#include "audit_aid.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { FILES = 3, LINES = 13, FILE_LINES = LINES + 4 }; /* with its first line and three seals */

static char path[64];
static int dir;

/* The good directory, in memory. */
static struct {
	char name[FILES][NAMES_MAX];
	struct names names[FILES];
	struct buf bytes[FILES];
	struct buf keys, anchor; /* what a collector has: the first key, the last checkpoint */
	uint64_t lines;
} good;

enum { WITH_KEY = 1, WITH_ANCHOR = 2 };

static void write_file(const char *name, struct view v)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, v), 0);
	close(fd);
}

static void restore(void)
{
	aid_clear(dir, "sealed");
	for (size_t i = 0; i < FILES; i++)
		write_file(good.name[i], buf_view(&good.bytes[i]));
}

static uint64_t ticks;

static struct mono test_mono(void)
{
	return (struct mono){(1000 + 61 * ticks) * 1000000000ull};
}

/* Three seals: two because a minute passed, one because the file ends. */
static void one_run(const char *host)
{
	static const struct trail_clock clock = {wall_now, test_mono, NULL};
	struct trail_conf conf = {.what = "the test", .host = host, .boot = "0123456789abcdef", .level = 6, .clock = &clock};
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (unsigned i = 0; i < LINES; i++) {
		struct jsonw *w = trail_line(s, "note", wall_now());
		char filler[301] = "";
		for (size_t k = 0; k < 300; k++)
			filler[k] = "0123456789abcdef"[(k * k * 31 + i * 7 + k * i) * 2654435761u >> 28 & 15];
		jsonw_uint(w, "n", i);
		jsonw_str(w, "text", filler);
		assert_int_equal(trail_end(s), 0);
		if (i % 4 == 3)
			assert_int_equal(trail_commit(s, TRAIL_WRITTEN), 0);
		if (i % 8 == 3) {
			ticks++;
			trail_tick(s);
		}
	}
	assert_int_equal(trail_close(&s), 0);
}

/* The only file of keys/ that ends so. */
static void slurp_key(struct buf *out)
{
	int fd = openat(dir, "keys", O_RDONLY | O_DIRECTORY);
	DIR *d = fdopendir(fd);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (strstr(e->d_name, ".json"))
			assert_int_equal(fd_slurp(fd, e->d_name, 4096, out), 0);
	closedir(d);
	assert_true(out->len > 0);
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
	good.lines = good.names[FILES - 1].last;
	slurp_key(&good.keys);
	assert_int_equal(fd_slurp(dir, "checkpoint", 4096, &good.anchor), 0);
	aid_forget(dir);
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
	for (size_t i = 0; i < FILES; i++)
		buf_free(&good.bytes[i]);
	buf_free(&good.keys);
	buf_free(&good.anchor);
	close(dir);
	aid_remove(AT_FDCWD, path);
	return 0;
}

static struct verify_result look_with(unsigned what)
{
	struct verify_result v;
	struct verify_opts o = {0};

	if (what & WITH_KEY)
		o.keys = buf_view(&good.keys);
	if (what & WITH_ANCHOR)
		o.anchor = buf_view(&good.anchor);
	assert_int_equal(verify_dir(dir, &o, &v), 0);
	/* At most what two seals are apart. */
	if (v.bad && v.from <= v.to)
		assert_true(v.damaged <= 1000 || v.files < FILES);
	return v;
}

static struct verify_result look(void)
{
	return look_with(WITH_KEY);
}

static void test_good(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 4; what++) {
		restore();
		struct verify_result v = look_with(what);
		if (v.bad)
			fail_msg("%s: %s", v.file, v.why);
		assert_int_equal(v.files, FILES);
		assert_int_equal(v.lines, good.lines);
		assert_int_equal(v.seals, FILES * 3);
		assert_int_equal(v.last_seal, FILES * 3);
		assert_int_equal(v.macs, what & WITH_KEY ? FILES * 3 : 0);
		assert_int_equal(v.notes, what & WITH_ANCHOR ? 1 : 0);
		assert_int_equal(v.signatures, what == (WITH_KEY | WITH_ANCHOR) ? 1 : 0);
	}
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
		/* The file is named, and never more is in doubt than this file has; the files after it stand on their own. */
		if (!r.bad || strcmp(r.file, good.name[1]) != 0 || r.seal < 4 || r.seal > 7)
			fail_msg("byte %zu changed: %s, seal %llu: %s", i, r.bad ? r.file : "not seen", (unsigned long long)r.seal, r.why);
		if (r.from <= r.to && (r.from < good.names[1].first || r.to > good.names[1].last))
			fail_msg("byte %zu changed: lines %llu to %llu", i, (unsigned long long)r.from, (unsigned long long)r.to);
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
		for (size_t n = 0; n < v.n; n += 1 + (n > 64 && n + 64 < v.n ? 6 : 0)) {
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

static void pack_to(size_t f, const char *text, size_t n, uint64_t last)
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
	nm.last = last;
	names_path(&nm, name);
	restore();
	assert_int_equal(unlinkat(dir, good.name[f], 0), 0);
	write_file(name, view_of(out, len));
}

static void pack_as(size_t f, const char *text, size_t n)
{
	pack_to(f, text, n, good.names[f].last);
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
	for (size_t i = 0; i < FILE_LINES; i++) {
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
	/* the last line, which is the seal */
	pack_as(1, text, (size_t)(nth(text, n, FILE_LINES - 1) - text));
	assert_true(look().bad);
}

/*
 * An attacker who computes everything after his change anew: the chain and every name fit, only the MACs cannot be made.  Then one who has
 * nothing to fear from a verifier without the key, but from one with a checkpoint.
 */
static void test_forged(void **state)
{
	(void)state;
	aid_clear(dir, "sealed");
	for (size_t i = 0; i < FILES; i++)
		one_run("box"); /* new keys: aid_forget() took the old ones */
	aid_forget(dir);
	assert_false(look_with(0).bad);
	struct verify_result v = look_with(WITH_KEY);
	assert_true(v.bad);
	assert_non_null(strstr(v.why, "which was not given"));
	assert_int_equal(v.seal, 1);
	v = look_with(WITH_ANCHOR);
	assert_true(v.bad);
}

/* The name of the key, but not the key. */
static void test_wrong_key(void **state)
{
	(void)state;
	restore();
	struct buf other = {0};
	assert_int_equal(buf_put(&other, buf_view(&good.keys)), 0);
	uint8_t *digit = (uint8_t *)memmem(other.mem + other.off, other.len, "\"key\":\"", 7) + 7;
	*digit = *digit == '0' ? '1' : '0';
	struct verify_opts o = {.keys = buf_view(&other)};
	struct verify_result v;
	/* The name is made from the key: a file that was tampered with is not taken. */
	assert_int_equal(verify_dir(dir, &o, &v), -ERR_MALFORMED);
	buf_free(&other);
}

static void test_files(void **state)
{
	(void)state;
	/* Each one taken away: the oldest too, since no record says that it was collected; the newest is missed by who has a checkpoint. */
	for (size_t f = 0; f < FILES; f++) {
		restore();
		assert_int_equal(unlinkat(dir, good.name[f], 0), 0);
		struct verify_result v = look_with(WITH_KEY | WITH_ANCHOR);
		assert_true(v.bad);
		assert_int_equal(v.from, good.names[f].first);
		assert_int_equal(v.to, good.names[f].last);
		assert_int_equal(v.seal, f == 0 ? 1 : 3 * f + 1);
	}
	restore();
	assert_int_equal(unlinkat(dir, good.name[0], 0), 0);
	struct verify_opts o = {.keys = buf_view(&good.keys), .partial = true};
	struct verify_result v;
	assert_int_equal(verify_dir(dir, &o, &v), 0);
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

/* An old state of the directory put back: whole in itself, but the checkpoint knows more. */
static void test_replay(void **state)
{
	(void)state;
	restore();
	assert_int_equal(unlinkat(dir, good.name[2], 0), 0);
	assert_false(look().bad);
	struct verify_result v = look_with(WITH_ANCHOR);
	assert_true(v.bad);
	assert_non_null(strstr(v.why, "missing at the end"));
	/* An old segment under the name of a newer one. */
	restore();
	write_file(good.name[2], buf_view(&good.bytes[1]));
	v = look();
	assert_true(v.bad);
	assert_string_equal(v.file, good.name[2]);
	/* The machine goes on from the old state: the number of the next seal is in the key's state. */
}

/* The tail of the newest file cut off at each seal and line, packed and named so that everything fits. */
static void test_tail(void **state)
{
	static char text[1 << 16];
	(void)state;
	size_t n = unpack(buf_view(&good.bytes[2]), text, sizeof(text));

	for (size_t i = 1; i < FILE_LINES; i++) {
		pack_to(2, text, (size_t)(nth(text, n, i) - text), good.names[2].first + i - 1);
		struct verify_result v = look_with(WITH_KEY | WITH_ANCHOR);
		assert_true(v.bad);
		assert_int_equal(v.to, good.lines);
	}
}

/* A file of another host with the same numbers, under its own name and under ours. */
static void test_splice(void **state)
{
	(void)state;
	static struct buf theirs;
	char name[NAMES_MAX];
	struct names_list l;

	aid_clear(dir, "sealed");
	for (size_t i = 0; i < FILES; i++)
		one_run("other");
	aid_forget(dir);
	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	names_path(&l.at[1], name);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, &theirs), 0);
	names_free(&l);
	restore();
	assert_int_equal(unlinkat(dir, good.name[1], 0), 0);
	write_file(name, buf_view(&theirs));
	struct verify_result v = look();
	assert_true(v.bad);
	assert_string_equal(v.file, name);
	restore();
	write_file(good.name[1], buf_view(&theirs));
	v = look();
	assert_true(v.bad);
	assert_string_equal(v.file, good.name[1]);
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
	    cmocka_unit_test(test_forged),
	    cmocka_unit_test(test_wrong_key),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_replay),
	    cmocka_unit_test(test_tail),
	    cmocka_unit_test(test_splice),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
