/* hello_test.c - ClientHellos built here, whole, cut, spread over records, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "codec/hello.h"

#define V(s) VIEW_LIT(s)

static void put(struct buf *b, struct view v)
{
	assert_int_equal(buf_put(b, v), 0);
}

static void put_number(struct buf *b, unsigned n, int bytes)
{
	uint8_t be[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	put(b, view_of(be + 4 - bytes, (size_t)bytes));
}

/* A ClientHello message around ${extensions} (their list's length is added unless ${none}). */
static void message(struct buf *b, struct view extensions, bool none)
{
	struct buf body = {0};
	put(&body, V("\x03\x03"));
	for (int i = 0; i < 32; i++)
		put_number(&body, (unsigned)i, 1);
	put(&body, V("\x02ss" "\x00\x04\x13\x01\x13\x02" "\x01\x00"));
	if (!none) {
		put_number(&body, (unsigned)extensions.n, 2);
		put(&body, extensions);
	}
	put_number(b, 1, 1);
	put_number(b, (unsigned)body.len, 3);
	put(b, buf_view(&body));
	buf_free(&body);
}

/* ${msg} in records of at most ${piece} bytes. */
static void records(struct buf *b, struct view msg, size_t piece)
{
	for (size_t at = 0; at < msg.n; at += piece) {
		struct view part = view_head(view_skip(msg, at), piece);
		put(b, V("\x16\x03\x01"));
		put_number(b, (unsigned)part.n, 2);
		put(b, part);
	}
}

static int read_hello(struct view extensions, size_t piece, struct hello *out)
{
	struct buf msg = {0}, wire = {0};
	message(&msg, extensions, false);
	records(&wire, buf_view(&msg), piece);
	int r = hello_read(buf_view(&wire), out);
	if (r > 0)
		assert_int_equal(r, wire.len);
	buf_free(&msg);
	buf_free(&wire);
	return r;
}

#define NAME "\0\0\0\x0e\0\x0c\0\0\x09" "A.example"
#define ALPN_BOTH "\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1"

static const struct {
	struct view ext;
	bool ok;
	const char *name;
	bool any, h11, h2, ech;
} table[] = {
	{V(""), true, "", 0, 0, 0, 0},
	{V(NAME), true, "a.example", 0, 0, 0, 0},
	{V("\x00\x17\0\0" NAME ALPN_BOTH), true, "a.example", 1, 1, 1, 0},
	{V("\0\x10\0\x05\0\x03\x02h2"), true, "", 1, 0, 1, 0},
	{V("\0\x10\0\x05\0\x03\x02H2"), true, "", 1, 0, 0, 0},
	{V(NAME "\xfe\x0d\0\x01\0"), true, "a.example", 0, 0, 0, 1},
	{V("\xff\xce\0\0"), true, "", 0, 0, 0, 1},
	{V("\0\0\0\x07\0\x05\0\0\x02" "a."), true, "a", 0, 0, 0, 0},
	{V("\0\0\0\x08\0\x06\0\0\x03" "_-9"), true, "_-9", 0, 0, 0, 0},
	/* broken */
	{V(NAME NAME), false, "", 0, 0, 0, 0},
	{V(ALPN_BOTH ALPN_BOTH), false, "", 0, 0, 0, 0},
	{V("\0\0\0\0"), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x02\0\0"), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x05\0\x03\0\0\0"), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x06\0\x04\0\0\x01."), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x06\0\x04\0\0\x01/"), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x08\0\x06\0\0\x03" "a\0b"), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x08\0\x06\0\0\x03" "a\xc3\xa9"), false, "", 0, 0, 0, 0},
	{V("\0\0\0\x06\0\x04\1\0\x01" "a"), false, "", 0, 0, 0, 0},                /* another name type */
	{V("\0\0\0\x0a\0\x08\0\0\x01" "a\0\0\x01" "b"), false, "", 0, 0, 0, 0},    /* two names */
	{V("\0\0\0\x07\0\x04\0\0\x01" "ax"), false, "", 0, 0, 0, 0},               /* a byte behind the list */
	{V("\0\0\0\x06\0\x04\0\0\x02" "a"), false, "", 0, 0, 0, 0},                /* longer than its list */
	{V("\0\0\0\x06\0\x14\0\0\x01" "a"), false, "", 0, 0, 0, 0},
	{V("\0\x10\0\0"), false, "", 0, 0, 0, 0},
	{V("\0\x10\0\x02\0\0"), false, "", 0, 0, 0, 0},
	{V("\0\x10\0\x03\0\x01\0"), false, "", 0, 0, 0, 0},
	{V("\0\x10\0\x05\0\x03\x04h2"), false, "", 0, 0, 0, 0},
	{V("\0\x17\0\x05"), false, "", 0, 0, 0, 0},
	{V("\0\x17\0"), false, "", 0, 0, 0, 0},
};

static void test_extensions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (size_t piece = 2; piece < 200; piece += 33) {
			struct hello h;
			int r = read_hello(table[i].ext, piece, &h);
			if ((r > 0) != table[i].ok)
				print_error("case %zu piece %zu: %d\n", i, piece, r);
			if (!table[i].ok)
				assert_int_equal(r, -ERR_MALFORMED);
			assert_int_equal(r > 0, table[i].ok);
			assert_string_equal(h.name, table[i].name);
			assert_int_equal(h.alpn_any, table[i].any);
			assert_int_equal(h.alpn_http11, table[i].h11);
			assert_int_equal(h.alpn_h2, table[i].h2);
			assert_int_equal(h.ech, table[i].ech);
		}
}

static void test_prefixes(void **state)
{
	(void)state;
	size_t room = 8192;
	uint8_t *mem = mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = mem + room;
	assert_true(mem != MAP_FAILED);
	assert_int_equal(mprotect(end, 4096, PROT_NONE), 0);
	for (size_t piece = 3; piece <= 400; piece += 17) {
		struct buf msg = {0}, wire = {0};
		message(&msg, V(NAME ALPN_BOTH), false);
		records(&wire, buf_view(&msg), piece);
		for (size_t n = 0; n <= wire.len; n++) {
			struct hello h;
			memcpy(end - n, wire.mem, n);
			assert_int_equal(hello_read(view_of(end - n, n), &h), n == wire.len ? (int)n : 0);
			assert_int_equal(h.name[0] != 0, n == wire.len);
			assert_int_equal(hello_looks_like(view_of(end - n, n)), n < 3 ? 0 : 1);
		}
		/* what follows in a record of its own is not ours; what follows in the same record is wrong */
		size_t whole = wire.len;
		struct hello h;
		put(&wire, V("\x14\x03\x03\0\x01\x01"));
		assert_int_equal(hello_read(buf_view(&wire), &h), whole);
		buf_free(&wire);
		put(&msg, V("\0"));
		records(&wire, buf_view(&msg), 1000);
		assert_int_equal(hello_read(buf_view(&wire), &h), -ERR_MALFORMED);
		buf_free(&msg);
		buf_free(&wire);
	}
	munmap(mem, room + 4096);
}

static void test_records(void **state)
{
	(void)state;
	static const struct {
		struct view in;
		int ret;
	} heads[] = {
		{V(""), 0}, {V("\x16"), 0}, {V("\x16\x03\x01\x00\x05"), 0}, {V("\x16\x03\x01\x00\x05\x01"), 0},
		{V("\x17"), -ERR_MALFORMED}, {V("\x16\x02"), 0}, {V("\x16\x10"), -ERR_MALFORMED}, {V("\x16\x02\x05\x00\x05\x02"), -ERR_MALFORMED},
		{V("\x16\x03\x01\x00\x00"), -ERR_MALFORMED}, {V("\x16\x03\x01\x40\x01"), -ERR_MALFORMED},
		{V("\x16\x03\x01\x40\x00\x02"), -ERR_MALFORMED}, {V("\x16\x03\x01\x00\x01\x01\x15"), -ERR_MALFORMED},
		{V("\x16\x03\x01\x00\x04\x01\x00\x40\x00"), -ERR_TOO_LONG}, {V("\x16\x03\x01\x00\x04\x01\xff\xff\xff"), -ERR_TOO_LONG},
		{V("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), -ERR_MALFORMED}, {V("GET / HTTP/1.1\r\n"), -ERR_MALFORMED},
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct hello h;
		assert_int_equal(hello_read(heads[i].in, &h), heads[i].ret);
	}
	static const struct {
		struct view in;
		int is;
	} looks[] = {
		{V(""), 0}, {V("\x16"), 0}, {V("\x16\x03"), 0}, {V("\x16\x03\x01"), 1}, {V("\x16\x03\x04xyz"), 1}, {V("\x16\x03\x05"), 1}, {V("\x16\x03\xff"), 1},
		{V("G"), -1}, {V("\x16\x02"), 0}, {V("\x16\x0f\xff\x00\x05"), 0}, {V("\x16\x0f\xff\x00\x05\x01"), 1},
		{V("\x16\x01\x00\x00\x07\x00"), -1}, {V("\x16\x10\xff"), -1}, {V("\x80\x2e\x01\x03\x01"), -1},
	};
	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++)
		assert_int_equal(hello_looks_like(looks[i].in), looks[i].is);
}

static void test_sizes(void **state)
{
	(void)state;
	struct buf msg = {0}, wire = {0}, ext = {0};
	struct hello h;
	/* no extensions at all */
	message(&msg, V(""), true);
	records(&wire, buf_view(&msg), 1000);
	assert_int_equal(hello_read(buf_view(&wire), &h), wire.len);
	buf_free(&msg);
	/* the longest message, and one byte more; its padding extension takes what is left: 51 bytes are fixed, 4 its head */
	for (int over = 0; over < 2; over++)
		for (size_t piece = 300; piece <= 16384; piece += 16084) {
			size_t pad = HELLO_MAX - 51 - 4 + (size_t)over;
			buf_reset(&wire);
			buf_reset(&msg);
			buf_reset(&ext);
			put(&ext, V("\0\x15"));
			put_number(&ext, (unsigned)pad, 2);
			for (size_t i = 0; i < pad; i++)
				put(&ext, V("\0"));
			message(&msg, buf_view(&ext), false);
			assert_int_equal(msg.len, HELLO_MAX + over);
			records(&wire, buf_view(&msg), piece);
			assert_int_equal(hello_read(buf_view(&wire), &h), over ? -ERR_TOO_LONG : (int)wire.len);
		}
	/* names of 255 and 256 bytes; a hello cut to crumbs */
	for (unsigned n = 255; n <= 256; n++) {
		buf_reset(&ext);
		put(&ext, V("\0\0"));
		put_number(&ext, n + 5, 2);
		put_number(&ext, n + 3, 2);
		put(&ext, V("\0"));
		put_number(&ext, n, 2);
		for (unsigned i = 0; i < n; i++)
			put(&ext, V("a"));
		assert_int_equal(read_hello(buf_view(&ext), 1000, &h) > 0, n == 255);
		assert_int_equal(strlen(h.name), n == 255 ? 255 : 0);
	}
	assert_int_equal(read_hello(V(NAME), 1, &h), -ERR_TOO_LONG);
	buf_free(&msg);
	buf_free(&wire);
	buf_free(&ext);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extensions), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_records),
		cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
