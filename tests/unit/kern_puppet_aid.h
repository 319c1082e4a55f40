/* kern_puppet_aid.h - processes that fork, exec and connect as they are told, and what the kernel side says of them.  After the headers that cmocka wants; root. */
#ifndef TESTS_KERN_PUPPET_AID_H
#define TESTS_KERN_PUPPET_AID_H

#include "kern_aid.h"

enum { LABEL = 41, LABEL2 = 42 };

/*
 * A process that does what it is told over a socket: 'f' fork (the new process's socket comes along), 'c' connect,
 * 's' setsid, 'e' exec itself, 'n' leave the network namespace, 'q' quit.  Answers one int.
 */
struct puppet {
	pid_t pid;
	int fd;
	uint64_t start_ns; /* known after the first connect that reached a worker */
};

static inline void send_with(int fd, char what, int pass)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {&what, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	if (pass >= 0) {
		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &m, 0), 1);
}

static inline char receive(int fd, int *passed)
{
	char what = 'q', room[CMSG_SPACE(sizeof(int))];
	struct iovec v = {&what, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	*passed = -1;
	if (recvmsg(fd, &m, 0) <= 0)
		return 'q';
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c)
		memcpy(passed, CMSG_DATA(c), sizeof(int));
	return what;
}

static inline int puppet_dial(int *kept)
{
	union addr a;
	socklen_t len = addr_of(&a, "203.0.113.1", PORT);
	int fd = dial(PLAIN, AF_INET, &a, len);
	close(*kept);
	*kept = fd;
	return fd < 0 ? -fd : 0;
}

static inline void puppet_exec(int fd)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", fd);
	execl("/proc/self/exe", "kern-puppet", "puppet", text, (char *)NULL);
	_exit(95);
}

static inline void puppet_serve(int fd)
{
	int passed, kept = -1, answer;
	for (;;) {
		char what = receive(fd, &passed);
		answer = 0;
		if (what == 'q')
			_exit(0);
		if (what == 'e')
			puppet_exec(fd);
		if (what == 's')
			answer = setsid() < 0;
		if (what == 'n')
			answer = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? errno : 0;
		if (what == 'c')
			answer = puppet_dial(&kept);
		if (what == 'f') {
			answer = fork();
			if (answer == 0) {
				close(fd);
				fd = passed;
				signal(SIGCHLD, SIG_IGN);
				continue;
			}
			close(passed);
		}
		if (write(fd, &answer, sizeof(answer)) != sizeof(answer))
			_exit(94);
	}
}

static inline int tell(const struct puppet *p, char what)
{
	int answer;
	send_with(p->fd, what, -1);
	assert_int_equal(read(p->fd, &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static inline struct puppet puppet(uint32_t uid)
{
	int sp[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sp), 0);
	struct puppet p = {.fd = sp[0]};
	fcntl(sp[0], F_SETFD, FD_CLOEXEC);
	p.pid = fork();
	if (p.pid == 0) {
		signal(SIGCHLD, SIG_IGN);
		for (int fd = 3; fd < 256; fd++) /* other puppets' sockets, which would keep them alive */
			if (fd != sp[1])
				close(fd);
		become(uid);
		puppet_serve(sp[1]);
	}
	close(sp[1]);
	return p;
}

static inline struct puppet puppet_child(const struct puppet *parent)
{
	int sp[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sp), 0);
	struct puppet p = {.fd = sp[0]};
	fcntl(sp[0], F_SETFD, FD_CLOEXEC);
	send_with(parent->fd, 'f', sp[1]);
	close(sp[1]);
	assert_int_equal(read(parent->fd, &p.pid, sizeof(p.pid)), sizeof(p.pid));
	assert_true(p.pid > 0);
	return p;
}

/* Gone for the kernel too: the exit hook has run. */
static inline void quit(struct puppet *p)
{
	struct cg_proc entry;
	uint32_t tgid = (uint32_t)p->pid;
	send_with(p->fd, 'q', -1);
	close(p->fd);
	p->fd = -1;
	waitpid(p->pid, NULL, 0);
	int fd = kern_maps_fd(w.k, "cg_procs"), left = 5000;
	while (left && (kill(p->pid, 0) == 0 || bpf_map_lookup_elem(fd, &tgid, &entry) == 0)) {
		usleep(1000);
		left--;
	}
	assert_true(left > 0);
}

/* Let it connect; the record, and its start for kern_mark(). */
static inline int ask(struct puppet *p, struct cg_flow *f)
{
	unsigned row;
	memset(f, 0, sizeof(*f));
	kern_alive(w.k, 0);
	int err = tell(p, 'c');
	if (err)
		return err;
	int fd = arrived(&row);
	assert_int_equal(record_of(fd, f), 0);
	close(fd);
	assert_int_equal(f->tgid, p->pid);
	p->start_ns = f->start_ns;
	return GATED;
}

static inline void mark(struct puppet *p, uint32_t label)
{
	struct cg_flow f;
	if (!p->start_ns)
		assert_int_equal(ask(p, &f), GATED);
	assert_int_equal(kern_mark(w.k, (uint32_t)p->pid, p->start_ns, label ? CG_CLASS_AGENT : CG_CLASS_NONE, label), 0);
}

static inline void expect(struct puppet *p, uint32_t label, const struct puppet *root)
{
	struct cg_flow f;
	assert_int_equal(ask(p, &f), GATED);
	assert_int_equal(f.agent, label);
	assert_int_equal(f.agent_class, label ? CG_CLASS_AGENT : CG_CLASS_NONE);
	assert_int_equal(f.agent_root, root ? root->pid : 0);
}

struct told {
	uint32_t tgid, times;
};

static inline int is_told(void *told, void *data, size_t len)
{
	struct told *t = told;
	const struct cg_exec *e = data;
	assert_int_equal(len, sizeof(*e));
	if (e->tgid == t->tgid) {
		assert_int_equal(e->uid, USER);
		assert_string_equal(e->path, "");
		assert_true(e->exe_ino != 0 && e->start_ns != 0);
		t->times++;
	}
	return 0;
}

/* Whoever recognises agents is told of the process, once. */
static inline void expect_told(const struct puppet *p, uint32_t times)
{
	struct told told = {.tgid = (uint32_t)p->pid};
	struct ring_buffer *ring = ring_buffer__new(kern_exec_events_fd(w.k), is_told, &told, NULL);
	assert_non_null(ring);
	(void)ring_buffer__consume(ring);
	assert_int_equal(told.times, times);
	ring_buffer__free(ring);
}

/* First in main(): a puppet that has executed itself goes on as one.  -1: this is the test; else the status to end with. */
static inline int puppet_main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "puppet") == 0) {
		int answer = 0, fd = atoi(argv[2]);
		if (write(fd, &answer, sizeof(answer)) == sizeof(answer))
			puppet_serve(fd);
		return 1;
	}
	/* Orphans come to this process, and quit() waits for them as for its children: how fast a machine's init reaps is its own affair. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	return -1;
}

#endif
