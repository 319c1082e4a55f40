/* shring_test.c - the record ring: order, wrap, a full ring, a reader that starts anew, a hostile writer, a killed writer; and record fields. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/err.h"
#include "ipc/rec.h"

struct ring {
	char dir[64];
	int dirfd, data, ack, bell, ackbell;
	struct shring *w, *r;
};

static int up(void **state)
{
	struct ring *t = calloc(1, sizeof(*t));
	strcpy(t->dir, "/tmp/shring-test-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->dirfd = open(t->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(shring_create(t->dirfd, "x", &t->data, &t->ack), 0);
	t->bell = eventfd(0, EFD_NONBLOCK);
	t->ackbell = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(shring_writer(t->data, t->ack, t->bell, &t->w), 0);
	assert_int_equal(shring_reader(t->data, t->ack, t->ackbell, &t->r), 0);
	*state = t;
	return 0;
}

static int down(void **state)
{
	struct ring *t = *state;
	shring_free(&t->w);
	shring_free(&t->r);
	unlinkat(t->dirfd, "x.data", 0);
	unlinkat(t->dirfd, "x.ack", 0);
	rmdir(t->dir);
	int fds[] = {t->dirfd, t->data, t->ack, t->bell, t->ackbell};
	for (size_t i = 0; i < 5; i++)
		close(fds[i]);
	free(t);
	return 0;
}

static void in_order_over_many_wraps(void **state)
{
	struct ring *t = *state;
	static uint8_t rec[SHRING_REC_MAX];
	uint64_t pos, got;
	struct view v;

	for (unsigned i = 0; i < 20000; i++) {
		size_t n = 4 + (i * 7919u) % 3000;
		memset(rec, (int)(i & 0xff), n);
		memcpy(rec, &i, 4);
		assert_int_equal(shring_put(t->w, view_of(rec, n), &pos), 0);
		assert_int_equal(shring_get(t->r, &v, &got), 1);
		assert_int_equal(got, pos);
		assert_int_equal(v.n, n);
		assert_memory_equal(v.p, rec, n);
		shring_ack(t->r, got);
	}
	assert_int_equal(shring_get(t->r, &v, &got), 0);
	assert_true(shring_drained(t->data, t->ack));
}

static void full_is_not_a_drop(void **state)
{
	struct ring *t = *state;
	static uint8_t rec[1000];
	uint64_t pos;
	struct view v;
	unsigned put = 0, got = 0;

	while (shring_put(t->w, view_of(rec, sizeof(rec)), &pos) == 0)
		put++;
	assert_int_equal(put, SHRING_DATA / 1008);
	assert_int_equal(shring_put(t->w, view_of(rec, sizeof(rec)), &pos), -EAGAIN);
	while (shring_get(t->r, &v, &pos) == 1)
		got++;
	assert_int_equal(got, put);
	/* Read is not safe: the room comes back with the acknowledgement. */
	uint64_t ignored;
	assert_int_equal(shring_put(t->w, view_of(rec, sizeof(rec)), &ignored), -EAGAIN);
	shring_ack(t->r, pos);
	assert_int_equal(shring_put(t->w, view_of(rec, sizeof(rec)), &ignored), 0);
}

static void a_new_reader_gets_what_was_not_acknowledged(void **state)
{
	struct ring *t = *state;
	uint64_t pos, first;
	struct view v;

	assert_int_equal(shring_put(t->w, VIEW_LIT("one"), &first), 0);
	assert_int_equal(shring_put(t->w, VIEW_LIT("two"), &pos), 0);
	assert_int_equal(shring_get(t->r, &v, &pos), 1);
	shring_ack(t->r, pos);
	assert_int_equal(shring_get(t->r, &v, &pos), 1);
	assert_false(shring_drained(t->data, t->ack));
	shring_free(&t->r);
	assert_int_equal(shring_reader(t->data, t->ack, t->ackbell, &t->r), 0);
	assert_int_equal(shring_get(t->r, &v, &pos), 1);
	assert_true(view_is(v, "two"));
	assert_int_equal(shring_get(t->r, &v, &pos), 0);
}

static void sizes_are_checked(void **state)
{
	struct ring *t = *state;
	static uint8_t rec[SHRING_REC_MAX + 1];
	uint64_t pos;

	assert_int_equal(shring_put(t->w, view_of(rec, 0), &pos), -ERR_TOO_LONG);
	assert_int_equal(shring_put(t->w, view_of(rec, SHRING_REC_MAX + 1), &pos), -ERR_TOO_LONG);
	assert_int_equal(shring_put(t->w, view_of(rec, SHRING_REC_MAX), &pos), 0);
	assert_int_equal(ftruncate(t->ack, 0), 0);
	struct shring *r;
	assert_int_equal(shring_reader(t->data, t->ack, -1, &r), -ERR_CORRUPT);
	assert_int_equal(ftruncate(t->ack, 4096), 0);
}

static void bells(void **state)
{
	struct ring *t = *state;
	uint64_t pos, n;
	struct view v;

	assert_int_equal(shring_put(t->w, VIEW_LIT("a"), &pos), 0);
	assert_int_equal(read(t->bell, &n, 8), -1); /* awake: no bell */
	assert_int_equal(shring_sleep(t->r), 0);    /* something waits */
	assert_int_equal(shring_get(t->r, &v, &pos), 1);
	assert_int_equal(shring_acked(t->w), 0);
	shring_ack(t->r, pos);
	assert_int_equal(shring_acked(t->w), pos);
	assert_int_equal(read(t->ackbell, &n, 8), 8);
	assert_int_equal(shring_sleep(t->r), 1);
	assert_int_equal(shring_put(t->w, VIEW_LIT("b"), &pos), 0);
	assert_int_equal(read(t->bell, &n, 8), 8);
	shring_wake(t->r);
}

/* A writer that scribbles over its own pages can break its ring, never the reader. */
static void hostile_writer(void **state)
{
	struct ring *t = *state;
	uint8_t *raw = mmap(NULL, 4096 + SHRING_DATA, PROT_READ | PROT_WRITE, MAP_SHARED, t->data, 0);
	const uint64_t lens[] = {0, SHRING_REC_MAX + 1, 1u << 31, UINT64_MAX, 4096}, heads[] = {SHRING_DATA + 8, 3, UINT64_MAX - 7};
	struct view v;
	uint64_t pos, head = 64;

	assert_ptr_not_equal(raw, MAP_FAILED);
	memcpy(raw, &head, 8);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memcpy(raw + 4096, &lens[i], 8);
		assert_int_equal(shring_get(t->r, &v, &pos), -ERR_CORRUPT);
	}
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		memcpy(raw, &heads[i], 8);
		assert_int_equal(shring_get(t->r, &v, &pos), -ERR_CORRUPT);
	}
	munmap(raw, 4096 + SHRING_DATA);
}

static void survives_a_killed_writer(void **state)
{
	struct ring *t = *state;
	struct view v;
	uint64_t pos;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		for (unsigned i = 0; i < 100; i++)
			if (shring_put(t->w, view_of(&i, 4), &pos))
				_exit(1);
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(shring_get(t->r, &v, &pos), 1);
		assert_memory_equal(v.p, &i, 4);
	}
}

static void record_fields(void **state)
{
	(void)state;
	static struct rec r;
	struct rec_seen s;
	char big[700];

	memset(big, 'x', sizeof(big));
	memcpy(big + 511, "\xc3\xa9", 2); /* a character across the maximum */
	rec_begin(&r, REC_CALL, 5, 99);
	rec_u32(&r, F_UID, 1000);
	rec_u64(&r, F_START, 1ull << 40);
	rec_text(&r, F_TOOL, view_of(big, sizeof(big)));
	rec_text(&r, F_RULE, VIEW_LIT(""));
	assert_int_equal(rec_parse(rec_end(&r), &s), 0);
	assert_int_equal(s.head.call, 5);
	assert_int_equal(s.num[F_UID], 1000);
	assert_true(s.num[F_START] == 1ull << 40);
	assert_int_equal(s.text[F_TOOL].n, 511);
	assert_int_equal(r.truncated, 1);
	assert_false(s.has & (1ull << F_RULE));
	struct view v = rec_end(&r);
	for (size_t n = 0; n < v.n; n++)
		assert_int_equal(rec_parse(view_head(v, n), &s), -ERR_MALFORMED);
	rec_u32(&r, F_UID, 1); /* twice */
	assert_int_equal(rec_parse(rec_end(&r), &s), -ERR_MALFORMED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
	    T(in_order_over_many_wraps), T(full_is_not_a_drop), T(a_new_reader_gets_what_was_not_acknowledged), T(sizes_are_checked),
	    T(bells), T(hostile_writer), T(survives_a_killed_writer), cmocka_unit_test(record_fields),
	};
	return cmocka_run_group_tests_name("shring", tests, NULL, NULL);
}
