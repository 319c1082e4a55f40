/* json_test.c - the strict JSON scanner: verdicts, spans, every prefix, hostile shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/err.h"
#include "codec/json.h"

enum { NODES = 4096 };

static struct json_node nodes[NODES];

static int scan(struct view in, struct json_doc *doc, struct json_error *err)
{
	return json_scan(doc, in, nodes, NODES, err);
}

#define V(s) VIEW_LIT(s)

static const struct {
	struct view in;
	int ret;
	uint32_t off; /* of the fault */
} verdicts[] = {
	{V("{}"), 0, 0},
	{V("[]"), 0, 0},
	{V(" \t\r\n{ \"a\" : [ 1 , true , false , null , \"x\" ] } \n"), 0, 0},
	{V("\"\""), 0, 0},
	{V("0"), 0, 0},
	{V("-0"), 0, 0},
	{V("1e400"), -ERR_RANGE, 5},
	{V("1.7976931348623157e308"), 0, 0},
	{V("1.7976931348623158e308"), -ERR_RANGE, 22},
	{V("17976931348623157e292"), 0, 0},
	{V("-0.00017976931348623157e312"), 0, 0},
	{V("-0.00017976931348623158e312"), -ERR_RANGE, 27},
	{V("1e308"), 0, 0},
	{V("2e308"), -ERR_RANGE, 5},
	{V("1797e305"), 0, 0},
	{V("1798e305"), -ERR_RANGE, 8},
	{V("0e99999"), 0, 0},
	{V("0e999999"), -ERR_RANGE, 8},
	{V("1e-400"), 0, 0},
	{V("1E+2"), 0, 0},
	{V("01"), -ERR_MALFORMED, 1},
	{V("-"), -ERR_MALFORMED, 1},
	{V("+1"), -ERR_MALFORMED, 0},
	{V(".5"), -ERR_MALFORMED, 0},
	{V("1."), -ERR_MALFORMED, 2},
	{V("1e"), -ERR_MALFORMED, 2},
	{V("1e+"), -ERR_MALFORMED, 3},
	{V("0x1"), -ERR_MALFORMED, 1},
	{V("NaN"), -ERR_MALFORMED, 0},
	{V("Infinity"), -ERR_MALFORMED, 0},
	{V("nul"), -ERR_MALFORMED, 3},
	{V("nulL"), -ERR_MALFORMED, 3},
	{V("truex"), -ERR_MALFORMED, 4},
	{V(""), -ERR_MALFORMED, 0},
	{V("   "), -ERR_MALFORMED, 3},
	{V("\xef\xbb\xbf{}"), -ERR_ENCODING, 0},
	{V("\v{}"), -ERR_MALFORMED, 0},
	{V("\xc2\xa0{}"), -ERR_MALFORMED, 0},
	{V("{}x"), -ERR_MALFORMED, 2},
	{V("{} {}"), -ERR_MALFORMED, 3},
	{V("{}\0"), -ERR_MALFORMED, 2},
	{V("[1,]"), -ERR_MALFORMED, 3},
	{V("[,1]"), -ERR_MALFORMED, 1},
	{V("[1 2]"), -ERR_MALFORMED, 3},
	{V("{\"a\":1,}"), -ERR_MALFORMED, 7},
	{V("{\"a\" 1}"), -ERR_MALFORMED, 5},
	{V("{a:1}"), -ERR_MALFORMED, 1},
	{V("{'a':1}"), -ERR_MALFORMED, 1},
	{V("{1:1}"), -ERR_MALFORMED, 1},
	{V("{\"a\"}"), -ERR_MALFORMED, 4},
	{V("[}"), -ERR_MALFORMED, 1},
	{V("{]"), -ERR_MALFORMED, 1},
	{V("]"), -ERR_MALFORMED, 0},
	{V("[1] // c"), -ERR_MALFORMED, 4},
	{V("/* c */ 1"), -ERR_MALFORMED, 0},
	{V("\"a\nb\""), -ERR_MALFORMED, 2},
	{V("\"a\0b\""), -ERR_MALFORMED, 2},
	{V("\"0123456789abcdef\x1f\""), -ERR_MALFORMED, 17},
	{V("\"\x7f\""), 0, 0},
	{V("\"\\u0000\""), 0, 0},
	{V("{\"a\\u0000\":1}"), -ERR_ENCODING, 0},
	{V("\"\\x41\""), -ERR_MALFORMED, 2},
	{V("\"\\u12g4\""), -ERR_MALFORMED, 2},
	{V("\"\\ud800\""), -ERR_ENCODING, 0},
	{V("\"\\ud800abcdefg\""), -ERR_ENCODING, 0},
	{V("\"\\ud800\\u0041\""), -ERR_ENCODING, 0},
	{V("\"\\ud800\\ud800\""), -ERR_ENCODING, 0},
	{V("\"\\udc00\""), -ERR_ENCODING, 0},
	{V("\"\\ud83d\\ude00\""), 0, 0},
	{V("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""), 0, 0},
	{V("\"\xf4\x8f\xbf\xbf\""), 0, 0},
	{V("\"\x80\""), -ERR_ENCODING, 1},
	{V("\"\xc0\xaf\""), -ERR_ENCODING, 1},
	{V("\"\xc1\xbf\""), -ERR_ENCODING, 1},
	{V("\"\xe0\x80\xaf\""), -ERR_ENCODING, 1},
	{V("\"\xed\xa0\x80\""), -ERR_ENCODING, 1},
	{V("\"\xf0\x80\x80\xaf\""), -ERR_ENCODING, 1},
	{V("\"\xf4\x90\x80\x80\""), -ERR_ENCODING, 1},
	{V("\"\xf8\x88\x80\x80\x80\""), -ERR_ENCODING, 1},
	{V("\"\xc3\""), -ERR_ENCODING, 1},
	{V("\"\xe2\x82\""), -ERR_ENCODING, 1},
	{V("\"\xc3"), -ERR_MALFORMED, 1},
	{V("{\"a\":1,\"a\":2}"), -ERR_DUPLICATE_KEY, 7},
	{V("{\"a\":1,\"\\u0061\":2}"), -ERR_DUPLICATE_KEY, 7},
	{V("{\"\":1,\"\":2}"), -ERR_DUPLICATE_KEY, 6},
	{V("{\"a\":{\"b\":1,\"c\":2,\"b\":3}}"), -ERR_DUPLICATE_KEY, 18},
	{V("{\"/\":1,\"\\/\":2}"), -ERR_DUPLICATE_KEY, 7},
	{V("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"), -ERR_DUPLICATE_KEY, 10},
	{V("{\"a\":1,\"A\":2,\"aa\":{\"a\":3}}"), 0, 0},
	{V("[{\"a\":1},{\"a\":2}]"), 0, 0},
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		struct json_doc doc;
		struct json_error err = {0};
		int r = scan(verdicts[i].in, &doc, &err);
		if (r != verdicts[i].ret)
			print_error("case %zu: " VIEW_FMT ": %s\n", i, VIEW_ARG(verdicts[i].in), err_name(r));
		assert_int_equal(r, verdicts[i].ret);
		if (r && verdicts[i].off && err.off != verdicts[i].off)
			print_error("case %zu: at %u\n", i, err.off);
		if (r && verdicts[i].off)
			assert_int_equal(err.off, verdicts[i].off);
		assert_int_equal(doc.n == 0, r != 0);
	}
}

/* Input that ends where an unreadable page begins. */
static uint8_t *page_end(void)
{
	uint8_t *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(mem + 4096, 4096, PROT_NONE), 0);
	return mem + 4096;
}

static const char whole[] =
	"{\"jsonrpc\":\"2.0\",\"id\":\"caf\xc3\xa9 \\ud83d\\ude00\",\"n\":[-1.5e+3,0,[],{}],"
	"\"a long key, longer than a register\":\"and a long value, \xe2\x82\xac\xf0\x9f\x98\x80 too\",\"t\":true,\"f\":false,\"z\":null}";

static void test_prefixes(void **state)
{
	(void)state;
	uint8_t *end = page_end();
	size_t n = sizeof(whole) - 1;
	for (size_t k = 0; k <= n; k++) {
		struct json_doc doc;
		memcpy(end - k, whole, k);
		assert_int_equal(scan(view_of(end - k, k), &doc, NULL), k == n ? 0 : -ERR_MALFORMED);
	}
	munmap(end - 4096, 8192);
}

static void test_reading(void **state)
{
	(void)state;
	struct json_doc doc;
	struct view in = V(" {\"a\":{\"b\":[1,{\"c\":2},[]]},\"\\u0064\":\"x\\ny\\\"\\ud83d\\ude00\\u00e9\\u20ac\",\"e\":\"plain\"} ");
	assert_int_equal(scan(in, &doc, NULL), 0);
	const struct json_node *root = doc.node, *a = json_get(&doc, root, V("a")), *b = json_get(&doc, a, V("b"));
	assert_int_equal(doc.n, 9);
	assert_int_equal(root->count, 3);
	assert_int_equal(root->span, 9);
	assert_true(view_is(json_raw(&doc, b), "[1,{\"c\":2},[]]"));
	assert_int_equal(b->count, 3);
	assert_int_equal(b->depth, 2);
	const struct json_node *k = json_first(&doc, b);
	assert_int_equal(k->type, JSON_NUMBER);
	k = json_next(&doc, b, k);
	assert_int_equal(k->type, JSON_OBJECT);
	k = json_next(&doc, b, k);
	assert_int_equal(k->type, JSON_ARRAY);
	assert_null(json_first(&doc, k));
	assert_null(json_next(&doc, b, k));

	const struct json_node *d = json_get(&doc, root, V("d"));
	uint8_t out[32];
	struct view v;
	assert_non_null(d);
	assert_true(json_key_eq(&doc, d, V("d")));
	assert_int_equal(json_key(&doc, d, out, sizeof(out)), 1);
	assert_false(json_plain(&doc, d, &v));
	static const char text[] = "x\ny\"\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac";
	assert_int_equal(json_str(&doc, d, out, sizeof(out)), sizeof(text) - 1);
	assert_memory_equal(out, text, sizeof(text) - 1);
	assert_true(json_str_eq(&doc, d, V(text)));
	assert_false(json_str_eq(&doc, d, V("x\ny")));
	assert_false(json_str_eq(&doc, d, V("x\ny\"\xf0\x9f\x98\x80\xc3\xa9\xe2\x82\xac!")));
	assert_int_equal(json_str(&doc, d, out, sizeof(text) - 2), -ERR_TOO_LONG);
	assert_true(json_plain(&doc, json_get(&doc, root, V("e")), &v));
	assert_true(view_is(v, "plain"));
	assert_int_equal(json_str(&doc, root, out, sizeof(out)), -ERR_MALFORMED);
	assert_null(json_get(&doc, root, V("x")));
	assert_null(json_get(&doc, NULL, V("x")));
	assert_null(json_get(&doc, b, V("c")));
}

static void test_depth(void **state)
{
	(void)state;
	char text[2 * JSON_DEPTH + 2];
	struct json_doc doc;
	memset(text, '[', JSON_DEPTH);
	memset(text + JSON_DEPTH, ']', JSON_DEPTH);
	assert_int_equal(scan(view_of(text, 2 * JSON_DEPTH), &doc, NULL), 0);
	memset(text, '[', JSON_DEPTH + 1);
	assert_int_equal(scan(view_of(text, 2 * JSON_DEPTH), &doc, NULL), -ERR_TOO_DEEP);
}

static void test_bounds(void **state)
{
	(void)state;
	struct json_doc doc;
	struct json_error err;
	assert_int_equal(json_scan(&doc, V("[1,2,3]"), nodes, 4, &err), 0);
	assert_int_equal(json_scan(&doc, V("[1,2,3]"), nodes, 3, &err), -ERR_TOO_LONG);
	assert_int_equal(err.off, 5);
	assert_int_equal(json_scan(&doc, V("1"), nodes, 0, NULL), -ERR_TOO_LONG);
	assert_int_equal(json_scan(&doc, view_of(NULL, 0), nodes, 1, &err), -ERR_MALFORMED);

	char digits[2000];
	memset(digits, '9', sizeof(digits));
	assert_int_equal(scan(view_of(digits, 308), &doc, NULL), 0);
	assert_int_equal(scan(view_of(digits, 309), &doc, NULL), -ERR_RANGE);
	memset(digits, '0', sizeof(digits));
	digits[1] = '.';
	assert_int_equal(scan(view_of(digits, 1024), &doc, NULL), 0);
	assert_int_equal(scan(view_of(digits, 1025), &doc, NULL), -ERR_RANGE);
}

static void test_where(void **state)
{
	(void)state;
	struct json_doc doc;
	struct json_error err;
	assert_int_equal(scan(V("{\n  \"a\": 1,\n  \"a\": 2\n}"), &doc, &err), -ERR_DUPLICATE_KEY);
	assert_int_equal(err.line, 3);
	assert_int_equal(err.column, 3);
	err = json_where(V("ab\ncd"), 99);
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 3);
}

/* An object of ${members} keys; the last repeats key number ${twice} unless that is negative. */
static char *wide(int members, int twice, bool escaped, size_t *len)
{
	char *text = malloc((size_t)members * 32 + 64);
	assert_non_null(text);
	size_t n = (size_t)sprintf(text, "{");
	for (int i = 0; i < members; i++)
		n += (size_t)sprintf(text + n, "%s\"%s%d\":[%d]", i ? "," : "", escaped && i % 2 ? "\\u006b" : "k", i, i);
	if (twice >= 0)
		n += (size_t)sprintf(text + n, ",\"k%d\":0", twice);
	n += (size_t)sprintf(text + n, "}");
	*len = n;
	return text;
}

static void test_wide_objects(void **state)
{
	(void)state;
	static const int sizes[] = {2, 15, 16, 17, 18, 100, 50000};
	uint32_t max = 200000;
	struct json_node *many = calloc(max, sizeof(*many));
	assert_non_null(many);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int twice[] = {-1, 0, sizes[i] / 2, sizes[i] - 1};
		for (int k = 0; k < 8; k++) {
			size_t n;
			char *text = wide(sizes[i], twice[k / 2], k % 2, &n);
			struct json_doc doc;
			struct json_error err;
			int r = json_scan(&doc, view_of(text, n), many, max, &err);
			assert_int_equal(r, k < 2 ? 0 : -ERR_DUPLICATE_KEY);
			if (r) /* the fault is the last key, which is written plainly */
				assert_memory_equal(text + err.off, "\"k", 2);
			free(text);
		}
	}
	size_t n;
	char *text = wide(JSON_MEMBERS, -1, false, &n);
	struct json_doc doc;
	assert_int_equal(json_scan(&doc, view_of(text, n), many, max, NULL), 0);
	free(text);
	text = wide(JSON_MEMBERS, 3, false, &n);
	assert_int_equal(json_scan(&doc, view_of(text, n), many, max, NULL), -ERR_TOO_LONG);
	free(text);
	free(many);
}

/* The scanner's own hash of a key, so that keys can be chosen against it, as an attacker would. */
static uint32_t bucket(const char *key, uint32_t count)
{
	uint64_t h = 0xcbf29ce484222325ull;
	for (; *key; key++)
		h = (h ^ (uint8_t)*key) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return (uint32_t)((h >> 32) * count >> 32);
}

/* Sixty-four keys of which ${together} share a bucket: up to twenty are borne, more are refused rather than slow. */
static void test_collisions(void **state)
{
	(void)state;
	enum { COUNT = 64 };
	for (int together = 20; together <= 21; together++) {
		char text[COUNT * 16], key[12];
		size_t n = 0;
		int same = 0, other = 0;
		for (int i = 0; same + other < COUNT; i++) {
			sprintf(key, "k%d", i);
			int *kind = bucket(key, COUNT) == 7 ? &same : &other;
			if (*kind == (kind == &same ? together : COUNT - together))
				continue;
			++*kind;
			n += (size_t)sprintf(text + n, "%c\"%s\":0", n ? ',' : '{', key);
		}
		text[n++] = '}';
		struct json_doc doc;
		assert_int_equal(same, together);
		assert_int_equal(scan(view_of(text, n), &doc, NULL), together == 20 ? 0 : -ERR_TOO_LONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_reading),
		cmocka_unit_test(test_depth),    cmocka_unit_test(test_bounds),   cmocka_unit_test(test_where),
		cmocka_unit_test(test_wide_objects), cmocka_unit_test(test_collisions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
