/* admin_perm_test.c - who may change anything: every reason for a no, in its order, and the one way to a yes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "admin/perm.h"
#include "base/err.h"
#include "bpf/abi.h"

enum { GOVERNED = 1000, OTHER = 2000 };

static const struct {
	uint32_t uid;
	bool described, alive;
	int32_t status;
	uint32_t who_uid, agent_class;
	const char *agent;
	bool yes;
	const char *why; /* a part of it */
} row[] = {
    {0, true, true, 0, 0, CG_CLASS_NONE, "", true, ""},
    /* whose socket it is comes first, whatever else is known */
    {GOVERNED, true, true, 0, GOVERNED, CG_CLASS_NONE, "", false, "is governed"},
    {GOVERNED, false, false, 0, 0, CG_CLASS_NONE, "", false, "is governed"},
    {OTHER, true, true, 0, OTHER, CG_CLASS_NONE, "", false, "has no role"},
    {OTHER, true, true, 0, 0, CG_CLASS_NONE, "", false, "has no role"},
    {UINT32_MAX, true, true, 0, UINT32_MAX, CG_CLASS_NONE, "", false, "has no role"},
    /* what is not known is no */
    {0, false, true, 0, 0, CG_CLASS_NONE, "", false, "does not answer"},
    {0, true, true, -ERR_NOT_FOUND, 0, CG_CLASS_NONE, "", false, "has gone"},
    {0, true, true, 1, 0, CG_CLASS_NONE, "", false, "has gone"},
    {0, true, false, 0, 0, CG_CLASS_NONE, "", false, "ended before"},
    {0, true, true, 0, OTHER, CG_CLASS_NONE, "", false, "runs as uid 2000"},
    {0, true, true, 0, GOVERNED, CG_CLASS_NONE, "", false, "runs as uid 1000"},
    /* an agent, whichever class it has, known or not */
    {0, true, true, 0, 0, CG_CLASS_AGENT, "claude-code", false, "an agent (claude-code)"},
    {0, true, true, 0, 0, CG_CLASS_AGENT, "", false, "an agent"},
    {0, true, true, 0, 0, CG_CLASS_EDITOR, "cursor", false, "an editor with an agent (cursor)"},
    {0, true, true, 0, 0, UINT32_MAX, "", false, "an agent"},
};

static void the_table_holds(void **state)
{
	static struct perm_set set = {.uid = {5, GOVERNED}, .n = 2};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct m_described who = {.status = row[i].status, .uid = row[i].who_uid, .agent_class = row[i].agent_class};
		struct perm_caller caller = {.uid = row[i].uid, .alive = row[i].alive, .who = row[i].described ? &who : NULL};
		char why[PERM_WHY] = "untouched";
		memcpy(who.agent, row[i].agent, strlen(row[i].agent));
		if (perm_change(&caller, &set, 0, why) != row[i].yes || !strstr(why, row[i].why) || (row[i].yes && why[0]))
			fail_msg("row %zu: \"%s\"", i, why);
	}
}

/* root itself may be governed: then it changes nothing either. */
static void governed_root_is_refused(void **state)
{
	static struct perm_set set = {.uid = {0}, .n = 1};
	struct m_described who = {0};
	struct perm_caller caller = {.uid = 0, .alive = true, .who = &who};
	char why[PERM_WHY];
	(void)state;
	assert_false(perm_change(&caller, &set, 0, why));
	assert_non_null(strstr(why, "is governed"));
	set.n = 0;
	assert_true(perm_change(&caller, &set, 0, why));
}

/* Each role does its own work and no other's. */
static void roles(void **state)
{
	static struct perm_set set = {.uid = {GOVERNED}, .n = 1, .role = {{true, 501}, {true, 502}, {true, 503}, {false, 504}, {true, 505}}};
	struct m_described who = {.uid = OTHER};
	char why[PERM_WHY];

	(void)state;
	for (uint32_t gid = 500; gid < 506; gid++)
		for (unsigned work = 0; work < PERM_ROLES + 1; work++)
			for (int second = 0; second < 2; second++) {
				uint32_t group[] = {second ? 9 : gid, second ? gid : 9};
				struct perm_caller caller = {.uid = OTHER, .group = group, .groups = 2, .alive = true, .who = &who};
				bool fits = gid == 501 + work && work < PERM_ROLES && work != PERM_AUDITOR; /* the machine has no group for that */
				unsigned bits = work < PERM_ROLES ? 1u << work : 0;
				if (perm_change(&caller, &set, bits, why) != fits)
					fail_msg("gid %u, work %u: \"%s\"", gid, work, why);
			}
}

static void roles_are_not_enough(void **state)
{
	static struct perm_set set = {.uid = {GOVERNED}, .n = 1, .role = {{true, 501}}};
	uint32_t group[] = {501};
	struct m_described who = {.uid = OTHER};
	struct perm_caller caller = {.uid = OTHER, .group = group, .groups = 1, .alive = true, .who = &who};
	char why[PERM_WHY];

	(void)state;
	assert_true(perm_change(&caller, &set, 1, why));
	assert_false(perm_change(&caller, &set, 2, why));
	assert_non_null(strstr(why, "the work of the group callgate-policy, and of root"));
	caller.sender = 77;
	assert_false(perm_change(&caller, &set, 1, why));
	assert_non_null(strstr(why, "process 77"));
	caller.sender = UINT32_MAX;
	assert_false(perm_change(&caller, &set, 1, why));
	assert_non_null(strstr(why, "cannot be told"));
	caller.sender = 0;
	who.uid_runs_agents = 1;
	assert_false(perm_change(&caller, &set, 1, why));
	assert_non_null(strstr(why, "agents have run as uid 2000"));
	who.uid_runs_agents = 0;
	who.agent_class = CG_CLASS_AGENT;
	assert_false(perm_change(&caller, &set, 1, why));
	who.agent_class = CG_CLASS_NONE;
	caller.uid = who.uid = GOVERNED;
	assert_false(perm_change(&caller, &set, 1, why));
	assert_non_null(strstr(why, "is governed"));
	/* root does everything, unless the settings ask it for the group as well; what is nobody's work stays root's */
	caller = (struct perm_caller){.uid = 0, .alive = true, .who = &who};
	who.uid = 0;
	who.uid_runs_agents = 1;
	assert_true(perm_change(&caller, &set, 1, why));
	set.root_by_role = true;
	assert_false(perm_change(&caller, &set, 1, why));
	assert_true(perm_change(&caller, &set, 0, why));
	caller.group = group;
	caller.groups = 1;
	assert_true(perm_change(&caller, &set, 1, why));
	assert_false(perm_change(&caller, &set, 2, why));
}

/* Who asks does not decide: by uid, by the account that logged in, or as root after a log-in of the same person. */
static void nobody_decides_on_his_own_call(void **state)
{
	static const struct {
		uint32_t login, uid, auid;
		bool yes;
	} t[] = {
	    {UINT32_MAX, OTHER, UINT32_MAX, true}, {UINT32_MAX, 0, UINT32_MAX, false}, {OTHER, OTHER, UINT32_MAX, false}, {OTHER, GOVERNED, OTHER, false},
	    {OTHER, GOVERNED, GOVERNED, true}, {0, OTHER, 0, true}, {0, 0, OTHER, false}, {UINT32_MAX, OTHER, 0, true},
	};
	static struct perm_set set = {.uid = {GOVERNED}, .n = 1};
	struct m_described who = {0};
	struct perm_caller caller = {.uid = 0, .alive = true, .who = &who};
	char why[PERM_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		who.loginuid = t[i].login;
		if (perm_approve(&caller, &set, 1u << PERM_APPROVER, t[i].uid, t[i].auid, why) != t[i].yes || (!t[i].yes && !strstr(why, "somebody else")))
			fail_msg("row %zu: \"%s\"", i, why);
	}
	/* and whoever may change nothing decides nothing */
	who = (struct m_described){.loginuid = UINT32_MAX, .agent_class = CG_CLASS_AGENT};
	assert_false(perm_approve(&caller, &set, 1u << PERM_APPROVER, OTHER, OTHER, why));
	caller.who = NULL;
	assert_false(perm_approve(&caller, &set, 1u << PERM_APPROVER, OTHER, OTHER, why));
	caller = (struct perm_caller){.uid = GOVERNED, .alive = true, .who = &who};
	assert_false(perm_approve(&caller, &set, 1u << PERM_APPROVER, OTHER, OTHER, why));
}

static void only_the_filled_part_counts(void **state)
{
	static struct perm_set set;
	(void)state;
	assert_false(perm_governed(&set, 0));
	for (set.n = 0; set.n < PERM_UIDS; set.n++)
		set.uid[set.n] = (uint32_t)set.n + 7;
	assert_true(perm_governed(&set, 7));
	assert_true(perm_governed(&set, 6 + PERM_UIDS));
	assert_false(perm_governed(&set, 7 + PERM_UIDS));
	assert_false(perm_governed(&set, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_holds),
	    cmocka_unit_test(governed_root_is_refused),
	    cmocka_unit_test(roles),
	    cmocka_unit_test(roles_are_not_enough),
	    cmocka_unit_test(nobody_decides_on_his_own_call),
	    cmocka_unit_test(only_the_filled_part_counts),
	};
	return cmocka_run_group_tests_name("admin_perm", tests, NULL, NULL);
}
