/*
 * kern_net_test.c - the egress hook sits where agents are, and an agent's socket lives nowhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/kern_aid.h"


static char agents[PATH_MAX + 32], others[PATH_MAX + 32];

static void cgroup_under(char path[PATH_MAX + 32], const char *slice)
{
	snprintf(path, PATH_MAX + 32, "%s/%s", w.cgroup, slice);
	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

/* Programs of ours that see the packets of a cgroup's sockets. */
static uint32_t hooks(const char *cgroup)
{
	uint32_t ids[64], n = 64;
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET_EGRESS, BPF_F_QUERY_EFFECTIVE, NULL, ids, &n), 0);
	close(fd);
	return n;
}

static void move_to(const char *cgroup)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	put_text(path, "0");
}

/*
 * Another process, which does what it is told: 'a' move among the agents, 'o' move to the others, 's' make a TCP socket and close it, 'k' make one and keep it,
 * 'c' connect the kept one to the local server.  It answers with the errno.
 */
struct hand {
	pid_t pid;
	int fd;
};

static int obey(char what, int *kept)
{
	union addr a;
	socklen_t len = addr_of(&a, "127.0.0.1", LOCAL);
	int s;
	switch (what) {
	case 'a':
	case 'o':
		move_to(what == 'a' ? agents : others);
		return 0;
	case 's':
	case 'k':
		s = socket(AF_INET, SOCK_STREAM, 0);
		if (s < 0)
			return errno;
		if (what == 'k')
			*kept = s;
		else
			close(s);
		return 0;
	default:
		return connect(*kept, &a.sa, len) < 0 ? errno : 0;
	}
}

static struct hand hand(void)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char what;
		int kept = -1;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		while (read(pair[1], &what, 1) == 1) {
			char e = (char)obey(what, &kept);
			if (write(pair[1], &e, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(pair[1]);
	return (struct hand){pid, pair[0]};
}

static int tell(const struct hand *h, char what)
{
	char e = -1;
	assert_int_equal(write(h->fd, &what, 1), 1);
	assert_int_equal(read(h->fd, &e, 1), 1);
	return e;
}

static void dismiss(struct hand *h)
{
	close(h->fd);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
}

/* The entry that tracing made has the exact start; without tracing the mark must carry it, and there is none to test with. */
static void mark(const struct hand *h, uint32_t cls)
{
	struct cg_proc p;
	uint32_t tgid = (uint32_t)h->pid;
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(bpf_object__find_map_by_name(w.k->obj[PART_EXEC], "cg_procs")), &tgid, &p), 0);
	assert_int_equal(kern_mark(w.k, tgid, p.start_ns, cls, 1), 0);
}

static void nobody(void *arg, const struct cg_ask *ask)
{
	(void)arg;
	(void)ask;
	fail_msg("nobody wanted a listener");
}

static void again(void)
{
	char why[512];
	struct kern_conf c = conf();
	kern_release(&w.k);
	if (kern_setup(&c, why, sizeof(why), &w.k) < 0)
		fail_msg("%s", why);
	assert_true(kern_asks_open(w.k, nobody, NULL) >= 0);
}

/* Everything off and on again: what an earlier test attached is gone. */
static void afresh(void)
{
	kern_release(&w.k);
	assert_int_equal(kern_teardown(w.bpffs), 0);
	again();
	assert_int_equal(hooks(w.cgroup), 0);
}

static void it_sits_where_agents_are(void **state)
{
	(void)state;
	afresh();
	struct hand h = hand();
	tell(&h, 'a');
	assert_int_equal(tell(&h, 's'), 0);
	assert_int_equal(hooks(agents), 0);
	mark(&h, CG_CLASS_EDITOR);
	assert_int_equal(hooks(agents), 0);
	mark(&h, CG_CLASS_AGENT);
	assert_int_equal(hooks(agents), 1);
	assert_int_equal(hooks(others), 0);
	assert_int_equal(hooks(w.cgroup), 0);
	assert_int_equal(tell(&h, 's'), 0);
	/* A second agent there needs no second one, and the next callgated takes it over. */
	mark(&h, CG_CLASS_AGENT);
	assert_int_equal(hooks(agents), 1);
	again();
	assert_int_equal(hooks(agents), 1);
	assert_int_equal(hooks(others), 0);
	assert_int_equal(tell(&h, 's'), 0);
	assert_int_equal(counter("denied-no-egress-hook"), 0);
	dismiss(&h);
}

static void elsewhere_a_socket_is_refused_first(void **state)
{
	(void)state;
	afresh();
	struct hand h = hand();
	tell(&h, 'a');
	mark(&h, CG_CLASS_AGENT);
	tell(&h, 'o');
	assert_int_equal(tell(&h, 's'), EPERM);
	assert_int_equal(tell(&h, 's'), EPERM);
	assert_int_equal(counter("denied-no-egress-hook"), 2);
	kern_asks_read(w.k);
	assert_int_equal(hooks(others), 1);
	assert_int_equal(hooks(w.cgroup), 0);
	assert_int_equal(tell(&h, 's'), 0);
	dismiss(&h);
}

static void a_socket_from_elsewhere_brings_it_to_the_root(void **state)
{
	(void)state;
	afresh();
	struct hand h = hand();
	tell(&h, 'o');
	assert_int_equal(tell(&h, 'k'), 0);
	tell(&h, 'a');
	mark(&h, CG_CLASS_AGENT);
	assert_int_equal(hooks(agents), 1);
	assert_int_equal(tell(&h, 'c'), EPERM);
	kern_asks_read(w.k);
	assert_int_equal(hooks(w.cgroup), 1);
	assert_int_equal(hooks(others), 1);
	assert_int_equal(hooks(agents), 1); /* one, not two */
	assert_int_equal(tell(&h, 'c'), 0);
	again();
	assert_int_equal(hooks(agents), 1);
	assert_int_equal(hooks(others), 1);
	assert_int_equal(tell(&h, 's'), 0);
	dismiss(&h);
}

static void labels_of_old_sockets_bring_it_to_the_root(void **state)
{
	static const uint8_t none[16];
	(void)state;
	afresh();
	struct hand h = hand();
	tell(&h, 'a');
	mark(&h, CG_CLASS_AGENT);
	int mine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* this process is at the root */
	assert_int_equal(tell(&h, 'k'), 0); /* one with a label that the hook does see */
	assert_int_equal(kern_net_check(w.k, true), 0);
	assert_int_equal(hooks(others), 0);
	assert_int_equal(kern_label(w.k, mine, none, 0), 1);
	assert_int_equal(kern_net_check(w.k, true), 0);
	assert_int_equal(hooks(others), 1);
	close(mine);
	dismiss(&h);
}

/* A kernel that takes no iterators: only who has given labels must fear that they are unseen. */
static void not_knowing_is_the_root(void **state)
{
	(void)state;
	afresh();
	struct hand h = hand();
	tell(&h, 'a');
	mark(&h, CG_CLASS_AGENT);
	struct bpf_object *tracing = w.k->obj[PART_EXEC];
	w.k->obj[PART_EXEC] = NULL;
	assert_int_equal(kern_net_check(w.k, false), 0);
	assert_int_equal(hooks(others), 0);
	assert_int_equal(kern_net_check(w.k, true), 0);
	assert_int_equal(hooks(others), 1);
	w.k->obj[PART_EXEC] = tracing;
	dismiss(&h);
}

/* Somebody's program that suffers no other beside it. */
static void where_it_cannot_sit_the_root_will_do(void **state)
{
	(void)state;
	afresh();
	struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_CGROUP_INET_EGRESS);
	int prog = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "alone", "GPL", pass, 2, &opts);
	int dir = open(agents, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(prog >= 0 && dir >= 0);
	assert_int_equal(bpf_prog_attach(prog, dir, BPF_CGROUP_INET_EGRESS, 0), 0);
	struct hand h = hand();
	tell(&h, 'a');
	mark(&h, CG_CLASS_AGENT);
	assert_int_equal(hooks(w.cgroup), 1);
	assert_int_equal(hooks(agents), 2);
	assert_int_equal(tell(&h, 's'), 0);
	assert_int_equal(bpf_prog_detach2(prog, dir, BPF_CGROUP_INET_EGRESS), 0);
	close(prog);
	close(dir);
	dismiss(&h);
}

/* More cgroups than may have one of their own. */
static void many_cgroups_are_the_root(void **state)
{
	char path[PATH_MAX + 32], name[32];
	(void)state;
	afresh();
	struct hand h = hand();
	for (int i = 0; i < CG_NETS; i++) {
		snprintf(name, sizeof(name), "many-%d", i);
		cgroup_under(path, name);
		snprintf(agents, sizeof(agents), "%s", path);
		dismiss(&h);
		h = hand();
		tell(&h, 'a');
		mark(&h, CG_CLASS_AGENT);
		assert_int_equal(hooks(path), 1);
		assert_int_equal(hooks(others), i == CG_NETS - 1);
		assert_int_equal(tell(&h, 's'), 0);
	}
	dismiss(&h);
	for (int i = 0; i < CG_NETS; i++) {
		snprintf(path, sizeof(path), "%s/many-%d", w.cgroup, i);
		rmdir(path);
	}
	cgroup_under(agents, "agents");
}

/* DNS answers are looked for where no other packet is. */
static void nobody_pays_for_dns(void **state)
{
	char path[PATH_MAX + 64];
	uint32_t ids[64], n = 64;
	(void)state;
	afresh();
	int fd = open(w.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET_INGRESS, BPF_F_QUERY_EFFECTIVE, NULL, ids, &n), 0);
	assert_int_equal(n, 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/callgate-dns", w.cgroup);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n = 64;
	assert_int_equal(bpf_prog_query(fd, BPF_CGROUP_INET_INGRESS, BPF_F_QUERY_EFFECTIVE, NULL, ids, &n), 0);
	assert_int_equal(n, 1);
	close(fd);
}

static int set_up(void **state)
{
	int r = arrange(state);
	cgroup_under(agents, "agents");
	cgroup_under(others, "others");
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_pays_for_dns),
	    cmocka_unit_test(it_sits_where_agents_are),
	    cmocka_unit_test(elsewhere_a_socket_is_refused_first),
	    cmocka_unit_test(a_socket_from_elsewhere_brings_it_to_the_root),
	    cmocka_unit_test(labels_of_old_sockets_bring_it_to_the_root),
	    cmocka_unit_test(not_knowing_is_the_root),
	    cmocka_unit_test(where_it_cannot_sit_the_root_will_do),
	    cmocka_unit_test(many_cgroups_are_the_root),
	};
	if (geteuid() != 0) {
		printf("# needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, clear_away);
}
