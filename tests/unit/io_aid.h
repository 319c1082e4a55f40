/*
 * io_aid.h - for the tests of the io floor: a loop, a listener on loopback, a stream's owner that keeps what it saw.
 * Nothing here measures time: until() turns until something is true, and gives up in the end.
 */
#ifndef TESTS_IO_AID_H
#define TESTS_IO_AID_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "io/stream.h"

enum { PATIENCE_MS = 60000 };

#define until(l, cond)                                                                             \
	do {                                                                                       \
		struct mono end_ = mono_after_ms(mono_now(), PATIENCE_MS);                         \
		while (!(cond)) {                                                                  \
			assert_int_equal(loop_turn((l), 50), 0);                                   \
			if (mono_now().ns > end_.ns)                                               \
				fail_msg("never true: %s", #cond);                                 \
		}                                                                                  \
	} while (0)

/* What the owner of a stream saw, and what it does with what comes. */
struct keeper {
	struct loop *l;
	struct stream *s;
	unsigned calls;
	bool inside; /* ready() must never nest */
	bool keep;   /* leave everything in the in-buffer */
	bool echo;
	struct buf got;
	void (*then)(struct keeper *p);
};

static inline void keeper_ready(void *owner, struct stream *s)
{
	struct keeper *p = owner;

	assert_false(p->inside);
	p->inside = true;
	p->calls++;
	struct view in = stream_in(s);
	if (p->echo) {
		in = view_head(in, stream_room(s));
		if (in.n)
			assert_int_equal(stream_put(s, in), 0);
		stream_consume(s, in.n);
	} else if (!p->keep) {
		assert_int_equal(buf_put(&p->got, in), 0);
		stream_consume(s, in.n);
	}
	if (p->then)
		p->then(p);
	p->inside = false;
}

static inline struct loop *loop_make_with(unsigned entries, unsigned max_streams)
{
	char why[200];
	struct loop *l;
	struct loop_conf conf = {.entries = entries, .max_streams = max_streams};
	int e = loop_new(&conf, why, sizeof(why), &l);

	if (e)
		fail_msg("%s (%s)", why, err_name(e));
	return l;
}

static inline struct loop *loop_make(unsigned max_streams)
{
	return loop_make_with(0, max_streams);
}

static inline int listen_on(struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(*a);

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &n), 0);
	return fd;
}

/* A TCP connection on loopback: the first end for a stream, the second a plain blocking socket. */
static inline void tcp_pair(int fd[2])
{
	struct sockaddr_in a;
	int at = listen_on(&a);

	fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd[1], (struct sockaddr *)&a, sizeof(a)), 0);
	fd[0] = accept(at, NULL, NULL);
	assert_true(fd[0] >= 0);
	close(at);
}

static inline struct stream *dial_to(struct keeper *p, const struct sockaddr_in *a, unsigned ms)
{
	p->s = stream_dial(p->l, (const struct sockaddr *)a, sizeof(*a), ms, keeper_ready, p);
	return p->s;
}

static inline uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

static inline void assert_pattern(struct view v, size_t from)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != byte_at(from + i))
			fail_msg("byte %zu differs", from + i);
}

/* Everything that has arrived at a plain socket. */
static inline size_t drain_fd(int fd, size_t from)
{
	uint8_t b[65536];
	ssize_t n;
	size_t sum = 0;
	while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0) {
		assert_pattern(view_of(b, (size_t)n), from + sum);
		sum += (size_t)n;
	}
	return sum;
}

static inline unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static inline void keeper_end(struct keeper *p)
{
	stream_close(&p->s, false);
	buf_free(&p->got);
}

#endif
