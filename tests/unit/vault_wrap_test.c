/* vault_wrap_test.c - the file of one item: round trip, every change of a bit, every prefix; key files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "vault/wrap.h"

static struct wrap_key *key_of(const char *text, size_t n)
{
	struct wrap_key *k = NULL;
	int fd = fd_sealed("key", view_of(text, n));

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	if (wrap_key_read(fd, &k))
		assert_null(k);
	close(fd);
	return k;
}

static const char key_a[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char key_b[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee";

static const struct wrap_head sample = {
    .kind = WRAP_CREDENTIAL, .version = 7, .created_s = 1770000000, .name = "github-bot", .type = "bearer", .scope = "a.example b.example"};

static void seal(const struct wrap_key *k, struct view plain, struct buf *out)
{
	assert_int_equal(wrap_seal(k, &sample, plain, out), 0);
}

static void test_key_files(void **state)
{
	static const char raw[32] = "raw bytes, one of them is zero";
	char zeros[32] = {0};
	char upper[65], line[67];
	static const struct {
		size_t n;
		bool ok;
	} cut[] = {{0, false}, {1, false}, {31, false}, {33, false}, {63, false}, {64, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		struct wrap_key *k = key_of(key_a, cut[i].n);
		assert_int_equal(k != NULL, cut[i].ok);
		wrap_key_free(&k);
		assert_null(k);
	}
	struct wrap_key *k = key_of(raw, 32);
	assert_non_null(k);
	wrap_key_free(&k);
	assert_null(key_of(zeros, 32));
	memcpy(upper, key_a, 65);
	upper[10] = 'A';
	k = key_of(upper, 64);
	assert_non_null(k);
	wrap_key_free(&k);
	upper[10] = 'g';
	assert_null(key_of(upper, 64));
	memcpy(line, key_a, 64);
	line[64] = '\n';
	line[65] = '\n';
	k = key_of(line, 65);
	assert_non_null(k);
	wrap_key_free(&k);
	assert_null(key_of(line, 66));
	line[64] = '\r';
	assert_null(key_of(line, 65));
}

static void test_round_trip(void **state)
{
	struct wrap_key *k = key_of(key_a, 64);
	struct keep plain;
	struct wrap_head h;
	uint8_t *big = calloc(1, WRAP_BODY_MAX + 1);
	static const size_t lens[] = {0, 1, 15, 16, 17, 4096, WRAP_BODY_MAX};

	(void)state;
	assert_int_equal(keep_open(&plain, WRAP_BODY_MAX), 0);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct buf file = {0};
		memset(big, (int)i + 1, WRAP_BODY_MAX);
		seal(k, view_of(big, lens[i]), &file);
		assert_int_equal(wrap_open(k, buf_view(&file), &h, &plain), 0);
		assert_true(view_eq(keep_view(&plain), view_of(big, lens[i])));
		assert_memory_equal(&h, &sample, sizeof(h));
		/* two sealings of the same bytes share nothing after the header */
		struct buf again = {0};
		seal(k, view_of(big, lens[i]), &again);
		assert_int_equal(again.len, file.len);
		size_t head = file.len - lens[i] - WRAP_EXTRA;
		assert_memory_equal(again.mem, file.mem, head);
		assert_memory_not_equal(again.mem + head, file.mem + head, 60);
		buf_free(&file);
		buf_free(&again);
	}
	struct buf none = {0};
	assert_int_equal(wrap_seal(k, &sample, view_of(big, WRAP_BODY_MAX + 1), &none), -ERR_TOO_LONG);
	assert_int_equal(none.len, 0);
	free(big);
	buf_free(&none);
	keep_free(&plain);
	wrap_key_free(&k);
}

/* Two versions in one file: each opens, and what divides them is authenticated. */
static void test_two(void **state)
{
	struct wrap_key *k = key_of(key_a, 64);
	struct wrap_head newer = sample, h;
	struct buf file = {0};
	struct keep plain;

	(void)state;
	newer.version = 8;
	newer.overlap_s = 3600;
	newer.boot_s = 123456789;
	assert_int_equal(keep_open(&plain, WRAP_BODY_MAX), 0);
	assert_int_equal(wrap_seal(k, &newer, VIEW_LIT("new"), &file), 0);
	size_t first = file.len;
	seal(k, VIEW_LIT("old"), &file);
	assert_int_equal(wrap_first(buf_view(&file)).n, first);
	assert_int_equal(wrap_open(k, view_head(buf_view(&file), first), &h, &plain), 0);
	assert_memory_equal(&h, &newer, sizeof(h));
	assert_true(view_is(keep_view(&plain), "new"));
	assert_int_equal(wrap_open(k, view_skip(buf_view(&file), first), &h, &plain), 0);
	assert_memory_equal(&h, &sample, sizeof(h));
	assert_true(view_is(keep_view(&plain), "old"));
	assert_int_equal(wrap_open(k, buf_view(&file), &h, &plain), -ERR_CORRUPT);
	for (size_t bit = 0; bit < 8 * first; bit++) {
		file.mem[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(wrap_open(k, wrap_first(buf_view(&file)), &h, &plain), -ERR_CORRUPT);
		file.mem[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	/* After an item that says nothing of an overlap nothing may come. */
	buf_reset(&file);
	seal(k, VIEW_LIT("one"), &file);
	seal(k, VIEW_LIT("two"), &file);
	assert_int_equal(wrap_first(buf_view(&file)).n, file.len);
	buf_free(&file);
	keep_free(&plain);
	wrap_key_free(&k);
}

/* Each byte of the file, changed in each of its bits, and each prefix, with the file against an unreadable page. */
static void test_any_change(void **state)
{
	struct wrap_key *k = key_of(key_a, 64);
	struct buf file = {0};
	struct keep plain;
	struct wrap_head h;
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	assert_int_equal(keep_open(&plain, WRAP_BODY_MAX), 0);
	seal(k, VIEW_LIT("tok_canary"), &file);
	for (size_t n = 0; n <= file.len; n++) {
		uint8_t *at = page + 4096 - n;
		memcpy(at, file.mem, n);
		assert_int_equal(wrap_open(k, view_of(at, n), &h, &plain), n == file.len ? 0 : -ERR_CORRUPT);
		if (n < file.len)
			assert_int_equal(wrap_first(view_of(at, n)).n, n);
	}
	uint8_t *at = page + 4096 - file.len;
	for (size_t bit = 0; bit < 8 * file.len; bit++) {
		at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(wrap_open(k, view_of(at, file.len), &h, &plain), -ERR_CORRUPT);
		assert_int_equal(plain.n, 0);
		at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_int_equal(wrap_open(k, view_of(at, file.len), &h, &plain), 0);
	assert_int_equal(buf_puts(&file, "x"), 0);
	assert_int_equal(wrap_open(k, buf_view(&file), &h, &plain), -ERR_CORRUPT);
	munmap(page, 8192);
	buf_free(&file);
	keep_free(&plain);
	wrap_key_free(&k);
}

static void test_other_key(void **state)
{
	struct wrap_key *a = key_of(key_a, 64), *b = key_of(key_b, 64);
	struct buf file = {0};
	struct keep plain;
	struct wrap_head h;

	(void)state;
	assert_int_equal(keep_open(&plain, WRAP_BODY_MAX), 0);
	seal(a, VIEW_LIT("tok_canary"), &file);
	assert_int_equal(wrap_open(b, buf_view(&file), &h, &plain), -ERR_CORRUPT);
	assert_int_equal(wrap_open(a, buf_view(&file), &h, &plain), 0);
	/* the file itself holds no plaintext */
	assert_null(memmem(file.mem, file.len, "tok_canary", 10));
	buf_free(&file);
	keep_free(&plain);
	wrap_key_free(&a);
	wrap_key_free(&b);
}

/* The body of one file under the header and key of another. */
static void test_splice(void **state)
{
	struct wrap_key *k = key_of(key_a, 64);
	struct buf one = {0}, two = {0};
	struct keep plain;
	struct wrap_head h;

	(void)state;
	assert_int_equal(keep_open(&plain, WRAP_BODY_MAX), 0);
	seal(k, VIEW_LIT("first_one"), &one);
	seal(k, VIEW_LIT("other_one"), &two);
	size_t body = 12 + 9 + 16;
	memcpy(one.mem + one.len - body, two.mem + two.len - body, body);
	assert_int_equal(wrap_open(k, buf_view(&one), &h, &plain), -ERR_CORRUPT);
	buf_free(&one);
	buf_free(&two);
	keep_free(&plain);
	wrap_key_free(&k);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
	    {"a", true}, {"A.b_c-9", true}, {"..", true}, {"", false}, {"a/b", false}, {"a b", false}, {"a\n", false}, {"\xc3\xa9", false},
	    {"123456789012345678901234567890123456789012345678901234567890123", true},
	    {"1234567890123456789012345678901234567890123456789012345678901234", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(wrap_name_ok(rows[i].name), rows[i].ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_key_files), cmocka_unit_test(test_round_trip), cmocka_unit_test(test_two), cmocka_unit_test(test_any_change),
	    cmocka_unit_test(test_other_key), cmocka_unit_test(test_splice),	 cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
