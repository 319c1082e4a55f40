/*
 * evidence_export_test.c - an export of a small store: who proposed and who confirmed, and lines that no writer of ours leaves although the seal over them
 * is good.
 */
#include "fleet_aid.h"

#include "evidence/export.h"

static const char host[] = "ws-9";

static struct wall then(void)
{
	return (struct wall){1793872800ll * 1000000000 + (int64_t)lab.ticks * 61 * 1000000000}; /* 2026-11-05 */
}

/* A trail of the lines given, each the members after "seq"; one that begins with '@' is an alert. */
static void write_trail(enum layout_trail t, const char *kind, const char *const lines[], struct enrol *e)
{
	static const struct trail_clock clock = {.wall = then, .mono = aid_mono};
	struct trail_conf conf = {.what = "the test", .host = host, .boot = "0123456789abcdef", .level = 1, .clock = &clock, .stream = layout_trail(t)};
	char path[LAYOUT_PATH], to[LAYOUT_PATH], date[LAYOUT_DATE];
	struct names_list l;
	struct trail *s;

	snprintf(path, sizeof(path), "ws/%s/%s", host, layout_trail(t));
	int dir = aid_dir(lab.top, path);
	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (size_t i = 0; lines[i]; i++) {
		bool alert = lines[i][0] == '@';
		struct jsonw *w = trail_line(s, alert ? "alert" : kind, then());
		jsonw_raw(w, "x", VIEW_LIT("1"));
		w->err = buf_puts(w->out, lines[i] + alert);
		assert_int_equal(trail_end(s), 0);
		lab.ticks++;
	}
	assert_int_equal(trail_close(&s), 0);
	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	layout_date(then(), date);
	for (size_t i = 0; i < l.n; i++) {
		names_path(&l.at[i], path);
		layout_segment_path(t, host, date, strchr(path, '/') + 1, to);
		struct buf b = {0};
		assert_int_equal(fd_slurp(dir, path, 1 << 20, &b), 0);
		assert_int_equal(put_dirs(lab.store, to, 0755), 0);
		assert_int_equal(put_file(lab.store, to, buf_view(&b), 0640), 0);
		buf_free(&b);
	}
	names_free(&l);
	int keys = openat(dir, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(keys);
	for (struct dirent *at; (at = readdir(d));)
		if (strstr(at->d_name, ".json"))
			assert_int_equal(fd_slurp(keys, at->d_name, 4096, &e->keys[t]), 0);
	closedir(d);
	close(dir);
}

static void enrol(struct enrol *e)
{
	struct buf text = {0};
	char path[LAYOUT_PATH];

	snprintf(e->host, sizeof(e->host), "%s", host);
	snprintf(e->at, sizeof(e->at), "2026-01-01T00:00:00Z");
	assert_int_equal(enrol_text(e, &text), 0);
	snprintf(path, sizeof(path), "hosts/%s/enrol.json", host);
	assert_int_equal(put_dirs(lab.store, path, 0700), 0);
	assert_int_equal(put_file(lab.store, path, buf_view(&text), 0400), 0);
	buf_free(&text);
	enrol_free(e);
}

/* How many rows of a table have ${what}? */
static unsigned rows(const char *table, const char *what)
{
	char path[LAYOUT_PATH];
	struct buf b = {0};
	unsigned n = 0;

	snprintf(path, sizeof(path), "bundle/%s", table);
	assert_int_equal(fd_slurp(lab.top, path, 1 << 20, &b), 0);
	assert_int_equal(buf_put(&b, view_of("", 1)), 0);
	for (const char *line = (const char *)b.mem + b.off, *end; (end = strstr(line, "\r\n")); line = end + 2)
		n += memmem(line, (size_t)(end - line), what, strlen(what)) != NULL;
	buf_free(&b);
	return n;
}

static void test_export(void **state)
{
	static const char *const audit[] = {
	    ",\"id\":\"0123456789ab-1\",\"uid\":1000,\"pid\":7,\"server\":\"s\",\"method\":\"tools/call\",\"tool\":\"one\",\"verdict\":\"deny\",\"rule\":\"(no grant)\",\"mode\":\"enforce\"",
	    ",\"id\":\"0123456789ab-2\",\"uid\":1000,\"pid\":7,\"server\":\"s\",\"method\":\"tools/call\",\"tool\":\"=cmd()\",\"verdict\":\"deny\",\"rule\":\"a,b\",\"mode\":\"enforce\"",
	    ",\"id\":\"0123456789ab-3\",\"uid\":1000,\"pid\":7,\"server\":\"s\",\"method\":\"tools/call\",\"tool\":\"esc\x1b[2J\",\"verdict\":\"deny\",\"rule\":\"r\",\"mode\":\"enforce\"",
	    ",\"id\":\"0123456789ab-4\",\"uid\":[1,\"x,y\"],\"pid\":7,\"server\":\"s\",\"method\":\"tools/call\",\"tool\":\"odd\",\"verdict\":\"deny\",\"rule\":\"r\",\"mode\":\"enforce\"",
	    ",\"tool\":\"twice\",\"tool\":\"twice\"",
	    "@,\"event\":\"placeholder\",\"id\":\"0123456789ab-3\",\"uid\":1000,\"exe\":\"/usr/bin/thief\",\"server\":\"s\",\"dst_host\":\"s.example\",\"cred\":\"k\",\"detail\":\"placeholder p-1, in the head of a request\"",
	    NULL};
	static const char *const journal[] = {
	    ",\"event\":\"policy.apply\",\"name\":\"p\",\"hash\":\"ab\",\"document\":\"{}\",\"version\":1,\"proposed_by\":{\"uid\":0,\"person\":2001,\"user\":\"oscar\"},\"by\":{\"uid\":0,\"user\":\"root\",\"auid\":2002}",
	    ",\"event\":\"policy.apply\",\"name\":\"q\",\"hash\":\"cd\",\"document\":\"{}\",\"version\":1,\"proposed_by\":{\"uid\":0,\"person\":2001,\"user\":\"oscar\"},\"by\":{\"uid\":0,\"user\":\"root\",\"auid\":2001}",
	    ",\"event\":\"grant.add\",\"id\":\"g-1\",\"grant\":{\"uid\":1000,\"user\":\"alice\",\"server\":\"s\",\"policy\":\"p\",\"ticket\":\"T\",\"id\":\"g-1\"},"
	    "\"proposed_by\":{\"uid\":0,\"person\":2001,\"user\":\"oscar\"},\"by\":{\"uid\":0,\"user\":\"root\",\"auid\":2002}",
	    ",\"event\":\"grant.add\",\"id\":\"g-2\",\"grant\":{\"uid\":1000,\"user\":\"alice\",\"server\":\"t\",\"policy\":\"p\",\"ticket\":\"T\",\"id\":\"g-2\"},\"by\":{\"uid\":0,\"user\":\"root\",\"auid\":2002}",
	    ",\"event\":\"refused\",\"do\":\"grant.add\",\"reason\":\"this is the work of the group callgate-admin\",\"by\":{\"uid\":1002,\"pid\":9,\"user\":\"carol\",\"exe\":\"/tmp/a,b\\nc\"}",
	    NULL};
	struct enrol e = {0};
	struct export_result x;
	char store[128], out[128];
	struct export_opts o = {.store = store, .out = out, .leaver_hours = 24, .vendor_ms = 1000, .gap_s = 300, .quiet_days = 30, .command = "", .operator = ""};

	(void)state;
	write_trail(LAYOUT_AUDIT, "call", audit, &e);
	write_trail(LAYOUT_JOURNAL, "journal", journal, &e);
	enrol(&e);
	snprintf(store, sizeof(store), "%s/store", lab.path);
	snprintf(out, sizeof(out), "%s/bundle", lab.path);
	assert_int_equal(wall_parse("2026-11-01T00:00:00Z", &o.from), 0);
	assert_int_equal(wall_parse("2026-11-10T00:00:00Z", &o.to), 0);
	o.as_of = o.to;
	int r = export_bundle(&o, &x);
	if (r)
		print_message("%s\n", x.why);
	assert_int_equal(r, 0);
	/* Three calls are rows, two lines are none and are told. */
	assert_int_equal(x.calls, 3);
	assert_int_equal(rows("artefacts/call_log.csv", ",deny,"), 3);
	assert_int_equal(rows("artefacts/call_log.csv", ",'=cmd(),"), 1);
	assert_int_equal(rows("artefacts/call_log.csv", ",\"a,b\","), 1);
	assert_int_equal(rows("artefacts/call_log.csv", ",\"[1,\"\"x,y\"\"]\","), 1);
	assert_int_equal(rows("artefacts/call_log.csv", "esc"), 0);
	assert_int_equal(rows("findings.csv", "lines-rejected,"), 1);
	assert_int_equal(rows("findings.csv", ",2 proved lines"), 1);
	assert_int_equal(rows("criteria/CC7.2/alerts.csv", "event,call_id,claimed,detail,segment_file,member_offset,line_offset,seal_seq,uid,exe,server,destination,credential"), 1);
	assert_int_equal(rows("criteria/CC7.2/alerts.csv", ",placeholder,0123456789ab-3,,\"placeholder p-1, in the head of a request\","), 1);
	assert_int_equal(rows("criteria/CC7.2/alerts.csv", ",1000,/usr/bin/thief,s,s.example,k"), 1);
	/* Confirmed by another person; by the same one; given without a proposal. */
	assert_int_equal(rows("criteria/CC8.1/policy_versions.csv", "root (login 2002),root (login 2002),yes,"), 1);
	assert_int_equal(rows("findings.csv", "policy-not-approved,"), 1);
	assert_int_equal(rows("artefacts/issuance_log.csv", "g-1,alice,s under p,,"), 1);
	assert_int_equal(rows("findings.csv", "grant-not-approved,"), 1);
	assert_int_equal(rows("findings.csv", ",g-2,"), 1 + 1); /* and unused */
	/* Who tried to change something stands in the journal alone. */
	assert_int_equal(rows("criteria/CC6.6/bypass_attempts.csv", ",carol,1002,\"/tmp/a,b\\nc\",refused,grant.add,,,,this is the work of the group callgate-admin,ws-9-"), 1);
	assert_int_equal(rows("criteria/CC6.6/bypass_attempts.csv", ",journal"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_export, aid_setup, aid_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
