/* audit_feed_test.c - rings into a stream: order, acknowledgement, what a worker cannot claim, restarts without loss or doubles. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/entry.h"
#include "audit/feed.h"
#include "audit/read.h"
#include "audit/verify.h"
#include "audit_aid.h"
#include "base/log.h"
#include "ipc/rec.h"
#include "lines_aid.h"

static char path[64];
static int dir, rings;

static void clear(int at, const char *sub)
{
	int fd = openat(at, sub, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			assert_int_equal(unlinkat(fd, e->d_name, 0), 0);
	if (d)
		closedir(d);
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/shm/audit-feed-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY);
	if (dir < 0 || mkdirat(dir, "ring", 0700) < 0)
		return -1;
	rings = openat(dir, "ring", O_RDONLY | O_DIRECTORY);
	return rings < 0;
}

static int teardown(void **state)
{
	(void)state;
	close(rings);
	close(dir);
	aid_remove(AT_FDCWD, path);
	return 0;
}

/* A worker's end; the files stay, as on the run directory. */
struct worker {
	uint64_t id;
	int fd[4];
	struct shring *ring;
};

static void worker_new(struct worker *w, uint64_t id)
{
	char name[32];
	w->id = id;
	snprintf(name, sizeof(name), "%llx", (unsigned long long)id);
	assert_int_equal(shring_create(rings, name, &w->fd[FEED_DATA], &w->fd[FEED_ACK]), 0);
	w->fd[FEED_BELL] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->fd[FEED_ACKBELL] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(shring_writer(w->fd[FEED_DATA], w->fd[FEED_ACK], w->fd[FEED_BELL], &w->ring), 0);
}

static void worker_free(struct worker *w)
{
	shring_free(&w->ring);
	for (size_t i = 0; i < 4; i++)
		close(w->fd[i]);
}

static uint64_t put(struct worker *w, enum rec_kind kind, uint64_t call, const char *verdict)
{
	struct rec r;
	uint64_t pos;

	rec_begin(&r, kind, call, mono_now().ns);
	rec_u32(&r, F_UID, 1001);
	if (verdict)
		rec_text(&r, F_VERDICT, view_str(verdict));
	if (kind == REC_CALL)
		rec_text(&r, F_ARG_KEYS, VIEW_LIT("b\x1f" "a\x1f" "a\"\n"));
	assert_int_equal(shring_put(w->ring, rec_end(&r), &pos), 0);
	return pos;
}

/* The reading process: a stream and a feed. */
struct reader {
	struct trail *trail;
	struct feed *feed;
};

static void reader_new(struct reader *r)
{
	struct trail_conf conf = {.what = "the test", .host = "box", .boot = "0123456789abcdef", .level = 1};
	assert_int_equal(feed_new(&r->feed), 0);
	struct trail_owner owner = feed_owner(r->feed);
	assert_int_equal(trail_open(dir, &conf, &owner, &r->trail), 0);
	feed_trail(r->feed, r->trail);
}

static void attach(struct reader *r, const struct worker *w, int64_t slot, bool replaces)
{
	int fd[4];
	for (size_t i = 0; i < 4; i++)
		fd[i] = dup(w->fd[i]);
	assert_int_equal(feed_ring(r->feed, w->id, slot, fd, replaces), 0);
}

static void drain(struct reader *r)
{
	struct feed_seen seen = {0};
	feed_drain(r->feed, 1 << 20, &seen);
}

static void commit(struct reader *r)
{
	assert_int_equal(feed_commit(r->feed, TRAIL_WRITTEN), 0);
	feed_settle(r->feed);
	assert_int_equal(feed_commit(r->feed, TRAIL_WRITTEN), 0);
}

/* The process is killed: what was written stays, nothing is sealed. */
static void reader_kill(struct reader *r)
{
	/* Its descriptors close; the stream's file is left as it is. */
	feed_free(&r->feed);
	trail_abandon(&r->trail);
}

static void reader_stop(struct reader *r)
{
	drain(r);
	assert_int_equal(feed_commit(r->feed, TRAIL_DURABLE), 0);
	feed_stop(r->feed);
	assert_int_equal(feed_commit(r->feed, TRAIL_DURABLE), 0);
	assert_int_equal(trail_close(&r->trail), 0);
	feed_free(&r->feed);
}

static unsigned lines(const char *kind, const char *with)
{
	return lines_in(dir, kind, with);
}

static void finish(void)
{
	struct verify_result v;
	assert_int_equal(verify_dir(dir, NULL, &v), 0);
	if (v.bad)
		fail_msg("%s: %s", v.file, v.why);
	clear(dir, "open");
	clear(dir, "sealed");
	clear(dir, "ring");
	aid_forget(dir);
}

static void test_calls(void **state)
{
	(void)state;
	struct reader r;
	struct worker w;

	reader_new(&r);
	worker_new(&w, 0xabc);
	attach(&r, &w, 0, true);
	put(&w, REC_CALL, 1, "allow");
	put(&w, REC_CALL, 2, "deny");
	put(&w, REC_RESULT, 1, NULL);
	uint64_t pos = put(&w, REC_CONNECTION, 0, "relay");
	drain(&r);
	assert_true(shring_acked(w.ring) == 0); /* read is not safe */
	commit(&r);
	assert_true(shring_acked(w.ring) == pos);
	reader_stop(&r);
	assert_int_equal(lines("call", "\"id\":\"000000000abc-1\",\"uid\":1001,\"arg_keys\":[\"a\",\"a\\\"\\u000a\",\"b\"],\"verdict\":\"allow\"}"), 1);
	assert_int_equal(lines("call", "\"id\":\"000000000abc-2\""), 1);
	assert_int_equal(lines("result", "\"id\":\"000000000abc-1\""), 1);
	assert_int_equal(lines("connection", "\"relay\""), 1);
	assert_int_equal(lines("abandoned", ""), 0); /* a refused call needs no result */
	assert_int_equal(lines("alert", ""), 0);
	worker_free(&w);
	finish();
}

static void test_forging(void **state)
{
	(void)state;
	struct reader r;
	struct worker w;
	uint64_t pos;

	reader_new(&r);
	worker_new(&w, 0xf00);
	attach(&r, &w, 0, true);
	put(&w, REC_CALL, 5, "allow");
	put(&w, REC_CALL, 5, "allow"); /* twice */
	put(&w, REC_CALL, 4, "allow"); /* backwards */
	put(&w, REC_CALL, 0, "allow"); /* none */
	put(&w, REC_RESULT, 5, NULL);
	put(&w, REC_RESULT, 5, NULL); /* closed already */
	put(&w, REC_RESULT, 99, NULL); /* never opened */
	put(&w, (enum rec_kind)77, 6, NULL);
	assert_int_equal(shring_put(w.ring, VIEW_LIT("not a record at all, just bytes"), &pos), 0);
	drain(&r);
	commit(&r);
	reader_stop(&r);
	assert_int_equal(lines("call", ""), 1);
	assert_int_equal(lines("result", ""), 1);
	assert_int_equal(lines("alert", "\"event\":\"call-out-of-turn\""), 3);
	assert_int_equal(lines("alert", "\"event\":\"result-without-call\""), 2);
	assert_int_equal(lines("alert", "\"event\":\"unknown-kind\""), 1);
	assert_int_equal(lines("alert", "\"event\":\"malformed-record\""), 1);
	worker_free(&w);
	finish();
}

/* A time before the ring was last empty, or in the future, is not believed. */
static void test_time(void **state)
{
	(void)state;
	struct reader r;
	struct worker w;
	struct rec rec;
	uint64_t pos;

	reader_new(&r);
	worker_new(&w, 0x71);
	attach(&r, &w, 0, true);
	drain(&r); /* seen empty */
	struct wall before = wall_now();
	rec_begin(&rec, REC_CONNECTION, 0, 1);
	assert_int_equal(shring_put(w.ring, rec_end(&rec), &pos), 0);
	rec_begin(&rec, REC_CONNECTION, 0, UINT64_MAX);
	assert_int_equal(shring_put(w.ring, rec_end(&rec), &pos), 0);
	drain(&r);
	struct wall after = wall_now();
	commit(&r);
	reader_stop(&r);
	struct read *in;
	struct view line;
	unsigned n = 0;
	assert_int_equal(read_new(dir, &in), 0);
	while (read_line(in, &line) > 0) {
		struct entry_head h;
		struct wall t;
		char ts[WALL_TEXT];
		assert_int_equal(entry_head(line, &h), 0);
		if (!view_is(h.kind, "connection"))
			continue;
		snprintf(ts, sizeof(ts), VIEW_FMT, VIEW_ARG(h.ts));
		assert_int_equal(wall_parse(ts, &t), 0);
		/* One second around it: two clocks were read one after the other. */
		assert_true(t.ns > before.ns - 1000000000 && t.ns < after.ns + 1000000000);
		n++;
	}
	read_free(&in);
	assert_int_equal(n, 2);
	worker_free(&w);
	finish();
}

/* The worker died and another took its slot: the old ring is read to its end, its open call is abandoned. */
static void test_worker_ends(void **state)
{
	(void)state;
	struct reader r;
	struct worker a, b;

	reader_new(&r);
	worker_new(&a, 0xa);
	worker_new(&b, 0xb);
	attach(&r, &a, 0, true);
	put(&a, REC_CALL, 1, "allow");
	drain(&r);
	commit(&r);
	put(&a, REC_CALL, 2, "allow");
	put(&a, REC_RESULT, 1, NULL);
	attach(&r, &b, 0, true);
	put(&b, REC_CALL, 1, "allow");
	drain(&r);
	commit(&r);
	assert_int_equal(lines("abandoned", "\"id\":\"00000000000a-2\",\"detail\":\"worker-ended\""), 1);
	assert_int_equal(lines("abandoned", ""), 1);
	assert_int_equal(lines("result", "00000000000a-1"), 1);
	put(&b, REC_RESULT, 1, NULL);
	reader_stop(&r);
	assert_int_equal(lines("abandoned", ""), 1);
	assert_int_equal(lines("alert", ""), 0);
	worker_free(&a);
	worker_free(&b);
	finish();
}

/* callgate-audit is killed at each step of its work; a live worker goes on with the same ring. */
static void test_reader_killed(void **state)
{
	(void)state;
	enum { READ, NUMBERED, WRITTEN, ACKED, STEPS };

	for (int step = READ; step < STEPS; step++) {
		struct reader r;
		struct worker w;
		uint64_t seq;

		reader_new(&r);
		worker_new(&w, 0x100 + (uint64_t)step);
		attach(&r, &w, 0, true);
		put(&w, REC_CALL, 1, "allow");
		put(&w, REC_CALL, 2, "allow");
		drain(&r);
		commit(&r);
		put(&w, REC_RESULT, 2, NULL);
		put(&w, REC_CALL, 3, "allow");
		put(&w, REC_CONNECTION, 0, "relay");
		drain(&r);
		if (step == NUMBERED)
			assert_int_equal(trail_number(r.trail, &seq), 0);
		if (step == WRITTEN)
			assert_int_equal(feed_write(r.feed, TRAIL_WRITTEN), 0);
		if (step == ACKED)
			assert_int_equal(feed_commit(r.feed, TRAIL_WRITTEN), 0);
		reader_kill(&r);

		reader_new(&r);
		attach(&r, &w, 0, false);
		feed_orphans(r.feed);
		put(&w, REC_RESULT, 1, NULL);
		drain(&r);
		commit(&r);
		reader_stop(&r); /* call 3 is open still */
		assert_int_equal(lines("call", ""), 3);
		assert_int_equal(lines("result", ""), 2);
		assert_int_equal(lines("connection", ""), 1);
		assert_int_equal(lines("abandoned", "-3\",\"detail\":\"stop\""), 1);
		assert_int_equal(lines("abandoned", ""), 1);
		assert_int_equal(lines("alert", ""), 0);
		worker_free(&w);
		finish();
	}
}

/* Both are gone: the ring of the run before comes without a writer, another is not there at all. */
static void test_service_killed(void **state)
{
	(void)state;
	struct reader r;
	struct worker a, b;

	reader_new(&r);
	worker_new(&a, 0xa);
	worker_new(&b, 0xb);
	attach(&r, &a, 0, true);
	attach(&r, &b, 1, true);
	put(&a, REC_CALL, 1, "allow");
	put(&b, REC_CALL, 1, "allow");
	drain(&r);
	commit(&r);
	put(&a, REC_RESULT, 1, NULL); /* never read by that reader */
	put(&a, REC_CALL, 2, "allow");
	reader_kill(&r);

	reader_new(&r);
	attach(&r, &a, FEED_NO_SLOT, false);
	feed_orphans(r.feed);
	drain(&r);
	commit(&r);
	assert_int_equal(feed_commit(r.feed, TRAIL_DURABLE), 0);
	assert_int_equal(lines("result", "00000000000a-1"), 1);
	assert_int_equal(lines("abandoned", "\"id\":\"00000000000a-2\",\"detail\":\"worker-ended\""), 1);
	assert_int_equal(lines("abandoned", "\"id\":\"00000000000b-1\",\"detail\":\"recovery\""), 1);
	assert_int_equal(lines("abandoned", ""), 2);
	assert_true(shring_drained(a.fd[FEED_DATA], a.fd[FEED_ACK]));
	reader_stop(&r);
	worker_free(&a);
	worker_free(&b);
	finish();
}

/* A broken ring ends only itself. */
/* More rings than there is room for, one after the other, and no start that closes a file in peace: old ones make room. */
static void test_many_rings(void **state)
{
	(void)state;
	enum { ROUNDS = FEED_RINGS + 20 };

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		struct reader r;
		struct worker w;
		reader_new(&r);
		worker_new(&w, 0x1000 + i);
		attach(&r, &w, 0, true);
		feed_orphans(r.feed);
		put(&w, REC_CALL, 1, "allow");
		if (i % 2)
			put(&w, REC_RESULT, 1, NULL);
		drain(&r);
		commit(&r);
		worker_free(&w);
		reader_kill(&r);
		clear(dir, "ring");
	}
	struct reader r;
	reader_new(&r);
	feed_orphans(r.feed);
	reader_stop(&r);
	assert_int_equal(lines("call", ""), ROUNDS);
	assert_int_equal(lines("result", ""), ROUNDS / 2);
	assert_int_equal(lines("abandoned", ""), ROUNDS / 2);
	finish();
}

/* The reader has stopped: the writer is told that there is no room, once and for every further record, and whatever it put is there in the end. */
static void test_full_ring(void **state)
{
	struct worker w;
	struct reader r;
	uint64_t call = 0, acked = 0;

	(void)state;
	worker_new(&w, 0x7000);
	reader_new(&r);
	attach(&r, &w, 0, false);
	for (int round = 0; round < 4; round++) {
		struct rec rec;
		uint64_t pos, first = call;
		int e = 0;
		for (;;) {
			rec_begin(&rec, REC_CALL, call + 1, mono_now().ns);
			rec_text(&rec, F_VERDICT, VIEW_LIT("deny"));
			e = shring_put(w.ring, rec_end(&rec), &pos);
			if (e)
				break;
			call++;
			/* What was read and is not safe makes no room: only an acknowledgement does. */
			if (call % 500 == 0)
				drain(&r);
		}
		assert_int_equal(e, -EAGAIN);
		assert_int_equal(shring_room(w.ring, rec_end(&rec).n), 0);
		for (int i = 0; i < 10; i++)
			assert_int_equal(shring_put(w.ring, rec_end(&rec), &pos), -EAGAIN);
		assert_true(call > first + 1000);
		assert_int_equal(shring_acked(w.ring), acked);
		drain(&r);
		assert_int_equal(shring_put(w.ring, rec_end(&rec), &pos), -EAGAIN);
		commit(&r);
		acked = shring_acked(w.ring);
		assert_int_equal(shring_put(w.ring, rec_end(&rec), &pos), 0);
		call++;
	}
	reader_stop(&r);
	worker_free(&w);
	assert_int_equal(lines("call", "000000007000-"), call);
	assert_int_equal(lines("loss", ""), 0);
	assert_int_equal(lines("alert", ""), 0);
	finish();
}

/* What a worker says that it lost; its word has to make sense. */
static void test_loss(void **state)
{
	static const struct {
		uint64_t call, count;
	} said[] = {{0, 7}, {0, 0}, {3, 1}};
	struct reader r;
	struct worker w;
	uint64_t pos;

	(void)state;
	worker_new(&w, 0x7100);
	reader_new(&r);
	attach(&r, &w, 0, false);
	for (size_t i = 0; i < 3; i++) {
		struct rec rec;
		rec_begin(&rec, REC_LOSS, said[i].call, mono_now().ns);
		rec_u64(&rec, F_COUNT, said[i].count);
		rec_u64(&rec, F_DUR_US, UINT64_MAX);
		assert_int_equal(shring_put(w.ring, rec_end(&rec), &pos), 0);
	}
	drain(&r);
	commit(&r);
	reader_stop(&r);
	worker_free(&w);
	assert_int_equal(lines("loss", "\"count\":7,\"from\":"), 1);
	assert_int_equal(lines("loss", "\"cause\":\"ring\""), 1);
	assert_int_equal(lines("alert", "\"event\":\"loss-without-count\""), 2);
	finish();
}

static void test_corrupt(void **state)
{
	(void)state;
	struct reader r;
	struct worker a, b;
	uint64_t len = UINT64_MAX;

	reader_new(&r);
	worker_new(&a, 0xa);
	worker_new(&b, 0xb);
	attach(&r, &a, 0, true);
	attach(&r, &b, 1, true);
	put(&a, REC_CONNECTION, 0, "relay");
	put(&b, REC_CONNECTION, 0, "relay");
	assert_int_equal(pwrite(a.fd[FEED_DATA], &len, sizeof(len), 4096), sizeof(len));
	drain(&r);
	drain(&r);
	commit(&r);
	reader_stop(&r);
	assert_int_equal(lines("alert", "\"event\":\"ring-corrupt\""), 1);
	assert_int_equal(lines("connection", ""), 1);
	worker_free(&a);
	worker_free(&b);
	finish();
}

int main(void)
{
	log_open("audit_feed_test", LOG_ERROR);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_forging),
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_worker_ends),
	    cmocka_unit_test(test_reader_killed),
	    cmocka_unit_test(test_service_killed),
	    cmocka_unit_test(test_many_rings),
	    cmocka_unit_test(test_full_ring),
	    cmocka_unit_test(test_loss),
	    cmocka_unit_test(test_corrupt),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
