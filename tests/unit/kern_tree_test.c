/*
 * kern_tree_test.c - agent trees: marks given early and late, processes that leave their parents, exec events.
 * Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

static void send_with(int fd, char what, int pass)
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

static char receive(int fd, int *passed)
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

static int puppet_dial(int *kept)
{
	union addr a;
	socklen_t len = addr_of(&a, "203.0.113.1", PORT);
	int fd = dial(PLAIN, AF_INET, &a, len);
	close(*kept);
	*kept = fd;
	return fd < 0 ? -fd : 0;
}

static void puppet_exec(int fd)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", fd);
	execl("/proc/self/exe", "kern_tree_test", "puppet", text, (char *)NULL);
	_exit(95);
}

static void puppet_serve(int fd)
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

static int tell(const struct puppet *p, char what)
{
	int answer;
	send_with(p->fd, what, -1);
	assert_int_equal(read(p->fd, &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static struct puppet puppet(uint32_t uid)
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

static struct puppet puppet_child(const struct puppet *parent)
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
static void quit(struct puppet *p)
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
static int ask(struct puppet *p, struct cg_flow *f)
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

static void mark(struct puppet *p, uint32_t label)
{
	struct cg_flow f;
	if (!p->start_ns)
		assert_int_equal(ask(p, &f), GATED);
	assert_int_equal(kern_mark(w.k, (uint32_t)p->pid, p->start_ns, label ? CG_CLASS_AGENT : CG_CLASS_NONE, label), 0);
}

static void expect(struct puppet *p, uint32_t label, const struct puppet *root)
{
	struct cg_flow f;
	assert_int_equal(ask(p, &f), GATED);
	assert_int_equal(f.agent, label);
	assert_int_equal(f.agent_class, label ? CG_CLASS_AGENT : CG_CLASS_NONE);
	assert_int_equal(f.agent_root, root ? root->pid : 0);
}

/* ---- tests ---- */

static void a_tree(void **state)
{
	(void)state;
	struct puppet shell = puppet(USER), agent = puppet_child(&shell), other = puppet_child(&shell);
	expect(&agent, 0, NULL);
	mark(&agent, LABEL);
	struct puppet tool = puppet_child(&agent), deep = puppet_child(&tool);
	expect(&agent, LABEL, &agent);
	expect(&tool, LABEL, &agent);
	expect(&deep, LABEL, &agent);
	expect(&shell, 0, NULL);
	expect(&other, 0, NULL);
	assert_int_equal(tell(&agent, 'e'), 0); /* exec in place: the same process */
	expect(&agent, LABEL, &agent);
	mark(&agent, 0);
	expect(&agent, 0, NULL);
	expect(&deep, 0, NULL);
	quit(&deep);
	quit(&tool);
	quit(&agent);
	quit(&other);
	quit(&shell);
}

/* Whoever leaves, before the mark or after it, is found. */
static void leaving_does_not_help(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		struct puppet agent = puppet(USER);
		if (!late)
			mark(&agent, LABEL);
		struct puppet middle = puppet_child(&agent), gone = puppet_child(&middle);
		assert_int_equal(tell(&gone, 's'), 0);
		quit(&middle); /* the double fork is complete */
		struct puppet child = puppet_child(&gone);
		assert_int_equal(tell(&child, 'e'), 0);
		if (late)
			mark(&agent, LABEL);
		expect(&gone, LABEL, &agent);
		expect(&child, LABEL, &agent);
		quit(&agent); /* the mark outlives its root */
		expect(&gone, LABEL, &agent);
		struct puppet grandchild = puppet_child(&child);
		quit(&child);
		expect(&grandchild, LABEL, &agent);
		quit(&gone);
		quit(&grandchild);
	}
}

static void deep_trees_keep_the_mark(void **state)
{
	(void)state;
	struct puppet p[2 * CG_ANCESTORS];
	p[0] = puppet(USER);
	mark(&p[0], LABEL);
	for (int i = 1; i < 2 * CG_ANCESTORS; i++) {
		p[i] = puppet_child(&p[i - 1]);
		quit(&p[i - 1]);
	}
	expect(&p[2 * CG_ANCESTORS - 1], LABEL, &p[0]);
	quit(&p[2 * CG_ANCESTORS - 1]);
}

static void the_nearest_root_counts(void **state)
{
	(void)state;
	struct puppet outer = puppet(USER), inner = puppet_child(&outer), leaf = puppet_child(&inner);
	mark(&inner, LABEL2);
	mark(&outer, LABEL);
	expect(&outer, LABEL, &outer);
	expect(&inner, LABEL2, &inner);
	expect(&leaf, LABEL2, &inner);
	quit(&leaf);
	quit(&inner);
	quit(&outer);
}

/* What was born in the outer tree follows the inner root that is told of later: an editor, then its extension host. */
static void a_late_inner_root(void **state)
{
	(void)state;
	struct cg_flow f;
	struct puppet outer = puppet(USER);
	mark(&outer, LABEL);
	struct puppet inner = puppet_child(&outer), leaf = puppet_child(&inner), beside = puppet_child(&outer);
	expect(&leaf, LABEL, &outer);
	mark(&inner, LABEL2);
	expect(&leaf, LABEL2, &inner);
	expect(&beside, LABEL, &outer);
	/* An outer root that is told of again does not take them back, nor when the inner one has gone. */
	mark(&outer, LABEL);
	expect(&leaf, LABEL2, &inner);
	quit(&inner);
	mark(&outer, LABEL);
	expect(&leaf, LABEL2, &inner);
	/* An editor inside an agent's tree is the agent's. */
	assert_int_equal(ask(&leaf, &f), GATED);
	assert_int_equal(kern_mark(w.k, (uint32_t)leaf.pid, leaf.start_ns, CG_CLASS_EDITOR, LABEL), 0);
	expect(&leaf, LABEL2, &inner);
	struct puppet under = puppet_child(&leaf);
	assert_int_equal(ask(&under, &f), GATED);
	assert_int_equal(kern_mark(w.k, (uint32_t)under.pid, under.start_ns, CG_CLASS_EDITOR, LABEL), 0);
	expect(&under, LABEL2, &inner);
	quit(&under);
	quit(&leaf);
	quit(&beside);
	quit(&outer);
}

/* A person's own processes in an editor: registered servers only; its extension host: everything. */
static void editors(void **state)
{
	(void)state;
	struct cg_flow f;
	struct kern_conf c = conf();
	struct puppet editor = puppet(USER), shell = puppet_child(&editor), host = puppet_child(&editor), tool = puppet_child(&host);
	assert_int_equal(ask(&editor, &f), GATED);
	assert_int_equal(kern_mark(w.k, (uint32_t)editor.pid, editor.start_ns, CG_CLASS_EDITOR, LABEL), 0);
	mark(&host, LABEL);
	c.scope = CG_SCOPE_AGENTS;
	assert_int_equal(kern_configure(w.k, &c), 0);
	assert_int_equal(ask(&shell, &f), ENETUNREACH);
	assert_int_equal(ask(&editor, &f), ENETUNREACH);
	expect(&host, LABEL, &host);
	expect(&tool, LABEL, &host);
	/* The address that puppets dial is a registered server's. */
	struct kern_dest d = {.prefix = 128};
	assert_int_equal(inet_pton(AF_INET6, "::ffff:203.0.113.1", d.addr), 1);
	assert_int_equal(kern_dests(w.k, &d, 1), 0);
	assert_int_equal(ask(&shell, &f), GATED);
	assert_int_equal(f.agent_class, CG_CLASS_EDITOR);
	assert_true(f.flags & CG_FLOW_KNOWN);
	assert_int_equal(kern_dests(w.k, NULL, 0), 0);
	c = conf();
	assert_int_equal(kern_configure(w.k, &c), 0);
	quit(&tool);
	quit(&host);
	quit(&shell);
	quit(&editor);
}

static void a_stale_mark_means_nobody(void **state)
{
	(void)state;
	struct puppet p = puppet(USER);
	expect(&p, 0, NULL);
	assert_int_equal(kern_mark(w.k, (uint32_t)p.pid, p.start_ns - 1000000, CG_CLASS_AGENT, LABEL), 0);
	expect(&p, 0, NULL);
	quit(&p);
}

/* An agent's process is governed whatever its uid; and it is refused where no worker can be. */
static void agents_of_other_users(void **state)
{
	(void)state;
	struct cg_flow f;
	struct kern_conf c = conf();
	struct puppet p = puppet(STRANGER);
	assert_int_equal(ask(&p, &f), ENETUNREACH);
	const uint32_t all[] = {STRANGER};
	c.users = all;
	c.user_count = 1;
	assert_int_equal(kern_configure(w.k, &c), 0);
	mark(&p, LABEL);
	c = conf();
	assert_int_equal(kern_configure(w.k, &c), 0);
	struct puppet middle = puppet_child(&p), child = puppet_child(&middle);
	quit(&middle);
	expect(&child, LABEL, &p);
	quit(&child);
	quit(&p);
}

static struct cg_ask asks[8];
static size_t ask_count;

static void keep_ask(void *arg, const struct cg_ask *a)
{
	(void)arg;
	if (ask_count < sizeof(asks) / sizeof(asks[0]))
		asks[ask_count++] = *a;
}

static void expect_ask(const struct cg_ask *a, const struct puppet *p)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", p->pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(a->tgid, p->pid);
	assert_int_equal(a->inode, st.st_ino);
	assert_int_equal(a->uid, USER);
	assert_true(a->netns != 0);
}

static void agents_in_other_namespaces(void **state)
{
	(void)state;
	struct cg_flow f;
	uint64_t before = counter("denied-foreign-netns");
	assert_true(kern_asks_open(w.k, keep_ask, NULL) >= 0);
	struct puppet user = puppet(USER), agent = puppet(USER);
	mark(&agent, LABEL);
	assert_int_equal(tell(&user, 'n'), 0);
	assert_int_equal(tell(&agent, 'n'), 0);
	assert_int_equal(ask(&user, &f), EPERM);
	assert_int_equal(ask(&agent, &f), EPERM);
	assert_int_equal(ask(&agent, &f), EPERM);
	assert_int_equal(counter("denied-foreign-netns"), before + 3);
	/* One event each: a second one of the same namespace comes too soon. */
	kern_asks_read(w.k);
	assert_int_equal(ask_count, 2);
	expect_ask(&asks[0], &user);
	expect_ask(&asks[1], &agent);
	quit(&user);
	quit(&agent);
}

/* ---- exec events ---- */

static struct cg_exec events[64];
static size_t event_count;

static int keep_event(void *arg, void *data, size_t len)
{
	(void)arg;
	assert_int_equal(len, sizeof(struct cg_exec));
	if (event_count < sizeof(events) / sizeof(events[0]))
		memcpy(&events[event_count++], data, len);
	return 0;
}

/* Run ${argv} as ${uid} and gather what the ring says of that process. */
static pid_t run(struct ring_buffer *ring, uint32_t uid, const char *const argv[])
{
	int status;
	ring_buffer__consume(ring);
	pid_t pid = fork();
	if (pid == 0) {
		become(uid);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	event_count = 0;
	ring_buffer__consume(ring);
	size_t n = 0;
	for (size_t i = 0; i < event_count; i++)
		if (events[i].tgid == (uint32_t)pid)
			events[n++] = events[i];
	event_count = n;
	return pid;
}

static void execs_are_told(void **state)
{
	(void)state;
	char script[64], longest[PATH_MAX];
	struct stat st;
	assert_true(kern_exec_events_fd(w.k) >= 0);
	struct ring_buffer *ring = ring_buffer__new(kern_exec_events_fd(w.k), keep_event, NULL, NULL);
	assert_non_null(ring);

	run(ring, USER, (const char *const[]){"/bin/sh", "-c", ":", NULL});
	assert_int_equal(event_count, 1);
	assert_int_equal(events[0].uid, USER);
	assert_int_equal(events[0].ppid, getpid());
	assert_int_equal(events[0].cls, CG_CLASS_NONE);
	assert_string_equal(events[0].path, "/bin/sh");
	assert_string_equal(events[0].script, "-c");
	assert_int_equal(stat("/bin/sh", &st), 0);
	assert_int_equal(events[0].exe_ino, st.st_ino);
	assert_int_equal(events[0].exe_dev, major(st.st_dev) << 20 | minor(st.st_dev));
	assert_true(events[0].start_ns > 0);

	snprintf(script, sizeof(script), "/tmp/callgate-kerntest.%d.sh", getpid());
	int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_int_equal(write(fd, "#!/bin/sh\n:\n", 12), 12);
	close(fd);
	run(ring, USER, (const char *const[]){"/bin/sh", script, NULL});
	assert_int_equal(event_count, 1);
	assert_string_equal(events[0].script, script);
	run(ring, USER, (const char *const[]){script, "argument", NULL});
	assert_int_equal(event_count, 1);
	assert_string_equal(events[0].path, script);
	assert_string_equal(events[0].script, script); /* the kernel puts it behind the interpreter */
	unlink(script);

	/* The longest and the emptiest arguments: cut off, empty, never mixed up. */
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	run(ring, USER, (const char *const[]){"/bin/true", longest, NULL});
	assert_int_equal(strlen(events[0].script), CG_SCRIPT - 1);
	run(ring, USER, (const char *const[]){"/bin/true", NULL});
	assert_string_equal(events[0].path, "/bin/true");
	run(ring, USER, (const char *const[]){"/bin/true", "", NULL});
	assert_string_equal(events[0].script, "");

	/* Not governed, but perhaps an administrator's agent. */
	run(ring, STRANGER, (const char *const[]){"/bin/true", NULL});
	assert_int_equal(event_count, 1);
	assert_int_equal(events[0].uid, STRANGER);
	ring_buffer__free(ring);
}

static uint32_t seeded;

static int is_told(void *pid, void *data, size_t len)
{
	const struct cg_exec *e = data;
	assert_int_equal(len, sizeof(*e));
	if (e->tgid == *(const uint32_t *)pid) {
		assert_int_equal(e->uid, USER);
		assert_string_equal(e->path, "");
		assert_true(e->exe_ino != 0 && e->start_ns != 0);
		seeded++;
	}
	return 0;
}

/* Whoever recognises agents is told of the process, once. */
static void expect_told(const struct puppet *p, uint32_t times)
{
	uint32_t pid = (uint32_t)p->pid;
	struct ring_buffer *ring = ring_buffer__new(kern_exec_events_fd(w.k), is_told, &pid, NULL);
	assert_non_null(ring);
	seeded = 0;
	(void)ring_buffer__consume(ring);
	assert_int_equal(seeded, times);
	ring_buffer__free(ring);
}

/* Processes that were there before the programs. */
static void the_old_are_seeded(void **state)
{
	(void)state;
	char why[512];
	struct kern_conf c = conf();
	struct cg_flow f;
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	struct puppet agent = puppet(USER), middle = puppet_child(&agent), child = puppet_child(&middle);
	assert_int_equal(tell(&child, 'c'), ENETUNREACH);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	expect_told(&agent, 1);
	kern_release(&w.k);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	expect_told(&agent, 0); /* a later start knows it */
	kern_alive(w.k, 0);
	assert_int_equal(ask(&agent, &f), GATED);
	quit(&middle);
	mark(&agent, LABEL);
	expect(&child, LABEL, &agent);
	quit(&child);
	quit(&agent);
}

/* Whose exec found no room is told of later, and so is a child that runs the same. */
static void a_full_ring_hides_nobody(void **state)
{
	(void)state;
	uint64_t before = counter("exec-event-lost");
	struct puppet p = puppet(USER);
	while (counter("exec-event-lost") == before)
		assert_int_equal(tell(&p, 'e'), 0);
	assert_int_equal(tell(&p, 'e'), 0);
	struct puppet child = puppet_child(&p);
	kern_tell_again(w.k); /* there is no room yet */
	struct ring_buffer *ring = ring_buffer__new(kern_exec_events_fd(w.k), keep_event, NULL, NULL);
	assert_non_null(ring);
	(void)ring_buffer__consume(ring);
	ring_buffer__free(ring);
	kern_tell_again(w.k);
	expect_told(&p, 1);
	kern_tell_again(w.k);
	expect_told(&p, 0);
	quit(&child);
	quit(&p);
}

enum { NO_PID = 5000000 }; /* above what the kernel gives */

static bool known(const struct puppet *p)
{
	struct cg_proc entry;
	uint32_t tgid = (uint32_t)p->pid;
	return bpf_map_lookup_elem(kern_maps_fd(w.k, "cg_procs"), &tgid, &entry) == 0;
}

static void fill_table(bool fill)
{
	static uint32_t top = NO_PID;
	struct cg_proc entry = {0};
	int fd = kern_maps_fd(w.k, "cg_procs");
	for (; fill && bpf_map_update_elem(fd, &top, &entry, BPF_NOEXIST) == 0; top++)
		;
	for (; !fill && top > NO_PID; top--)
		(void)bpf_map_delete_elem(fd, &(uint32_t){top - 1});
}

/* A child for which the table had no room.  Other processes of the machine end, so that there may be some again. */
static struct puppet missed_child(const struct puppet *parent)
{
	for (int i = 0; i < 200; i++) {
		fill_table(true);
		struct puppet p = parent ? puppet_child(parent) : puppet(STRANGER);
		if (!known(&p))
			return p;
		quit(&p);
	}
	fail();
	return (struct puppet){0};
}

/* Whoever fills the table of processes does not get out of the tree: who is not in it counts as an agent, if he is governed. */
static void a_full_table_hides_nobody(void **state)
{
	(void)state;
	struct cg_flow f;
	struct timespec now;
	uint64_t before = counter("process-table-full");
	do {
		usleep(10000);
		clock_gettime(CLOCK_BOOTTIME, &now);
	} while (now.tv_sec <= w.k->watched_s);
	struct puppet agent = puppet(USER);
	mark(&agent, LABEL);
	struct puppet middle = missed_child(&agent), gone = missed_child(&middle), stranger = missed_child(NULL);
	expect(&gone, LABEL, &agent); /* the parents live */
	quit(&middle);
	assert_int_equal(ask(&gone, &f), GATED);
	assert_int_equal(f.agent_class, CG_CLASS_AGENT);
	assert_int_equal(f.agent_root, gone.pid);
	assert_int_equal(ask(&stranger, &f), ENETUNREACH); /* nobody's business, as before */
	assert_true(counter("process-table-full") > before);
	fill_table(false);
	quit(&gone);
	quit(&stranger);
	quit(&agent);
}

/* What an earlier run has watched counts on while its programs stay; without them it does not. */
static void watching_survives_a_restart(void **state)
{
	(void)state;
	char why[512];
	struct kern_conf c = conf();
	w.k->watched_s -= 1;
	uint32_t since = w.k->watched_s;
	assert_int_equal(kern_maps_watched(w.k, since), 0);
	kern_release(&w.k);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	assert_int_equal(w.k->watched_s, since);
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	assert_int_equal(kern_setup(&c, why, sizeof(why), &w.k), 0);
	assert_true(w.k->watched_s > since);
}

/* ---- sets of another layout ---- */

/* As if an earlier version had made what is there now. */
static void set_aside(const char *name)
{
	char to[PATH_MAX];
	snprintf(to, sizeof(to), "%s/%s", w.bpffs, name);
	char *from = strdup(w.k->dir);
	kern_release(&w.k);
	assert_int_equal(rename(from, to), 0);
	free(from);
}

static bool there(const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", w.bpffs, name);
	return access(path, F_OK) == 0;
}

static uint32_t attached(enum bpf_attach_type type)
{
	uint32_t ids[64], n = 64;
	int fd = open(w.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bpf_prog_query(fd, type, 0, NULL, ids, &n), 0);
	close(fd);
	return n;
}

static void begin_anew(uint32_t scope)
{
	char why[512];
	struct kern_conf c = conf();
	kern_release(&w.k);
	c.scope = scope;
	if (kern_setup(&c, why, sizeof(why), &w.k) < 0)
		fail_msg("%s", why);
}

/* A set whose maps have other sizes hands over: nobody is refused, who waits is known, agents stay agents, and then it goes. */
static void a_set_beside(void **state)
{
	(void)state;
	struct kern_dest d = {.prefix = 128};
	struct cg_flow f;
	unsigned row;
	begin_anew(CG_SCOPE_AGENTS);
	uint32_t hooks = attached(BPF_CGROUP_INET4_CONNECT);
	kern_alive(w.k, 0);
	struct puppet agent = puppet(USER), middle = puppet_child(&agent), orphan = puppet_child(&middle), person = puppet(USER);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:203.0.113.1", d.addr), 1);
	assert_int_equal(kern_dests(w.k, &d, 1), 0);
	assert_int_equal(ask(&agent, &f), GATED);
	mark(&agent, LABEL);
	quit(&middle);
	set_aside("v4-00000000");
	/* Nobody accepts him yet. */
	assert_int_equal(tell(&person, 'c'), 0);
	begin_anew(CG_SCOPE_AGENTS);
	assert_true(kern_earlier(w.k));
	assert_true(there("v4-00000000/link_cg_sockops") && there("v4-00000000/link_cg_egress"));
	assert_false(there("v4-00000000/link_cg_connect4") || there("v4-00000000/link_cg_fork"));
	assert_int_equal(attached(BPF_CGROUP_INET4_CONNECT), hooks);
	int waits = arrived(&row), earlier = kern_earlier_fd(w.k);
	assert_int_not_equal(record_of(waits, &f), 0);
	assert_int_equal(bpf_map_lookup_elem(earlier, &waits, &f), 0);
	assert_true(f.uid == USER && (pid_t)f.tgid == person.pid);
	close(waits);
	/* No heartbeat was written and no mark given since. */
	expect(&agent, LABEL, &agent);
	expect(&orphan, LABEL, &agent);
	assert_int_equal(ask(&person, &f), GATED);
	assert_true(f.flags & CG_FLOW_KNOWN);
	kern_settle(w.k);
	assert_false(kern_earlier(w.k) || there("v4-00000000"));
	assert_int_equal(kern_earlier_fd(w.k), -1);
	assert_int_equal(attached(BPF_CGROUP_SOCK_OPS), 1);
	expect(&orphan, LABEL, &agent);
	struct puppet child = puppet_child(&orphan);
	expect(&child, LABEL, &agent);
	quit(&child);
	quit(&person);
	quit(&orphan);
	quit(&agent);
	assert_int_equal(kern_dests(w.k, NULL, 0), 0);
}

static void beats_stop(const char *name)
{
	char path[PATH_MAX];
	struct cg_beats none = {{0}};
	uint32_t zero = 0;
	snprintf(path, sizeof(path), "%s/%s/cg_beats", w.bpffs, name);
	int fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &zero, &none, BPF_ANY), 0);
	close(fd);
}

static uint64_t start_of(const struct puppet *p)
{
	struct cg_proc entry;
	uint32_t tgid = (uint32_t)p->pid;
	assert_int_equal(bpf_map_lookup_elem(kern_maps_fd(w.k, "cg_procs"), &tgid, &entry), 0);
	return entry.start_ns;
}

/* One of another ABI version cannot be read: it refuses agents until ours has been told of them; and what was left half made goes at once. */
static void a_set_that_cannot_be_read(void **state)
{
	(void)state;
	struct cg_flow f;
	begin_anew(CG_SCOPE_AGENTS);
	kern_alive(w.k, 0);
	struct puppet agent = puppet(USER);
	assert_int_equal(ask(&agent, &f), ENETUNREACH);
	agent.start_ns = start_of(&agent);
	mark(&agent, LABEL);
	expect(&agent, LABEL, &agent);
	set_aside("v2");
	beats_stop("v2");
	char half[PATH_MAX];
	snprintf(half, sizeof(half), "%s/v1", w.bpffs);
	assert_int_equal(mkdir(half, 0700), 0);
	begin_anew(CG_SCOPE_AGENTS);
	kern_alive(w.k, 0);
	assert_false(there("v1"));
	assert_true(there("v2/link_cg_connect4"));
	assert_int_equal(kern_earlier_fd(w.k), -1);
	assert_int_equal(tell(&agent, 'c'), EPERM);
	expect_told(&agent, 1);
	mark(&agent, LABEL);
	kern_settle(w.k);
	assert_false(there("v2"));
	expect(&agent, LABEL, &agent);
	quit(&agent);
}

/* --detach knows no layouts. */
static void all_sets_are_removed(void **state)
{
	(void)state;
	begin_anew(CG_SCOPE_AGENTS);
	set_aside("v2");
	begin_anew(CG_SCOPE_AGENTS);
	assert_int_equal(attached(BPF_CGROUP_SOCK_OPS), 2);
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	assert_int_equal(attached(BPF_CGROUP_SOCK_OPS), 0);
	begin_anew(CG_SCOPE_USERS);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tree),
	    cmocka_unit_test(leaving_does_not_help),
	    cmocka_unit_test(deep_trees_keep_the_mark),
	    cmocka_unit_test(the_nearest_root_counts),
	    cmocka_unit_test(a_late_inner_root),
	    cmocka_unit_test(editors),
	    cmocka_unit_test(a_stale_mark_means_nobody),
	    cmocka_unit_test(agents_of_other_users),
	    cmocka_unit_test(agents_in_other_namespaces),
	    cmocka_unit_test(execs_are_told),
	    cmocka_unit_test(the_old_are_seeded),
	    cmocka_unit_test(a_full_ring_hides_nobody),
	    cmocka_unit_test(a_full_table_hides_nobody),
	    cmocka_unit_test(watching_survives_a_restart),
	    cmocka_unit_test(a_set_beside),
	    cmocka_unit_test(a_set_that_cannot_be_read),
	    cmocka_unit_test(all_sets_are_removed),
	};
	if (argc == 3 && strcmp(argv[1], "puppet") == 0) {
		int answer = 0, fd = atoi(argv[2]);
		if (write(fd, &answer, sizeof(answer)) == sizeof(answer))
			puppet_serve(fd);
		return 1;
	}
	/* Orphans come to this process, and quit() waits for them as for its children: how fast a machine's init reaps is its own affair. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return 1;
	return AID_MAIN(tests);
}
