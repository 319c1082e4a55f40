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
		if (perm_change(&caller, &set, why) != row[i].yes || !strstr(why, row[i].why) || (row[i].yes && why[0]))
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
	assert_false(perm_change(&caller, &set, why));
	assert_non_null(strstr(why, "is governed"));
	set.n = 0;
	assert_true(perm_change(&caller, &set, why));
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
	    cmocka_unit_test(only_the_filled_part_counts),
	};
	return cmocka_run_group_tests_name("admin_perm", tests, NULL, NULL);
}
