/*
 * journal_kept_test.c - the same as journal_test.c with what was kept of the journal for a quick start, wherever that ends, and with that cut, changed,
 * of another host, of other files.
 */
#include "journal_aid.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(kept_and_cut),
	    cmocka_unit_test(kept_and_changed),
	    cmocka_unit_test(kept_of_other_files),
	    cmocka_unit_test(changed_behind_the_state),
	};

	log_open("journal_kept_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, setup, teardown);
}
