/* fleet_tlog_test.c - the transparency log: roots against RFC 6962 written out, reopening, a crash before the checkpoint, tampering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_aid.h"
#include "base/err.h"
#include "base/fd.h"
#include "fleet/tlog.h"

static const uint8_t seed[SIGN_SEED] = {1, 2, 3};
static const char origin[] = "callgate-collector/test";

static size_t leaf_text(uint64_t i, char out[64])
{
	return (size_t)snprintf(out, 64, "leaf %llu%s", (unsigned long long)i, i % 7 ? "" : " with a longer text");
}

/* RFC 6962 section 2.1, as it is written there. */
static void mth(uint64_t from, uint64_t n, uint8_t out[CHAIN_LEN])
{
	uint8_t a[CHAIN_LEN], b[CHAIN_LEN];
	char text[64];
	uint64_t k = 1;

	if (n == 1) {
		size_t len = leaf_text(from, text);
		assert_int_equal(tlog_hash_leaf(view_of(text, len), out), 0);
		return;
	}
	while (2 * k < n)
		k *= 2;
	mth(from, k, a);
	mth(from + k, n - k, b);
	assert_int_equal(tlog_hash_node(a, b, out), 0);
}

static void add(struct tlog *t, uint64_t from, uint64_t to)
{
	char text[64];

	for (uint64_t i = from; i < to; i++) {
		size_t len = leaf_text(i, text);
		assert_int_equal(tlog_add(t, view_of(text, len)), 0);
	}
}

static void check(int dir, uint64_t size)
{
	uint8_t root[CHAIN_LEN];
	char want[64], line[256];
	struct buf b = {0};

	assert_int_equal(fd_slurp(dir, "checkpoint", NOTE_MAX, &b), 0);
	struct view v = buf_view(&b);
	assert_true(note_line(&v, line, sizeof(line)));
	assert_string_equal(line, origin);
	assert_true(note_line(&v, line, sizeof(line)));
	assert_int_equal(strtoull(line, NULL, 10), size);
	assert_true(note_line(&v, line, sizeof(line)));
	mth(0, size, root);
	EVP_EncodeBlock((unsigned char *)want, root, CHAIN_LEN);
	assert_string_equal(line, want);
	buf_free(&b);
	for (uint64_t i = 0; i < size; i += size > 300 ? 97 : 1) {
		char text[64];
		size_t len = leaf_text(i, text);
		assert_int_equal(tlog_leaf(dir, size, i, &b), 0);
		assert_true(view_eq(buf_view(&b), view_of(text, len)));
		buf_free(&b);
	}
	assert_int_equal(tlog_leaf(dir, size, size, &b), -ERR_RANGE);
}

static void test_roots(void **state)
{
	static const uint64_t stops[] = {1, 2, 3, 5, 8, 100, 255, 256, 257, 500, 512, 700, 950, 1200};
	char tmp[] = "/tmp/fleet_tlog.XXXXXX";
	struct tlog *t = NULL;
	uint64_t at = 0;

	(void)state;
	assert_non_null(mkdtemp(tmp));
	int dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		assert_int_equal(tlog_open(dir, origin, seed, &t), 0);
		assert_int_equal(tlog_size(t), at);
		add(t, at, stops[i]);
		assert_int_equal(tlog_commit(t), 0);
		assert_int_equal(tlog_commit(t), 0);
		at = stops[i];
		check(dir, at);
		tlog_free(&t);
	}
	/* A whole tile stands for its parts. */
	assert_int_equal(faccessat(dir, "tile/entries/000", R_OK, 0), 0);
	assert_int_equal(faccessat(dir, "tile/entries/000.p", R_OK, 0), -1);
	assert_int_equal(faccessat(dir, "tile/1/000.p/4", R_OK, 0), 0);
	close(dir);
	aid_remove(AT_FDCWD, tmp);
}

/* Added and never committed: the next one goes on from the checkpoint, with other leaves. */
static void test_no_checkpoint(void **state)
{
	char tmp[] = "/tmp/fleet_tlog.XXXXXX";
	struct tlog *t = NULL;

	(void)state;
	assert_non_null(mkdtemp(tmp));
	int dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tlog_open(dir, origin, seed, &t), 0);
	add(t, 0, 200);
	assert_int_equal(tlog_commit(t), 0);
	add(t, 1000, 1100); /* a tile becomes whole on disk */
	tlog_free(&t);
	assert_int_equal(tlog_open(dir, origin, seed, &t), 0);
	assert_int_equal(tlog_size(t), 200);
	add(t, 200, 300);
	assert_int_equal(tlog_commit(t), 0);
	check(dir, 300);
	for (uint64_t i = 300; i < 300 + TLOG_TILE; i++)
		add(t, i, i + 1);
	assert_int_equal(tlog_add(t, VIEW_LIT("one too many")), -ENOBUFS);
	assert_int_equal(tlog_commit(t), 0);
	check(dir, 556);
	tlog_free(&t);
	close(dir);
	aid_remove(AT_FDCWD, tmp);
}

static void flip(int dir, const char *path, off_t at)
{
	struct buf b = {0};

	assert_int_equal(fd_slurp(dir, path, 1 << 20, &b), 0);
	b.mem[b.off + (size_t)at] ^= 1;
	assert_int_equal(fchmodat(dir, path, 0600, 0), 0);
	int fd = openat(dir, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(fd_write_all(fd, buf_view(&b)), 0);
	close(fd);
	buf_free(&b);
}

static void test_tampered(void **state)
{
	static const char *const files[] = {"checkpoint", "tile/0/001.p/44", "tile/1/000.p/1"};
	static const uint8_t other[SIGN_SEED] = {9};
	char tmp[] = "/tmp/fleet_tlog.XXXXXX";
	struct tlog *t = NULL;

	(void)state;
	assert_non_null(mkdtemp(tmp));
	int dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tlog_open(dir, origin, seed, &t), 0);
	add(t, 0, 250);
	assert_int_equal(tlog_commit(t), 0);
	add(t, 250, 300);
	assert_int_equal(tlog_commit(t), 0);
	tlog_free(&t);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		flip(dir, files[i], 30);
		assert_int_equal(tlog_open(dir, origin, seed, &t), -ERR_CORRUPT);
		assert_null(t);
		flip(dir, files[i], 30);
		assert_int_equal(tlog_open(dir, origin, seed, &t), 0);
		tlog_free(&t);
	}
	assert_int_equal(tlog_open(dir, origin, other, &t), -ERR_CORRUPT);
	assert_int_equal(unlinkat(dir, "tile/0/001.p/44", 0), 0);
	assert_int_equal(tlog_open(dir, origin, seed, &t), -ERR_CORRUPT);
	close(dir);
	aid_remove(AT_FDCWD, tmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_roots), cmocka_unit_test(test_no_checkpoint), cmocka_unit_test(test_tampered)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
