/*
 * edge_fuzz.c - frames of any bytes, with descriptors, between any two parties: what comes up obeys its row of the table, what does not is
 * refused, and no descriptor stays behind.
 * Input: receiver, sender, then frames, each with a byte for its number of descriptors, two for its length, and its bytes as they
 * travel (type, count of descriptors, length, tag, body).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "ipc/edge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

enum { FDS_MAX = 4, FRAMES_MAX = 8 };

static void send_raw(int to, struct view v, unsigned fds)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * FDS_MAX)];
		struct cmsghdr align;
	} ctl = {0};
	union {
		const uint8_t *in;
		void *out;
	} bytes = {v.p};
	struct iovec iov = {bytes.out, v.n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fds) {
		msg.msg_control = ctl.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds);
		for (unsigned i = 0; i < fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &to, sizeof(int));
	}
	CHECK(sendmsg(to, &msg, MSG_NOSIGNAL) == (ssize_t)v.n);
}

static void take(struct edge *e, size_t sent)
{
	struct frame f;
	int r = edge_recv(e, &f);

	CHECK(r == 1 || r == -ERR_UNKNOWN_MESSAGE || r == -ERR_MALFORMED || r == -ERR_MESSAGE_ONCE || r == -ERR_CLOSED);
	if (r == 1) {
		const struct msg_row *row = msg_row(f.type);
		CHECK(row && (row->from & MSG_P(e->peer)) && (row->to & MSG_P(e->self)));
		CHECK(f.body.n + 16 == sent && f.body.n >= row->min && f.body.n <= row->max);
		CHECK(((uintptr_t)f.body.p & 7) == 0);
		for (unsigned i = 0; i < MSG_FDS; i++)
			CHECK((f.fd[i] >= 0) == (i < row->fds));
	}
	for (unsigned i = 0; i < MSG_FDS; i++) {
		CHECK(r == 1 || f.fd[i] == -1);
		if (f.fd[i] >= 0)
			close(f.fd[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct edge e;
	static int pair[2] = {-1, -1};

	if (in.n < 2)
		return 0;
	if (pair[0] < 0)
		CHECK(edge_pair(pair) == 0);
	int free_before = dup(pair[0]);
	close(free_before);
	edge_init(&e, pair[0], (enum party)(data[0] % P_COUNT), (enum party)(data[1] % P_COUNT), 0);
	in = view_skip(in, 2);
	for (unsigned i = 0; i < FRAMES_MAX && in.n > 3; i++) {
		unsigned fds = in.p[0] % (FDS_MAX + 1);
		struct view frame = view_head(view_skip(in, 3), (size_t)(in.p[1] | in.p[2] << 8));
		in = view_skip(in, 3 + frame.n);
		if (!frame.n)
			continue;
		send_raw(pair[1], frame, fds);
		take(&e, frame.n);
	}
	int free_after = dup(pair[0]);
	CHECK(free_after == free_before);
	close(free_after);
	return 0;
}
