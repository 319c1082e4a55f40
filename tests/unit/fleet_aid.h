/* fleet_aid.h - a workstation, an inbox and a store in a directory of the test's. */
#ifndef FLEET_AID_H
#define FLEET_AID_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "audit/names.h"
#include "audit/receipt.h"
#include "audit/trail.h"
#include "audit_aid.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "fleet/collector.h"
#include "fleet/enrol.h"
#include "fleet/put.h"
#include "fleet/record.h"
#include "fleet/take.h"

/* store/, inbox/HOST/, ws/HOST/ (a trail's directory) */
static struct {
	char path[64];
	int top, store, inbox;
	uint64_t ticks;
	char told[64][600]; /* HOST WHAT FILE */
	size_t ntold;
} lab;

static void aid_copy(int from, const char *a, int to, const char *b)
{
	struct buf v = {0};

	assert_int_equal(fd_slurp(from, a, 1 << 24, &v), 0);
	assert_int_equal(put_dirs(to, b, 0755), 0);
	assert_int_equal(put_file(to, b, buf_view(&v), 0640), 0);
	buf_free(&v);
}

static int aid_dir(int at, const char *path)
{
	char x[LAYOUT_PATH];

	snprintf(x, sizeof(x), "%s/x", path);
	assert_int_equal(put_dirs(at, x, 0755), 0);
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct mono aid_mono(void)
{
	return (struct mono){(1000 + 61 * lab.ticks) * 1000000000ull};
}

enum aid_end { AID_CLOSE, AID_KILL };

/* A run of the writer: ${lines} lines, a seal after each fourth. */
static void __attribute__((unused)) aid_run(const char *host, unsigned lines, enum aid_end how)
{
	static const struct trail_clock clock = {.wall = wall_now, .mono = aid_mono};
	struct trail_conf conf = {.what = "the test", .host = host, .boot = "0123456789abcdef", .level = 1, .clock = &clock};
	char path[96];
	struct trail *s;

	snprintf(path, sizeof(path), "ws/%s", host);
	int dir = aid_dir(lab.top, path);
	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	for (unsigned i = 0; i < lines; i++) {
		struct jsonw *w = trail_line(s, "note", wall_now());
		jsonw_uint(w, "n", lab.ticks * 100 + i);
		assert_int_equal(trail_end(s), 0);
		assert_int_equal(trail_commit(s, i + 1 == lines && how == AID_KILL ? TRAIL_DURABLE : TRAIL_WRITTEN), 0);
		if (i % 4 == 3) {
			lab.ticks++;
			trail_tick(s);
		}
	}
	lab.ticks++;
	if (how == AID_CLOSE)
		assert_int_equal(trail_close(&s), 0);
	else
		trail_abandon(&s);
	close(dir);
}

enum { AID_FILES = 16 };
static char __attribute__((unused)) aid_file[AID_FILES][NAMES_MAX];

/* The sealed files of the workstation, by first line. */
static size_t __attribute__((unused)) aid_files(const char *host, char (*out)[NAMES_MAX], size_t cap)
{
	struct names_list l;
	char path[NAMES_MAX];

	snprintf(path, sizeof(path), "ws/%s", host);
	int dir = aid_dir(lab.top, path);
	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	assert_true(l.n <= cap);
	for (size_t i = 0; i < l.n; i++) {
		names_path(&l.at[i], path);
		snprintf(out[i], NAMES_MAX, "%s", path + strlen("sealed/"));
	}
	size_t n = l.n;
	names_free(&l);
	close(dir);
	return n;
}

/* From ws/FROM to inbox/TO, under another name when ${as} is given. */
static void __attribute__((unused)) aid_deliver(const char *from, const char *name, const char *to, const char *as)
{
	char a[LAYOUT_PATH], b[LAYOUT_PATH];

	snprintf(a, sizeof(a), "ws/%s/sealed/%s", from, name);
	snprintf(b, sizeof(b), "%s/audit/sealed/%s", to, as ? as : name);
	aid_copy(lab.top, a, lab.inbox, b);
}

static void __attribute__((unused)) aid_enrol(const char *host)
{
	struct enrol e = {.at = "2026-01-01T00:00:00Z"};
	struct buf text = {0};
	char path[LAYOUT_PATH];

	snprintf(e.host, sizeof(e.host), "%s", host);
	snprintf(path, sizeof(path), "ws/%s/keys", host);
	int fd = aid_dir(lab.top, path);
	DIR *d = fdopendir(fd);
	for (struct dirent *at; (at = readdir(d));)
		if (strstr(at->d_name, ".json")) {
			struct buf line = {0};
			assert_int_equal(fd_slurp(fd, at->d_name, 4096, &line), 0);
			assert_int_equal(buf_put(&e.keys[LAYOUT_AUDIT], buf_view(&line)), 0);
			buf_free(&line);
		}
	closedir(d);
	assert_int_equal(enrol_text(&e, &text), 0);
	snprintf(path, sizeof(path), "hosts/%s/enrol.json", host);
	assert_int_equal(put_dirs(lab.store, path, 0700), 0);
	assert_int_equal(put_file(lab.store, path, buf_view(&text), 0400), 0);
	buf_free(&text);
	enrol_free(&e);
}

static int aid_record(void *arg, const char *host, const struct state_piece *p, size_t n)
{
	struct record *r = arg;
	int e = 0;

	for (size_t i = 0; !e && i < n; i++)
		e = record_add(r, host, &p[i]);
	return e ? e : record_commit(r);
}

static void aid_tell(void *arg, const char *host, const char *part, const char *file, const char *what, const char *words)
{
	(void)arg;
	if (getenv("TELL"))
		print_message("%s %s %s/%s: %s\n", host, what, part, file, words);
	if (lab.ntold < 64)
		snprintf(lab.told[lab.ntold++], sizeof(lab.told[0]), "%.64s %.24s %.260s", host, what, file);
}

/* How often was ${what} said about ${file} (NULL: any)? */
static unsigned __attribute__((unused)) aid_said(const char *host, const char *what, const char *file)
{
	unsigned n = 0;
	char start[400];

	snprintf(start, sizeof(start), "%s %s %s", host, what, file ? file : "");
	for (size_t i = 0; i < lab.ntold; i++)
		n += strncmp(lab.told[i], start, strlen(start)) == 0;
	return n;
}

/* One look at a host's inbox. */
static struct take_result __attribute__((unused)) aid_take(const char *host, int64_t gap_wait_s)
{
	struct record *rec;
	struct take_result res;

	lab.ntold = 0;
	assert_int_equal(record_open(lab.store, &rec), 0);
	const struct take_conf conf = {.store = lab.store, .inbox = lab.inbox, .gap_wait_s = gap_wait_s, .record = aid_record, .tell = aid_tell, .arg = rec};
	assert_int_equal(take_host(&conf, host, &res), 0);
	record_free(&rec);
	return res;
}

static uint64_t __attribute__((unused)) aid_log_size(void)
{
	struct record *rec;

	assert_int_equal(record_open(lab.store, &rec), 0);
	uint64_t n = record_size(rec);
	record_free(&rec);
	return n;
}

/* How many segments of the host are in the store? */
static size_t __attribute__((unused)) aid_stored(const char *host)
{
	struct layout_files f;

	assert_int_equal(layout_segments(lab.store, LAYOUT_AUDIT, host, NULL, NULL, &f), 0);
	size_t n = f.n;
	layout_files_free(&f);
	return n;
}

static struct state_trail __attribute__((unused)) aid_trail(const char *host)
{
	struct state s;

	assert_int_equal(state_read(lab.store, host, &s), 0);
	assert_int_equal(s.npending, 0);
	struct state_trail t = s.trail[LAYOUT_AUDIT];
	size_t gaps = t.ngaps;
	state_free(&s);
	t.gaps = NULL;
	t.ngaps = gaps;
	return t;
}

static int __attribute__((unused)) aid_setup(void **state)
{
	struct collector c = {.org = "test"};

	(void)state;
	log_open("test", LOG_ERROR);
	lab = (typeof(lab)){.path = "/tmp/fleet_take.XXXXXX"};
	assert_non_null(mkdtemp(lab.path));
	lab.top = open(lab.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lab.store = aid_dir(lab.top, "store");
	lab.inbox = aid_dir(lab.top, "inbox");
	assert_int_equal(collector_init(lab.store, &c), 0);
	return 0;
}

static int __attribute__((unused)) aid_teardown(void **state)
{
	(void)state;
	close(lab.store);
	close(lab.inbox);
	close(lab.top);
	aid_remove(AT_FDCWD, lab.path);
	return 0;
}

#endif
