/* fleet_layout_test.c - names that a collector lets in, the listing of a store, enrolments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/chain.h"
#include "audit/mac.h"
#include "base/err.h"
#include "fleet/enrol.h"
#include "fleet/layout.h"
#include "audit_aid.h"

static void test_segment_names(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} t[] = {
	    {"ws-1.example-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", true},
	    {"w-000001-000000000001-000000000001-0123456789abcdef.jsonl.gz", true},
	    {"w-1000000-000000000001-1000000000000-0123456789abcdef.jsonl.gz", true},
	    {"", false},
	    {".jsonl.gz", false},
	    {"w-000001-000000000001.jsonl.gz", false},
	    {"w-1-1-40-0123456789abcdef.jsonl.gz", false},                          /* another spelling of the numbers */
	    {"w-0000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"w-000000-000000000001-000000000040-0123456789abcdef.jsonl.gz", false}, /* no epoch */
	    {"w-000001-000000000000-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"w-000001-000000000041-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"w-000001-000000000001-000000000040-0123456789ABCDEF.jsonl.gz", false},
	    {"w-000001-000000000001-000000000040-0123456789abcde.jsonl.gz", false},
	    {"w-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz.reason", false},
	    {".w-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz.X4f2Qp", false}, /* rsync's unfinished file */
	    {".w-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"-w-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"a/b-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"../w-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"w w-000001-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	    {"w-99999999999999999999-000000000001-000000000040-0123456789abcdef.jsonl.gz", false},
	};
	struct names n;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		if (layout_segment(t[i].name, &n) != t[i].ok)
			fail_msg("%s", t[i].name);
	assert_true(layout_segment(t[0].name, &n));
	assert_string_equal(n.host, "ws-1.example");
	assert_int_equal(n.last, 40);
}

static void test_other_names(void **state)
{
	struct layout_note n;
	char name[NAMES_MAX], longest[80];

	(void)state;
	assert_true(layout_note("a-b-000002-000000000009.note", &n));
	assert_string_equal(n.host, "a-b");
	assert_int_equal(n.epoch, 2);
	assert_int_equal(n.line, 9);
	layout_note_name(&n, name);
	assert_string_equal(name, "a-b-000002-000000000009.note");
	assert_false(layout_note("a-2-9.note", &n));
	assert_false(layout_note("-000002-000000000009.note", &n));
	assert_false(layout_note("a-000002-000000000009.note.new", &n));
	assert_false(layout_note(".note", &n));
	assert_false(layout_note("a/b-000002-000000000009.note", &n));
	memset(longest, 'a', sizeof(longest));
	longest[63] = '\0';
	assert_true(layout_host(longest));
	memcpy(longest + 63, "a", 2);
	assert_false(layout_host(longest));
	assert_false(layout_host(""));
	assert_false(layout_host("."));
	assert_false(layout_host(".."));
	assert_false(layout_host("-e"));
	assert_false(layout_host("a/b"));
	assert_true(layout_policy("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.json"));
	assert_false(layout_policy("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.json.1"));
	assert_false(layout_policy("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde.json"));
	assert_true(layout_date_ok("2024-02-29"));
	assert_false(layout_date_ok("2023-02-29"));
	assert_false(layout_date_ok("2024-2-29"));
	assert_false(layout_date_ok("../../../."));
	assert_int_equal(layout_trail_find("journal"), LAYOUT_JOURNAL);
	assert_int_equal(layout_trail_find("sealed"), -1);
}

static void touch(int at, const char *path)
{
	char dir[LAYOUT_PATH];

	for (const char *s = path; (s = strchr(s, '/')); s++) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(s - path), path);
		(void)!mkdirat(at, dir, 0700);
	}
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void test_listing(void **state)
{
	char tmp[] = "/tmp/fleet_layout.XXXXXX", path[LAYOUT_PATH];
	struct layout_files f;
	struct layout_hosts h;
	struct names n = {.sealed = true, .epoch = 1, .sha = "0123456789abcdef"};

	(void)state;
	assert_non_null(mkdtemp(tmp));
	int at = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 5; i--;) {
		char name[NAMES_MAX];
		snprintf(n.host, sizeof(n.host), "%s", i == 4 ? "other" : "ws");
		n.first = 10 * i + 1;
		n.last = n.first + 9;
		names_path(&n, name);
		layout_segment_path(LAYOUT_AUDIT, "ws", i < 2 ? "2026-01-02" : "2026-01-01", name + strlen("sealed/"), path);
		touch(at, path);
	}
	touch(at, "audit/host=ws/date=2026-01-01/note");
	touch(at, "audit/host=ws/date=tomorrow/ws-000001-000000000001-000000000009-0123456789abcdef.jsonl.gz");
	touch(at, "hosts/ws/enrol.json");
	touch(at, "hosts/alpha/enrol.json");
	touch(at, "hosts/.new/enrol.json");
	assert_int_equal(layout_segments(at, LAYOUT_AUDIT, "ws", NULL, NULL, &f), 0);
	assert_int_equal(f.n, 4);
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(f.at[i].names.first, 10 * i + 1);
	assert_string_equal(f.at[0].date, "2026-01-02");
	layout_files_free(&f);
	assert_int_equal(layout_segments(at, LAYOUT_AUDIT, "ws", "2026-01-02", NULL, &f), 0);
	assert_int_equal(f.n, 2);
	layout_files_free(&f);
	assert_int_equal(layout_segments(at, LAYOUT_JOURNAL, "ws", NULL, NULL, &f), 0);
	assert_int_equal(f.n, 0);
	assert_int_equal(layout_hosts(at, &h), 0);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.at[0], "alpha");
	layout_hosts_free(&h);
	close(at);
	aid_remove(AT_FDCWD, tmp);
}

/* A line of keys/ID.json as a workstation makes it. */
static void key_line(const char *host, const char *trail, char *out, size_t cap)
{
	uint8_t key[MAC_LEN] = {7};
	char hex[MAC_HEX], id[MAC_ID];

	chain_hex(key, MAC_LEN, hex);
	assert_int_equal(mac_id(key, id), 0);
	snprintf(out, cap, "{\"callgate_seal_key\":1,\"host\":\"%s\",\"name\":\"callgate/%s/%s\",\"id\":\"%s\",\"first_seal\":1,\"key\":\"%s\",\"public\":\"%s\",\"vkey\":\"\"}",
	    host, host, trail, id, hex, hex);
}

static void test_enrolment(void **state)
{
	static const struct {
		const char *host, *push, *vault, *name, *trail;
		int want;
	} t[] = {
	    {"ws", "", "", "ws", "audit", 0},
	    {"ws", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIA", "", "ws", "audit", 0},
	    {"ws", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIII x", "", "ws", "audit", -ERR_MALFORMED},
	    {"ws", "command=\\\"sh\\\" ssh-ed25519 AAAA", "", "ws", "audit", -ERR_MALFORMED},
	    {"ws", "ssh-ed25519 AAAA\\nssh-rsa BBBB", "", "ws", "audit", -ERR_MALFORMED},
	    {"ws", "", "zz", "ws", "audit", -ERR_MALFORMED},
	    {"../ws", "", "", "../ws", "audit", -ERR_MALFORMED},
	    {"ws", "", "", "other", "audit", -ERR_MALFORMED}, /* another host's seal key */
	    {"ws", "", "", "ws", "journal", -ERR_MALFORMED},  /* another trail's */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		char key[600], text[1600];
		struct enrol e, again;
		struct buf out = {0};
		key_line(t[i].name, t[i].trail, key, sizeof(key));
		snprintf(text, sizeof(text),
		    "{\"callgate_enrol\":1,\"host\":\"%s\",\"enrolled_at\":\"2026-01-01T00:00:00Z\",\"push\":\"%s\",\"fetch\":\"\",\"vault\":\"%s\",\"keys\":{\"audit\":[%s],\"journal\":[]}}",
		    t[i].host, t[i].push, t[i].vault, key);
		if (enrol_parse(view_str(text), &e) != t[i].want)
			fail_msg("row %zu", i);
		if (t[i].want)
			continue;
		assert_int_equal(enrol_text(&e, &out), 0);
		assert_int_equal(enrol_parse(buf_view(&out), &again), 0);
		assert_true(view_eq(buf_view(&e.keys[LAYOUT_AUDIT]), buf_view(&again.keys[LAYOUT_AUDIT])));
		assert_string_equal(e.push, again.push);
		buf_free(&out);
		enrol_free(&e);
		enrol_free(&again);
		for (size_t n = 0; n < strlen(text); n++)
			assert_int_not_equal(enrol_parse(view_of(text, n), &e), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_segment_names), cmocka_unit_test(test_other_names), cmocka_unit_test(test_listing), cmocka_unit_test(test_enrolment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
