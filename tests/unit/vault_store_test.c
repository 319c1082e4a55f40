/* vault_store_test.c - the directory: versions, removal, damage of one item, what a crash leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "vault/store.h"

struct place {
	char path[64];
	int dir;
	struct wrap_key *key;
	struct store *s;
	struct keep plain;
};

static struct wrap_key *new_key(char fill)
{
	char text[32];
	struct wrap_key *k;

	memset(text, fill, sizeof(text));
	int fd = fd_sealed("key", view_of(text, sizeof(text)));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(wrap_key_read(fd, &k), 0);
	close(fd);
	return k;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->path, sizeof(p->path), "/tmp/vault_store_test.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY);
	p->key = new_key('k');
	assert_int_equal(keep_open(&p->plain, WRAP_BODY_MAX), 0);
	assert_int_equal(store_open(p->dir, p->key, &p->s), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(p->path);

	for (struct dirent *e; (e = readdir(d));)
		(void)unlinkat(p->dir, e->d_name, 0);
	closedir(d);
	rmdir(p->path);
	store_free(&p->s);
	wrap_key_free(&p->key);
	keep_free(&p->plain);
	close(p->dir);
	free(p);
	return 0;
}

static void reopen(struct place *p)
{
	store_free(&p->s);
	assert_int_equal(store_open(p->dir, p->key, &p->s), 0);
}

static uint32_t put(struct place *p, const char *name, const char *secret)
{
	struct wrap_head h = {.kind = WRAP_CREDENTIAL, .type = "bearer"};

	snprintf(h.name, sizeof(h.name), "%s", name);
	assert_int_equal(store_put(p->s, &h, view_str(secret)), 0);
	return h.version;
}

/* What ${name} gives: "secret", or "!error-name". */
static const char *got(struct place *p, const char *name)
{
	static char text[128];
	struct wrap_head h;
	int r = store_get(p->s, WRAP_CREDENTIAL, name, &h, &p->plain);

	if (r) {
		assert_int_equal(p->plain.n, 0);
		snprintf(text, sizeof(text), "!%s", err_name(r));
	} else {
		snprintf(text, sizeof(text), VIEW_FMT, VIEW_ARG(keep_view(&p->plain)));
	}
	return text;
}

static void write_file(struct place *p, const char *name, struct view v)
{
	int fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, v), 0);
	close(fd);
}

static void test_versions(void **state)
{
	struct place *p = *state;
	uint32_t v;

	assert_int_equal(put(p, "a", "one"), 1);
	assert_int_equal(put(p, "a", "two"), 2);
	assert_int_equal(put(p, "b", "other"), 1);
	assert_string_equal(got(p, "a"), "two");
	reopen(p);
	assert_string_equal(got(p, "a"), "two");
	assert_string_equal(got(p, "b"), "other");
	assert_int_equal(store_remove(p->s, "a", &v), 0);
	assert_int_equal(v, 2);
	assert_string_equal(got(p, "a"), "!not-found");
	assert_null(store_find(p->s, "a"));
	assert_int_equal(store_remove(p->s, "a", &v), -ERR_NOT_FOUND);
	assert_int_equal(store_remove(p->s, "never", &v), -ERR_NOT_FOUND);
	reopen(p);
	assert_string_equal(got(p, "a"), "!not-found");
	/* a number used once does not come again, not even after removal and restart */
	assert_int_equal(put(p, "a", "four"), 4);
	reopen(p);
	assert_string_equal(got(p, "a"), "four");
}

static void test_order_and_names(void **state)
{
	struct place *p = *state;
	static const char *const names[] = {"zeta", "..", "a.cred", "a", ".tmp", "root", "x.cred.tmp"};
	static const char *const sorted[] = {"..", ".tmp", "a", "a.cred", "root", "x.cred.tmp", "zeta"};
	size_t n = 0;

	for (size_t i = 0; i < 7; i++)
		put(p, names[i], names[i]);
	struct wrap_head ca = {.kind = WRAP_CA, .name = "root"};
	assert_int_equal(store_put(p->s, &ca, VIEW_LIT("authority")), 0);
	reopen(p);
	for (const struct store_item *it = store_next(p->s, ""); it; it = store_next(p->s, it->head.name))
		assert_string_equal(it->head.name, sorted[n++]);
	assert_int_equal(n, 7);
	for (size_t i = 0; i < 7; i++)
		assert_string_equal(got(p, names[i]), names[i]);
	/* a credential and the authority of one name are two things */
	assert_int_equal(store_get(p->s, WRAP_CA, "root", &ca, &p->plain), 0);
	assert_true(view_is(keep_view(&p->plain), "authority"));
	assert_int_equal(store_get(p->s, WRAP_CA, "a", &ca, &p->plain), -ERR_NOT_FOUND);
}

static void test_damage_of_one(void **state)
{
	struct place *p = *state;
	struct buf file = {0};

	put(p, "good", "safe");
	put(p, "torn", "1");
	put(p, "torn", "2");
	put(p, "moved", "3");
	assert_int_equal(fd_slurp(p->dir, "torn.cred", WRAP_FILE_MAX, &file), 0);
	write_file(p, "torn.cred", view_head(buf_view(&file), file.len - 1));
	buf_reset(&file);
	assert_int_equal(fd_slurp(p->dir, "moved.cred", WRAP_FILE_MAX, &file), 0);
	write_file(p, "else.cred", buf_view(&file));
	buf_free(&file);
	write_file(p, "empty.cred", view_of(NULL, 0));
	write_file(p, "junk.cred", VIEW_LIT("CGV1 and then nothing of sense"));
	write_file(p, "bad name.cred", VIEW_LIT("x"));
	write_file(p, ".cred", VIEW_LIT("x"));
	write_file(p, "notes.txt", VIEW_LIT("x"));
	assert_int_equal(symlinkat("good.cred", p->dir, "link.cred"), 0);
	assert_int_equal(mkfifoat(p->dir, "pipe.cred", 0600), 0);
	reopen(p);
	static const struct {
		const char *name, *want;
	} rows[] = {{"good", "safe"}, {"moved", "3"}, {"torn", "!corrupt"}, {"else", "!corrupt"}, {"empty", "!corrupt"},
	    {"junk", "!corrupt"}, {"link", "!corrupt"}, {"pipe", "!corrupt"}, {"notes.txt", "!not-found"}, {"bad name", "!not-found"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(got(p, rows[i].name), rows[i].want);
	assert_true(store_find(p->s, "torn")->damaged);
	/* what is damaged can be set anew, and removed */
	put(p, "junk", "fresh");
	put(p, "pipe", "dry");
	uint32_t v;
	assert_int_equal(store_remove(p->s, "empty", &v), 0);
	reopen(p);
	assert_string_equal(got(p, "junk"), "fresh");
	assert_string_equal(got(p, "pipe"), "dry");
	assert_string_equal(got(p, "empty"), "!not-found");
}

static void test_crash_leftovers(void **state)
{
	struct place *p = *state;
	struct stat st;

	put(p, "a", "kept");
	write_file(p, "a.cred.tmp", VIEW_LIT("half"));
	write_file(p, "b.cred.tmp", VIEW_LIT("half"));
	reopen(p);
	assert_string_equal(got(p, "a"), "kept");
	assert_string_equal(got(p, "b"), "!not-found");
	assert_int_equal(fstatat(p->dir, "a.cred.tmp", &st, 0), -1);
	/* a leftover of a run that is still this one does not hinder either */
	write_file(p, "a.cred.tmp", VIEW_LIT("half"));
	assert_int_equal(put(p, "a", "newer"), 2);
	assert_int_equal(fstatat(p->dir, "a.cred", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_wrong_key(void **state)
{
	struct place *p = *state;

	put(p, "a", "mine");
	wrap_key_free(&p->key);
	p->key = new_key('q');
	reopen(p);
	assert_string_equal(got(p, "a"), "!corrupt");
	wrap_key_free(&p->key);
	p->key = new_key('k');
	reopen(p);
	assert_string_equal(got(p, "a"), "mine");
}

static void test_full(void **state)
{
	struct place *p = *state;
	char name[16];
	struct wrap_head h = {.kind = WRAP_CREDENTIAL, .name = "one-too-many"};

	for (int i = 0; i < STORE_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		put(p, name, "x");
	}
	assert_int_equal(store_put(p->s, &h, VIEW_LIT("x")), -28 /* ENOSPC */);
	assert_int_equal(put(p, "n5", "y"), 2);
}

/* A directory that cannot be written any more: the old version stays in force, here and on disk. */
static void test_write_fails(void **state)
{
	struct place *p = *state;
	struct wrap_head h = {.kind = WRAP_CREDENTIAL, .name = "a"};

	put(p, "a", "old");
	/* A directory in the place of the temporary file fails the write for every uid. */
	assert_int_equal(mkdirat(p->dir, "a.cred.tmp", 0700), 0);
	assert_true(store_put(p->s, &h, VIEW_LIT("new")) < 0);
	assert_string_equal(got(p, "a"), "old");
	assert_int_equal(unlinkat(p->dir, "a.cred.tmp", AT_REMOVEDIR), 0);
	reopen(p);
	assert_string_equal(got(p, "a"), "old");
}

static uint32_t put_over(struct place *p, const char *name, const char *secret, uint64_t overlap_s)
{
	struct wrap_head h = {.kind = WRAP_CREDENTIAL, .type = "bearer", .overlap_s = overlap_s};

	snprintf(h.name, sizeof(h.name), "%s", name);
	assert_int_equal(store_put(p->s, &h, view_str(secret)), 0);
	assert_int_equal(h.overlap_s != 0, store_find(p->s, name)->before != 0);
	return h.version;
}

/* What the version before gives: "VERSION secret", or "!error-name". */
static const char *before(struct place *p, const char *name)
{
	static char text[128];
	struct wrap_head h;
	int r = store_before(p->s, name, &h, &p->plain);

	if (r)
		snprintf(text, sizeof(text), "!%s", err_name(r));
	else
		snprintf(text, sizeof(text), "%u " VIEW_FMT, h.version, VIEW_ARG(keep_view(&p->plain)));
	assert_true(!r || p->plain.n == 0);
	return text;
}

static void test_overlap(void **state)
{
	struct place *p = *state;
	struct stat one, two;
	uint32_t v;

	assert_int_equal(put_over(p, "a", "one", 3600), 1); /* there is none before */
	assert_string_equal(before(p, "a"), "!not-found");
	assert_int_equal(fstatat(p->dir, "a.cred", &one, 0), 0);
	assert_int_equal(put_over(p, "a", "two", 3600), 2);
	for (int again = 0; again < 2; again++) {
		assert_string_equal(got(p, "a"), "two");
		assert_string_equal(before(p, "a"), "1 one");
		assert_int_equal(store_find(p->s, "a")->before, 1);
		struct mono until = store_find(p->s, "a")->until;
		assert_true(until.ns > mono_boot_now().ns && until.ns <= mono_boot_now().ns + 3600000000000);
		reopen(p);
	}
	/* never more than two */
	assert_int_equal(put_over(p, "a", "six", 60), 3);
	reopen(p);
	assert_string_equal(before(p, "a"), "2 two");
	assert_int_equal(fstatat(p->dir, "a.cred", &two, 0), 0);
	assert_int_equal(two.st_size, 2 * (one.st_size + WRAP_MORE));
	/* the end: one is left, also on disk */
	assert_int_equal(store_forget(p->s, "a"), 0);
	assert_string_equal(before(p, "a"), "!not-found");
	assert_string_equal(got(p, "a"), "six");
	assert_int_equal(fstatat(p->dir, "a.cred", &two, 0), 0);
	assert_int_equal(two.st_size, one.st_size + WRAP_MORE);
	reopen(p);
	assert_string_equal(before(p, "a"), "!not-found");
	assert_string_equal(got(p, "a"), "six");
	/* a version without an overlap, and removal, take the one before with them */
	put_over(p, "a", "for", 60);
	put(p, "a", "five");
	assert_string_equal(before(p, "a"), "!not-found");
	put_over(p, "a", "six", 60);
	assert_int_equal(store_remove(p->s, "a", &v), 0);
	assert_string_equal(before(p, "a"), "!not-found");
	assert_int_equal(put_over(p, "a", "ten", 60), 8);
	assert_string_equal(before(p, "a"), "!not-found");
	assert_int_equal(store_forget(p->s, "never"), -ERR_NOT_FOUND);
}

/* Two items of "a" in one file. */
static void write_two(struct place *p, const struct wrap_head *h, const struct wrap_head *older)
{
	struct buf file = {0};

	assert_int_equal(wrap_seal(p->key, h, VIEW_LIT("new"), &file), 0);
	assert_int_equal(wrap_seal(p->key, older, VIEW_LIT("old"), &file), 0);
	write_file(p, "a.cred", buf_view(&file));
	buf_free(&file);
	reopen(p);
}

static void test_overlap_clocks(void **state)
{
	struct place *p = *state;
	const uint64_t wall = (uint64_t)(wall_now().ns / 1000000000), boot = mono_boot_now().ns / 1000000000, long_ago = 1000000;
	const struct {
		uint64_t created, boot, overlap, most; /* most: seconds that may be left; 0: none */
	} rows[] = {
	    {wall - 10, boot - 10, 1000, 990},
	    {wall - 10, boot - 500, 1000, 500}, /* the wall clock was set back since */
	    {wall - 700, boot - 10, 1000, 300}, /* or forward, or the machine was off */
	    {wall - 1001, boot - 10, 1000, 0},
	    {wall - 10, boot - 1001, 1000, 0},
	    {wall + 100, boot - 10, 1000, 0}, /* it stands before the beginning: nobody knows how long ago that was */
	    {wall, boot + long_ago, boot + 1000, 1000}, /* another boot: this one alone has used some of it */
	    {wall, boot + long_ago, boot > 2 ? boot - 1 : 1, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct wrap_head old = {.kind = WRAP_CREDENTIAL, .version = 4, .created_s = 1, .name = "a", .type = "bearer"};
		struct wrap_head h = old;
		h.version = 5;
		h.created_s = rows[i].created;
		h.boot_s = rows[i].boot;
		h.overlap_s = rows[i].overlap;
		write_two(p, &h, &old);
		assert_string_equal(got(p, "a"), "new");
		if (strcmp(before(p, "a"), rows[i].most ? "4 old" : "!not-found") != 0)
			fail_msg("row %zu: %s", i, before(p, "a"));
		const struct store_item *it = store_find(p->s, "a");
		assert_int_equal(it->before, 4); /* to be forgotten */
		assert_true(it->until.ns <= mono_boot_now().ns + rows[i].most * 1000000000);
		assert_true(!rows[i].most || it->until.ns + 60000000000 > mono_boot_now().ns + rows[i].most * 1000000000);
	}
}

/* What stands behind an item and is not the version before is used for nothing, and hinders nothing. */
static void test_overlap_damage(void **state)
{
	struct place *p = *state;
	const struct wrap_head h = {.kind = WRAP_CREDENTIAL, .version = 5, .created_s = (uint64_t)(wall_now().ns / 1000000000), .overlap_s = 1000,
	    .boot_s = mono_boot_now().ns / 1000000000, .name = "a", .type = "bearer"};
	struct wrap_head older = {.kind = WRAP_CREDENTIAL, .version = 4, .created_s = 1, .name = "a", .type = "bearer"}, other = older, alone = h;
	struct buf file = {0};

	write_two(p, &h, &older);
	assert_string_equal(before(p, "a"), "4 old");
	assert_int_equal(fd_slurp(p->dir, "a.cred", WRAP_FILE_MAX, &file), 0);
	size_t first = wrap_first(buf_view(&file)).n;
	for (size_t n = first + 1; n < file.len; n++) {
		write_file(p, "a.cred", view_head(buf_view(&file), n));
		reopen(p);
		assert_string_equal(got(p, "a"), "new");
		assert_string_equal(before(p, "a"), "!not-found");
	}
	for (size_t i = first; i < file.len; i++) {
		file.mem[file.off + i] ^= 1;
		write_file(p, "a.cred", buf_view(&file));
		reopen(p);
		assert_string_equal(got(p, "a"), "new");
		assert_string_equal(before(p, "a"), "!not-found");
		file.mem[file.off + i] ^= 1;
	}
	assert_int_equal(buf_puts(&file, "x"), 0);
	write_file(p, "a.cred", buf_view(&file));
	reopen(p);
	assert_string_equal(before(p, "a"), "!not-found");
	/* and it can be forgotten */
	assert_int_equal(store_forget(p->s, "a"), 0);
	reopen(p);
	assert_int_equal(store_find(p->s, "a")->before, 0);
	assert_string_equal(got(p, "a"), "new");
	other.version = 3;
	write_two(p, &h, &other);
	assert_string_equal(before(p, "a"), "!not-found");
	other = older;
	other.name[0] = 'b';
	write_two(p, &h, &other);
	assert_string_equal(before(p, "a"), "!not-found");
	other = older;
	other.kind = WRAP_GONE;
	write_two(p, &h, &other);
	assert_string_equal(before(p, "a"), "!not-found");
	/* whose header promises nothing has nothing behind it */
	alone.overlap_s = alone.boot_s = 0;
	write_two(p, &alone, &older);
	assert_string_equal(got(p, "a"), "!corrupt");
	buf_free(&file);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_versions), T(test_order_and_names), T(test_damage_of_one), T(test_crash_leftovers),
	    T(test_wrong_key), T(test_full), T(test_write_fails), T(test_overlap), T(test_overlap_clocks), T(test_overlap_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
