/*
 * kern_beside_test.c - programs of another layout beside ours: what they know is taken over, and they go.
 * Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kern_puppet_aid.h"

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
	    cmocka_unit_test(a_set_beside),
	    cmocka_unit_test(a_set_that_cannot_be_read),
	    cmocka_unit_test(all_sets_are_removed),
	};
	int r = puppet_main(argc, argv);
	return r >= 0 ? r : AID_MAIN(tests);
}
