/*
 * kern_test.c - the connect hook and the hand-off, really loaded and attached: what a governed user's connections become, and
 * what a worker learns about them.
 * Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kern_aid.h"

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
		unsigned row;
		struct cg_flow f;
		union addr peer;
		socklen_t len = sizeof(peer);
		struct client c = client(redirected[i].uid, redirected[i].how, redirected[i].family, redirected[i].to, PORT);
		print_message("# %s: %s\n", redirected[i].name, strerror(c.err));
		assert_int_equal(c.err, 0);
		int fd = arrived(&row);
		assert_int_equal(row / SLOTS, redirected[i].v6);
		assert_int_equal(record_of(fd, &f), 0);
		check_who(&f, &c, redirected[i].uid);
		dst_bytes(redirected[i].to, dst);
		assert_memory_equal(f.dst, dst, 16);
		assert_int_equal(ntohs(f.dst_port), PORT);
		assert_int_equal(f.family, redirected[i].family);
		assert_int_equal(f.slot, row % SLOTS);
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
		unsigned row;
		struct client c = client(others[i].uid, others[i].how, others[i].family, others[i].to, others[i].port);
		print_message("# %s: %s\n", others[i].name, strerror(c.err));
		assert_int_equal(c.err, others[i].err);
		if (c.err == 0) {
			struct cg_flow f;
			int fd = arrived(&row);
			assert_int_equal(row, ROW_LOCAL);
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
	return AID_MAIN(tests);
}
