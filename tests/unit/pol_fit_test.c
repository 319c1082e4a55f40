/* pol_fit_test.c - a policy against the tools that a server really lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/err.h"
#include "policy/pol_fit.h"

#define TOOLS                                                                                                                       \
	"[{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"},\"s\":{\"type\":\"string\"},"       \
	"\"b\":{\"type\":\"boolean\"},\"l\":{\"type\":\"array\"},\"o\":{\"type\":\"object\",\"properties\":{\"in\":{\"type\":\"number\"}}},"  \
	"\"e\":{\"type\":\"string\",\"enum\":[\"usd\",\"eur\"]},\"any\":{},\"u\":{\"type\":[\"string\",\"null\"]},"                          \
	"\"x\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]},\"free\":{\"type\":\"object\"}}}},"                                   \
	"{\"name\":\"Merge\"},{\"name\":\"get_rows\",\"description\":\"Deletes the rows\"},{\"name\":7},{}]"

static char text[8192];

static void keep(void *arg, const struct pol_problem *p)
{
	size_t at = strlen(text);
	(void)arg;
	assert_true(p->warning);
	snprintf(text + at, sizeof(text) - at, "%u:%u %s %s\n", p->line, p->column, p->pointer, p->text);
}

static int fit(const char *tools_member, const char *list)
{
	char doc[4096];
	snprintf(doc, sizeof(doc), "{\"version\":\"1\",\n\"default\":\"deny\",\"tools\":{%s}}", tools_member);
	text[0] = '\0';
	return pol_fit(view_str(doc), view_str(list), keep, NULL);
}

#define COND(path, op, value) "\"t\":{\"deny_if\":[{\"conditions\":[{\"path\":\"args." path "\",\"op\":\"" op "\",\"value\":" value "}]}]}"

static void conditions(void **state)
{
	static const struct {
		const char *tools, *says; /* NULL: nothing */
	} row[] = {
	    {COND("n", "gt", "1"), NULL},
	    {COND("s", "gt", "1"), "never a number"},
	    {COND("u", "lte", "1"), "never a number"},
	    {COND("any", "gt", "1"), NULL},
	    {COND("x", "gt", "1"), NULL},
	    {COND("n", "regex", "\"a\""), "never text"},
	    {COND("u", "regex", "\"a\""), NULL},
	    {COND("b", "contains", "\"a\""), "neither text nor a list"},
	    {COND("l", "contains", "1"), NULL},
	    {COND("s", "contains", "\"a\""), NULL},
	    {COND("n", "eq", "\"1\""), NULL},
	    {COND("s", "eq", "1"), NULL},
	    {COND("b", "eq", "1"), "never has that type"},
	    {COND("n", "eq", "[1]"), "never has that type"},
	    {COND("s", "eq", "null"), "never has that type"},
	    {COND("u", "eq", "null"), NULL},
	    {COND("e", "eq", "\"usd\""), NULL},
	    {COND("e", "eq", "\"USD\""), "none of those"},
	    {COND("e", "in", "[\"gbp\",\"eur\"]"), NULL},
	    {COND("e", "in", "[\"gbp\",\"chf\"]"), "none of those"},
	    {COND("N", "gt", "1"), "has \"n\": case counts"},
	    {COND("amount", "gt", "1"), "has no argument \"amount\""},
	    {COND("amount", "exists", "false"), "has no argument \"amount\""},
	    {COND("o.in", "gt", "1"), NULL},
	    {COND("o.out", "gt", "1"), "has no argument \"out\""},
	    {COND("o.in.x", "gt", "1"), "before \"x\" is no object"},
	    {COND("s.x", "gt", "1"), "before \"x\" is no object"},
	    {COND("free.x", "gt", "1"), NULL},
	    {COND("any.x.y", "gt", "1"), NULL},
	    {COND("s", "neq", "1"), NULL},
	    {"\"merge\":{}", "has \"Merge\": case counts"},
	    {"\"none\":{}", "does not list this tool"},
	    {"\"get_rows\":{}", "is Destructive (name: \"get\"; description: \"deletes\")"},
	    {"\"get_rows\":{\"limits\":[{\"counter\":\"c\",\"window\":\"hour\",\"max\":1}]}", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		int n = fit(row[i].tools, TOOLS);
		if (n != (row[i].says ? 1 : 0) || (row[i].says && !strstr(text, row[i].says)))
			fail_msg("%s: %d: %s", row[i].tools, n, text);
	}
	assert_int_equal(fit(COND("s", "gt", "1"), TOOLS), 1);
	assert_non_null(strstr(text, "2:58 /tools/t/deny_if/0/conditions/0 can never hold"));
}

static void lists(void **state)
{
	(void)state;
	assert_int_equal(fit("\"t\":{}", "{\"tools\":" TOOLS "}"), 0);
	assert_int_equal(fit("\"t\":{}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":" TOOLS "}}"), 0);
	assert_int_equal(fit("\"t\":{}", "{}"), -ERR_MALFORMED);
	assert_int_equal(fit("\"t\":{}", "[1"), -ERR_MALFORMED);
	assert_true(fit("\"t\":{\"x\":1}", TOOLS) < 0);
	assert_int_equal(fit("", TOOLS), 0);
	/* schemas that are no schemas */
	static const char *const odd[] = {"1", "[]", "{\"properties\":[]}", "{\"properties\":{\"s\":1}}", "{\"type\":{}}", "{\"type\":[]}", "{\"type\":\"array\",\"properties\":{\"s\":{}}}"};
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		char list[512];
		snprintf(list, sizeof(list), "[{\"name\":\"t\",\"inputSchema\":%s}]", odd[i]);
		assert_true(fit(COND("s", "gt", "1"), list) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conditions),
	    cmocka_unit_test(lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
