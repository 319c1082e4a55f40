/* pol_examples_test.c - the example documents load without an error or warning and judge as they are meant to.  Runs in the repository's root. */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fd.h"
#include "policy/pol.h"

static const char *const files[] = {"files-and-shell", "github", "payments", "read-mostly"};
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
    {"files-and-shell", "read_file", "{\"path\":\"/srv/work/src/main.c\"}", ""},
    {"files-and-shell", "read_file", "{\"path\":\"/srv/work/a/../../../etc/shadow\"}", "/tools/read_file/deny_if/args.path-regex#0"},
    {"files-and-shell", "read_file", "{\"path\":\"/srv/work//x\"}", "/tools/read_file/deny_if/args.path-regex#0"},
    {"files-and-shell", "read_file", "{\"path\":\"/srv/work/.SSH/config\"}", "/tools/read_file/deny_if/args.path-regex#1"},
    {"files-and-shell", "read_file", "{\"path\":\"/srv/work/a\\u0000b\"}", "/tools/read_file/require/args.path-regex"},
    {"files-and-shell", "read_file", "{\"path\":\"/etc/passwd\"}", "/tools/read_file/require/args.path-regex"},
    {"files-and-shell", "run_command", "{\"command\":\"make test\"}", ""},
    {"files-and-shell", "run_command", "{\"command\":\"make test; rm -rf /\"}", "/tools/run_command/require/args.command-in"},
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

static void no_example_is_left_out(void **state)
{
	glob_t g;
	(void)state;
	assert_int_equal(glob("policy/examples/*.json", 0, NULL, &g), 0);
	assert_int_equal(g.gl_pathc, FILES);
	globfree(&g);
}

static void blocks_of_the_page_load(void **state)
{
	struct buf b = {0};
	char page[] = "docs/POLICY.md";
	unsigned blocks = 0;
	(void)state;
	assert_int_equal(fd_slurp(AT_FDCWD, page, 1 << 20, &b), 0);
	struct view v = buf_view(&b);
	for (const uint8_t *at; (at = memmem(v.p, v.n, "```json\n", 8)); blocks++) {
		v = view_skip(v, (size_t)(at - v.p) + 8);
		const uint8_t *end = memmem(v.p, v.n, "\n```", 4);
		assert_non_null(end);
		struct pol *p;
		assert_int_equal(pol_load(view_head(v, (size_t)(end - v.p)), no_problem, page, &p), 0);
		pol_free(&p);
	}
	assert_true(blocks >= 3);
	buf_free(&b);
}

/* The schema is for editors; here only that it is strict JSON and names all operators and keys. */
static void the_schema_names_everything(void **state)
{
	static const char *const words[] = {"version", "default", "hide", "all_tools", "tools", "x-callgate", "methods", "require", "deny_if", "limits", "conditions", "on_deny", "path", "op", "value",
	    "counter", "window", "max", "scope", "increment", "increment_from", "eq", "neq", "in", "not_in", "lt", "lte", "gt", "gte", "regex", "contains", "exists", "minute", "hour", "day"};
	static struct json_node nodes[1024];
	struct json_doc doc;
	struct buf b = {0};
	(void)state;
	assert_int_equal(fd_slurp(AT_FDCWD, "policy/schema/policy.schema.json", 1 << 20, &b), 0);
	assert_int_equal(json_scan(&doc, buf_view(&b), nodes, 1024, NULL), 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		bool found = false;
		for (uint32_t k = 1; k < doc.n; k++)
			found |= json_str_eq(&doc, &doc.node[k], view_str(words[i])) || (doc.node[k].key_len && json_key_eq(&doc, &doc.node[k], view_str(words[i])));
		if (!found)
			fail_msg("the schema does not know %s", words[i]);
	}
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_example_loads),
	    cmocka_unit_test(examples_judge_as_meant),
	    cmocka_unit_test(no_example_is_left_out),
	    cmocka_unit_test(blocks_of_the_page_load),
	    cmocka_unit_test(the_schema_names_everything),
	};
	return cmocka_run_group_tests_name("pol_examples", tests, NULL, NULL);
}
