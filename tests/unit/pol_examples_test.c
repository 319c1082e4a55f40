/* pol_examples_test.c - the example documents load without an error or warning and judge as they are meant to.  Runs in the repository's root. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fd.h"
#include "policy/pol.h"

static const char *const files[] = {"github", "payments", "read-mostly"};
enum { FILES = sizeof(files) / sizeof(files[0]) };

static void no_problem(void *arg, const struct pol_problem *p)
{
	fail_msg("%s:%u:%u: %s: %s", (const char *)arg, p->line, p->column, p->pointer, p->text);
}

static struct pol *load(const char *name)
{
	char path[128];
	struct buf b = {0};
	struct pol *p;

	snprintf(path, sizeof(path), "policy/examples/%s.json", name);
	assert_int_equal(fd_slurp(AT_FDCWD, path, 1 << 20, &b), 0);
	assert_int_equal(pol_load(buf_view(&b), no_problem, path, &p), 0);
	buf_free(&b);
	return p;
}

static const struct {
	const char *file, *tool, *args, *rule; /* an empty rule: allowed */
} calls[] = {
    {"github", "list_issues", "{}", ""},
    {"github", "delete_file", "{}", "(hidden)"},
    {"github", "fork_repository", "{}", "(default deny)"},
    {"github", "create_or_update_file", "{\"branch\":\"agent/fix-1\"}", ""},
    {"github", "create_or_update_file", "{\"branch\":\"main\"}", "/tools/create_or_update_file/require/args.branch-regex"},
    {"github", "create_or_update_file", "{\"branch\":\"agent/x\\n\"}", "/tools/create_or_update_file/require/args.branch-regex"},
    {"github", "create_or_update_file", "{}", "/tools/create_or_update_file/require/args.branch-regex"},
    {"github", "merge_pull_request", "{}", "/tools/merge_pull_request/deny_if/0"},
    {"payments", "create_refund", "{\"reason\":\"r\",\"currency\":\"usd\",\"amount\":10000}", ""},
    {"payments", "create_refund", "{\"currency\":\"usd\",\"amount\":1}", "/tools/create_refund/require/args.reason-exists"},
    {"payments", "create_refund", "{\"reason\":\"r\",\"currency\":\"USD\",\"amount\":1}", "/tools/create_refund/require/args.currency-in"},
    {"payments", "create_refund", "{\"reason\":\"r\",\"currency\":\"usd\",\"amount\":10000.01}", "/tools/create_refund/require/args.amount-gt"},
    {"payments", "create_refund", "{\"reason\":\"r\",\"currency\":\"usd\",\"amount\":\"1\"}", "/tools/create_refund/require/args.amount-gt"},
    {"payments", "create_refund", "{\"reason\":\"r\",\"currency\":\"usd\",\"amount\":-1}", "/tools/create_refund/require/args.amount-gt"},
    {"read-mostly", "anything", "{}", ""},
    {"read-mostly", "run_query", "{\"sql\":\" Select 1 \"}", ""},
    {"read-mostly", "run_query", "{\"sql\":\"select 1; drop table t\"}", "/tools/run_query/require/args.sql-regex"},
    {"read-mostly", "run_query", "{\"sql\":\"delete from t\"}", "/tools/run_query/require/args.sql-regex"},
    {"read-mostly", "export", "{\"options\":{\"include_secrets\":true}}", "/tools/export/deny_if/args.options.include_secrets-eq"},
    {"read-mostly", "drop_table", "{}", "(hidden)"},
};

static void examples_judge_as_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct json_node nodes[32];
		struct json_doc doc;
		struct pol_decision d = {0};
		struct pol *p = load(calls[i].file);
		assert_int_equal(json_scan(&doc, view_str(calls[i].args), nodes, 32, NULL), 0);
		pol_judge(p, view_str(calls[i].tool), &doc, doc.node, &d);
		if (strcmp(d.rule, calls[i].rule) != 0 || (d.verdict == POL_ALLOW) != !calls[i].rule[0])
			fail_msg("%s %s %s: \"%s\"", calls[i].file, calls[i].tool, calls[i].args, d.rule);
		pol_free(&p);
	}
}

static void every_example_loads(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		struct pol *p = load(files[i]);
		assert_int_equal(strlen(pol_hash(p)), POL_HASH_HEX - 1);
		pol_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_example_loads),
	    cmocka_unit_test(examples_judge_as_meant),
	};
	return cmocka_run_group_tests_name("pol_examples", tests, NULL, NULL);
}
