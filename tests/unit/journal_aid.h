/* journal_aid.h - a journal of grants in a directory of its own, with a change of each kind, and the roster that they come to. */
#ifndef TESTS_JOURNAL_AID_H
#define TESTS_JOURNAL_AID_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/publish.h"
#include "admin/roster.h"
#include "admin/state.h"
#include "audit/entry.h"
#include "audit/handout.h"
#include "audit/read.h"
#include "audit/segment.h"
#include "audit/trail.h"
#include "audit/verify.h"
#include "audit_aid.h"
#include "base/err.h"
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

static inline int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/journal-test-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	return dir < 0 || segment_dirs(dir);
}

static inline int teardown(void **state)
{
	(void)state;
	close(dir);
	aid_remove(AT_FDCWD, path);
	return 0;
}

static inline void wipe(void)
{
	aid_remove(dir, "open");
	aid_remove(dir, "sealed");
	aid_forget(dir);
	assert_int_equal(segment_dirs(dir), 0);
}

static inline struct trail *start(void)
{
	struct trail_conf conf = {.what = "the journal", .stream = "journal", .host = "box", .boot = "0123456789abcdef", .level = 6};
	struct trail *s;

	assert_int_equal(trail_open(dir, &conf, NULL, &s), 0);
	return s;
}

static inline void write_change(struct trail *s, const char *text)
{
	char kind[64];
	struct jsonw *w = trail_line(s, "journal", wall_now());

	assert_int_equal(entry_object(w, view_str(text), kind, sizeof(kind)), 0);
	assert_int_equal(trail_end(s), 0);
	assert_int_equal(trail_commit(s, TRAIL_DURABLE), 0);
}

/* What callgate-admin would fold: 0 and the roster as text (the caller's), or the error that it would be told instead. */
static inline int roster_now(char **out)
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

static inline void make(struct sample *a)
{
	struct trail *s = start();

	for (size_t i = 0; i <= CHANGES; i++) {
		if (i)
			write_change(s, change[i - 1]);
		aid_open_file(dir, a->name, &a->bytes);
		a->end[i] = a->bytes.len;
		assert_int_equal(roster_now(&a->roster[i]), 0);
		if (i && change[i - 1][10] != 'p') /* a part, or a policy, is no change that can be told here in each case */
			assert_string_not_equal(a->roster[i], a->roster[i - 1]);
	}
	trail_abandon(&s);
}

static inline void put(const char *name, struct view bytes)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes), 0);
	close(fd);
}

static inline void sample_free(struct sample *a)
{
	buf_free(&a->bytes);
	for (size_t i = 0; i <= CHANGES; i++)
		free(a->roster[i]);
}

#endif
