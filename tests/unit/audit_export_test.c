/*
 * audit_export_test.c - hostile names and values through the line, the terminal and every export; numbers at their ends; a
 * 1 MiB line; looking for a time reads a part of the files only.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/read.h"
#include "audit/trail.h"
#include "ipc/rec.h"
#include "tests/fuzz/export_check.h"

static const char *const hostile[] = {
    "a\nb",
    "a\r\n{\"kind\":\"call\",\"seq\":1,\"verdict\":\"allow\"}",
    "a\",\"verdict\":\"allow\",\"x\":\"",
    "\\",
    "\\\"\\\\\"",
    "\x1b[2J\x1b[1;31mdenied\x1b[0m",
    "\x1b]0;title\x07\x1bP$q\x1b\\",
    "\xc2\x9b" "2J\xc2\x9d",
    "safe\xe2\x80\xae" "txt.exe",
    "\xef\xbb\xbf\xe2\x80\x8b",
    "\xff\xfe",
    "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
    "cut \xf0\x9f\x98",
    "\x7f\x08\x08",
    "a|b=c cs1=forged act=allow",
    "=HYPERLINK(\"http://x\")",
    "+1", "-1", "@x", "'", "' ", " ", "  a  ",
    ",\",\"\"\",",
    "unmapped", "\t", "\x1f",
    "日本語の名前がとても長い場合はどうなるのか",
    "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81",
};

static void make_line(struct buf *b, struct view text)
{
	static const char *const fields[] = {"tool", "server", "method", "verdict", "status", "rule", "client", "exe", "sess", "err", "agent", "traceparent", "dst_addr", "risk", "hostile"};
	struct jsonw w = jsonw_on(b);

	jsonw_open(&w, NULL, '{');
	jsonw_str(&w, "kind", "call");
	jsonw_uint(&w, "seq", 3);
	jsonw_str(&w, "ts", "2026-11-26T10:00:00.000001Z");
	jsonw_str(&w, "host", "box");
	jsonw_str(&w, "boot", "0badcafe");
	jsonw_uint(&w, "uid", UINT32_MAX);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		jsonw_text(&w, fields[i], text);
	jsonw_open(&w, "arg_keys", '[');
	jsonw_text(&w, NULL, text);
	jsonw_close(&w, ']');
	jsonw_uint(&w, "pid_start", UINT64_MAX);
	jsonw_uint(&w, "dur_us", INT64_MAX);
	jsonw_close(&w, '}');
	assert_int_equal(jsonw_end(&w), 0);
}

static void test_hostile(void **state)
{
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		make_line(&b, view_str(hostile[i]));
		check_line(buf_view(&b));
		buf_reset(&b);
	}
	make_line(&b, view_of("a\0b", 3));
	check_line(buf_view(&b));
	buf_free(&b);
}

/* 1 MiB of a name: cut in a record, whole in a line that somebody wrote by other means. */
static void test_long(void **state)
{
	static struct rec rec;
	struct rec_seen seen;
	struct buf b = {0}, name = {0};

	(void)state;
	for (size_t i = 0; i < (1 << 20) / 8; i++)
		assert_int_equal(buf_puts(&name, i % 2 ? "\x1b]0;\xc3\xa4\"\\" : "\xf0\x9f\x98\x80\n\r|="), 0);
	rec_begin(&rec, REC_CALL, 1, 1);
	rec_text(&rec, F_TOOL, buf_view(&name));
	assert_int_equal(rec.truncated, 1);
	assert_int_equal(rec_parse(rec_end(&rec), &seen), 0);
	assert_in_range(seen.text[F_TOOL].n, 509, 512);
	make_line(&b, seen.text[F_TOOL]);
	check_line(buf_view(&b));
	buf_reset(&b);
	make_line(&b, buf_view(&name));
	check_line(buf_view(&b));
	buf_free(&b);
	buf_free(&name);
}

static void shows(const char *record, const char *want)
{
	struct buf out = {0};
	json_t *o = line_parse(view_str(record));

	assert_non_null(o);
	assert_int_equal(show_record(o, "ann", SHOW_PLAIN, &out), 0);
	assert_int_equal(buf_puts(&out, "") || buf_put(&out, view_of("", 1)), 0);
	assert_string_equal((const char *)buf_view(&out).p, want);
	buf_free(&out);
	json_decref(o);
}

static void test_columns(void **state)
{
	(void)state;
	shows("{\"kind\":\"call\",\"ts\":\"2026-11-26T10:00:00.123456Z\",\"agent\":\"codex\",\"server\":\"s\",\"tool\":\"read\",\"verdict\":\"allow\",\"rule\":\"r\"}",
	    "10:00:00.123 call       ann        codex        s                    read                     allow    r\n");
	shows("{\"kind\":\"call\",\"ts\":\"x\",\"server\":\"a-very-long-name-of-a-server\",\"tool\":\"\\u001b[2Jab\",\"verdict\":\"deny\"}",
	    "             call       ann                     a-very-long-name-of… ?[2Jab                   deny     \n");
	/* Two columns a letter, and the columns behind it stay where they are. */
	shows("{\"kind\":\"call\",\"server\":\"日本\",\"tool\":\"日本語日本語日本語日本語日本語\"}",
	    "             call       ann                     日本                 日本語日本語日本語日本…           \n");
}

/* ---- looking for a time ---- */

enum { LINES = 60000 };

static struct wall at[LINES];

static void fill(int dir)
{
	static const struct trail_conf conf = {.what = "test", .host = "box", .boot = "0badcafe-0000", .level = 1, .segment_bytes = 300000, .segment_seconds = 3600};
	struct trail *s;
	uint64_t noise = 88172645463325252u;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (uint64_t i = 0; i < LINES; i++) {
		at[i] = (struct wall){wall_now().ns / 1000 * 1000};
		struct jsonw *w = trail_line(s, "note", at[i]);
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		jsonw_uint(w, "n", i);
		jsonw_uint(w, "x", noise);
		assert_int_equal(trail_end(s), 0);
		if (i % 64 == 63)
			assert_int_equal(trail_commit(s, TRAIL_WRITTEN), 0);
	}
	assert_int_equal(trail_close(&s), 0);
}

/* Notes from ${since} on; the first of them is number ${first}. */
static uint64_t count_from(int dir, struct wall since, uint64_t first, uint64_t *bytes, uint64_t *lines)
{
	struct read *in;
	struct view line;
	char want[WALL_TEXT], number[32];
	uint64_t n = 0;

	*lines = 0;
	assert_int_equal(read_new(dir, &in), 0);
	if (since.ns)
		read_since(in, since);
	wall_text(since, want);
	snprintf(number, sizeof(number), "\"n\":%llu,", (unsigned long long)first);
	while (read_line(in, &line) > 0) {
		struct entry_head h;
		assert_int_equal(entry_head(line, &h), 0);
		(*lines)++;
		if (!view_is(h.kind, "note") || memcmp(h.ts.p, want, h.ts.n) < 0)
			continue;
		if (!n++)
			assert_non_null(memmem(line.p, line.n, number, strlen(number)));
	}
	*bytes = read_bytes(in);
	read_free(&in);
	return n;
}

/* Several lines may have the same microsecond. */
static uint64_t first_of_its_moment(uint64_t i)
{
	while (i && at[i - 1].ns == at[i].ns)
		i--;
	return i;
}

static void test_since(void **state)
{
	char path[] = "/tmp/audit-since-XXXXXX", cmd[64];
	uint64_t bytes, all, lines, most;

	(void)state;
	assert_non_null(mkdtemp(path));
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	fill(dir);
	assert_int_equal(count_from(dir, (struct wall){0}, 0, &all, &most), LINES);
	for (uint64_t from = 1; from < LINES; from += LINES / 40 + 1) {
		uint64_t first = first_of_its_moment(from);
		assert_int_equal(count_from(dir, at[from], first, &bytes, &lines), LINES - first);
	}
	/* The last hundredth: what is inflated is some members of about 2,000 lines, not everything. */
	uint64_t first = first_of_its_moment(LINES - LINES / 100);
	assert_int_equal(count_from(dir, at[first], first, &bytes, &lines), LINES - first);
	assert_in_range(lines, LINES / 100, LINES / 10);
	assert_in_range(bytes, 1, all / 2);
	/* After everything: the last member only. */
	assert_int_equal(count_from(dir, (struct wall){at[LINES - 1].ns + 1000000000}, 0, &bytes, &lines), 0);
	assert_in_range(lines, 1, LINES / 10);
	close(dir);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", path);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_since),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
