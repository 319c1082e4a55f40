/*
 * kern_test.c - the BPF side, really loaded and attached, seen from a governed user and from a worker.
 * Needs root.  Runs in a cgroup, a network namespace and a bpffs of its own; skips when it is not root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum { USER = 5001, OTHER = 5002, STRANGER = 5003, BASE = 940, SLOTS = 2, PORT = 443, LOCAL = 3000, GENERATION = 7 };

static struct {
	char cgroup[PATH_MAX], bpffs[64];
	int home;           /* cgroup.procs of where we came from */
	uint64_t cgroup_id;
	int listener[2][SLOTS]; /* v4, v6 */
	int local;
	struct kern *k;
	const char *trouble; /* why nothing can be tested, or NULL */
} w;

static const uint32_t users[] = {USER, OTHER};
static const uint16_t ports[] = {PORT};

static struct kern_conf conf(void)
{
	return (struct kern_conf){.cgroup = w.cgroup, .bpffs = w.bpffs, .users = users, .user_count = 2, .ports = ports,
	    .port_count = 1, .port_base = BASE, .slots = SLOTS, .generation = GENERATION};
}

/* ---- addresses ---- */

union addr {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t addr_of(union addr *a, const char *text, uint16_t port)
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

static int listen_on(const char *text, uint16_t port)
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

static void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* What a killed run left; its namespace and with it its pins are gone, its cgroup is empty. */
static void sweep(const char *root)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(root);
	while (d && (e = readdir(d))) {
		int pid;
		if (sscanf(e->d_name, "callgate-kerntest.%d", &pid) != 1 || kill(pid, 0) == 0)
			continue;
		snprintf(path, sizeof(path), "%.2000s/%s/service", root, e->d_name);
		rmdir(path);
		*strrchr(path, '/') = 0;
		rmdir(path);
	}
	if (d)
		closedir(d);
}

static void enter_cgroup(void)
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

static void loopback_up(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
	/* Something to be bound to that is not loopback; no route leads out of it. */
	assert_int_equal(system("ip link add test0 type veth peer name test1 && ip link set test0 up && ip link set test1 up && ip addr add 10.9.9.9/32 dev test0"), 0);
}

static int arrange(void **state)
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
		kern_alive(w.k, (uint32_t)i);
	}
	w.local = listen_on("127.0.0.1", LOCAL);
	return 0;
}

static int clear_away(void **state)
{
	(void)state;
	char path[PATH_MAX + 16];
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	if (w.home >= 0 && write(w.home, "0", 1) < 0)
		print_message("# cannot go back to the old cgroup\n");
	snprintf(path, sizeof(path), "%s/service", w.cgroup);
	rmdir(path);
	return rmdir(w.cgroup);
}

/* ---- a client: another process, of another uid, alive until its record has been looked at ---- */

enum how { PLAIN, FASTOPEN, NONBLOCK, MPTCP, DEVICE, SOURCE, TWICE };

struct client {
	pid_t pid;
	int done; /* closing it lets the process go */
	int err;  /* of connect */
	union addr peer, self;
};

static int dial(enum how how, int family, const union addr *to, socklen_t len)
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

static void become(uint32_t uid)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setresgid(uid + 100, uid + 100, uid + 100) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(99);
}

static struct client client(uint32_t uid, enum how how, int family, const char *text, uint16_t port)
{
	struct client c = {0};
	int out[2], done[2];
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	c.pid = fork();
	if (c.pid == 0) {
		union addr a;
		socklen_t len = addr_of(&a, text, port), n = sizeof(c.peer);
		char byte;
		close(done[1]);
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

static void client_end(struct client *c)
{
	int status;
	close(c->done);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_int_equal(status, 0);
}

/* The accepted socket of either slot, or -1. */
static int accept_any(int v6, uint32_t *slot)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		int fd = accept4(w.listener[v6][i], NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			*slot = i;
			return fd;
		}
	}
	return -1;
}

static int record_of(int fd, struct cg_flow *f)
{
	return bpf_map_lookup_elem(kern_accepted_fd(w.k), &fd, f);
}

static uint64_t counter_sum;
static void add_counter(void *name, const char *row, uint64_t n)
{
	if (strcmp(name, row) == 0)
		counter_sum = n;
}

static uint64_t counter(char *name)
{
	counter_sum = UINT64_MAX;
	kern_each_counter(w.k, add_counter, name);
	assert_true(counter_sum != UINT64_MAX);
	return counter_sum;
}

/* ---- tests ---- */

static unsigned long long start_ticks(pid_t pid)
{
	char path[64], text[1024] = "";
	unsigned long long t = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_int_equal(sscanf(strrchr(text, ')'),
	    ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &t), 1);
	return t;
}

static void check_who(const struct cg_flow *f, const struct client *c, uint32_t uid)
{
	char path[64];
	struct stat st;
	assert_int_equal(f->abi, CG_ABI_VERSION);
	assert_int_equal(f->verdict, CG_REDIRECT);
	assert_int_equal(f->uid, uid);
	assert_int_equal(f->gid, uid + 100);
	assert_int_equal(f->tgid, c->pid);
	assert_int_equal(f->tid, c->pid);
	assert_int_equal(f->start_ns / (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK)), start_ticks(c->pid));
	snprintf(path, sizeof(path), "/proc/%d/exe", c->pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(f->exe_ino, st.st_ino);
	assert_int_equal(f->exe_dev, major(st.st_dev) << 20 | minor(st.st_dev));
	assert_int_equal(f->cgroup, w.cgroup_id);
	assert_int_equal(f->generation, GENERATION);
	assert_int_equal(f->agent_class, CG_CLASS_NONE);
	assert_true(f->netns != 0 && f->connect_ns != 0 && f->connect_ns <= mono_now().ns);
	assert_string_equal(f->comm, "kern_test");
}

static const struct {
	const char *name;
	uint32_t uid;
	enum how how;
	int family;
	const char *to;
	bool v6;      /* which listener */
	uint32_t flags;
	bool spoofed; /* getpeername shows the original */
} redirected[] = {
    {"plain", USER, PLAIN, AF_INET, "203.0.113.7", false, 0, true},
    {"second user", OTHER, PLAIN, AF_INET, "203.0.113.8", false, 0, true},
    {"fast open", USER, FASTOPEN, AF_INET, "203.0.113.9", false, 0, true},
    {"nonblocking", USER, NONBLOCK, AF_INET, "203.0.113.10", false, 0, true},
    {"multipath", USER, MPTCP, AF_INET, "203.0.113.11", false, 0, false},
    {"bound to an address", USER, SOURCE, AF_INET, "203.0.113.13", false, 0, true},
    {"mapped", USER, PLAIN, AF_INET6, "::ffff:203.0.113.14", false, CG_FLOW_V4MAPPED, true},
    {"mapped fast open", USER, FASTOPEN, AF_INET6, "::ffff:203.0.113.15", false, CG_FLOW_V4MAPPED, true},
    {"IPv6", USER, PLAIN, AF_INET6, "2001:db8::7", true, 0, true},
    {"IPv6 fast open", USER, FASTOPEN, AF_INET6, "2001:db8::8", true, 0, true},
    {"IPv6 nonblocking", USER, NONBLOCK, AF_INET6, "2001:db8::9", true, 0, true},
};

static void dst_bytes(const char *text, uint8_t out[16])
{
	char mapped[64];
	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	assert_int_equal(inet_pton(AF_INET6, mapped, out), 1);
}

static void records_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(redirected) / sizeof(redirected[0]); i++) {
		uint8_t dst[16];
		uint32_t slot;
		struct cg_flow f;
		union addr peer;
		socklen_t len = sizeof(peer);
		struct client c = client(redirected[i].uid, redirected[i].how, redirected[i].family, redirected[i].to, PORT);
		print_message("# %s: %s\n", redirected[i].name, strerror(c.err));
		assert_int_equal(c.err, 0);
		int fd = accept_any(redirected[i].v6, &slot);
		assert_true(fd >= 0);
		assert_int_equal(record_of(fd, &f), 0);
		check_who(&f, &c, redirected[i].uid);
		dst_bytes(redirected[i].to, dst);
		assert_memory_equal(f.dst, dst, 16);
		assert_int_equal(ntohs(f.dst_port), PORT);
		assert_int_equal(f.family, redirected[i].family);
		assert_int_equal(f.slot, slot);
		assert_int_equal(f.flags & CG_FLOW_V4MAPPED, redirected[i].flags);
		if (redirected[i].spoofed) {
			union addr want;
			addr_of(&want, redirected[i].to, PORT);
			assert_memory_equal(&c.peer, &want, sizeof(want));
		}
		/* The worker sees the true peer, the client's own address. */
		assert_int_equal(getpeername(fd, &peer.sa, &len), 0);
		assert_int_equal(peer.sa.sa_family, redirected[i].v6 ? AF_INET6 : AF_INET);
		assert_int_equal(peer.v4.sin_port, c.self.v4.sin_port);
		close(fd);
		client_end(&c);
	}
	assert_int_equal(counter("handoff-missing"), 0);
	assert_int_equal(counter("handoff-full"), 0);
}

static const struct {
	const char *name;
	uint32_t uid;
	int family;
	const char *to;
	uint16_t port;
	int err;
	enum how how;
} others[] = {
    {"bound to a device", USER, AF_INET, "203.0.113.12", PORT, EPERM, DEVICE},
    {"local server", USER, AF_INET, "127.0.0.1", LOCAL, 0, PLAIN},
    {"local server by 0.0.0.0", USER, AF_INET, "0.0.0.0", LOCAL, 0, PLAIN},
    {"local port that is redirected elsewhere", USER, AF_INET, "127.0.0.1", PORT, ECONNREFUSED, PLAIN},
    {"no such port", USER, AF_INET, "203.0.113.7", 22, ENETUNREACH, PLAIN},
    {"not governed", STRANGER, AF_INET, "203.0.113.7", PORT, ENETUNREACH, PLAIN},
    {"not governed, IPv6", STRANGER, AF_INET6, "2001:db8::7", PORT, ENETUNREACH, PLAIN},
    {"worker port", USER, AF_INET, "127.0.0.1", BASE, EPERM, PLAIN},
    {"worker port of another slot", USER, AF_INET, "127.0.0.1", BASE + 1, EPERM, PLAIN},
    {"worker port by another loopback address", USER, AF_INET, "127.1.2.3", BASE, EPERM, PLAIN},
    {"worker port by 0.0.0.0", USER, AF_INET, "0.0.0.0", BASE, EPERM, PLAIN},
    {"worker port, mapped", USER, AF_INET6, "::ffff:127.0.0.1", BASE, EPERM, PLAIN},
    {"worker port, mapped 0", USER, AF_INET6, "::ffff:0.0.0.0", BASE, EPERM, PLAIN},
    {"worker port, IPv6", USER, AF_INET6, "::1", BASE, EPERM, PLAIN},
    {"worker port by ::", USER, AF_INET6, "::", BASE, EPERM, PLAIN},
    {"worker port, not governed", STRANGER, AF_INET, "127.0.0.1", BASE, EPERM, PLAIN},
    {"worker port, root", 0, AF_INET, "127.0.0.1", BASE, EPERM, PLAIN},
    {"port behind the workers", USER, AF_INET, "127.0.0.1", BASE + SLOTS, ECONNREFUSED, PLAIN},
};

static void others_are_not_redirected(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uint32_t slot;
		struct client c = client(others[i].uid, others[i].how, others[i].family, others[i].to, others[i].port);
		print_message("# %s: %s\n", others[i].name, strerror(c.err));
		assert_int_equal(c.err, others[i].err);
		assert_int_equal(accept_any(0, &slot), -1);
		assert_int_equal(accept_any(1, &slot), -1);
		if (c.err == 0) {
			struct cg_flow f;
			int fd = accept4(w.local, NULL, NULL, SOCK_CLOEXEC);
			assert_true(fd >= 0);
			assert_int_not_equal(record_of(fd, &f), 0);
			close(fd);
		}
		client_end(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_are_exact),
	    cmocka_unit_test(others_are_not_redirected),
	};
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, arrange, clear_away);
}
