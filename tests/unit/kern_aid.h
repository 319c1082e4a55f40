/*
 * kern_aid.h - for tests of the BPF side: a cgroup, a network namespace and a bpffs of their own, workers' listeners, and
 * clients of other uids.  Everything is taken away at the end; what a killed run left, the next one removes.
 * Include after cmocka.h.
 */
#ifndef TESTS_KERN_AID_H
#define TESTS_KERN_AID_H

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mtime.h"
#include "kern/kern.h"
#include "kern/kern_internal.h"

#define AID static __attribute__((unused))

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { USER = 5001, OTHER = 5002, STRANGER = 5003, BASE = 940, SLOTS = 2, PORT = 443, LOCAL = 3000, GENERATION = 7 };
enum { GATED = -1 }; /* a connect that reached a worker, where otherwise its errno stands */

struct kern_world {
	char cgroup[PATH_MAX], bpffs[64];
	int home;           /* cgroup.procs of where we came from */
	uint64_t cgroup_id;
	int listener[2][SLOTS]; /* v4, v6 */
	int local;
	struct kern *k;
	unsigned live; /* slots that clients keep alive before they start */
};
static struct kern_world w;

static const uint32_t users[] = {USER, OTHER};
static const uint16_t ports[] = {PORT};

AID struct kern_conf conf(void)
{
	return (struct kern_conf){.cgroup = w.cgroup, .bpffs = w.bpffs, .users = users, .user_count = 2, .ports = ports,
	    .port_count = 1, .port_base = BASE, .slots = SLOTS, .generation = GENERATION, .scope = CG_SCOPE_USERS};
}

/* ---- addresses ---- */

union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

AID socklen_t addr_of(union addr *a, const char *text, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return sizeof(a->v4);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &a->v6.sin6_addr), 1);
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons(port);
	return sizeof(a->v6);
}

AID int listen_on(const char *text, uint16_t port)
{
	union addr a;
	int one = 1;
	socklen_t len = addr_of(&a, text, port);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, &a.sa, len), 0);
	assert_int_equal(listen(fd, 4096), 0);
	return fd;
}

/* ---- surroundings ---- */

AID void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

AID int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	/* Files of a cgroup go with it.  What was killed is there for a moment. */
	for (int i = 0; kind == FTW_DP && i < 500 && rmdir(path) < 0 && errno == EBUSY; i++)
		usleep(10000);
	return 0;
}

/* Kill what is left in the cgroup, and below it, and take it away. */
AID int remove_cgroup(const char *dir)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/cgroup.kill", dir);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) < 0)
		print_message("# cannot kill what is in %s\n", dir);
	if (fd >= 0)
		close(fd);
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return access(dir, F_OK) == 0 ? -1 : 0;
}

/* What a killed run left; its namespace and with it its pins are gone. */
AID void sweep(const char *root)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(root);
	while (d && (e = readdir(d))) {
		int pid;
		if (sscanf(e->d_name, "callgate-kerntest.%d", &pid) != 1 || kill(pid, 0) == 0)
			continue;
		snprintf(path, sizeof(path), "%.2000s/%s", root, e->d_name);
		remove_cgroup(path);
	}
	if (d)
		closedir(d);
}

AID void enter_cgroup(void)
{
	char why[256], link[64], root[2048] = "", path[PATH_MAX + 32];
	struct stat st;
	int fd = kern_cgroup_open(NULL, why, sizeof(why));
	assert_true(fd >= 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_true(readlink(link, root, sizeof(root) - 1) > 0);
	sweep(root);
	snprintf(w.cgroup, sizeof(w.cgroup), "%s/callgate-kerntest.%d", root, getpid());
	assert_int_equal(mkdir(w.cgroup, 0755), 0);
	assert_int_equal(stat(w.cgroup, &st), 0);
	w.cgroup_id = st.st_ino;
	snprintf(path, sizeof(path), "%s/service", w.cgroup);
	assert_int_equal(mkdir(path, 0755), 0);
	w.home = openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	assert_true(w.home >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/cgroup.procs", w.cgroup);
	put_text(path, "0");
}

AID void loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
	/* Something to be bound to that is not loopback; no route leads out of it. */
	assert_int_equal(system("ip link add test0 type veth peer name test1 && ip link set test0 up && ip link set test1 up && ip addr add 10.9.9.9/32 dev test0"), 0);
}

AID int arrange(void **state)
{
	(void)state;
	char why[512];
	enter_cgroup();
	assert_int_equal(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	loopback_up();
	snprintf(w.bpffs, sizeof(w.bpffs), "/tmp/callgate-kerntest.%d", getpid());
	struct kern_conf c = conf();
	if (kern_setup(&c, why, sizeof(why), &w.k) < 0)
		fail_msg("%s", why);
	for (int i = 0; i < SLOTS; i++) {
		w.listener[0][i] = listen_on("127.0.0.1", (uint16_t)(BASE + i));
		w.listener[1][i] = listen_on("::1", (uint16_t)(BASE + i));
	}
	w.live = (1u << SLOTS) - 1;
	w.local = listen_on("127.0.0.1", LOCAL);
	return 0;
}

AID int clear_away(void **state)
{
	(void)state;
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	if (w.home >= 0 && write(w.home, "0", 1) < 0)
		print_message("# cannot go back to the old cgroup\n");
	return remove_cgroup(w.cgroup);
}

/* ---- a client: another process, of another uid, alive until its record has been looked at ---- */

enum how { PLAIN, FASTOPEN, NONBLOCK, MPTCP, DEVICE, SOURCE };

struct client {
	pid_t pid;
	int done; /* closing it lets the process go */
	int err;  /* of connect */
	union addr peer, self;
};

AID int dial(enum how how, int family, const union addr *to, socklen_t len)
{
	union addr src;
	int fd = socket(family, SOCK_STREAM | (how == NONBLOCK ? SOCK_NONBLOCK : 0), how == MPTCP ? IPPROTO_MPTCP : 0);
	if (fd < 0)
		return -errno;
	if (how == DEVICE && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "test0", 6) < 0)
		return -errno;
	if (how == SOURCE && bind(fd, &src.sa, addr_of(&src, "10.9.9.9", 0)) < 0)
		return -errno;
	int r = how == FASTOPEN ? (int)sendto(fd, "hello", 5, MSG_FASTOPEN, &to->sa, len) : connect(fd, &to->sa, len);
	if (r < 0 && how == NONBLOCK && errno == EINPROGRESS) {
		struct pollfd p = {fd, POLLOUT, 0};
		poll(&p, 1, 5000);
		socklen_t n = sizeof(r);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &r, &n);
		return r ? -r : fd;
	}
	return r < 0 ? -errno : fd;
}

AID void become(uint32_t uid)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setresgid(uid + 100, uid + 100, uid + 100) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(99);
}

/* ${first}, if any, runs in the new process as root; it returns true when it has taken on a uid itself. */
AID struct client client_after(bool (*first)(void), uint32_t uid, enum how how, int family, const char *text, uint16_t port)
{
	struct client c = {0};
	int out[2], done[2];
	for (uint32_t i = 0; i < SLOTS; i++)
		if (w.live >> i & 1)
			kern_alive(w.k, i);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	c.pid = fork();
	if (c.pid == 0) {
		union addr a;
		socklen_t len = addr_of(&a, text, port), n = sizeof(c.peer);
		char byte;
		close(done[1]);
		if (!first || !first())
			become(uid);
		int fd = dial(how, family, &a, len);
		c.err = fd < 0 ? -fd : 0;
		if (fd >= 0) {
			getpeername(fd, &c.peer.sa, &n);
			n = sizeof(c.self);
			getsockname(fd, &c.self.sa, &n);
		}
		if (write(out[1], &c, sizeof(c)) != sizeof(c) || read(done[0], &byte, 1) < 0)
			_exit(98);
		_exit(0);
	}
	pid_t pid = c.pid;
	close(out[1]);
	close(done[0]);
	assert_int_equal(read(out[0], &c, sizeof(c)), sizeof(c));
	close(out[0]);
	c.pid = pid;
	c.done = done[1];
	return c;
}

AID struct client client(uint32_t uid, enum how how, int family, const char *text, uint16_t port)
{
	return client_after(NULL, uid, how, family, text, port);
}

AID void client_end(struct client *c)
{
	int status;
	close(c->done);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_int_equal(status, 0);
}

/*
 * Where a connection that succeeded has arrived: the accepted socket, and the listener's row (0..SLOTS-1 the workers on IPv4,
 * then those on IPv6, then the local server).  connect() may return before the listener knows; a lost one fails the test.
 */
enum { ROW_LOCAL = 2 * SLOTS };
AID int arrived(unsigned *row)
{
	struct pollfd p[ROW_LOCAL + 1];
	for (unsigned i = 0; i < ROW_LOCAL; i++)
		p[i] = (struct pollfd){w.listener[i / SLOTS][i % SLOTS], POLLIN, 0};
	p[ROW_LOCAL] = (struct pollfd){w.local, POLLIN, 0};
	assert_true(poll(p, ROW_LOCAL + 1, 10000) > 0);
	for (*row = 0; !p[*row].revents; ++*row)
		;
	int fd = accept4(p[*row].fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

AID int record_of(int fd, struct cg_flow *f)
{
	return bpf_map_lookup_elem(kern_accepted_fd(w.k), &fd, f);
}

/* One connect: its errno, or GATED and the record. */
AID int try_after(bool (*first)(void), uint32_t uid, const char *to, uint16_t port, struct cg_flow *f)
{
	unsigned row = ROW_LOCAL;
	struct cg_flow none;
	struct client c = client_after(first, uid, PLAIN, strchr(to, ':') ? AF_INET6 : AF_INET, to, port);
	memset(f ? f : &none, 0, sizeof(none));
	if (c.err == 0) {
		int fd = arrived(&row);
		assert_int_equal(record_of(fd, f ? f : &none) == 0, row != ROW_LOCAL);
		close(fd);
	}
	client_end(&c);
	return row != ROW_LOCAL ? GATED : c.err;
}

AID int try(uint32_t uid, const char *to, uint16_t port)
{
	return try_after(NULL, uid, to, port, NULL);
}

static uint64_t counter_sum;
AID void add_counter(void *name, const char *row, uint64_t n)
{
	if (strcmp(name, row) == 0)
		counter_sum = n;
}

AID uint64_t counter(char *name)
{
	counter_sum = UINT64_MAX;
	kern_each_counter(w.k, add_counter, name);
	assert_true(counter_sum != UINT64_MAX);
	return counter_sum;
}

#define AID_MAIN(tests)                                                                            \
	(geteuid() != 0 ? (printf("# needs root\n"), 77) : cmocka_run_group_tests(tests, arrange, clear_away))

#endif
