/* box_test.c - sealed texts: every changed byte, another key, another kind; the vector of RFC 7748 is OpenSSL's to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "base/box.h"

static void test_box(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 3, 100, 5000};
	uint8_t key[BOX_KEY], public[BOX_KEY], other[BOX_KEY], other_public[BOX_KEY], text[5000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(box_new(key, public), 0);
	assert_int_equal(box_new(other, other_public), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buf box = {0}, again = {0}, out = {0};
		assert_int_equal(box_seal(public, "enrol", view_of(text, sizes[i]), &box), 0);
		assert_int_equal(box_seal(public, "enrol", view_of(text, sizes[i]), &again), 0);
		assert_false(view_eq(buf_view(&box), buf_view(&again)));
		assert_int_equal(box_open(key, "enrol", buf_view(&box), &out), 0);
		assert_true(view_eq(buf_view(&out), view_of(text, sizes[i])));
		buf_reset(&out);
		assert_int_equal(box_open(other, "enrol", buf_view(&box), &out), -ERR_CORRUPT);
		assert_int_equal(box_open(key, "bundle", buf_view(&box), &out), -ERR_MALFORMED);
		for (size_t k = 0; k < box.len; k += 1 + box.len / 200) {
			box.mem[box.off + k] ^= 1;
			assert_true(box_open(key, "enrol", buf_view(&box), &out) < 0);
			box.mem[box.off + k] ^= 1;
			assert_true(box_open(key, "enrol", view_of(buf_view(&box).p, k), &out) < 0);
		}
		assert_int_equal(out.len, 0);
		buf_free(&box);
		buf_free(&again);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_box)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
