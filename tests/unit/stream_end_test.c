/* stream_end_test.c - how plain streams begin and end: dials, half-close, reset, close with and without flush, slots used again. */
#include "io_aid.h"

static void test_half_close(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l};
	int fd[2];
	char b[16];

	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	assert_int_equal(send(fd[1], "question", 8, 0), 8);
	shutdown(fd[1], SHUT_WR);
	until(l, stream_flags(p.s) & STREAM_EOF);
	assert_int_equal(p.got.len, 8);
	assert_true(stream_flags(p.s) & STREAM_EOF_CLEAN);
	assert_false(stream_flags(p.s) & STREAM_ERROR);
	/* The peer's end does not end ours. */
	assert_int_equal(stream_put(p.s, VIEW_LIT("answer")), 0);
	stream_shut(p.s);
	assert_int_equal(stream_put(p.s, VIEW_LIT("more")), -EPIPE);
	assert_int_equal(stream_room(p.s), 0);
	assert_false(stream_flags(p.s) & STREAM_FLUSHED);
	until(l, stream_flags(p.s) & STREAM_FLUSHED);
	assert_int_equal(recv(fd[1], b, sizeof(b), MSG_WAITALL), 6);
	assert_memory_equal(b, "answer", 6);
	keeper_end(&p);
	close(fd[1]);

	/* We first: they can still send. */
	tcp_pair(fd);
	p = (struct keeper){.l = l};
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	stream_shut(p.s);
	until(l, stream_flags(p.s) & STREAM_FLUSHED);
	assert_int_equal(recv(fd[1], b, sizeof(b), 0), 0);
	assert_int_equal(send(fd[1], "still", 5, 0), 5);
	until(l, p.got.len == 5);
	keeper_end(&p);
	loop_free(&l);
	close(fd[1]);
}

static void test_reset(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l};
	struct linger hard = {.l_onoff = 1};
	int fd[2];
	char b[16];

	/* Theirs: what came before it is still there. */
	tcp_pair(fd);
	p.keep = true;
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	assert_int_equal(send(fd[1], "last words", 10, 0), 10);
	until(l, stream_in(p.s).n == 10);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd[1]);
	until(l, stream_flags(p.s) & STREAM_ERROR);
	assert_int_equal(stream_error(p.s), -ECONNRESET);
	assert_int_equal(stream_in(p.s).n, 10);
	assert_int_equal(stream_put(p.s, VIEW_LIT("x")), -EPIPE);
	keeper_end(&p);

	/* Ours. */
	tcp_pair(fd);
	p = (struct keeper){.l = l};
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	assert_int_equal(loop_turn(l, 0), 0);
	stream_reset(&p.s);
	assert_null(p.s);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(l, 1), 0);
	assert_int_equal(recv(fd[1], b, sizeof(b), 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd[1]);
	loop_free(&l);
}

static void test_answer_before_broken_pipe(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l, .keep = true};
	static uint8_t chunk[STREAM_OUT_MAX];
	int fd[2];

	/* A server that refuses an upload: it answers, closes, and our sends meet a reset.  The answer must be read. */
	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	assert_int_equal(stream_put(p.s, view_of(chunk, sizeof(chunk))), 0);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(send(fd[1], "413", 3, 0), 3);
	close(fd[1]);
	while (!(stream_flags(p.s) & STREAM_ERROR)) {
		size_t n = stream_room(p.s);
		assert_int_equal(stream_put(p.s, view_of(chunk, n)), 0);
		assert_int_equal(loop_turn(l, 10), 0);
	}
	assert_true(stream_error(p.s) == -EPIPE || stream_error(p.s) == -ECONNRESET);
	assert_int_equal(stream_in(p.s).n, 3);
	assert_memory_equal(stream_in(p.s).p, "413", 3);
	keeper_end(&p);
	loop_free(&l);
}

static void test_dial(void **state)
{
	(void)state;
	unsigned before = open_fds();
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l};
	struct sockaddr_in a;
	int at = listen_on(&a);

	assert_non_null(dial_to(&p, &a, 5000));
	/* What is put before the connection stands is sent when it does. */
	assert_int_equal(stream_put(p.s, VIEW_LIT("early")), 0);
	assert_int_equal(p.calls, 0);
	until(l, stream_flags(p.s) & STREAM_OPEN);
	assert_true(p.calls >= 1);
	int c = accept(at, NULL, NULL);
	char b[8];
	until(l, stream_flags(p.s) & STREAM_FLUSHED);
	assert_int_equal(recv(c, b, sizeof(b), 0), 5);
	keeper_end(&p);
	close(c);
	close(at);

	/* Refused; no address family; no address at all. */
	p = (struct keeper){.l = l};
	assert_non_null(dial_to(&p, &a, 5000));
	until(l, stream_flags(p.s) & STREAM_ERROR);
	assert_int_equal(stream_error(p.s), -ECONNREFUSED);
	assert_int_equal(p.calls, 1);
	keeper_end(&p);
	p = (struct keeper){.l = l};
	p.s = stream_dial(l, &(struct sockaddr){.sa_family = 200}, sizeof(struct sockaddr), 5000, keeper_ready, &p);
	until(l, p.calls);
	assert_int_equal(stream_error(p.s), -EAFNOSUPPORT);
	keeper_end(&p);
	p = (struct keeper){.l = l};
	p.s = stream_dial(l, (struct sockaddr *)&a, 0, 5000, keeper_ready, &p);
	until(l, p.calls);
	assert_int_equal(stream_error(p.s), -EINVAL);
	keeper_end(&p);
	loop_free(&l);
	assert_int_equal(open_fds(), before);
}

static void test_dial_timeout(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct sockaddr_in a;
	int at = listen_on(&a), fill[8];
	struct keeper p = {.l = l}, q = {.l = l};

	/* A listener whose queue is full answers no SYN. */
	assert_int_equal(listen(at, 0), 0);
	for (unsigned i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fill[i], (struct sockaddr *)&a, sizeof(a));
	}
	assert_non_null(dial_to(&p, &a, 30));
	assert_non_null(dial_to(&q, &a, 100000));
	until(l, stream_flags(p.s) & STREAM_ERROR);
	assert_int_equal(stream_error(p.s), -ERR_TIMEOUT);
	assert_int_equal(q.calls, 0);
	/* And one given up by its owner while it hangs. */
	keeper_end(&p);
	keeper_end(&q);
	loop_free(&l);
	for (unsigned i = 0; i < 8; i++)
		close(fill[i]);
	close(at);
}

static void close_both(struct keeper *p)
{
	/* Closes itself and another inside ready(): neither may be called again. */
	struct keeper *other = (struct keeper *)(void *)p->got.mem;
	stream_close(&p->s, false);
	if (other)
		stream_close(&other->s, false);
}

static void test_close_inside(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper a = {.l = l, .keep = true, .then = close_both}, b = a;
	int x[2], y[2];

	tcp_pair(x);
	tcp_pair(y);
	a.s = stream_accepted(l, x[0], keeper_ready, &a);
	b.s = stream_accepted(l, y[0], keeper_ready, &b);
	a.got.mem = (uint8_t *)&b;
	b.got.mem = (uint8_t *)&a;
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(send(x[1], "1", 1, 0), 1);
	assert_int_equal(send(y[1], "1", 1, 0), 1);
	until(l, a.calls + b.calls);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(loop_turn(l, 1), 0);
	assert_int_equal(a.calls + b.calls, 1);
	loop_free(&l);
	close(x[1]);
	close(y[1]);
}

/* close(flush) with unread input: the peer still reads the whole answer, although it never stopped talking. */
static void test_flush_and_linger(void **state)
{
	(void)state;
	unsigned before = open_fds();
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l, .keep = true};
	static uint8_t chunk[STREAM_OUT_MAX - 8000];
	int fd[2];
	size_t got = 0;

	tcp_pair(fd);
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	assert_int_equal(send(fd[1], chunk, sizeof(chunk), MSG_DONTWAIT) > 0, 1);
	until(l, stream_in(p.s).n);
	for (size_t i = 0; i < sizeof(chunk); i++)
		chunk[i] = byte_at(i);
	assert_int_equal(stream_put(p.s, view_of(chunk, sizeof(chunk))), 0);
	stream_close(&p.s, true);
	unsigned calls = p.calls;
	while (got < sizeof(chunk)) {
		assert_true(send(fd[1], "still talking", 13, MSG_DONTWAIT | MSG_NOSIGNAL) > 0);
		assert_int_equal(loop_turn(l, 1), 0);
		got += drain_fd(fd[1], got);
	}
	assert_int_equal(got, sizeof(chunk));
	char b[8];
	assert_int_equal(recv(fd[1], b, 1, 0), 0);
	/* After our FIN the peer may finish what it was saying: no reset, which could overtake the answer. */
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(send(fd[1], "and more", 8, MSG_NOSIGNAL), 8);
		assert_int_equal(loop_turn(l, 1), 0);
	}
	assert_int_equal(p.calls, calls);
	close(fd[1]);
	/* The peer's FIN ends the lingering. */
	until(l, open_fds() < before + 4);
	loop_free(&l);
	assert_int_equal(open_fds(), before);
}

/* Receive and send both in flight, and nothing that would end either: closing must, or the descriptor stays for ever. */
static void test_close_while_blocked(void **state)
{
	(void)state;
	static uint8_t chunk[STREAM_OUT_MAX];
	unsigned before = open_fds();
	struct loop *l = loop_make(0);
	struct keeper p = {.l = l};
	int fd[2];

	for (unsigned reset = 0; reset < 2; reset++) {
		tcp_pair(fd);
		p.s = stream_accepted(l, fd[0], keeper_ready, &p);
		for (unsigned idle = 0; idle < 10; idle++) {
			if (stream_room(p.s))
				idle = 0;
			assert_int_equal(stream_put(p.s, view_of(chunk, stream_room(p.s))), 0);
			assert_int_equal(loop_turn(l, 0), 0);
		}
		if (reset)
			stream_reset(&p.s);
		else
			stream_close(&p.s, false);
		until(l, open_fds() == before + 2);
		close(fd[1]);
	}
	loop_free(&l);
}

struct serving {
	struct keeper *p;
	unsigned n, cap;
};

static void on_accept(void *arg, int fd)
{
	struct serving *s = arg;
	assert_true(fd >= 0);
	struct keeper *p = &s->p[s->n % s->cap];
	if (p->s)
		stream_close(&p->s, true);
	s->n++;
	p->echo = true;
	p->s = stream_accepted(p->l, fd, keeper_ready, p);
}

static void test_many_short(void **state)
{
	(void)state;
	unsigned before = open_fds();
	struct loop *l = loop_make(64);
	static struct keeper server[8];
	struct serving sv = {.p = server, .cap = 8};
	struct sockaddr_in a;
	int at = listen_on(&a);

	for (unsigned i = 0; i < 8; i++)
		server[i] = (struct keeper){.l = l};
	assert_int_equal(loop_listen(l, at, on_accept, &sv), 0);
	/* 3000 connections over at most 64 slots: every ending there is, in turn. */
	for (unsigned i = 0; i < 3000; i++) {
		struct keeper c = {.l = l};
		assert_non_null(dial_to(&c, &a, 5000));
		assert_int_equal(stream_put(c.s, VIEW_LIT("ping")), 0);
		if (i % 7 == 6) { /* given up at once */
			stream_close(&c.s, i & 1);
			assert_int_equal(loop_turn(l, 0), 0);
			continue;
		}
		until(l, c.got.len == 4);
		if (i % 3 == 0)
			stream_reset(&c.s);
		else
			stream_close(&c.s, i % 3 == 1);
		buf_free(&c.got);
	}
	for (unsigned i = 0; i < 8; i++)
		stream_close(&server[i].s, false);
	until(l, open_fds() == before + 2);
	loop_free(&l);
	close(at);
	assert_int_equal(open_fds(), before);
}

static void test_slots_run_out(void **state)
{
	(void)state;
	struct loop *l = loop_make(3);
	struct keeper p[3];
	int fd[2], x[2];

	for (unsigned i = 0; i < 3; i++) {
		p[i] = (struct keeper){.l = l};
		tcp_pair(fd);
		p[i].s = stream_accepted(l, fd[0], keeper_ready, &p[i]);
		assert_non_null(p[i].s);
		close(fd[1]);
	}
	/* No slot: the descriptor is closed, the dial is refused. */
	tcp_pair(x);
	struct sockaddr_in a = {.sin_family = AF_INET};
	assert_null(stream_accepted(l, x[0], keeper_ready, NULL));
	assert_null(stream_dial(l, (struct sockaddr *)&a, sizeof(a), 10, keeper_ready, NULL));
	assert_int_equal(fcntl(x[0], F_GETFD), -1);
	close(x[1]);
	for (unsigned i = 0; i < 3; i++)
		keeper_end(&p[i]);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(l, 0), 0);
	tcp_pair(x);
	struct keeper q = {.l = l};
	q.s = stream_accepted(l, x[0], keeper_ready, &q);
	assert_non_null(q.s);
	keeper_end(&q);
	close(x[1]);
	loop_free(&l);
}

static void test_own(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct keeper a = {.l = l}, b = {.l = l};
	int fd[2];

	tcp_pair(fd);
	a.s = stream_accepted(l, fd[0], keeper_ready, &a);
	assert_int_equal(send(fd[1], "one", 3, 0), 3);
	until(l, a.got.len == 3);
	b.s = a.s;
	a.s = NULL;
	stream_own(b.s, keeper_ready, &b);
	unsigned calls = a.calls;
	assert_int_equal(send(fd[1], "two", 3, 0), 3);
	until(l, b.got.len == 3);
	assert_int_equal(a.calls, calls);
	keeper_end(&a);
	keeper_end(&b);
	loop_free(&l);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_answer_before_broken_pipe),
		cmocka_unit_test(test_dial),
		cmocka_unit_test(test_dial_timeout),
		cmocka_unit_test(test_close_inside),
		cmocka_unit_test(test_flush_and_linger),
		cmocka_unit_test(test_close_while_blocked),
		cmocka_unit_test(test_many_short),
		cmocka_unit_test(test_slots_run_out),
		cmocka_unit_test(test_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
