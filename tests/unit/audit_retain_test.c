/*
 * audit_retain_test.c - what was collected may go, and nothing else: every condition missing once; what verify says of the rest, with and
 * without the collector's key; records of a removal that are forged.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/read.h"
#include "audit/receipt.h"
#include "audit/retain.h"
#include "audit/verify.h"
#include "audit_aid.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

enum { FILES = 6, DAY = 86400 };

static const uint8_t seed[SIGN_SEED] = "the seed of a collector in tests", other[SIGN_SEED] = "the seed of some other collector";
static char path[64], vkey[NOTE_VKEY], other_vkey[NOTE_VKEY];
static int dir;
static int64_t later; /* seconds */
static unsigned notes;
static struct trail *s;
static struct names_list list;

static struct wall after(void)
{
	return (struct wall){wall_now().ns + later * 1000000000};
}
static const struct trail_clock test_clock = {after, mono_now, NULL};

static void begin(void)
{
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 6, .clock = &test_clock};
	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
}

static void look(void)
{
	names_free(&list);
	assert_int_equal(names_read(dir, NAMES_SEALED, &list), 0);
}

/* Six sealed files, and one that is open. */
static int setup(void **state)
{
	uint8_t key[SIGN_PUBLIC];

	(void)state;
	if (sign_public(seed, key) || note_vkey("collector.test", key, vkey) || sign_public(other, key) || note_vkey("collector.test", key, other_vkey))
		return -1;
	snprintf(path, sizeof(path), "/tmp/audit-retain-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	notes = 0;
	later = 0;
	for (int i = 0; i <= FILES; i++) {
		begin();
		for (int k = 0; k < 3; k++) {
			struct jsonw *w = trail_line(s, "note", after());
			jsonw_uint(w, "n", ++notes);
			if (trail_end(s))
				return -1;
		}
		if (trail_commit(s, TRAIL_DURABLE) || (i < FILES && trail_close(&s)))
			return -1;
	}
	look();
	return list.n == FILES && mkdirat(dir, "receipts", 0755) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	if (s && trail_close(&s))
		return -1;
	names_free(&list);
	close(dir);
	aid_remove(AT_FDCWD, path);
	return access(path, F_OK) < 0 ? 0 : -1;
}

static const char *file(size_t i)
{
	static char name[NAMES_MAX];
	names_path(&list.at[i], name);
	return name + strlen("sealed/");
}

static void sum_of(size_t i, uint8_t sum[CHAIN_LEN])
{
	char name[NAMES_MAX];
	struct buf b = {.max = 1 << 20};
	struct chain_sum *c = chain_sum_new();

	names_path(&list.at[i], name);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, &b), 0);
	assert_int_equal(chain_sum_add(c, buf_view(&b)), 0);
	assert_int_equal(chain_sum_end(c, sum), 0);
	chain_sum_free(&c);
	buf_free(&b);
}

/* A receipt for file ${i}, put where that of file ${at} belongs. */
static void receipt(size_t i, size_t at, const char *trail, const uint8_t by[SIGN_SEED])
{
	struct receipt r = {.received = "2026-11-03T10:00:00Z"};
	struct buf b = {.max = RECEIPT_MAX};
	char name[NAMES_MAX + 32];

	snprintf(r.trail, sizeof(r.trail), "%s", trail);
	snprintf(r.segment, sizeof(r.segment), "%s", file(i));
	sum_of(i, r.sha256);
	assert_int_equal(receipt_make(&r, "collector.test", by, &b), 0);
	snprintf(name, sizeof(name), "receipts/%s%s", file(at), RECEIPT_SUFFIX);
	unlinkat(dir, name, 0);
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, buf_view(&b)), 0);
	close(fd);
	buf_free(&b);
}

static int retain(uint64_t seconds)
{
	struct retain r = {.vkey = view_str(vkey), .seconds = seconds};
	return retain_one(s, &r);
}

static void verified(const char *collectors, uint64_t held_to, uint64_t receipts)
{
	struct verify_opts opts = {.collectors = view_str(collectors)};
	struct verify_result v;

	assert_int_equal(verify_dir(dir, &opts, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
	assert_int_equal(v.held_to, held_to);
	assert_int_equal(v.receipts, receipts);
}

static void broken(const char *collectors, const char *why)
{
	struct verify_opts opts = {.collectors = view_str(collectors)};
	struct verify_result v;

	assert_int_equal(verify_dir(dir, &opts, &v), 0);
	assert_true(v.bad > 0);
	if (!strstr(v.why, why))
		fail_msg("%s", v.why);
}

static void test_conditions(void **state)
{
	(void)state;
	later = 10 * DAY;
	assert_int_equal(retain(DAY), 0); /* no receipt */
	receipt(1, 1, "audit", seed);
	assert_int_equal(retain(DAY), 0); /* one for the next file only */
	receipt(0, 0, "audit", other);
	assert_int_equal(retain(DAY), 0); /* somebody else's */
	receipt(1, 0, "audit", seed);
	assert_int_equal(retain(DAY), 0); /* for another file */
	receipt(0, 0, "journal", seed);
	assert_int_equal(retain(DAY), 0); /* for another trail */
	receipt(0, 0, "audit", seed);
	assert_int_equal(retain(11 * DAY), 0); /* too young */
	assert_int_equal(retain(0), 0);        /* nothing is to go */
	later = -10 * DAY;
	assert_int_equal(retain(DAY), 0); /* a clock that went back */
	later = 10 * DAY;
	look();
	assert_int_equal(list.n, FILES);
	verified("", 0, 0);
	assert_int_equal(retain(9 * DAY), 1);
	look();
	assert_int_equal(list.n, FILES - 1);
	verified("", list.at[0].first - 1, 0);
	verified(vkey, list.at[0].first - 1, 1);
	broken(other_vkey, "none of the given collectors");
	char both[2 * NOTE_VKEY + 2];
	snprintf(both, sizeof(both), "%s\n%s\n", other_vkey, vkey);
	verified(both, list.at[0].first - 1, 1);
}

/* Bytes that are not those that were received. */
static void test_changed(void **state)
{
	char name[NAMES_MAX];
	(void)state;

	later = 10 * DAY;
	receipt(0, 0, "audit", seed);
	names_path(&list.at[0], name);
	assert_int_equal(fchmodat(dir, name, 0640, 0), 0);
	int fd = openat(dir, name, O_RDWR);
	uint8_t b;
	assert_int_equal(pread(fd, &b, 1, 40), 1);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, 40), 1);
	assert_int_equal(retain(DAY), 0);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, 40), 1);
	struct timespec old[2] = {{0, UTIME_OMIT}, {.tv_sec = (time_t)(wall_now().ns / 1000000000) - 5}};
	assert_int_equal(futimens(fd, old), 0);
	close(fd);
	assert_int_equal(retain(DAY), 1);
}

/* Everything that may go goes; a start still knows where it was; a file that a power cut brings back goes again. */
static void test_all(void **state)
{
	char name[NAMES_MAX], copy[NAMES_MAX];
	struct buf b = {.max = 1 << 20};
	(void)state;

	later = 10 * DAY;
	for (size_t i = 0; i < FILES; i++)
		receipt(i, i, "audit", seed);
	names_path(&list.at[0], name);
	snprintf(copy, sizeof(copy), "%s", name);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, &b), 0);
	assert_int_equal(retain(DAY), 1);
	int fd = openat(dir, copy, O_WRONLY | O_CREAT | O_EXCL, 0440);
	assert_int_equal(fd_write_all(fd, buf_view(&b)), 0);
	close(fd);
	buf_free(&b);
	receipt(0, 0, "audit", seed);
	verified(vkey, 0, 1);
	/* The newest sealed file stays: a start reads it. */
	for (size_t i = 0; i < FILES - 1; i++)
		assert_int_equal(retain(DAY), 1);
	assert_int_equal(retain(DAY), 0);
	look();
	assert_int_equal(list.n, 1);
	uint64_t held = list.at[0].first - 1;
	verified(vkey, held, FILES);
	assert_int_equal(trail_close(&s), 0);
	begin();
	verified(vkey, held, FILES);
	/* One more that nobody collected: that is told. */
	look();
	names_path(&list.at[0], name);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	broken("", "no record says that they were collected");
}

/* Who controls the writer says that something was collected: the key tells. */
static void test_forged(void **state)
{
	char name[NAMES_MAX], text[32];
	(void)state;

	wall_text(wall_now(), text);
	struct jsonw *w = trail_line(s, "retention", wall_now());
	jsonw_str(w, "name", file(0));
	jsonw_uint(w, "first", 1);
	jsonw_uint(w, "upto", list.at[0].last);
	jsonw_str(w, "sha256", "00112233445566aa00112233445566aa00112233445566aa00112233445566aa");
	jsonw_str(w, "collector", "collector.test");
	jsonw_str(w, "received", text);
	jsonw_str(w, "receipt", "AAAA");
	assert_int_equal(trail_end(s), 0);
	assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
	names_path(&list.at[0], name);
	assert_int_equal(unlinkat(dir, name, 0), 0);
	verified("", list.at[0].last, 0);
	broken(vkey, "none of the given collectors");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_conditions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_forged, setup, teardown),
	};
	log_open("audit_retain_test", LOG_ERROR + 1);
	return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
