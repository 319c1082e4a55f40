/* dec_test.c - exact decimals: reading, order, canonical text, units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "policy/dec.h"

static struct dec dec(const char *s)
{
	struct dec d;
	assert_int_equal(dec_parse(view_str(s), &d), 0);
	return d;
}

static void reads_only_json_numbers(void **state)
{
	static const char *const bad[] = {"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1e1.5", "0x1", "NaN", "Infinity", " 1", "1 ", "--1",
	    "1.2.3", "1,0"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dec d;
		assert_int_equal(dec_parse(view_str(bad[i]), &d), -ERR_MALFORMED);
	}
}

static const struct {
	const char *number, *text;
} texts[] = {
    {"0", "0"}, {"-0", "0"}, {"0.000", "0"}, {"0e9", "0"}, {"-0.0e-5", "0"}, {"1", "1"}, {"-1", "-1"}, {"7.0", "7"}, {"70e-1", "7"},
    {"0.7e1", "7"}, {"1e3", "1000"}, {"1E+3", "1000"}, {"1000000", "1000000"}, {"0.50", "0.5"}, {"5e-3", "0.005"}, {"-12.340", "-12.34"},
    {"100.001", "100.001"}, {"1234.5e2", "123450"}, {"1234.5e-2", "12.345"}, {"1234.5e-6", "0.0012345"}, {"10.0", "10"},
    {"9007199254740993", "9007199254740993"}, {"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"},
    {"1e20", "100000000000000000000"},
};

static void writes_canonical_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dec d = dec(texts[i].number);
		struct dec_text t = dec_text(&d);
		char out[64];
		size_t n = 0;
		for (int c; (c = dec_text_next(&t)) >= 0 && n + 1 < sizeof(out);)
			out[n++] = (char)c;
		out[n] = '\0';
		assert_string_equal(out, texts[i].text);
	}
}

/* Rising; every pair is compared both ways. */
static const char *const rising[] = {"-1e400", "-1000.5", "-1000", "-999.9", "-1", "-0.1", "-1e-400", "0", "1e-400", "0.0999", "0.1",
    "0.10000000000000000000000000001", "0.2", "0.9", "1", "1.000000000000000000001", "2", "9", "10", "10.5", "100",
    "9007199254740992", "9007199254740993", "1e22", "12e21", "1e400", "1e401"};

static void orders_by_value(void **state)
{
	int n = sizeof(rising) / sizeof(rising[0]);
	(void)state;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++) {
			struct dec a = dec(rising[i]), b = dec(rising[k]);
			int c = dec_cmp(&a, &b);
			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
}

static void ignores_how_it_is_written(void **state)
{
	static const char *const same[][2] = {{"7", "7.0"}, {"7", "70e-1"}, {"1e2", "100"}, {"0", "-0"}, {"0.1", "1e-1"}, {"-5", "-5.00"},
	    {"120", "1.2e2"}, {"12.30", "1230e-2"}};
	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct dec a = dec(same[i][0]), b = dec(same[i][1]);
		assert_int_equal(dec_cmp(&a, &b), 0);
	}
}

static void gives_integers(void **state)
{
	static const struct {
		const char *number;
		int ret;
		int64_t value;
	} t[] = {{"0", 0, 0}, {"30", 0, 30}, {"3e1", 0, 30}, {"30.0", 0, 30}, {"-30", 0, -30}, {"1.5", -ERR_RANGE, 0}, {"1e-1", -ERR_RANGE, 0},
	    {"9223372036854775807", 0, INT64_MAX}, {"9223372036854775808", -ERR_RANGE, 0}, {"1e1000", -ERR_RANGE, 0},
	    {"1e-1000", -ERR_RANGE, 0}, {"9223372036854775806.5", -ERR_RANGE, 0}};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dec d = dec(t[i].number);
		int64_t v;
		assert_int_equal(dec_int(&d, &v), t[i].ret);
		if (!t[i].ret)
			assert_true(v == t[i].value);
	}
}

static void counts_units_upwards(void **state)
{
	static const struct {
		const char *number;
		int scale, ret;
		const char *text;
	} t[] = {{"1", 0, 0, "1"}, {"0.99", 2, 0, "0.99"}, {"0.991", 2, 0, "1"}, {"12.5", 11, 0, "12.5"}, {"1e-30", 11, 0, "0.00000000001"},
	    {"0", 11, 0, "0"}, {"-0", 11, 0, "0"}, {"-1", 11, -ERR_RANGE, NULL}, {"1e38", 0, -ERR_RANGE, NULL},
	    {"1e37", 0, 0, "10000000000000000000000000000000000000"}, {"1e1000000", 11, -ERR_RANGE, NULL}, {"100", 2, 0, "100"}};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct dec d = dec(t[i].number);
		dec_units_t u;
		char out[64];
		assert_int_equal(dec_units(&d, t[i].scale, &u), t[i].ret);
		if (t[i].ret)
			continue;
		assert_int_equal(dec_units_text(u, t[i].scale, out, sizeof(out)), strlen(t[i].text));
		assert_string_equal(out, t[i].text);
	}
}

static void reads_no_byte_too_many(void **state)
{
	static const char whole[] = "-12.5e+10";
	(void)state;
	for (size_t n = 0; n <= sizeof(whole) - 1; n++) {
		struct dec d;
		int good = n == 2 || n == 3 || n == 5 || n == 8 || n == 9;
		uint8_t *copy = test_malloc(n ? n : 1);
		memcpy(copy, whole, n);
		assert_int_equal(dec_parse(view_of(copy, n), &d), good ? 0 : -ERR_MALFORMED);
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_only_json_numbers),
	    cmocka_unit_test(writes_canonical_text),
	    cmocka_unit_test(orders_by_value),
	    cmocka_unit_test(ignores_how_it_is_written),
	    cmocka_unit_test(gives_integers),
	    cmocka_unit_test(counts_units_upwards),
	    cmocka_unit_test(reads_no_byte_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
