/*
 * journal_test.c - the journal of grants on disk: cut at every byte and started again, the roster is that of the last change that was
 * acknowledged, and the tear is reported; with any byte changed, it is not read as something else, and verify names the file.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/roster.h"
#include "audit/entry.h"
#include "audit/read.h"
#include "audit/segment.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "audit_aid.h"
#include "base/fd.h"
#include "base/log.h"

#define GRANT(id, uid) "{\"event\":\"grant.add\",\"id\":\"" id "\",\"grant\":{\"id\":\"" id "\",\"uid\":" uid ",\"server\":\"mcp\",\"policy\":\"p\"}}"

/* Everything that a roster holds comes and goes. */
static const char *const change[] = {
    "{\"event\":\"server.add\",\"name\":\"mcp\",\"server\":{\"name\":\"mcp\",\"match\":[{\"host\":\"mcp.lab.test\",\"port\":443}]}}",
    "{\"event\":\"policy.apply\",\"name\":\"p\",\"hash\":\"00\",\"document\":\"{\\\"version\\\":\\\"1\\\",\\\"default\\\":\\\"allow\\\"}\",\"version\":1}",
    GRANT("g-a", "1001"),
    GRANT("g-b", "1002"),
    "{\"event\":\"credential.set\",\"name\":\"key\",\"version\":1,\"type\":\"bearer\"}",
    "{\"event\":\"grant.revoke\",\"id\":\"g-a\"}",
    "{\"event\":\"policy.part\",\"name\":\"p\",\"hash\":\"01\",\"part\":0,\"of\":2,\"text\":\"{\\\"version\\\":\\\"1\\\",\"}",
    "{\"event\":\"policy.part\",\"name\":\"p\",\"hash\":\"01\",\"part\":1,\"of\":2,\"text\":\"\\\"default\\\":\\\"deny\\\"}\"}",
    "{\"event\":\"policy.apply\",\"name\":\"p\",\"hash\":\"01\",\"parts\":2,\"version\":2}",
    GRANT("g-c", "null"),
    "{\"event\":\"grant.review\",\"id\":\"g-b\",\"decision\":\"revoke\"}",
    "{\"event\":\"proposal.add\",\"id\":\"p-a\",\"do\":\"grant.add\",\"grant\":{\"uid\":1,\"server\":\"mcp\"}}",
    "{\"event\":\"grant.add\",\"id\":\"g-d\",\"proposal\":\"p-a\",\"grant\":{\"id\":\"g-d\",\"uid\":1003,\"server\":\"mcp\"}}",
    "{\"event\":\"server.remove\",\"name\":\"mcp\"}",
};
enum { CHANGES = sizeof(change) / sizeof(*change) };

static char path[64];
static int dir;

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/journal-test-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	return dir < 0 || segment_dirs(dir);
}

static int teardown(void **state)
{
	(void)state;
	close(dir);
	aid_remove(AT_FDCWD, path);
	return 0;
}

static void wipe(void)
{
	aid_remove(dir, "open");
	aid_remove(dir, "sealed");
	aid_forget(dir);
	assert_int_equal(segment_dirs(dir), 0);
}

static struct trail *start(void)
{
	struct trail_conf conf = {.what = "the journal", .stream = "journal", .host = "box", .boot = "0123456789abcdef", .level = 6};
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	return s;
}

static void write_change(struct trail *s, const char *text)
{
	char kind[64];
	struct jsonw *w = trail_line(s, "journal", wall_now());

	assert_int_equal(entry_object(w, view_str(text), kind, sizeof(kind)), 0);
	assert_int_equal(trail_end(s), 0);
	assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
}

/* What callgate-admin would fold: 0 and the roster as text (the caller's), or the error that it would be told instead. */
static int roster_now(char **out)
{
	struct roster r;
	struct read *in;
	struct view line;
	struct buf text = {0};
	struct entry_head h;
	int ret;

	*out = NULL;
	assert_int_equal(roster_init(&r), 0);
	assert_int_equal(read_new(dir, &in), 0);
	while ((ret = read_line(in, &line)) > 0) {
		if (entry_head(line, &h) || !view_is(h.kind, "journal"))
			continue;
		assert_int_equal(buf_put(&text, line) || buf_puts(&text, "\n"), 0);
	}
	read_free(&in);
	if (!ret)
		ret = roster_fold(&r, buf_view(&text));
	if (!ret) {
		json_t *all = json_pack("{s:O s:o s:O s:O s:O}", "servers", r.servers, "grants", json_object(), "policies", r.policies, "credentials", r.credentials,
		    "proposals", r.proposals);
		struct grant_ref g = {0};
		while (grants_next(&r.grants, &g))
			json_object_set_new(json_object_get(all, "grants"), grant_ref_text(&g, GT_ID), grants_json(&g));
		*out = json_dumps(all, JSON_SORT_KEYS);
		json_decref(all);
	}
	buf_free(&text);
	roster_free(&r);
	return ret;
}

struct sample {
	struct buf bytes;
	char name[NAMES_MAX];
	size_t end[CHANGES + 1];
	char *roster[CHANGES + 1];
};

static void slurp(struct sample *a)
{
	struct names_list l;

	assert_int_equal(names_read(dir, NAMES_OPEN, &l), 0);
	assert_int_equal(l.n, 1);
	names_path(&l.at[0], a->name);
	names_free(&l);
	buf_reset(&a->bytes);
	assert_int_equal(fd_slurp(dir, a->name, 1 << 20, &a->bytes), 0);
}

static void make(struct sample *a)
{
	struct trail *s = start();

	for (size_t i = 0; i <= CHANGES; i++) {
		if (i)
			write_change(s, change[i - 1]);
		slurp(a);
		a->end[i] = a->bytes.len;
		assert_int_equal(roster_now(&a->roster[i]), 0);
		if (i && change[i - 1][10] != 'p') /* a part, or a policy, is no change that can be told here in each case */
			assert_string_not_equal(a->roster[i], a->roster[i - 1]);
	}
	trail_abandon(&s);
}

static void put(const char *name, struct view bytes)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes), 0);
	close(fd);
}

static void sample_free(struct sample *a)
{
	buf_free(&a->bytes);
	for (size_t i = 0; i <= CHANGES; i++)
		free(a->roster[i]);
}

static void cut_anywhere(void **state)
{
	(void)state;
	struct sample a = {0};
	size_t step = 1;

#ifdef CG_SANITIZED
	step = 7;
#endif
	make(&a);
	for (size_t cut = 0; cut <= a.bytes.len; cut += step) {
		size_t done = 0;
		char *got;

		for (size_t i = 0; i <= CHANGES; i++)
			if (a.end[i] <= cut)
				done = i;
		wipe();
		put(a.name, view_head(buf_view(&a.bytes), cut));
		struct trail *s = start();
		struct trail_state st = trail_state(s);
		if (roster_now(&got) || strcmp(got, a.roster[done]) != 0)
			fail_msg("cut at %zu, after change %zu: %s", cut, done, got ? got : "(no roster)");
		/* Before the file's first line was there it is no journal yet, and goes. */
		if (cut >= a.end[0] && (st.repaired != 1 || st.cut_bytes != cut - a.end[done]))
			fail_msg("cut at %zu: %zu bytes are torn, and reported were %llu", cut, cut - a.end[done], (unsigned long long)st.cut_bytes);
		/* And it goes on from there. */
		write_change(s, change[2]);
		trail_abandon(&s);
		free(got);
		assert_int_equal(roster_now(&got), 0);
		assert_non_null(strstr(got, "g-a"));
		free(got);
	}
	sample_free(&a);
}

static void changed_anywhere(void **state)
{
	(void)state;
	struct sample a = {0}, b = {0};
	size_t read_as_it_was = 0;

	wipe();
	make(&a);
	struct trail *s = start(); /* seals what is there, as any next start */
	assert_int_equal(trail_close(&s), 0);
	struct names_list l;
	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	names_path(&l.at[0], b.name);
	names_free(&l);
	assert_int_equal(fd_slurp(dir, b.name, 1 << 20, &b.bytes), 0);
	for (size_t i = 0; i < b.bytes.len; i++) {
		struct verify_result v;
		char *got = NULL;

		b.bytes.mem[b.bytes.off + i] ^= (uint8_t)(1u << (i % 8));
		put(b.name, buf_view(&b.bytes));
		b.bytes.mem[b.bytes.off + i] ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(verify_dir(dir, NULL, &v), 0);
		if (!v.bad || strcmp(v.file, b.name) != 0)
			fail_msg("byte %zu changed: verify finds %llu bad places, %s", i, (unsigned long long)v.bad, v.file);
		/* callgate-admin gets all of it as it was, or nothing. */
		if (roster_now(&got) == 0) {
			assert_string_equal(got, a.roster[CHANGES]);
			read_as_it_was++;
		}
		free(got);
	}
	assert_true(read_as_it_was < b.bytes.len / 10); /* bytes of gzip's heads that say nothing */
	put(b.name, buf_view(&b.bytes));
	struct verify_result v;
	assert_int_equal(verify_dir(dir, NULL, &v), 0);
	assert_int_equal(v.bad, 0);
	sample_free(&a);
	buf_free(&b.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(changed_anywhere),
	};

	log_open("journal_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, setup, teardown);
}
