/*
 * policy_import_test.c - Intercept policies through `callgate policy import`: the same verdicts, and what has no counterpart is refused.
 * The cases are those of the reference engine's documentation; the fixed windows and charges are Callgate's.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fd.h"
#include "policy/pol_vectors.h"

static char out[65536], err[16384];

static bool slurp(const char *path, char *to, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(to, 1, cap - 1, f) : 0;

	to[n] = '\0';
	if (f)
		fclose(f);
	return f != NULL;
}

/* The exit status, or -1 when there is no program to run. */
static int import(const char *yaml)
{
	char self[4000], program[4100], cmd[4400], dir[] = "/tmp/callgate-import-XXXXXX", path[64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(program, sizeof(program), "%s/../callgate", self);
	if (access(program, X_OK))
		return -1;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/in.yaml", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(yaml, 1, strlen(yaml), f), strlen(yaml));
	fclose(f);
	snprintf(cmd, sizeof(cmd), "cd %s && %s policy import in.yaml >out 2>err", dir, program);
	int status = system(cmd);
	snprintf(path, sizeof(path), "%s/out", dir);
	assert_true(slurp(path, out, sizeof(out)));
	unlink(path);
	snprintf(path, sizeof(path), "%s/err", dir);
	assert_true(slurp(path, err, sizeof(err)));
	unlink(path);
	snprintf(path, sizeof(path), "%s/in.yaml", dir);
	unlink(path);
	rmdir(dir);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void fail_line(void *arg, const char *line)
{
	if (strstr(line, "vector "))
		fail_msg("%s\n%s\n%s", line, (const char *)arg, out);
}

#define HEAD "version: \"1\"\n"
#define CALL(args) "{\"tool\":\"t\",\"arguments\":" args ",\"upstream\":\"ok\"}"
#define FIVE CALL("{}") "," CALL("{}") "," CALL("{}") "," CALL("{}") "," CALL("{}")
#define NINE FIVE "," CALL("{}") "," CALL("{}") "," CALL("{}") "," CALL("{}")

static const struct {
	const char *yaml, *calls, *verdict, *rule;
} good[] = {
    {HEAD "tools: {}\n", CALL("{}"), "allow", ""},
    {HEAD "tools:\n  t:\n    rules:\n      - {name: block, action: deny, on_deny: \"no\"}\n", CALL("{}"), "deny", "/tools/t/deny_if/0"},
    {HEAD "tools: {t: {rules: [{name: cap, conditions: [{path: args.amount, op: lte, value: 100}]}]}}\n", CALL("{\"amount\":100}"), "allow", ""},
    {HEAD "tools: {t: {rules: [{name: cap, conditions: [{path: args.amount, op: lte, value: 100}]}]}}\n", CALL("{}"), "deny", "/tools/t/require/args.amount-lte"},
    {HEAD "tools: {t: {rules: [{name: cap, conditions: [{path: args.x, op: neq, value: draft}]}]}}\n", CALL("{}"), "deny", "/tools/t/require/args.x-neq"},
    {HEAD "tools: {t: {rules: [{name: two, conditions: [{path: args.x, op: eq, value: 1}, {path: args.y, op: eq, value: 2}]}]}}\n", CALL("{\"x\":1,\"y\":3}"), "deny", "/tools/t/require/args.x-eq"},
    {HEAD "default: deny\ntools: {t: {rules: []}, \"*\": {rules: [{name: safe, conditions: [{path: args.safe, op: eq, value: true}]}]}}\n", CALL("{\"safe\":false}"), "deny",
        "/tools/t/require/args.safe-eq"},
    {HEAD "default: deny\ntools: {u: {rules: []}, \"*\": {rules: [{name: safe, action: deny}]}}\n", CALL("{}"), "deny", "(default deny)"},
    {HEAD "hide: [t]\ntools: {}\n", CALL("{}"), "deny", "(hidden)"},
    {HEAD "tools: {t: {rules: [{name: r, rate_limit: 5/hour}]}}\n", FIVE, "allow", ""},
    {HEAD "tools: {t: {rules: [{name: r, rate_limit: 5/hour}]}}\n", FIVE "," CALL("{}"), "deny", "/tools/t/limits/_rate_hour"},
    {HEAD "tools: {t: {rules: [{name: c, conditions: [{path: state.t.n, op: lt, value: 10}], state: {counter: n, window: day, increment: 1}}]}}\n", NINE, "allow", ""},
    {HEAD "tools: {t: {rules: [{name: c, conditions: [{path: state.t.n, op: lt, value: 10}], state: {counter: n, window: day, increment: 1}}]}}\n", NINE "," CALL("{}"), "deny",
        "/tools/t/limits/n"},
    {HEAD "tools: {\"*\": {rules: [{name: g, rate_limit: 2/minute}]}}\n", CALL("{}") ",{\"tool\":\"b\"},{\"tool\":\"c\"}", "deny", "/all_tools/limits/_rate_minute"},
    {HEAD "tools: {t: {rules: [{name: s, conditions: [{path: state.t.spend, op: lte, value: 1000}, {path: args.currency, op: in, value: [usd, eur]}], state: {counter: spend, window: day, "
          "increment_from: args.amount}}]}}\n", CALL("{\"amount\":250,\"currency\":\"usd\"}") "," CALL("{\"amount\":750.01,\"currency\":\"usd\"}"), "deny", "/tools/t/limits/spend"},
    {HEAD "tools: {t: {rules: [{name: s, conditions: [{path: state.t.spend, op: lte, value: 1000}], state: {counter: spend, window: day, increment_from: args.amount}}]}}\n", CALL("{}"), "deny",
        "/tools/t/limits/spend"},
};

static void verdicts(void **state)
{
	static char vectors[80000];
	(void)state;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		int status = import(good[i].yaml);
		if (status < 0)
			skip();
		if (status)
			fail_msg("%s: %s", good[i].yaml, err);
		snprintf(vectors, sizeof(vectors), "{\"policies\":{\"P\":%s},\"vectors\":[{\"id\":1,\"policy\":\"P\",\"calls\":[%s],\"expect\":{\"verdict\":\"%s\",\"rule\":\"%s\"}}]}", out,
		    good[i].calls, good[i].verdict, good[i].rule);
		assert_int_equal(pol_vectors_run(view_str(vectors), POL_VECTORS_KEEP_ON_ERROR, fail_line, (void *)(uintptr_t)good[i].yaml), 0);
	}
}

/* Names and texts of rules stay; digits and quotes too. */
static void kept(void **state)
{
	(void)state;
	int status = import(HEAD "description: x\ndefault: allow\ntools:\n  \"a/b\":\n    rules:\n      - name: one\n        conditions:\n          - {path: args.n, op: eq, value: 0.10000000000000000001}\n"
	                         "          - {path: args.s, op: eq, value: \"1\"}\n          - {path: args.t, op: in, value: [null, ~, true, \"true\", -1e5]}\n"
	                         "      - {name: two, action: deny, on_deny: Not today}\n      - {name: three, rate_limit: 3/day}\n");
	if (status < 0)
		skip();
	if (status)
		fail_msg("%s", err);
	static const char *const holds[] = {"0.10000000000000000001", "\"value\": \"1\"", "Denied by rule \\\"one\\\"", "Not today [two]", "Rate limit of 3 per day reached. Try again later.",
	    "\"a/b\"", "-1e5", "\"true\""};
	for (size_t i = 0; i < sizeof(holds) / sizeof(*holds); i++)
		if (!strstr(out, holds[i]))
			fail_msg("no %s in %s", holds[i], out);
	assert_int_equal(import(HEAD "tools: {}\n"), 0);
	assert_non_null(strstr(err, "no default"));
}

static void refused(void **state)
{
	static const struct {
		const char *yaml, *why;
	} bad[] = {
	    {"", "the document must be a mapping"},
	    {"version: 2\n", "version must be"},
	    {"a: [\n", "in.yaml:"},
	    {HEAD "---\n" HEAD, "more than one document"},
	    {HEAD "approvals: {}\n", "has no \"approvals\""},
	    {HEAD HEAD, "twice"},
	    {HEAD "default: block\n", "default must be"},
	    {HEAD "tools: [a]\n", "tools must be a mapping"},
	    {HEAD "tools: {t: {rules: {name: a}}}\n", "rules must be a list"},
	    {HEAD "tools: {t: {rules: a}}\n", "rules must be a list"},
	    {HEAD "tools: {t: []}\n", "a tool must be a mapping"},
	    {HEAD "tools: {t: {rules: [a]}}\n", "a rule must be a mapping"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: {path: args.x}}]}}\n", "conditions must be a list"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [args.x]}]}}\n", "a condition must be a mapping"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: eq, value: 1, or: 2}]}]}}\n", "has no \"or\""},
	    {HEAD "tools: {t: {rules: [{name: a, action: [deny]}]}}\n", "the action"},
	    {HEAD "hide: {a: b}\ntools: {}\n", "/hide"},
	    {HEAD "tools: {t: {rule: []}}\n", "has no \"rule\""},
	    {HEAD "tools: {t: {rules: [{action: deny}]}}\n", "needs a name"},
	    {HEAD "tools: {t: {rules: [{name: a, action: require_approval}]}}\n", "in.yaml:2:39: the action \"require_approval\""},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: []}]}}\n", "needs a condition"},
	    {HEAD "tools: {t: {rules: [{name: a, action: deny, conditions: [{path: args.x, op: eq, value: 1}]}]}}\n", "a deny has no conditions"},
	    {HEAD "tools: {t: {rules: [{name: a, rate_limit: 5/week}]}}\n", "rate_limit must be"},
	    {HEAD "tools: {t: {rules: [{name: a, rate_limit: 0/hour}]}}\n", "rate_limit must be"},
	    {HEAD "tools: {t: {rules: [{name: a, rate_limit: 5/hour, conditions: [{path: args.x, op: eq, value: 1}]}]}}\n", "does not go together"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: state.u.n, op: lt, value: 3}], state: {counter: n, window: hour}}]}}\n", "own counter"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: eq, value: 1}], state: {counter: n, window: hour}}]}}\n", "never be counted"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: state.t.n, op: lt, value: 1}], state: {counter: n, window: hour}}]}}\n", "own counter"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: state.t.n, op: lt, value: 3}], state: {counter: n, window: week}}]}}\n", "minute, hour or day"},
	    {HEAD "tools: {\"*\": {rules: [{name: a, action: deny}]}}\n", "under default: allow"},
	    {HEAD "tools: {\"*\": {rules: [{name: a, conditions: [{path: args.x, op: eq, value: 1}]}]}}\n", "under default: allow"},
	    {HEAD "tools: {\"*\": {rules: [{name: a, conditions: [{path: state._global.n, op: lt, value: 3}], state: {counter: n, window: day, increment_from: args.x}}]}}\n", "increment_from"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: eq, value: yes}]}]}}\n", "different things"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: eq, value: 0x1f}]}]}}\n", "different things"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: eq}]}]}}\n", "a value is missing"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: like, value: 1}]}]}}\n", "/tools/t/require/0/conditions/0/op"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [{path: args.x, op: regex, value: \"(?=a)\"}]}]}}\n", "no good policy"},
	    {HEAD "tools: {t: {rules: [{name: a, rate_limit: 5/hour}, {name: b, rate_limit: 6/hour}]}}\n", "no good policy"},
	    {HEAD "tools: {t: {rules: [{name: a, conditions: [&x {path: args.x, op: eq, value: [*x]}]}]}}\n", "in.yaml"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int status = import(bad[i].yaml);
		if (status < 0)
			skip();
		if (status != 1 || out[0] || !strstr(err, bad[i].why))
			fail_msg("%s: %d\nout: %s\nerr: %s", bad[i].yaml, status, out, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verdicts),
	    cmocka_unit_test(kept),
	    cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
