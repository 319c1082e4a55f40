/* edge.c - see edge.h. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mtime.h"
#include "ipc/edge.h"

/* What goes over the socket in front of a payload.  Both ends run on one machine: host byte order. */
struct wire {
	uint16_t type;
	uint16_t fds;
	uint32_t len;
	uint64_t tag;
};

/* A larger frame than MSG_MAX must be seen as such, hence one byte more. */
static struct {
	struct wire head;
	alignas(8) uint8_t body[MSG_MAX + 1];
} in;

/* Room for a credential-sized burst: the largest frames are leases and journal events. */
enum { EDGE_SOCKBUF = 1 << 20 };

void edge_init(struct edge *e, int fd, enum party self, enum party peer, uint32_t slot)
{
	*e = (struct edge){.fd = fd, .self = self, .peer = peer, .slot = slot};
}

void edge_close(struct edge *e)
{
	fd_close(&e->fd);
	e->seen_once = 0;
}

int edge_pair(int fd[2])
{
	int size = EDGE_SOCKBUF;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
		return -errno;
	/* A smaller buffer only means earlier -EAGAIN, so a refusal is no failure. */
	for (int i = 0; i < 2; i++) {
		(void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		(void)setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
	return 0;
}

static int send_frame(struct edge *e, const struct wire *w, struct view head, struct view tail, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl = {0};
	struct wire wire = *w;
	/* sendmsg() does not write through iov_base; its type cannot say so. */
	union {
		const uint8_t *in;
		void *out;
	} h = {head.p}, t = {tail.p};
	struct iovec iov[3] = {{&wire, sizeof(wire)}, {h.out, head.n}, {t.out, tail.n}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};

	if (fd >= 0) {
		msg.msg_control = ctl.buf;
		msg.msg_controllen = sizeof(ctl.buf);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(e->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		e->dropped++;
		return -EAGAIN;
	}
	return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? -ERR_CLOSED : -errno;
}

int edge_send2(struct edge *e, enum msg type, uint64_t tag, struct view head, struct view tail, int fd)
{
	const struct msg_row *row = msg_row((uint16_t)type);
	size_t len = head.n + tail.n;

	if (e->fd < 0)
		return -ERR_CLOSED;
	if (!row || !(row->from & MSG_P(e->self)) || !(row->to & MSG_P(e->peer)) || len < row->min ||
	    len > row->max || (fd >= 0) != (row->fds == 1))
		return -ERR_UNKNOWN_MESSAGE;
	struct wire w = {row->type, row->fds, (uint32_t)len, tag};
	return send_frame(e, &w, head, tail, fd);
}

int edge_send(struct edge *e, enum msg type, uint64_t tag, struct view body, int fd)
{
	return edge_send2(e, type, tag, body, view_of(NULL, 0), fd);
}

int edge_send_soon(struct edge *e, enum msg type, uint64_t tag, struct view body, int wait_ms)
{
	struct pollfd full = {.fd = e->fd, .events = POLLOUT};
	int r = edge_send(e, type, tag, body, -1);

	return r == -EAGAIN && poll(&full, 1, wait_ms) == 1 ? edge_send(e, type, tag, body, -1) : r;
}

/* Take the descriptors out of ${msg}; those above MSG_FDS are closed and make the count wrong. */
static unsigned take_fds(struct msghdr *msg, int out[MSG_FDS])
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t got = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < got; i++, n++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < MSG_FDS)
				out[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

static int check(struct edge *e, const struct wire *w, size_t body, unsigned fds)
{
	const struct msg_row *row = msg_row(w->type);

	if (!row || !(row->from & MSG_P(e->peer)) || !(row->to & MSG_P(e->self)))
		return -ERR_UNKNOWN_MESSAGE;
	if (w->len != body || body < row->min || body > row->max || fds != row->fds)
		return -ERR_MALFORMED;
	if (row->flags & MSG_ONCE) {
		/* Once-rows are few and low: their number is the bit. */
		uint64_t bit = 1ull << (row->type & 63);
		if (e->seen_once & bit)
			return -ERR_MESSAGE_ONCE;
		e->seen_once |= bit;
	}
	return 0;
}

int edge_recv(struct edge *e, struct frame *f)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * (MSG_FDS + 1))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov[2] = {{&in.head, sizeof(in.head)}, {in.body, sizeof(in.body)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = ctl.buf, .msg_controllen = sizeof(ctl.buf)};

	*f = (struct frame){.fd = {-1, -1}};
	if (e->fd < 0)
		return -ERR_CLOSED;
	ssize_t n;
	do
		n = recvmsg(e->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : errno == ECONNRESET ? -ERR_CLOSED : -errno;
	unsigned fds = take_fds(&msg, f->fd);
	int r;
	if (n == 0)
		r = -ERR_CLOSED; /* no frame is empty: its head has 16 bytes */
	else if ((size_t)n < sizeof(in.head) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		r = -ERR_MALFORMED;
	else
		r = check(e, &in.head, (size_t)n - sizeof(in.head), fds);
	if (r) {
		for (size_t i = 0; i < MSG_FDS; i++)
			fd_close(&f->fd[i]);
		return r;
	}
	f->type = in.head.type;
	f->tag = in.head.tag;
	f->body = view_of(in.body, in.head.len);
	return 1;
}

void edge_wipe(const struct frame *f)
{
	explicit_bzero(in.body, f->body.n);
}

int edge_recv_wait(struct edge *e, struct frame *f, int timeout_ms)
{
	struct mono end = mono_after_ms(mono_now(), (uint64_t)timeout_ms);

	for (;;) {
		int r = edge_recv(e, f);
		if (r)
			return r;
		struct mono now = mono_now();
		if (now.ns >= end.ns)
			return -ERR_TIMEOUT;
		struct pollfd p = {.fd = e->fd, .events = POLLIN};
		if (poll(&p, 1, (int)((end.ns - now.ns + 999999) / 1000000)) < 0 && errno != EINTR)
			return -errno;
	}
}
