/*
 * journal_test.c - the journal of grants on disk: cut at every byte and started again, the roster is that of the last change that was
 * acknowledged, and the tear is reported; with any byte changed, it is not read as something else, and verify names the file.
 * The same with what was kept of it for a quick start, wherever that ends, and with that cut, changed, of another host, of other files.
 */
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

static void make(struct sample *a)
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

/* ---- with what was kept ---- */

enum { MIDDLE = 9, IN_PARTS = 7 }; /* changes that are in the state; IN_PARTS: the last one is a piece of a document */

struct kept_sample {
	struct buf old, open, kept;           /* the files; old: none when the state ends inside the open one */
	char old_name[NAMES_MAX], open_name[NAMES_MAX];
	size_t end[CHANGES + 1];              /* of each change in the open file; 0: it is not in that one */
	struct buf world[CHANGES + 1];        /* what the workers would get after it */
};

/* A start of callgate-admin: what the workers get.  ${used}: it began with what was kept.  0, or what handout() said. */
static int start_with(struct trail *s, bool whole, bool *used, struct buf *world)
{
	struct handout out;
	struct roster r;
	struct view all;
	char why[STATE_WHY];
	int fd = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret = handout(dir, s, whole, fd, &out);

	*used = false;
	assert_true(fd >= 0);
	buf_reset(world);
	if (ret) {
		close(fd);
		return ret;
	}
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_int_equal(fd_map_sealed(fd, 1 << 24, &all), 0);
	*used = out.state_bytes > 0;
	if (*used)
		assert_int_equal(state_take(view_head(all, out.state_bytes), &r, why), 0);
	else
		assert_int_equal(roster_init(&r), 0);
	bool damaged = roster_fold(&r, view_skip(all, out.state_bytes)) != 0;
	assert_false(damaged && !*used);
	assert_int_equal(publish_world(&r, 1, "enforce", world), 0);
	fd_unmap(&all);
	close(fd);
	roster_free(&r);
	return damaged ? start_with(s, true, used, world) : 0;
}

static int in_force_now(struct trail *s, bool *used, struct buf *world)
{
	return start_with(s, false, used, world);
}

/* callgate-admin has read all of it, and what it made of it is kept. */
static void keep_now(struct trail *s)
{
	struct handout out;
	struct roster r;
	struct view all;
	struct buf state = {0};
	int fd = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(handout(dir, s, true, fd, &out), 0);
	assert_int_equal(out.state_bytes, 0);
	assert_int_equal(out.mark.seq, trail_state(s).seq);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_int_equal(fd_map_sealed(fd, 1 << 24, &all), 0);
	assert_int_equal(roster_init(&r), 0);
	assert_int_equal(roster_fold(&r, all), 0);
	assert_int_equal(state_put(&r, &state), 0);
	assert_int_equal(kept_save(dir, s, &out.mark, buf_view(&state)), 0);
	buf_free(&state);
	fd_unmap(&all);
	close(fd);
	roster_free(&r);
}

static void read_name(unsigned which, char name[NAMES_MAX], struct buf *bytes)
{
	struct names_list l;

	assert_int_equal(names_read(dir, which, &l), 0);
	assert_int_equal(l.n, 1);
	names_path(&l.at[0], name);
	names_free(&l);
	buf_reset(bytes);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, bytes), 0);
}

/* With ${apart} the state ends where a sealed file does, else in the middle of the open one. */
static void make_kept(struct kept_sample *k, bool apart, size_t middle)
{
	bool used;

	*k = (struct kept_sample){0};
	wipe();
	unlinkat(dir, "kept", 0);
	struct trail *s = start();
	for (size_t i = 0; i <= CHANGES; i++) {
		if (i)
			write_change(s, change[i - 1]);
		if (i == middle && apart) {
			trail_abandon(&s);
			s = start();
			read_name(NAMES_SEALED, k->old_name, &k->old);
		}
		if (i == middle)
			keep_now(s);
		assert_int_equal(in_force_now(s, &used, &k->world[i]), 0);
		assert_true(used == (i >= middle && (middle != IN_PARTS || i == middle)));
		if (!apart || i >= middle) {
			read_name(NAMES_OPEN, k->open_name, &k->open);
			k->end[i] = k->open.len;
		}
	}
	assert_int_equal(fd_slurp(dir, "kept", 1 << 20, &k->kept), 0);
	trail_abandon(&s);
}

static void kept_free(struct kept_sample *k)
{
	buf_free(&k->old);
	buf_free(&k->open);
	buf_free(&k->kept);
	for (size_t i = 0; i <= CHANGES; i++)
		buf_free(&k->world[i]);
}

/* The directory as it was, but for these bytes; the keys stay. */
static void lay(const struct kept_sample *k, struct view old, struct view open, struct view kept)
{
	aid_remove(dir, "open");
	aid_remove(dir, "sealed");
	assert_int_equal(segment_dirs(dir), 0);
	if (k->old.len)
		put(k->old_name, old);
	put(k->open_name, open);
	put("kept", kept);
}

static void kept_and_cut(void **state)
{
	(void)state;
	size_t step = 1;

#ifdef CG_SANITIZED
	step = 13;
#endif
	for (int round = 0; round < 4; round++) {
		struct kept_sample k;
		struct buf world = {0};
		bool apart = round & 1;
		size_t with = 0, middle = round & 2 ? IN_PARTS : MIDDLE, every = round & 2 ? 9 * step : step;

		make_kept(&k, apart, middle);
		for (size_t cut = 0; cut <= k.open.len; cut += every) {
			size_t done = apart ? middle : 0;
			bool used;

			for (size_t i = done; i <= CHANGES; i++)
				if (k.end[i] && k.end[i] <= cut)
					done = i;
			lay(&k, buf_view(&k.old), view_head(buf_view(&k.open), cut), buf_view(&k.kept));
			struct trail *s = start();
			if (in_force_now(s, &used, &world) || !view_eq(buf_view(&world), buf_view(&k.world[done])))
				fail_msg("cut at %zu, after change %zu: another roster", cut, done);
			/* What is kept may say more than the journal does: then it is not used. */
			if (used && !apart && done < middle)
				fail_msg("cut at %zu, after change %zu: the state of change %zu was used", cut, done, middle);
			with += used;
			trail_abandon(&s);
		}
		if (middle != IN_PARTS && with <= k.open.len / step / 6)
			fail_msg("round %d: used %zu times of %zu", round, with, k.open.len / step);
		buf_free(&world);
		kept_free(&k);
	}
}

/* Each byte of the sealed file ${name} changed, for the stream ${s} (NULL: one that starts with that): nothing is handed out, with the state or without. */
static void none_of_it(struct trail *s, const char *name, struct buf *bytes, size_t step)
{
	struct buf world = {0};
	bool used;

	buf_reset(bytes);
	assert_int_equal(fd_slurp(dir, name, 1 << 20, bytes), 0);
	for (size_t i = 0; i < bytes->len; i += step) {
		bytes->mem[bytes->off + i] ^= (uint8_t)(1u << (i % 8));
		put(name, buf_view(bytes));
		bytes->mem[bytes->off + i] ^= (uint8_t)(1u << (i % 8));
		struct trail *t = s ? s : start();
		if (in_force_now(t, &used, &world) != -ERR_CORRUPT)
			fail_msg("byte %zu of %s changed, and the journal is handed out", i, name);
		if (!s)
			trail_abandon(&t);
	}
	put(name, buf_view(bytes));
	buf_free(&world);
}

static void kept_and_changed(void **state)
{
	(void)state;
	struct kept_sample k;
	struct buf world = {0}, copy = {0};
	bool used;
	size_t step = 1;

#ifdef CG_SANITIZED
	step = 5;
#endif
	make_kept(&k, true, MIDDLE);
	/* The state itself: each byte changed, and cut at each. */
	lay(&k, buf_view(&k.old), buf_view(&k.open), buf_view(&k.kept));
	struct trail *s = start();
	for (size_t i = 0; i < 2 * k.kept.len; i += step) {
		buf_reset(&copy);
		assert_int_equal(buf_put(&copy, view_head(buf_view(&k.kept), i % 2 ? k.kept.len : i / 2)), 0);
		if (i % 2)
			copy.mem[copy.off + i / 2] ^= (uint8_t)(1u << i / 2 % 8);
		put("kept", buf_view(&copy));
		if (in_force_now(s, &used, &world) || used || !view_eq(buf_view(&world), buf_view(&k.world[CHANGES])))
			fail_msg("byte %zu %s: %s", i / 2, i % 2 ? "changed" : "and the rest cut", used ? "it was used" : "another roster");
	}
	put("kept", buf_view(&k.kept));
	assert_int_equal(in_force_now(s, &used, &world), 0);
	assert_true(used);
	/* The older part of the journal. */
	none_of_it(s, k.old_name, &copy, step);
	trail_abandon(&s);
	buf_free(&copy);
	buf_free(&world);
	kept_free(&k);
}

/* A sealed file was replaced by another that is sound in itself; the state is of the one that was there. */
static void kept_of_other_files(void **state)
{
	(void)state;
	struct kept_sample k, other;
	struct verify_result v;
	struct buf world = {0};
	bool used;

	make_kept(&k, true, MIDDLE);
	/* The same host, the same numbers, the same keys: but a grant was never revoked. */
	aid_remove(dir, "open");
	aid_remove(dir, "sealed");
	assert_int_equal(segment_dirs(dir), 0);
	struct trail *s = start();
	for (size_t i = 0; i < MIDDLE; i++)
		write_change(s, i == 5 ? GRANT("g-x", "7") : change[i]);
	trail_abandon(&s);
	s = start();
	other = (struct kept_sample){0};
	read_name(NAMES_SEALED, other.old_name, &other.old);
	trail_abandon(&s);
	lay(&k, buf_view(&k.old), buf_view(&k.open), buf_view(&k.kept));
	assert_int_equal(unlinkat(dir, k.old_name, 0), 0);
	put(other.old_name, buf_view(&other.old));
	s = start();
	assert_int_equal(in_force_now(s, &used, &world), 0);
	assert_false(used);
	trail_abandon(&s);
	assert_int_equal(verify_dir(dir, NULL, &v), 0);
	assert_true(v.bad);
	/* Without the file; the files of before, and an older state: that one is as good as a newer one. */
	lay(&k, buf_view(&k.old), buf_view(&k.open), buf_view(&k.kept));
	assert_int_equal(unlinkat(dir, k.old_name, 0), 0);
	s = start();
	assert_int_equal(in_force_now(s, &used, &world), -ERR_CORRUPT);
	trail_abandon(&s);
	lay(&k, buf_view(&k.old), buf_view(&k.open), buf_view(&k.kept));
	s = start();
	keep_now(s);
	put("kept", buf_view(&k.kept));
	assert_int_equal(in_force_now(s, &used, &world), 0);
	assert_true(used && view_eq(buf_view(&world), buf_view(&k.world[CHANGES])));
	trail_abandon(&s);
	/* Another host's, or of this one before its keys were lost. */
	aid_remove(dir, "keys");
	s = start();
	assert_int_equal(in_force_now(s, &used, &world), 0);
	assert_true(!used && view_eq(buf_view(&world), buf_view(&k.world[CHANGES])));
	trail_abandon(&s);
	buf_free(&world);
	buf_free(&other.old);
	kept_free(&k);
}

/*
 * Two starts after the state was made: the file behind it is changed, or is gone.  What it says that came after must not be left out,
 * also when the whole journal is read.
 */
static void changed_behind_the_state(void **state)
{
	(void)state;
	struct kept_sample k;
	struct buf world = {0}, bytes = {0};
	char name[NAMES_MAX];
	struct names_list l;
	bool used;
	size_t step = 1;

#ifdef CG_SANITIZED
	step = 5;
#endif
	make_kept(&k, true, MIDDLE);
	struct trail *s = start();
	trail_abandon(&s);
	for (int later = 0; later < 2; later++) {
		s = start();
		assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
		assert_true(l.n >= 2);
		names_path(&l.at[1], name);
		names_free(&l);
		assert_int_equal(in_force_now(s, &used, &world), 0);
		assert_true(used && view_eq(buf_view(&world), buf_view(&k.world[CHANGES])));
		none_of_it(s, name, &bytes, step);
		trail_abandon(&s);
	}
	assert_int_equal(unlinkat(dir, name, 0), 0);
	s = start();
	assert_int_equal(in_force_now(s, &used, &world), -ERR_CORRUPT);
	trail_abandon(&s);
	/* Changed before the service begins, which goes on from what the newest one says. */
	put(name, buf_view(&bytes));
	assert_int_equal(names_read(dir, NAMES_SEALED, &l), 0);
	names_path(&l.at[l.n - 1], name);
	names_free(&l);
	none_of_it(NULL, name, &bytes, 7 * step);
	buf_free(&bytes);
	buf_free(&world);
	kept_free(&k);
}

/* A journal of some size is handed out in pieces, between which records are written; what comes of it is the same. */
static void in_pieces(void **state)
{
	(void)state;
	struct handout all, out;
	struct handout_run *run;
	struct view a, b;
	int at_once = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING), pieces = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	static const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	char text[30000];
	unsigned steps = 0;
	int r;

	wipe();
	struct trail *s = start();
	for (int i = 0; i < 300; i++) {
		int n = snprintf(text, sizeof(text), "{\"kind\":\"journal\",\"event\":\"noted\",\"text\":\"");
		for (; n < (int)sizeof(text) - 10; n++)
			text[n] = (char)('a' + rand() % 26);
		snprintf(text + n, 4, "\"}");
		write_change(s, text);
		if (i != 200)
			continue;
		assert_int_equal(trail_close(&s), 0);
		s = start();
	}
	assert_int_equal(handout(dir, s, true, at_once, &all), 0);
	assert_int_equal(handout_begin(dir, s, true, pieces, &run), 0);
	while ((r = handout_step(run, &out)) > 0)
		steps++;
	assert_int_equal(r, 0);
	handout_end(&run);
	assert_in_range(steps, 8, 40); /* of 4 MB that are hashed and 9 MB that are read */
	assert_memory_equal(&all, &out, sizeof(all));
	assert_int_equal(all.lines, 300);
	assert_int_equal(fcntl(at_once, F_ADD_SEALS, seals) | fcntl(pieces, F_ADD_SEALS, seals), 0);
	assert_int_equal(fd_map_sealed(at_once, 1 << 24, &a) | fd_map_sealed(pieces, 1 << 24, &b), 0);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
	fd_unmap(&a);
	fd_unmap(&b);
	close(at_once);
	close(pieces);
	/* Given up in the middle. */
	pieces = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(handout_begin(dir, s, true, pieces, &run), 0);
	assert_int_equal(handout_step(run, &out), 1);
	handout_end(&run);
	close(pieces);
	assert_int_equal(trail_close(&s), 0);
	wipe();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cut_anywhere),
	    cmocka_unit_test(changed_anywhere),
	    cmocka_unit_test(kept_and_cut),
	    cmocka_unit_test(kept_and_changed),
	    cmocka_unit_test(kept_of_other_files),
	    cmocka_unit_test(changed_behind_the_state),
	    cmocka_unit_test(in_pieces),
	};

	log_open("journal_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, setup, teardown);
}
