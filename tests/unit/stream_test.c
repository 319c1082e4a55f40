/* stream_test.c - plain streams in flow: every split, backpressure both ways, scarcity. */
#include "io_aid.h"


enum { BIG = 3 << 20 };


static void test_every_split(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd[2];

	for (size_t step = 1; step < sizeof(text); step++) {
		struct keeper p = {.l = l};
		tcp_pair(fd);
		p.s = stream_accepted(l, fd[0], keeper_ready, &p);
		assert_non_null(p.s);
		assert_int_equal(stream_fd(p.s), fd[0]);
		assert_int_equal(stream_flags(p.s), STREAM_OPEN | STREAM_FLUSHED);
		for (size_t at = 0; at < sizeof(text); at += step) {
			size_t n = sizeof(text) - at < step ? sizeof(text) - at : step;
			assert_int_equal(send(fd[1], text + at, n, 0), n);
			until(l, p.got.len == at + n);
		}
		assert_memory_equal(buf_view(&p.got).p, text, sizeof(text));
		/* And back, a byte at a time, each in its own send or together. */
		for (size_t i = 0; i < sizeof(text); i++) {
			assert_int_equal(stream_put(p.s, view_of(text + i, 1)), 0);
			if (i % step == 0)
				assert_int_equal(loop_turn(l, 0), 0);
		}
		until(l, stream_flags(p.s) & STREAM_FLUSHED);
		char back[sizeof(text)];
		assert_int_equal(recv(fd[1], back, sizeof(back), MSG_WAITALL), sizeof(back));
		assert_memory_equal(back, text, sizeof(text));
		keeper_end(&p);
		close(fd[1]);
	}
	loop_free(&l);
}

static void test_in_is_bounded(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l, .keep = true};
	int fd[2];
	size_t sent = 0, seen = 0;

	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	/* The peer writes what the socket takes; the owner takes nothing. */
	for (unsigned idle = 0; idle < 20; idle++) {
		uint8_t b[4096];
		for (size_t i = 0; i < sizeof(b); i++)
			b[i] = byte_at(sent + i);
		ssize_t n = send(fd[1], b, sizeof(b), MSG_DONTWAIT);
		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		}
		assert_int_equal(loop_turn(l, n > 0 ? 0 : 1), 0);
		assert_true(stream_in(p.s).n <= 2 * STREAM_IN_MAX);
	}
	assert_true(stream_in(p.s).n >= STREAM_IN_MAX);
	assert_true(sent > stream_in(p.s).n);
	/* stream_need() lets more in; contiguous. */
	stream_need(p.s, 2 * STREAM_IN_MAX + 1000);
	until(l, stream_in(p.s).n > 2 * STREAM_IN_MAX || stream_in(p.s).n == sent);
	/* Taken in odd pieces, everything arrives once and in order. */
	while (seen < sent) {
		struct view v = view_head(stream_in(p.s), 77777);
		assert_pattern(v, seen);
		stream_consume(p.s, v.n);
		seen += v.n;
		assert_int_equal(loop_turn(l, v.n ? 0 : 10), 0);
	}
	assert_int_equal(stream_in(p.s).n, 0);
	keeper_end(&p);
	loop_free(&l);
	close(fd[1]);
}

static void test_out_is_bounded(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l};
	static uint8_t chunk[STREAM_OUT_MAX + 1];
	int fd[2];
	size_t put = 0, got = 0;

	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	assert_int_equal(stream_room(p.s), STREAM_OUT_MAX);
	assert_int_equal(stream_put(p.s, view_of(chunk, sizeof(chunk))), -ENOBUFS);
	/* A reader that does not read: the stream takes its measure and no more. */
	for (unsigned idle = 0; idle < 20; idle++) {
		size_t n = stream_room(p.s) < 30000 ? stream_room(p.s) : 30000;
		for (size_t i = 0; i < n; i++)
			chunk[i] = byte_at(put + i);
		assert_int_equal(stream_put(p.s, view_of(chunk, n)), 0);
		put += n;
		if (n)
			idle = 0;
		assert_int_equal(loop_turn(l, n ? 0 : 1), 0);
	}
	assert_int_equal(stream_room(p.s), 0);
	assert_int_equal(stream_put(p.s, view_of(chunk, 1)), -ENOBUFS);
	assert_int_equal(stream_put(p.s, view_of(chunk, 0)), 0);
	assert_false(stream_flags(p.s) & STREAM_FLUSHED);
	unsigned calls = p.calls;
	for (got = drain_fd(fd[1], 0); got < put; got += drain_fd(fd[1], got))
		assert_int_equal(loop_turn(l, 10), 0);
	until(l, stream_flags(p.s) & STREAM_FLUSHED);
	assert_int_equal(got, put);
	/* Room was told, or the owner would wait for ever. */
	assert_true(p.calls > calls);
	assert_int_equal(stream_room(p.s), STREAM_OUT_MAX);
	keeper_end(&p);
	loop_free(&l);
	close(fd[1]);
}

/* Two streams of one loop, each sending BIG bytes, each reading slowly: neither side may stop for ever. */
static void test_both_ways(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper a = {.l = l, .keep = true}, b = a;
	int fd[2];
	size_t put[2] = {0}, got[2] = {0};
	static uint8_t chunk[50000];

	tcp_pair(fd);
	a.s = stream_accepted(l, fd[0], keeper_ready, &a);
	b.s = stream_accepted(l, fd[1], keeper_ready, &b);
	struct stream *s[2] = {a.s, b.s};
	for (unsigned turn = 0; got[0] < BIG || got[1] < BIG; turn++) {
		for (unsigned i = 0; i < 2; i++) {
			size_t n = stream_room(s[i]) < sizeof(chunk) ? stream_room(s[i]) : sizeof(chunk);
			n = n < BIG - put[i] ? n : BIG - put[i];
			for (size_t k = 0; k < n; k++)
				chunk[k] = byte_at(put[i] + k);
			assert_int_equal(stream_put(s[i], view_of(chunk, n)), 0);
			put[i] += n;
			if (turn % 7 == 0 || turn > 400) {
				struct view v = view_head(stream_in(s[i]), turn % 3 ? 3001 : 90000);
				assert_pattern(v, got[i]);
				stream_consume(s[i], v.n);
				got[i] += v.n;
			}
			/* Now and then one is told to stop although there is room. */
			if (turn % 50 == 10)
				stream_pause(s[i], true);
			if (turn % 50 == 20)
				stream_pause(s[i], false);
		}
		assert_int_equal(loop_turn(l, 0), 0);
		assert_true(turn < 10000000);
	}
	keeper_end(&a);
	keeper_end(&b);
	loop_free(&l);
}

static void test_pause(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l};
	int fd[2];

	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	stream_pause(p.s, true);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(send(fd[1], "held", 4, 0), 4);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(loop_turn(l, 1), 0);
	assert_int_equal(p.got.len, 0);
	stream_pause(p.s, false);
	until(l, p.got.len == 4);
	/* On and off without a turn between, and at every phase of the cancellation. */
	for (unsigned i = 0; i < 200; i++) {
		stream_pause(p.s, true);
		for (unsigned k = 0; k < i % 4; k++)
			assert_int_equal(loop_turn(l, 0), 0);
		assert_int_equal(send(fd[1], "x", 1, 0), 1);
		stream_pause(p.s, false);
		until(l, p.got.len == 5 + i);
	}
	keeper_end(&p);
	loop_free(&l);
	close(fd[1]);
}

static void test_eof_after_all_bytes(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l, .keep = true};
	int fd[2];
	static uint8_t chunk[100000];
	size_t seen = 0, all = 6 * sizeof(chunk);

	/* More than the in-buffer holds, then FIN: EOF may not be told before the last byte is in. */
	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	for (size_t put = 0; put < all; put += sizeof(chunk)) {
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = byte_at(put + i);
		assert_int_equal(send(fd[1], chunk, sizeof(chunk), 0), sizeof(chunk));
	}
	close(fd[1]);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(loop_turn(l, 0), 0);
	while (!(stream_flags(p.s) & STREAM_EOF)) {
		struct view v = view_head(stream_in(p.s), 10000);
		assert_pattern(v, seen);
		seen += v.n;
		stream_consume(p.s, v.n);
		assert_int_equal(loop_turn(l, v.n ? 0 : 10), 0);
	}
	assert_int_equal(seen + stream_in(p.s).n, all);
	keeper_end(&p);
	loop_free(&l);
}

/* More busy sockets than receive buffers, and a submission queue of two: everything has to wait for its turn, nothing may be lost. */
static void test_scarcity(void **state)
{
	(void)state;
	enum { N = 60, EACH = 150000 };
	struct loop *l = loop_make_with(2, 0);
	static struct keeper a[N], b[N];
	static size_t put[N], got[N];
	static uint8_t chunk[40000];
	unsigned left = N;

	for (unsigned i = 0; i < N; i++) {
		int fd[2];
		tcp_pair(fd);
		a[i] = b[i] = (struct keeper){.l = l, .keep = true};
		a[i].s = stream_accepted(l, fd[0], keeper_ready, &a[i]);
		b[i].s = stream_accepted(l, fd[1], keeper_ready, &b[i]);
		put[i] = got[i] = 0;
	}
	for (unsigned turn = 0; left; turn++) {
		for (unsigned i = 0; i < N; i++) {
			size_t n = EACH - put[i] < sizeof(chunk) ? EACH - put[i] : sizeof(chunk);
			n = n < stream_room(a[i].s) ? n : stream_room(a[i].s);
			for (size_t k = 0; k < n; k++)
				chunk[k] = byte_at(put[i] + k + i);
			assert_int_equal(stream_put(a[i].s, view_of(chunk, n)), 0);
			put[i] += n;
			struct view v = stream_in(b[i].s);
			assert_pattern(v, got[i] + i);
			stream_consume(b[i].s, v.n);
			got[i] += v.n;
			left -= v.n && got[i] == EACH;
		}
		assert_int_equal(loop_turn(l, left ? 10 : 0), 0);
		assert_true(turn < 1000000);
	}
	for (unsigned i = 0; i < N; i++) {
		stream_reset(&a[i].s);
		stream_close(&b[i].s, true);
	}
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_in_is_bounded),
		cmocka_unit_test(test_out_is_bounded),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_eof_after_all_bytes),
		cmocka_unit_test(test_scarcity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
