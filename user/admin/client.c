/* client.c - see client.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/client.h"
#include "admin/job.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"

#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

/* So much memory at once that no usual request, and none with a secret, is ever copied by growing. */
enum { READ_STEP = 16 << 10, READ_BIG = 256 << 10, FIRST_ROOM = REQUEST_LINE + REQUEST_SECRET + READ_STEP + 4096 };

static void on_ready(void *arg, int fd, short what);

static bool crowded(const struct admin *a, uint32_t uid)
{
	size_t plain = 0, same = 0;

	LIST_EACH(n, &a->clients) {
		const struct client *c = LIST_ENTRY(n, struct client, node);
		plain += c->uid != 0;
		same += c->uid == uid;
	}
	return a->client_count >= ADMIN_CLIENTS || (uid != 0 && (plain >= ADMIN_CLIENTS_PLAIN || same >= ADMIN_CLIENTS_UID));
}

/* The process that connected, held so that its number cannot be given to another one unnoticed. */
static int peer_pidfd(int fd, uint32_t pid)
{
	int pidfd = -1;
	socklen_t n = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &n) == 0)
		return pidfd;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static void refuse(int fd)
{
	static const char text[] = "{\"ok\":false,\"error\":\"busy\",\"text\":\"too many clients at once; try again\"}\n";

	if (send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_detail("a client that was one too many has gone");
	close(fd);
}

static void welcome(struct admin *a, int fd)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);
	struct client *c = NULL;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0 && !crowded(a, cred.uid))
		c = calloc(1, sizeof(*c));
	if (!c) {
		refuse(fd);
		return;
	}
	c->a = a;
	c->fd = fd;
	c->pid = (uint32_t)cred.pid;
	c->uid = cred.uid;
	c->gid = cred.gid;
	c->pidfd = peer_pidfd(fd, c->pid);
	c->hungry = true;
	c->in.max = REQUEST_BIG + 1 + READ_BIG;
	c->deadline = mono_after_ms(mono_now(), ADMIN_SILENT_MS);
	list_add_tail(&a->clients, &c->node);
	a->client_count++;
	if (!buf_reserve(&c->in, FIRST_ROOM) || pump_add(a->pump, fd, POLLIN, on_ready, c))
		client_drop(c);
	admin_wake_at(a);
}

static void on_listener(void *arg, int fd, short what)
{
	struct admin *a = arg;

	(void)what;
	for (int i = 0; i < ADMIN_CLIENTS; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (peer < 0)
			return;
		welcome(a, peer);
	}
}

int client_listen(struct admin *a)
{
	const int one = 1;
	int flags = fcntl(a->listener, F_GETFL);

	if (flags < 0 || fcntl(a->listener, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	/* Connections inherit it: each piece of a request says who wrote it. */
	if (setsockopt(a->listener, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0)
		return -errno;
	return pump_add(a->pump, a->listener, POLLIN, on_listener, a);
}

void client_drop(struct client *c)
{
	if (c->job)
		c->job->client = NULL;
	pump_del(c->a->pump, c->fd);
	fd_close(&c->fd);
	fd_close(&c->pidfd);
	buf_wipe(&c->in);
	buf_free(&c->out);
	list_del(&c->node);
	c->a->client_count--;
	free(c);
}

bool client_alive(const struct client *c)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	/* A pidfd becomes readable when its process ends. */
	return c->pidfd >= 0 && poll(&p, 1, 0) == 0;
}

size_t client_groups(const struct client *c, uint32_t *out, size_t max)
{
	socklen_t n = (socklen_t)((max - 1) * sizeof(*out));

	out[0] = c->gid;
	return getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, out + 1, &n) == 0 ? 1 + n / sizeof(*out) : 1;
}

static size_t big_clients(const struct admin *a)
{
	size_t n = 0;

	LIST_EACH(it, &a->clients)
		n += LIST_ENTRY(it, struct client, node)->big;
	return n;
}

/* Watch for what the client's state waits for.  While a job runs nothing is read: the socket's queue is the only store. */
static void watch(struct client *c)
{
	bool reads = !c->job && !c->closing && !c->eof;
	short what = (short)((reads ? POLLIN : 0) | (c->out.len ? POLLOUT : 0));

	if (pump_add(c->a->pump, c->fd, what, on_ready, c))
		log_error("the loop is full");
}

static bool flush(struct client *c)
{
	while (c->out.len) {
		struct view v = buf_view(&c->out);
		ssize_t n = send(c->fd, v.p, v.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		buf_consume(&c->out, (size_t)n);
		c->deadline = mono_after_ms(mono_now(), ADMIN_SILENT_MS);
	}
	return true;
}

static void queue_answer(struct client *c, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	if (!text || buf_puts(&c->out, text) || buf_puts(&c->out, "\n"))
		c->closing = c->eof = true;
	free(text);
	json_decref(answer);
}

/* Forget the bytes of a request; they may have held a secret. */
static void forget(struct client *c, size_t n)
{
	explicit_bzero(c->in.mem + c->in.off, n);
	buf_consume(&c->in, n);
	c->seen = 0;
	if (c->big && c->in.len == 0) {
		buf_wipe(&c->in);
		if (!buf_reserve(&c->in, FIRST_ROOM))
			c->closing = true;
	}
	c->big = false;
}

/* Does the buffer hold a whole line, or one that is too long?  Bytes are searched once. */
static bool worth_parsing(struct client *c)
{
	struct view v = buf_view(&c->in), rest = view_skip(v, c->seen);
	bool line = rest.n && memchr(rest.p, '\n', rest.n);

	if (!line)
		c->seen = v.n;
	return line || v.n > request_limit(v);
}

/* Begin with the next request in the buffer, if a whole one is there. */
static void next_request(struct client *c)
{
	while (!c->job && !c->closing) {
		struct request r;
		long used = c->in.len && worth_parsing(c) ? request_take(buf_view(&c->in), &r) : 0;
		c->hungry = used == 0;
		if (c->hungry)
			return;
		if (used < 0 || r.kind < 0) {
			queue_answer(c, json_pack("{s:b s:s s:s}", "ok", 0, "error", r.error, "text", r.text));
			c->closing = c->closing || used < 0;
		} else {
			job_start(c, &r);
		}
		request_clear(&r);
		if (used < 0)
			return;
		forget(c, (size_t)used);
	}
}

static bool finished(const struct client *c)
{
	return !c->job && !c->out.len && (c->closing || c->eof);
}

/* All that can be done now; false when the client is gone. */
static bool step(struct client *c)
{
	next_request(c);
	if (!flush(c) || finished(c)) {
		client_drop(c);
		return false;
	}
	watch(c);
	admin_wake_at(c->a);
	return true;
}

void client_answer(struct client *c, json_t *answer)
{
	c->job = NULL;
	c->deadline = mono_after_ms(mono_now(), ADMIN_SILENT_MS);
	queue_answer(c, answer);
	/* The next request starts from the loop, not from inside this one's end. */
	if (pump_add(c->a->pump, c->fd, POLLIN | POLLOUT, on_ready, c))
		log_error("the loop is full");
}

static bool too_big(struct client *c)
{
	if (c->big || c->in.len <= FIRST_ROOM)
		return false;
	if (big_clients(c->a) >= ADMIN_BIG)
		return true;
	c->big = true;
	return false;
}

/*
 * Bytes, and who wrote them.  A connection can be inherited or handed on, and its maker may have a role that the writer does not have.
 */
static ssize_t receive(struct client *c, void *to, size_t n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec v = {to, n};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
	ssize_t got = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool told = got <= 0;

	for (struct cmsghdr *h = got > 0 ? CMSG_FIRSTHDR(&m) : NULL; h; h = CMSG_NXTHDR(&m, h)) {
		struct ucred who;
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS)
			continue;
		memcpy(&who, CMSG_DATA(h), sizeof(who));
		told = true;
		if ((uint32_t)who.pid != c->pid || who.uid != c->uid) {
			c->sender = who.pid ? (uint32_t)who.pid : UINT32_MAX; /* of a namespace that cannot be seen from here */
			c->sender_uid = who.uid;
		}
	}
	if (!told)
		c->sender = UINT32_MAX;
	return got;
}

/* Read once: the loop comes back for more.  Returns false when the connection is broken. */
static bool fill(struct client *c)
{
	size_t step_len = c->big ? READ_BIG : READ_STEP;
	uint8_t *room = buf_reserve(&c->in, step_len);
	if (!room)
		return false;
	ssize_t n = receive(c, room, step_len);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		c->eof = true;
		return true;
	}
	buf_commit(&c->in, (size_t)n);
	c->deadline = mono_after_ms(mono_now(), ADMIN_SILENT_MS);
	if (!too_big(c))
		return true;
	queue_answer(c, json_pack("{s:b s:s s:s}", "ok", 0, "error", "busy", "text", "too many long requests at once; try again"));
	c->closing = true;
	return true;
}

static void on_ready(void *arg, int fd, short what)
{
	struct client *c = arg;

	(void)fd;
	/* Whoever closes before the answer is there does not want it; a change that was asked for is made all the same. */
	if ((what & (POLLERR | POLLNVAL)) || ((what & POLLHUP) && c->eof)) {
		client_drop(c);
		return;
	}
	if (c->hungry && !c->job && !c->closing && !c->eof && (what & (POLLIN | POLLHUP)) && !fill(c)) {
		client_drop(c);
		return;
	}
	if (c->job && (what & POLLHUP)) {
		client_drop(c);
		return;
	}
	step(c);
}

void client_expire(struct admin *a, struct mono now)
{
	LIST_EACH(it, &a->clients) {
		struct client *c = LIST_ENTRY(it, struct client, node);
		if (!c->job && c->deadline.ns <= now.ns)
			client_drop(c);
	}
}
