/*
 * kern_rule_test.c - who is redirected, where to, and when: settings, destinations, namespaces, heartbeats.
 * Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kern_aid.h"

#include "base/err.h"

static int reset(void **state)
{
	struct kern_conf c = conf();
	(void)state;
	w.live = (1u << SLOTS) - 1;
	return kern_configure(w.k, &c) || kern_dests(w.k, NULL, 0);
}

static void settings_change(void **state)
{
	(void)state;
	struct kern_conf c = conf();
	const uint32_t one[] = {STRANGER};
	const uint16_t two[] = {0, 65535};
	assert_int_equal(try(USER, "203.0.113.1", PORT), GATED);
	c.users = one;
	c.user_count = 1;
	assert_int_equal(kern_configure(w.k, &c), 0);
	assert_int_equal(try(USER, "203.0.113.1", PORT), ENETUNREACH);
	assert_int_equal(try(STRANGER, "203.0.113.1", PORT), GATED);
	c.ports = two;
	c.port_count = 2;
	assert_int_equal(kern_configure(w.k, &c), 0);
	assert_int_equal(try(STRANGER, "203.0.113.1", PORT), ENETUNREACH);
	assert_int_equal(try(STRANGER, "203.0.113.1", 65535), GATED);
	c.port_count = 0;
	c.redirect_all = true;
	assert_int_equal(kern_configure(w.k, &c), 0);
	assert_int_equal(try(STRANGER, "203.0.113.1", 22), GATED);
	assert_int_equal(try(STRANGER, "2001:db8::1", 22), GATED);
	assert_int_equal(try(STRANGER, "127.0.0.1", LOCAL), 0); /* loopback is not "all" */
	c.user_count = 0;
	assert_int_equal(kern_configure(w.k, &c), 0);
	assert_int_equal(try(STRANGER, "203.0.113.1", 22), ENETUNREACH);
	c.slots = CG_SLOTS + 1;
	assert_int_equal(kern_configure(w.k, &c), -ERR_RANGE);
	c.slots = 2;
	c.port_base = 65535;
	assert_int_equal(kern_configure(w.k, &c), -ERR_RANGE);
}

/* What each scope covers, of a governed and of another user; the address of a registered server is looked at in any. */
static void scopes(void **state)
{
	(void)state;
	static const struct {
		uint32_t scope;
		int user, known, stranger, stranger_known;
	} want[] = {
	    {CG_SCOPE_AGENTS, ENETUNREACH, GATED, ENETUNREACH, ENETUNREACH},
	    {CG_SCOPE_USERS, GATED, GATED, ENETUNREACH, ENETUNREACH},
	    {CG_SCOPE_ALL, GATED, GATED, GATED, GATED},
	};
	/* A name's port at any address means as much as a redirected port. */
	struct kern_dest list[2] = {{.port = 9000}, {.prefix = 128}};
	assert_int_equal(inet_pton(AF_INET6, "::ffff:203.0.113.77", list[1].addr), 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct kern_conf c = conf();
		c.scope = want[i].scope;
		assert_int_equal(kern_configure(w.k, &c), 0);
		assert_int_equal(kern_dests(w.k, list, 2), 0);
		assert_int_equal(try(USER, "203.0.113.1", PORT), want[i].user);
		assert_int_equal(try(USER, "203.0.113.1", 9000), want[i].user);
		assert_int_equal(try(USER, "203.0.113.1", 22), ENETUNREACH);
		assert_int_equal(try(USER, "203.0.113.77", 22), want[i].known);
		assert_int_equal(try(STRANGER, "203.0.113.1", PORT), want[i].stranger);
		assert_int_equal(try(STRANGER, "203.0.113.77", 22), want[i].stranger_known);
	}
}

static struct kern_dest dest(const char *text, uint8_t prefix, uint16_t port)
{
	struct kern_dest d = {.prefix = prefix, .port = port};
	assert_int_equal(inet_pton(AF_INET6, text, d.addr), 1);
	return d;
}

static const struct {
	const char *rule;
	uint8_t prefix;
	uint16_t port;
	const char *to;
	uint16_t to_port;
	int want;
} dests[] = {
    {"::ffff:198.51.100.4", 128, 9000, "198.51.100.4", 9000, GATED},
    {"::ffff:198.51.100.4", 128, 9000, "::ffff:198.51.100.4", 9000, GATED},
    {"::ffff:198.51.100.4", 128, 9000, "198.51.100.5", 9000, ENETUNREACH},
    {"::ffff:198.51.100.4", 128, 9000, "198.51.100.4", 9001, ENETUNREACH},
    {"::ffff:198.51.100.99", 120, 9000, "198.51.100.200", 9000, GATED},
    {"::ffff:198.51.100.99", 120, 9000, "198.51.101.1", 9000, ENETUNREACH},
    {"::ffff:198.51.100.4", 128, 0, "198.51.100.4", 1, GATED},
    {"::ffff:198.51.100.4", 128, 0, "198.51.100.5", 1, ENETUNREACH},
    {"2001:db8:1::", 48, 9000, "2001:db8:1:ffff::1", 9000, GATED},
    {"2001:db8:1::", 48, 9000, "2001:db8:2::1", 9000, ENETUNREACH},
    {"::", 0, 9000, "198.51.100.4", 9000, GATED},
    {"::", 0, 9000, "2001:db8::1", 9000, GATED},
    {"::", 0, 9000, "198.51.100.4", 9001, ENETUNREACH},
    /* A rule for everything does not mean the machine itself; one that names it does. */
    {"::", 0, LOCAL, "127.0.0.1", LOCAL, 0},
    {"::ffff:0.0.0.0", 96, LOCAL, "127.0.0.1", LOCAL, 0},
    {"::ffff:127.0.0.1", 128, LOCAL, "127.0.0.1", LOCAL, GATED},
    {"::ffff:127.0.0.1", 128, LOCAL, "::ffff:127.0.0.1", LOCAL, GATED},
    {"::ffff:127.0.0.0", 104, LOCAL, "127.9.9.9", LOCAL, GATED},
    {"::ffff:127.0.0.1", 128, LOCAL, "0.0.0.0", LOCAL, GATED},
    {"::ffff:127.0.0.1", 128, LOCAL, "127.9.9.9", LOCAL, GATED},
    {"::ffff:127.0.0.1", 128, LOCAL, "::1", LOCAL, GATED},
    {"::1", 128, LOCAL, "127.0.0.1", LOCAL, GATED},
    {"::1", 128, LOCAL, "::1", LOCAL, GATED},
    {"::1", 128, LOCAL, "::", LOCAL, GATED},
    {"::ffff:127.0.0.1", 128, BASE, "127.0.0.1", BASE, EPERM}, /* never a worker */
};

static void destinations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dests) / sizeof(dests[0]); i++) {
		struct kern_dest d = dest(dests[i].rule, dests[i].prefix, dests[i].port);
		assert_int_equal(kern_dests(w.k, &d, 1), 0);
		int got = try(USER, dests[i].to, dests[i].to_port);
		if (got != dests[i].want)
			fail_msg("row %zu: %s:%u gives %d", i, dests[i].to, dests[i].to_port, got);
		assert_int_equal(try(STRANGER, "198.51.100.4", 9000), ENETUNREACH);
	}
}

static void destinations_are_replaced(void **state)
{
	(void)state;
	struct kern_dest d[] = {dest("::ffff:198.51.100.1", 128, 9000), dest("::ffff:198.51.100.2", 128, 9000)};
	assert_int_equal(kern_dests(w.k, d, 2), 0);
	assert_int_equal(try(USER, "198.51.100.1", 9000), GATED);
	assert_int_equal(kern_dests(w.k, d + 1, 1), 0);
	assert_int_equal(try(USER, "198.51.100.1", 9000), ENETUNREACH);
	assert_int_equal(try(USER, "198.51.100.2", 9000), GATED);
	d[0].prefix = 129;
	assert_int_equal(kern_dests(w.k, d, 1), -ERR_RANGE);
	assert_int_equal(kern_dests(w.k, NULL, 0), 0);
	assert_int_equal(try(USER, "198.51.100.2", 9000), ENETUNREACH);
}

/* ---- workers ---- */

static void only_live_workers(void **state)
{
	(void)state;
	struct cg_flow f;
	uint64_t before = counter("denied-no-live-worker");
	for (uint32_t live = 0; live < SLOTS; live++) {
		kern_dead(w.k, 1 - live);
		w.live = 1u << live;
		for (int i = 0; i < 5; i++) { /* five processes, which would else be spread */
			assert_int_equal(try_after(NULL, USER, "203.0.113.1", PORT, &f), GATED);
			assert_int_equal(f.slot, live);
		}
	}
	w.live = 0;
	w.k->beats->ns[1] = mono_now().ns - CG_STALE_NS - 1;
	assert_int_equal(try(USER, "203.0.113.1", PORT), EPERM);
	assert_int_equal(try(USER, "2001:db8::1", PORT), EPERM);
	assert_int_equal(try(USER, "127.0.0.1", LOCAL), 0);
	assert_int_equal(try(STRANGER, "203.0.113.1", PORT), ENETUNREACH);
	kern_dead(w.k, 1);
	assert_int_equal(try(USER, "203.0.113.1", PORT), EPERM);
	assert_int_equal(counter("denied-no-live-worker"), before + 3);
	kern_alive(w.k, CG_SLOTS);
	kern_dead(w.k, UINT32_MAX);
}

static void both_workers_are_used(void **state)
{
	(void)state;
	struct cg_flow f;
	unsigned seen = 0;
	for (int i = 0; i < 200 && seen != 3; i++) {
		assert_int_equal(try_after(NULL, USER, "203.0.113.1", PORT, &f), GATED);
		seen |= 1u << f.slot;
	}
	assert_int_equal(seen, 3);
}

/* ---- where the caller lives ---- */

static bool into_service(void)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/service/cgroup.procs", w.cgroup);
	put_text(path, "0");
	return false;
}

static bool into_service_below(void)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/service/below/cgroup.procs", w.cgroup);
	put_text(path, "0");
	return false;
}

static void the_service_is_exempt(void **state)
{
	(void)state;
	char path[PATH_MAX + 64];
	struct stat st;
	struct kern_conf c = conf();
	snprintf(path, sizeof(path), "%s/service", w.cgroup);
	assert_int_equal(stat(path, &st), 0);
	strcat(path, "/below");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(try_after(into_service, USER, "203.0.113.1", PORT, NULL), GATED);
	c.own_cgroup = st.st_ino;
	assert_int_equal(kern_configure(w.k, &c), 0);
	int in = try_after(into_service, USER, "203.0.113.1", PORT, NULL);
	int below = try_after(into_service_below, USER, "203.0.113.1", PORT, NULL);
	int beside = try(USER, "203.0.113.1", PORT);
	int worker = try_after(into_service, USER, "127.0.0.1", BASE, NULL);
	rmdir(path);
	assert_int_equal(in, ENETUNREACH);
	assert_int_equal(below, ENETUNREACH);
	assert_int_equal(beside, GATED);
	assert_int_equal(worker, EPERM);
}

static bool into_netns(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		_exit(97);
	loopback_up();
	return false;
}

static void other_network_namespaces(void **state)
{
	(void)state;
	uint64_t before = counter("denied-foreign-netns");
	assert_int_equal(try_after(into_netns, USER, "203.0.113.1", PORT, NULL), EPERM);
	assert_int_equal(try_after(into_netns, USER, "203.0.113.1", 22, NULL), ENETUNREACH);
	assert_int_equal(counter("denied-foreign-netns"), before + 1);
}

static int listen_there;

static bool into_netns_with_listener(void)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	into_netns();
	listen_there = listen_on("127.0.0.1", BASE + 1);
	if (getsockopt(listen_there, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &cookie, &len) < 0 || kern_netns_add(w.k, cookie, BASE + 1) < 0)
		_exit(97);
	/* What was done here takes longer than a heartbeat lasts on a slow machine. */
	if (w.live >> 1 & 1)
		kern_alive(w.k, 1);
	return false;
}

static int connect_there(void)
{
	struct client c = client_after(into_netns_with_listener, USER, PLAIN, AF_INET, "203.0.113.1", PORT);
	client_end(&c);
	return c.err;
}

/* The port of the namespace counts, not the worker that would be picked at home; dead, it is refused. */
static void listeners_of_other_namespaces(void **state)
{
	(void)state;
	w.live = 2;
	assert_int_equal(connect_there(), 0);
	w.live = 1;
	kern_dead(w.k, 1);
	assert_int_equal(connect_there(), EPERM);
}

/* A user's subordinate uid, as newuidmap gives it. */
static bool into_subuid(void)
{
	int go[2], done[2], status;
	char byte, path[64];
	if (pipe(go) < 0 || pipe(done) < 0)
		_exit(97);
	pid_t self = getpid(), helper = fork();
	if (helper == 0) { /* stays root, and maps */
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		snprintf(path, sizeof(path), "/proc/%d/uid_map", self);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0 100000 1", 10) != 10 || write(done[1], "x", 1) != 1)
			_exit(1);
		_exit(0);
	}
	become(USER);
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER) < 0 || write(go[1], "x", 1) != 1 || read(done[0], &byte, 1) != 1 || setresuid(0, 0, 0) < 0)
		_exit(96);
	waitpid(helper, &status, 0);
	return true;
}

static void subordinate_uids(void **state)
{
	(void)state;
	struct cg_flow f;
	assert_int_equal(try_after(into_subuid, USER, "203.0.113.1", PORT, &f), GATED);
	assert_int_equal(f.uid, USER);
	assert_int_equal(f.flags & CG_FLOW_SUBUID, CG_FLOW_SUBUID);
	assert_int_equal(try_after(NULL, USER, "203.0.113.1", PORT, &f), GATED);
	assert_int_equal(f.flags & CG_FLOW_SUBUID, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(settings_change, reset),
	    cmocka_unit_test_setup(scopes, reset),
	    cmocka_unit_test_setup(destinations, reset),
	    cmocka_unit_test_setup(destinations_are_replaced, reset),
	    cmocka_unit_test_setup(only_live_workers, reset),
	    cmocka_unit_test_setup(both_workers_are_used, reset),
	    cmocka_unit_test_setup(the_service_is_exempt, reset),
	    cmocka_unit_test_setup(other_network_namespaces, reset),
	    cmocka_unit_test_setup(listeners_of_other_namespaces, reset),
	    cmocka_unit_test_setup(subordinate_uids, reset),
	};
	return AID_MAIN(tests);
}
