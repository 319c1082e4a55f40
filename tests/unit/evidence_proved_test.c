/*
 * evidence_proved_test.c - only what a seal proves is handed out: every byte of a segment changed, lines changed and everything packed anew, files
 * taken away, doubled, of another host, a crash between two files, a key that nobody enrolled, a checkpoint beyond the end.
 */
#include "fleet_aid.h"

#include "evidence/fields.h"
#include "evidence/proved.h"

struct got {
	uint64_t lines, notes, bad, segments, counted, from, to; /* counted: lines, by what is said of the files */
	uint64_t seq; /* of the last line */
	char what[32];
	bool order; /* each line after the one before */
};

static int on_line(void *arg, struct view line, const struct proved_at *at)
{
	struct got *g = arg;
	struct entry_head h;

	assert_int_equal(entry_head(line, &h), 0);
	assert_non_null(at->file);
	assert_true(at->file->names.first <= h.seq && h.seq <= at->file->names.last);
	g->order &= h.seq > g->seq;
	g->seq = h.seq;
	g->lines++;
	g->notes += view_is(h.kind, "note");
	return 0;
}

static int on_bad(void *arg, const struct proved_bad *b)
{
	struct got *g = arg;

	if (!g->bad++) {
		snprintf(g->what, sizeof(g->what), "%s", b->what);
		g->from = b->from;
		g->to = b->to;
	}
	return 0;
}

static int on_segment(void *arg, const struct proved_segment *s)
{
	struct got *g = arg;

	assert_true(s->lines <= s->file->names.last - s->file->names.first + 1);
	g->counted += s->lines;
	g->segments++;
	return 0;
}

static struct got look(const char *host)
{
	struct got g = {.order = true};
	const struct proved_calls calls = {on_line, on_bad, on_segment, &g, false};
	struct proved_result out;
	struct enrol e;

	assert_int_equal(enrol_read(lab.store, host, &e), 0);
	assert_int_equal(proved_read(lab.store, LAYOUT_AUDIT, host, &e, NULL, NULL, &calls, &out), 0);
	assert_int_equal(out.lines, g.lines);
	/* Also those that the seal of a later file proves. */
	assert_int_equal(out.lines, g.counted);
	assert_true(g.order);
	enrol_free(&e);
	return g;
}

/* Where a file of the workstation lies in the store, under its own or another name. */
static void path_of(const char *host, const char *name, char out[LAYOUT_PATH])
{
	layout_segment_path(LAYOUT_AUDIT, host, "2026-11-02", name, out);
}

static char files[8][NAMES_MAX];

/* Three runs; the second is killed, so that its file ends without a seal. */
static size_t store_up(const char *host)
{
	char from[LAYOUT_PATH], to[LAYOUT_PATH];

	aid_run(host, 10, AID_CLOSE);
	aid_run(host, 9, AID_KILL);
	aid_run(host, 6, AID_CLOSE);
	aid_enrol(host);
	size_t n = aid_files(host, files, 8);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		snprintf(from, sizeof(from), "ws/%s/sealed/%.190s", host, files[i]);
		path_of(host, files[i], to);
		aid_copy(lab.top, from, lab.store, to);
	}
	return n;
}

static void test_whole(void **state)
{
	(void)state;
	store_up("ws-1");
	struct got g = look("ws-1");
	assert_int_equal(g.bad, 0);
	assert_int_equal(g.segments, 3);
	assert_int_equal(g.notes, 25);
	/* The killed run's last line has no seal of its own; the next run's first seal proves it. */
	struct names last;
	assert_true(layout_segment(files[2], &last));
	assert_int_equal(g.seq, last.last);
	assert_int_equal(g.lines, last.last);
}

static void put(const char *path, struct view v)
{
	(void)!unlinkat(lab.store, path, 0);
	assert_int_equal(put_file(lab.store, path, v, 0640), 0);
}

static void test_every_byte(void **state)
{
	char path[LAYOUT_PATH];
	struct buf b = {0};
	struct names n;

	(void)state;
	store_up("ws-1");
	path_of("ws-1", files[1], path);
	assert_true(layout_segment(files[1], &n));
	assert_int_equal(fd_slurp(lab.store, path, 1 << 20, &b), 0);
	uint8_t *p = b.mem + b.off;
	for (size_t i = 0; i < b.len; i++) {
		p[i] ^= 1 << (i & 7);
		put(path, buf_view(&b));
		struct got g = look("ws-1");
		p[i] ^= 1 << (i & 7);
		assert_int_equal(g.bad, 1);
		assert_int_equal(g.from, n.first);
		assert_int_equal(g.to, n.last);
		/* What is before it and after it stands. */
		assert_int_equal(g.notes, 16);
	}
	buf_free(&b);
}

/* The text of a file changed, packed and named anew: the seals do not fit. */
static void repack(size_t i, const char *from, const char *to)
{
	static char text[1 << 20];
	char path[LAYOUT_PATH], full[LAYOUT_PATH + 128], hex[CHAIN_HEX], name[NAMES_MAX];
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	struct names n;
	struct buf b = {0};

	path_of("ws-1", files[i], path);
	snprintf(full, sizeof(full), "%s/store/%s", lab.path, path);
	gzFile z = gzopen(full, "rb");
	int got = gzread(z, text, sizeof(text) - 1);
	assert_true(got > 0);
	gzclose(z);
	text[got] = '\0';
	char *at = strstr(text, from);
	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
	assert_int_equal(unlinkat(lab.store, path, 0), 0);
	snprintf(full, sizeof(full), "%s/anew", lab.path);
	z = gzopen(full, "wb1");
	assert_int_equal(gzwrite(z, text, (unsigned)got), got);
	gzclose(z);
	assert_int_equal(fd_slurp(lab.top, "anew", 1 << 20, &b), 0);
	assert_int_equal(chain_sum_add(s, buf_view(&b)), 0);
	assert_int_equal(chain_sum_end(s, sum), 0);
	chain_hex(sum, CHAIN_LEN, hex);
	assert_true(layout_segment(files[i], &n));
	snprintf(n.sha, sizeof(n.sha), "%.16s", hex);
	names_path(&n, path);
	snprintf(name, sizeof(name), "%.190s", path + strlen("sealed/"));
	path_of("ws-1", name, path);
	put(path, buf_view(&b));
	chain_sum_free(&s);
	buf_free(&b);
}

static void test_changed_lines(void **state)
{
	static const char *const change[][2] = {{"\"n\":0", "\"n\":7"}, {"\"seal\":1,", "\"seal\":2,"}, {"\"raw_bytes\":", "\"raw_bytez\":"}, {"\"kind\":\"note\"", "\"kind\":\"mote\""},
	    {"\"mac\":\"", "\"mac\":'"}, {"\"seq\":3,", "\"seq\":4,"}, {"\"prev\":\"0", "\"prev\":\"1"}, {"\"kind\":\"epoch\"", "\"kind\":\"epoxh\""}};

	(void)state;
	store_up("ws-1");
	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		repack(0, change[i][0], change[i][1]);
		struct got g = look("ws-1");
		assert_true(g.bad >= 1);
		assert_string_equal(g.what, "damaged");
		assert_int_equal(g.notes, 15);
		assert_int_equal(aid_teardown(NULL), 0);
		assert_int_equal(aid_setup(NULL), 0);
		store_up("ws-1");
	}
}

static void test_missing(void **state)
{
	char path[LAYOUT_PATH];
	struct names n;

	(void)state;
	store_up("ws-1");
	path_of("ws-1", files[1], path);
	assert_true(layout_segment(files[1], &n));
	assert_int_equal(unlinkat(lab.store, path, 0), 0);
	struct got g = look("ws-1");
	assert_int_equal(g.bad, 1);
	assert_string_equal(g.what, "missing");
	assert_int_equal(g.from, n.first);
	assert_int_equal(g.to, n.last);
	assert_int_equal(g.notes, 16);
}

/* The last file goes: the killed run's end has no seal any more, and a checkpoint names lines that are not there. */
static void test_cut(void **state)
{
	char path[LAYOUT_PATH];

	(void)state;
	store_up("ws-1");
	path_of("ws-1", files[2], path);
	assert_int_equal(unlinkat(lab.store, path, 0), 0);
	struct got g = look("ws-1");
	assert_int_equal(g.bad, 1);
	assert_string_equal(g.what, "unsealed");
	assert_int_equal(g.notes, 18);
	/* And now a checkpoint says how far it went. */
	char from[LAYOUT_PATH], to[LAYOUT_PATH];
	int fd = aid_dir(lab.top, "ws/ws-1/checkpoints");
	DIR *d = fdopendir(fd);
	for (struct dirent *e; (e = readdir(d));)
		if (strstr(e->d_name, ".note")) {
			snprintf(from, sizeof(from), "ws/ws-1/checkpoints/%.200s", e->d_name);
			layout_note_path(LAYOUT_AUDIT, "ws-1", e->d_name, to);
			aid_copy(lab.top, from, lab.store, to);
		}
	closedir(d);
	g = look("ws-1");
	assert_int_equal(g.bad, 2);
}

static void test_other_keys(void **state)
{
	char from[LAYOUT_PATH], to[LAYOUT_PATH];
	struct got g;

	(void)state;
	store_up("ws-1");
	/* Another host with its own trail, enrolled with the first one's files. */
	aid_run("ws-2", 5, AID_CLOSE);
	aid_enrol("ws-2");
	char name[4][NAMES_MAX];
	assert_int_equal(aid_files("ws-2", name, 4), 1);
	snprintf(from, sizeof(from), "ws/ws-2/sealed/%.190s", name[0]);
	layout_segment_path(LAYOUT_AUDIT, "ws-2", "2026-11-02", name[0], to);
	aid_copy(lab.top, from, lab.store, to);
	g = look("ws-2");
	assert_int_equal(g.bad, 0);
	assert_int_equal(g.notes, 5);
	/* Without the key nothing is proved. */
	struct enrol none = {0};
	struct got n = {.order = true};
	const struct proved_calls calls = {on_line, on_bad, on_segment, &n, false};
	struct proved_result out;
	assert_int_equal(proved_read(lab.store, LAYOUT_AUDIT, "ws-2", &none, NULL, NULL, &calls, &out), 0);
	assert_int_equal(n.lines, 0);
	assert_int_equal(n.bad, 1);
	/* A file of another host is none of this one's, whatever directory it lies in. */
	layout_segment_path(LAYOUT_AUDIT, "ws-1", "2026-11-02", name[0], to);
	aid_copy(lab.top, from, lab.store, to);
	g = look("ws-1");
	assert_int_equal(g.bad, 0);
	assert_int_equal(g.notes, 25);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, aid_setup, aid_teardown)
	const struct CMUnitTest tests[] = {T(test_whole), T(test_every_byte), T(test_changed_lines), T(test_missing), T(test_cut), T(test_other_keys)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
