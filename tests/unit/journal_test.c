/*
 * journal_test.c - the journal of grants on disk: cut at every byte and started again, the roster is that of the last change that was
 * acknowledged, and the tear is reported; with any byte changed, it is not read as something else, and verify names the file.
 */
#include "journal_aid.h"

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
	    cmocka_unit_test(in_pieces),
	};

	log_open("journal_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, setup, teardown);
}
