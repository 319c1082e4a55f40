/* loop_test.c - the ring's restrictions, accepting, watching, deferring. */
#include "io_aid.h"

#include <linux/io_uring.h>
#include <sys/resource.h>

static void test_restricted(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	uint8_t ok[64];
	size_t n = loop_opcodes(ok, sizeof(ok));

	assert_in_range(n, 1, 8);
	assert_int_equal(loop_probe(l, IORING_OP_OPENAT), -EACCES);
	assert_int_equal(loop_probe(l, IORING_OP_OPENAT2), -EACCES);
	assert_int_equal(loop_probe(l, IORING_OP_SOCKET), -EACCES);
	for (unsigned op = 0; op < IORING_OP_LAST; op++) {
		bool allowed = false;
		for (size_t i = 0; i < n; i++)
			allowed |= ok[i] == op;
		int r = loop_probe(l, (uint8_t)op);
		assert_true(r <= 0);
		assert_int_equal(r == -EACCES, !allowed);
	}
	loop_free(&l);
	assert_null(l);
}

static void test_no_second_registration(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	int fd = loop_ring_fd(l);

	/* Neither wider restrictions, nor files, nor another buffer ring. */
	assert_true(syscall(427, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0);
	assert_true(syscall(427, fd, IORING_REGISTER_RESTRICTIONS, NULL, 0) < 0);
	assert_int_equal(syscall(427, fd, IORING_REGISTER_FILES, &fd, 1), -1);
	assert_int_equal(errno, EACCES);
	loop_free(&l);
}

struct arrivals {
	int fd[64];
	unsigned n, errors;
	int last_error;
};

static void on_accept(void *arg, int fd)
{
	struct arrivals *a = arg;
	if (fd < 0) {
		a->errors++;
		a->last_error = fd;
	} else {
		assert_in_range(a->n, 0, 63);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		a->fd[a->n++] = fd;
	}
}

static void test_listen(void **state)
{
	(void)state;
	unsigned before = open_fds();
	struct loop *l = loop_make(0);
	struct sockaddr_in a;
	struct arrivals got = {.n = 0};
	int at = listen_on(&a), c[20];

	assert_int_equal(fcntl(at, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(loop_listen(l, at, on_accept, &got), 0);
	assert_int_equal(loop_listen(l, at, on_accept, &got), -EEXIST);
	assert_int_equal(loop_listen(l, -1, on_accept, &got), -EBADF);
	for (unsigned i = 0; i < 20; i++) {
		c[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(c[i], (struct sockaddr *)&a, sizeof(a)), 0);
	}
	until(l, got.n == 20);
	loop_unwatch(l, at);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(loop_turn(l, 0), 0);
	/* Nobody accepts any more, and the port can be watched again. */
	int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(late, (struct sockaddr *)&a, sizeof(a)), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(l, 1), 0);
	assert_int_equal(got.n, 20);
	assert_int_equal(loop_listen(l, at, on_accept, &got), 0);
	until(l, got.n == 21);
	assert_int_equal(got.errors, 0);
	loop_free(&l);
	for (unsigned i = 0; i < 20; i++)
		close(c[i]);
	for (unsigned i = 0; i < 21; i++)
		close(got.fd[i]);
	close(late);
	close(at);
	assert_int_equal(open_fds(), before);
}

static void test_out_of_descriptors(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct sockaddr_in a;
	struct arrivals got = {.n = 0};
	int at = listen_on(&a), c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct rlimit was, none;

	/* The kernel notes the limit when the accept is armed. */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = (rlim_t)c + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(loop_listen(l, at, on_accept, &got), 0);
	assert_int_equal(connect(c, (struct sockaddr *)&a, sizeof(a)), 0);
	until(l, got.errors);
	assert_int_equal(got.last_error, -EMFILE);
	/* It does not spin: until the timer of the retry nothing happens. */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(loop_turn(l, 0), 0);
	assert_in_range(got.errors, 1, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	until(l, got.n == 1 || got.errors > 3);
	/* A connection that met EMFILE may be lost with it; the next one must be taken. */
	int d = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned n = got.n;
	assert_int_equal(connect(d, (struct sockaddr *)&a, sizeof(a)), 0);
	until(l, got.n > n);
	loop_free(&l);
	for (unsigned i = 0; i < got.n; i++)
		close(got.fd[i]);
	close(c);
	close(d);
	close(at);
}

struct seen {
	struct loop *l;
	unsigned n;
	uint64_t sum;
	bool unwatch;
};

static void on_event(void *arg, int fd)
{
	struct seen *s = arg;
	uint64_t v;

	s->n++;
	if (read(fd, &v, sizeof(v)) == sizeof(v))
		s->sum += v;
	if (s->unwatch)
		loop_unwatch(s->l, fd);
}

static void test_watch(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct seen s = {.l = l};

	/* Readable before it is watched, readable again after it was drained. */
	assert_int_equal(write(fd, &(uint64_t){1}, 8), 8);
	assert_int_equal(loop_watch(l, fd, on_event, &s), 0);
	until(l, s.sum == 1);
	for (unsigned i = 2; i <= 50; i++) {
		assert_int_equal(write(fd, &(uint64_t){1}, 8), 8);
		until(l, s.sum == i);
	}
	s.unwatch = true;
	assert_int_equal(write(fd, &(uint64_t){1}, 8), 8);
	until(l, s.sum == 51);
	unsigned n = s.n;
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(write(fd, &(uint64_t){1}, 8), 8);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_turn(l, 1), 0);
	assert_int_equal(s.n, n);
	/* The slot of an ended watch serves the next one, whatever comes late. */
	s.unwatch = false;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(loop_watch(l, fd, on_event, &s), 0);
		if (i % 3)
			assert_int_equal(loop_turn(l, 0), 0);
		loop_unwatch(l, fd);
		if (i % 2)
			assert_int_equal(loop_turn(l, 0), 0);
	}
	loop_unwatch(l, 12345);
	loop_free(&l);
	close(fd);
}

static void test_watch_end(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	int p[2];
	struct seen s = {.l = l, .unwatch = true};

	/* The other side goes away: told, so that the reader sees the end. */
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(loop_watch(l, p[0], on_event, &s), 0);
	assert_int_equal(loop_turn(l, 0), 0);
	close(p[1]);
	until(l, s.n == 1);
	loop_free(&l);
	close(p[0]);
}

struct tally {
	struct loop *l;
	unsigned n, left;
};

static void again(void *arg)
{
	struct tally *t = arg;
	t->n++;
	if (t->left) {
		t->left--;
		assert_int_equal(loop_defer(t->l, again, t), 0);
	}
}

static void test_defer(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	static struct tally t[500];

	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < 500; i++) {
			t[i].l = l;
			t[i].left = 2;
			assert_int_equal(loop_defer(l, again, &t[i]), 0);
		}
	loop_undefer(l, again, &t[3]);
	loop_undefer(l, again, &t[3]);
	for (unsigned turn = 1; turn <= 4; turn++) {
		assert_int_equal(loop_turn(l, 1000), 0);
		for (unsigned i = 0; i < 500; i++)
			assert_int_equal(t[i].n, i == 3 ? 0 : turn < 3 ? turn : 3);
		if (turn == 3)
			assert_int_equal(loop_defer(l, again, &t[3]), 0), t[3].left = 0, loop_undefer(l, again, &t[3]);
	}
	loop_free(&l);
}

struct takes_back {
	struct loop *l;
	struct takes_back *other;
	unsigned n;
};

static void take_back(void *arg)
{
	struct takes_back *t = arg;
	t->n++;
	loop_undefer(t->l, take_back, t->other);
}

static void test_undefer_inside(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct takes_back a = {.l = l}, b = {.l = l, .other = &a};

	a.other = &b;
	assert_int_equal(loop_defer(l, take_back, &a), 0);
	assert_int_equal(loop_defer(l, take_back, &b), 0);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(loop_turn(l, 0), 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.n, 0);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restricted),
		cmocka_unit_test(test_no_second_registration),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_out_of_descriptors),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_watch_end),
		cmocka_unit_test(test_defer),
		cmocka_unit_test(test_undefer_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
