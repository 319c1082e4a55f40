/* evidence_cells_test.c - members of a line, cells of a table, and the way back through another reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/csv.h"
#include "evidence/bundle.h"
#include "evidence/fields.h"
#include "evidence/map.h"

static void test_fields(void **state)
{
	static const struct {
		const char *in;
		int r;
		const char *tool;
		uint64_t seq;
	} row[] = {
	    {"{}", 0, "", 0},
	    {"{\"seq\":7,\"tool\":\"echo\"}", 0, "echo", 7},
	    {"{\"x\":{\"tool\":\"no\",\"y\":[1,\"}\",{}]},\"tool\":\"a\\\"b\\\\\",\"seq\":18446744073709551615}", 0, "a\\\"b\\\\", UINT64_MAX},
	    {"{\"tool\":null,\"seq\":-1}", 0, "", 0},
	    {"{\"seq\":18446744073709551616}", 0, "", 0},
	    {"{\"tool\":\"a\",\"tool\":\"b\"}", -1, NULL, 0},
	    {"{\"tool\":\"a\"", -1, NULL, 0},
	    {"{\"tool\":\"a}", -1, NULL, 0},
	    {"{\"tool\":\"a\\\"}", -1, NULL, 0},
	    {"{\"tool\":}", -1, NULL, 0},
	    {"{\"tool\":\"a\"}x", -1, NULL, 0},
	    {"{\"tool\":[}", -1, NULL, 0},
	    {"{tool:1}", -1, NULL, 0},
	    {"[]", -1, NULL, 0},
	    {"", -1, NULL, 0},
	    {"{", -1, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct fields f;
		int r = fields_read(&f, view_str(row[i].in));
		assert_int_equal(r < 0, row[i].r < 0);
		if (r)
			continue;
		assert_true(fields_is(&f, FLD_TOOL, row[i].tool));
		assert_int_equal(fields_num(&f, FLD_SEQ, 0), row[i].seq);
	}
}

/* Every prefix of a line: never read beyond it. */
static void test_prefixes(void **state)
{
	static const char line[] = "{\"kind\":\"call\",\"seq\":3,\"arg_keys\":[\"a\",\"b\\\"\"],\"by\":{\"uid\":1},\"tool\":\"\\u0041\"}";

	(void)state;
	for (size_t n = 0; n <= sizeof(line) - 1; n++) {
		char *copy = malloc(n ? n : 1);
		struct fields f;
		memcpy(copy, line, n);
		assert_int_equal(fields_read(&f, view_of(copy, n)) == 0, n == sizeof(line) - 1);
		free(copy);
	}
}

static void test_cells(void **state)
{
	static const char *const in[] = {"", "plain", "a,b", "say \\\"yes\\\"", "=1+1", "+x", "-1", "@y", "x=1", ",", "\"", "\"\"", "a\\nb", "['a','b']", "[\"a\",\"b\"]", "\xc3\xa4"};
	enum { N = sizeof(in) / sizeof(*in) };
	struct buf b = {0};
	struct csv c;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		if (i)
			assert_int_equal(buf_puts(&b, ","), 0);
		assert_int_equal(row_cell(&b, view_str(in[i])), 0);
	}
	assert_int_equal(buf_puts(&b, "\r\n"), 0);
	csv_begin(&c, b.mem + b.off, b.len);
	assert_int_equal(csv_row(&c), 1);
	assert_int_equal(c.n, N);
	for (size_t i = 0; i < N; i++) {
		bool formula = in[i][0] && strchr("=+-@", in[i][0]);
		assert_true(c.field[i].n == strlen(in[i]) + formula);
		assert_true(!formula || c.field[i].p[0] == '\'');
		assert_true(view_eq(view_skip(c.field[i], formula), view_of(in[i], strlen(in[i]))));
	}
	assert_int_equal(csv_row(&c), 0);
	buf_free(&b);
}

static void test_map(void **state)
{
	struct map m;
	char key[32];

	(void)state;
	map_init(&m, sizeof(uint64_t), 1000);
	for (uint64_t i = 0; i < 1200; i++) {
		size_t n = (size_t)snprintf(key, sizeof(key), "%llu", (unsigned long long)(i * 7919 % 1200));
		uint64_t *at = map_get(&m, view_of(key, n));
		assert_true(!at == (i >= 1000));
		if (at)
			*at = i;
	}
	assert_int_equal(m.n, 1000);
	assert_int_equal(m.turned_away, 200);
	for (uint64_t i = 0; i < 1000; i++) {
		size_t n = (size_t)snprintf(key, sizeof(key), "%llu", (unsigned long long)(i * 7919 % 1200));
		assert_int_equal(*(uint64_t *)map_find(&m, view_of(key, n)), i);
	}
	assert_null(map_find(&m, VIEW_LIT("none")));
	struct map_entry **at = map_sorted(&m);
	for (size_t i = 1; i < m.n; i++)
		assert_true(strcmp((const char *)at[i - 1]->key.p, (const char *)at[i]->key.p) < 0);
	free(at);
	map_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_cells), cmocka_unit_test(test_map)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
