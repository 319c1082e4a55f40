/*
 * kern_tree_test.c - agent trees: marks given early and late, processes that leave their parents, other namespaces.
 * Needs root; see kern_aid.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kern_puppet_aid.h"

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
	};
	int r = puppet_main(argc, argv);
	return r >= 0 ? r : AID_MAIN(tests);
}
