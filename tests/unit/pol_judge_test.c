/* pol_judge_test.c - how a policy judges a call: conditions, the order of steps, patterns, methods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "pol_aid.h"
#include "policy/regex.h"

/* One condition in a deny_if of the tool t: 1 when it fires. */
static const struct {
	const char *op, *value, *args;
	int fires;
} conds[] = {
    {"eq", "7", "{\"x\":7.0}", 1}, {"eq", "7", "{\"x\":70e-1}", 1}, {"eq", "7", "{\"x\":\"7\"}", 1}, {"eq", "7", "{\"x\":\"7.0\"}", 0}, {"eq", "7", "{\"x\":\"07\"}", 0},
    {"eq", "7", "{\"x\":\"\\u0037\"}", 1}, {"eq", "1000000", "{\"x\":\"1000000\"}", 1}, {"eq", "1e6", "{\"x\":\"1000000\"}", 1}, {"eq", "\"1000000\"", "{\"x\":1e6}", 1},
    {"eq", "\"1e6\"", "{\"x\":1e6}", 0}, {"eq", "-0", "{\"x\":\"0\"}", 1}, {"eq", "0", "{\"x\":-0.0}", 1}, {"eq", "9007199254740993", "{\"x\":9007199254740992}", 0},
    {"eq", "0.1", "{\"x\":0.1000000000000000055511151231257827}", 0}, {"eq", "true", "{\"x\":true}", 1}, {"eq", "true", "{\"x\":\"true\"}", 1}, {"eq", "\"false\"", "{\"x\":false}", 1},
    {"eq", "true", "{\"x\":1}", 0}, {"eq", "1", "{\"x\":true}", 0}, {"eq", "true", "{\"x\":false}", 0}, {"eq", "true", "{\"x\":\"True\"}", 0}, {"eq", "null", "{\"x\":null}", 1},
    {"eq", "null", "{\"x\":\"null\"}", 0}, {"eq", "\"null\"", "{\"x\":null}", 0}, {"eq", "null", "{}", 0}, {"eq", "null", "{\"x\":0}", 0}, {"eq", "\"\"", "{\"x\":null}", 0},
    {"eq", "\"a\"", "{\"x\":\"a\"}", 1}, {"eq", "\"a\"", "{\"x\":\"A\"}", 0}, {"eq", "\"a\"", "{\"x\":\"a \"}", 0}, {"eq", "\"\\u00e9\"", "{\"x\":\"\xc3\xa9\"}", 1},
    {"eq", "\"\xc3\xa9\"", "{\"x\":\"e\\u0301\"}", 0}, {"eq", "\"a\"", "{\"x\":\"a\\u0000\"}", 0}, {"eq", "[]", "{\"x\":[]}", 1}, {"eq", "[]", "{\"x\":{}}", 0}, {"eq", "[\"x y\"]", "{\"x\":[\"x\",\"y\"]}", 0},
    {"eq", "[1,[2,\"3\"]]", "{\"x\":[\"1\",[2.0,3]]}", 1}, {"eq", "[1,2]", "{\"x\":[2,1]}", 0}, {"eq", "[1]", "{\"x\":1}", 0}, {"eq", "\"[1]\"", "{\"x\":[1]}", 0},
    {"eq", "{\"a\":1,\"b\":2}", "{\"x\":{\"b\":2,\"a\":1}}", 1}, {"eq", "{\"a\":1}", "{\"x\":{\"a\":1,\"b\":2}}", 0}, {"eq", "{\"a\":1,\"b\":2}", "{\"x\":{\"a\":1}}", 0},
    {"eq", "{\"a\":1}", "{\"x\":{\"b\":1}}", 0}, {"eq", "{\"a\":null}", "{\"x\":{\"b\":null}}", 0}, {"eq", "{}", "{\"x\":{}}", 1},
    {"neq", "1", "{\"x\":2}", 1}, {"neq", "1", "{\"x\":\"1\"}", 0}, {"neq", "1", "{\"x\":null}", 1}, {"neq", "null", "{\"x\":null}", 0}, {"neq", "1", "{}", 0},
    {"in", "[1,\"b\",null]", "{\"x\":\"b\"}", 1}, {"in", "[1,\"b\",null]", "{\"x\":null}", 1}, {"in", "[1,\"b\"]", "{\"x\":[1]}", 0}, {"in", "[[1]]", "{\"x\":[1]}", 1}, {"in", "[]", "{\"x\":1}", 0},
    {"not_in", "[]", "{\"x\":1}", 1}, {"not_in", "[1]", "{\"x\":1.0}", 0}, {"not_in", "[1]", "{}", 0}, {"not_in", "[1]", "{\"x\":null}", 1},
    {"lt", "10", "{\"x\":9.999}", 1}, {"lt", "10", "{\"x\":10}", 0}, {"lt", "10", "{\"x\":\"9\"}", 0}, {"lt", "10", "{\"x\":null}", 0}, {"lt", "10", "{\"x\":-1e300}", 1}, {"lt", "10", "{}", 0},
    {"lte", "10", "{\"x\":10.0}", 1}, {"lte", "10", "{\"x\":10.00000000000000000000001}", 0}, {"gt", "0.3", "{\"x\":0.30000000000000004}", 1}, {"gt", "10", "{\"x\":true}", 0},
    {"gt", "9007199254740992", "{\"x\":9007199254740993}", 1}, {"gte", "10", "{\"x\":1e1}", 1}, {"gte", "10", "{\"x\":{}}", 0}, {"gte", "-5", "{\"x\":-5.1}", 0},
    {"regex", "\"^a+$\"", "{\"x\":\"aaa\"}", 1}, {"regex", "\"^a+$\"", "{\"x\":\"aaa\\n\"}", 0}, {"regex", "\"(?i)^DROP\\\\s\"", "{\"x\":\"drop\\ttable\"}", 1}, {"regex", "\"1\"", "{\"x\":1}", 0},
    {"regex", "\"\"", "{\"x\":null}", 0}, {"regex", "\"\"", "{\"x\":[\"\"]}", 0}, {"regex", "\"\"", "{}", 0}, {"regex", "\"^$\"", "{\"x\":\"\"}", 1},
    {"contains", "\"b\"", "{\"x\":\"abc\"}", 1}, {"contains", "\"\"", "{\"x\":\"\"}", 1}, {"contains", "\"aab\"", "{\"x\":\"\\u0061aaab\"}", 1}, {"contains", "\"aab\"", "{\"x\":\"a\\u0061aa\"}", 0},
    {"contains", "\"abab\"", "{\"x\":\"\\tabaabab\"}", 1}, {"contains", "\"\\n\"", "{\"x\":\"a\\nb\"}", 1}, {"contains", "\"\"", "{\"x\":\"\\n\"}", 1}, {"contains", "\"n\"", "{\"x\":\"\\n\"}", 0}, {"contains", "4", "{\"x\":\"a4\"}", 0},
    {"contains", "4", "{\"x\":[\"4\"]}", 1}, {"contains", "\"4\"", "{\"x\":[4]}", 1}, {"contains", "[1]", "{\"x\":[[1]]}", 1}, {"contains", "\"a\"", "{\"x\":[\"ab\"]}", 0}, {"contains", "\"k\"", "{\"x\":{\"k\":1}}", 0},
    {"contains", "\"1\"", "{\"x\":1}", 0}, {"contains", "null", "{\"x\":null}", 0}, {"contains", "null", "{\"x\":[null]}", 1}, {"contains", "\"tr\"", "{\"x\":true}", 0}, {"contains", "\"a\"", "{}", 0},
    {"exists", "true", "{\"x\":\"\"}", 1}, {"exists", "true", "{\"x\":false}", 1}, {"exists", "true", "{\"x\":[]}", 1}, {"exists", "true", "{\"x\":null}", 0}, {"exists", "true", "{}", 0}, {"exists", "true", "{\"X\":1}", 0},
    {"exists", "false", "{\"x\":null}", 1}, {"exists", "false", "{}", 1}, {"exists", "false", NULL, 1}, {"exists", "false", "null", 1}, {"exists", "false", "[]", 1}, {"exists", "false", "{\"x\":0}", 0}, {"eq", "1", NULL, 0},
    {"eq", "1", "null", 0},
};

static void conditions_hold_as_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conds) / sizeof(conds[0]); i++) {
		char doc[1024];
		snprintf(doc, sizeof(doc), COND("args.x", "%s", "%s"), conds[i].op, conds[i].value);
		struct pol *p = load(doc);
		struct pol_decision d = judge(p, "t", conds[i].args);
		if ((d.verdict == POL_DENY) != conds[i].fires)
			fail_msg("%s %s of %s", conds[i].op, conds[i].value, conds[i].args);
		pol_free(&p);
		/* In a require, the same condition must decide the other way round. */
		snprintf(doc, sizeof(doc), T("\"require\":[{\"conditions\":[{\"path\":\"args.x\",\"op\":\"%s\",\"value\":%s}]}]"), conds[i].op, conds[i].value);
		p = load(doc);
		d = judge(p, "t", conds[i].args);
		assert_int_equal(d.verdict, conds[i].fires ? POL_ALLOW : POL_DENY);
		pol_free(&p);
	}
}

static void paths_go_down_objects_only(void **state)
{
	static const struct {
		const char *path, *args;
		bool there;
	} t[] = {{"args.a.b", "{\"a\":{\"b\":1}}", true}, {"args.a.b", "{\"a\":{\"B\":1}}", false}, {"args.a.b", "{\"a.b\":1}", false}, {"args.a.0", "{\"a\":[1]}", false}, {"args.a.b", "{\"a\":\"b\"}", false},
	    {"args.a.b", "{\"a\":null}", false}, {"args.a.b", "{\"\\u0061\":{\"\\u0062\":1}}", true}, {"args.args", "{\"args\":1}", true}, {"args.a.b.c", "{\"a\":{\"b\":{\"c\":0}}}", true}, {"args. ", "{\" \":1}", true}};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char doc[512];
		snprintf(doc, sizeof(doc), COND("%s", "exists", "true"), t[i].path);
		struct pol *p = load(doc);
		if ((judge(p, "t", t[i].args).verdict == POL_DENY) != t[i].there)
			fail_msg("%s in %s", t[i].path, t[i].args);
		pol_free(&p);
	}
}

static void the_first_step_that_denies_is_named(void **state)
{
	static const char doc[] = "{" V "\"default\":\"deny\",\"hide\":[\"h\",\"gone\"],\"tools\":{\"h\":{},\"t\":{"
	    "\"require\":[{\"conditions\":[]},{\"conditions\":[{\"path\":\"args.a\",\"op\":\"exists\",\"value\":true}],\"on_deny\":\"Say a.\"},"
	    "{\"conditions\":[{\"path\":\"args.a\",\"op\":\"exists\",\"value\":true},{\"path\":\"args.b\",\"op\":\"eq\",\"value\":1}]}],"
	    "\"deny_if\":[{\"conditions\":[{\"path\":\"args.c\",\"op\":\"gt\",\"value\":5},{\"path\":\"args.d\",\"op\":\"eq\",\"value\":1}]},"
	    "{\"conditions\":[{\"path\":\"args.e\",\"op\":\"eq\",\"value\":1}]}]},\"n\":{\"deny_if\":[{\"conditions\":[]}]},"
	    "\"a~b/c\":{\"deny_if\":[{\"conditions\":[{\"path\":\"args.x/y~\",\"op\":\"eq\",\"value\":1}]}]}}}";
	static const struct {
		const char *tool, *args, *rule, *text;
		int index;
		bool unknown;
	} t[] = {
	    {"h", "{}", "(hidden)", "Tool \"h\" is hidden by policy", -1, true},
	    {"gone", "{}", "(hidden)", "Tool \"gone\" is hidden by policy", -1, true},
	    {"u", "{}", "(default deny)", "Tool \"u\" is not permitted by policy", -1, true},
	    {"", "{}", "(default deny)", "Tool \"\" is not permitted by policy", -1, true},
	    {"T", "{}", "(default deny)", "Tool \"T\" is not permitted by policy", -1, true},
	    {"t ", "{}", "(default deny)", "Tool \"t \" is not permitted by policy", -1, true},
	    {"*", "{}", "(default deny)", "Tool \"*\" is not permitted by policy", -1, true},
	    {"x\n\"y\x7f", "{}", "(default deny)", "Tool \"x??y?\" is not permitted by policy", -1, true},
	    {"t", "{\"e\":1}", "/tools/t/require/args.a-exists#1", "Say a.", 1, false},
	    {"t", "{\"a\":1}", "/tools/t/require/args.a-exists#2", "Denied by policy: rule \"/tools/t/require/args.a-exists#2\"", 2, false},
	    {"t", "{\"a\":1,\"b\":1,\"c\":6,\"e\":1}", "/tools/t/deny_if/args.e-eq", "Denied by policy: rule \"/tools/t/deny_if/args.e-eq\"", 1, false},
	    {"t", "{\"a\":1,\"b\":1,\"c\":6,\"d\":1,\"e\":1}", "/tools/t/deny_if/args.c-gt", "Denied by policy: rule \"/tools/t/deny_if/args.c-gt\"", 0, false},
	    {"n", "{}", "/tools/n/deny_if/0", "Denied by policy: rule \"/tools/n/deny_if/0\"", 0, false},
	    {"a~b/c", "{\"x/y~\":1}", "/tools/a~0b~1c/deny_if/args.x~1y~0-eq", "Denied by policy: rule \"/tools/a~0b~1c/deny_if/args.x~1y~0-eq\"", 0, false},
	};
	struct pol *p = load(doc);
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pol_decision d = judge(p, t[i].tool, t[i].args);
		assert_int_equal(d.verdict, POL_DENY);
		assert_string_equal(d.rule, t[i].rule);
		assert_string_equal(d.text, t[i].text);
		assert_string_equal(d.authorised_by, "");
		assert_int_equal(d.rule_index, t[i].index);
		assert_int_equal(d.unknown_tool, t[i].unknown);
		assert_int_equal(pol_visible(p, view_str(t[i].tool)), t[i].unknown ? POL_HIDDEN : POL_LISTED);
	}
	struct pol_decision d = judge(p, "t", "{\"a\":1,\"b\":1,\"c\":6,\"d\":2}");
	assert_int_equal(d.verdict, POL_ALLOW);
	assert_string_equal(d.rule, "");
	assert_string_equal(d.authorised_by, "/tools/t");
	assert_int_equal(d.rule_index, -1);
	pol_free(&p);
}

static void default_allow_and_no_policy(void **state)
{
	struct pol *p = load("{" V "\"default\":\"allow\",\"hide\":[\"h\"],\"tools\":{\"t\":{\"deny_if\":[{\"conditions\":[],\"on_deny\":\"\"}]}}}");
	(void)state;
	struct pol_decision d = judge(p, "other", NULL);
	assert_int_equal(d.verdict, POL_ALLOW);
	assert_string_equal(d.authorised_by, "(default allow)");
	d = judge(p, "t", NULL);
	assert_int_equal(d.verdict, POL_DENY);
	assert_string_equal(d.text, "");
	assert_false(d.unknown_tool);
	assert_int_equal(pol_visible(p, VIEW_LIT("t")), POL_LISTED);
	assert_int_equal(pol_visible(p, VIEW_LIT("h")), POL_HIDDEN);
	d = judge(NULL, "t", "{}");
	assert_int_equal(d.verdict, POL_DENY);
	assert_string_equal(d.rule, "(no policy)");
	assert_int_equal(pol_visible(NULL, VIEW_LIT("t")), POL_HIDDEN);
	pol_free(&p);
}

/* What a pattern cannot decide within its bounds counts against the call, in both lists. */
static void undecided_patterns_deny(void **state)
{
	static const char *const docs[] = {COND("args.x", "regex", "\"zzz\""), T("\"require\":[{\"conditions\":[{\"path\":\"args.x\",\"op\":\"regex\",\"value\":\"^a\"}]}]"),
	    T("\"deny_if\":[{\"conditions\":[{\"path\":\"args.x\",\"op\":\"regex\",\"value\":\"z\"},{\"path\":\"args.y\",\"op\":\"exists\",\"value\":false}]}]")};
	char args[REGEX_SUBJECT_MAX + 64];
	(void)state;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++)
		for (int escaped = 0; escaped < 2; escaped++)
			for (int over = 0; over < 2; over++) {
				struct pol *p = load(docs[i]);
				int n = REGEX_SUBJECT_MAX + over - escaped;
				int at = snprintf(args, sizeof(args), "{\"x\":\"%s", escaped ? "\\u0061" : "");
				memset(args + at, 'a', (size_t)n);
				strcpy(args + at + n, "\"}");
				assert_int_equal(judge(p, "t", args).verdict, over ? POL_DENY : POL_ALLOW);
				pol_free(&p);
			}
	struct pol *p = load(docs[2]); /* a condition that is certainly false settles it */
	memcpy(args, "{\"y\":1,\"x\":\"", 12);
	memset(args + 12, 'a', REGEX_SUBJECT_MAX + 1);
	strcpy(args + 12 + REGEX_SUBJECT_MAX + 1, "\"}");
	assert_int_equal(judge(p, "t", args).verdict, POL_ALLOW);
	pol_free(&p);
}

/* A pattern that runs out of states on a text of 8 KiB: denied, as a require and as a deny_if. */
static void a_pattern_without_end_denies(void **state)
{
	static char pattern[4 * REGEX_STATES + 8], doc[4 * REGEX_STATES + 512], args[REGEX_SUBJECT_MAX + 64];
	static const char *const lists[] = {"require", "deny_if"};
	(void)state;
	strcpy(pattern, "^");
	for (int i = 0; i < 2 * REGEX_STATES; i++)
		strcat(pattern, "a?");
	int at = snprintf(args, sizeof(args), "{\"x\":\"");
	memset(args + at, 'a', REGEX_SUBJECT_MAX);
	strcpy(args + at + REGEX_SUBJECT_MAX, "\"}");
	for (size_t i = 0; i < 2; i++) {
		snprintf(doc, sizeof(doc), T("\"%s\":[{\"conditions\":[{\"path\":\"args.x\",\"op\":\"regex\",\"value\":\"%s!\"}]}]"), lists[i], pattern);
		struct pol *p = load(doc);
		struct pol_decision d = judge(p, "t", args);
		assert_int_equal(d.verdict, POL_DENY);
		snprintf(doc, sizeof(doc), "/tools/t/%s/args.x-regex", lists[i]);
		assert_string_equal(d.rule, doc);
		pol_free(&p);
	}
}

static void methods_follow_the_table(void **state)
{
	static const struct {
		const char *method, *deny, *allow; /* authorised_by under that default, or NULL: denied */
	} t[] = {
	    {"initialize", "(protocol)", "(protocol)"}, {"ping", "(protocol)", "(protocol)"}, {"tools/list", "(protocol)", "(protocol)"},
	    {"resources/templates/list", "(protocol)", "(protocol)"}, {"server/discover", "(protocol)", "(protocol)"},
	    {"notifications/cancelled", "(protocol)", "(protocol)"}, {"resources/read", NULL, "(default allow)"}, {"prompts/get", NULL, "(default allow)"},
	    {"tasks/result", NULL, "(default allow)"}, {"sampling/createMessage", NULL, "(default allow)"}, {"roots/list", NULL, "(default allow)"},
	    {"logging/setLevel", "/x-callgate/methods/logging~1setLevel", "/x-callgate/methods/logging~1setLevel"},
	    {"acme/search", "/x-callgate/methods/acme~1search", "/x-callgate/methods/acme~1search"}, {"completion/complete", NULL, NULL},
	    {"acme/other", NULL, NULL}, {"", NULL, NULL}, {"Ping", NULL, NULL}, {"tools/call", NULL, NULL},
	};
	static const char *const defaults[] = {"deny", "allow"};
	(void)state;
	for (int k = 0; k < 2; k++) {
		char doc[512];
		snprintf(doc, sizeof(doc), "{" V "\"default\":\"%s\",\"x-callgate\":{\"version\":1,\"methods\":{\"logging/setLevel\":\"allow\","
		    "\"completion/complete\":\"deny\",\"acme/search\":\"allow\"}}}", defaults[k]);
		struct pol *p = load(doc);
		for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
			const char *by = k ? t[i].allow : t[i].deny;
			struct pol_decision d;
			memset(&d, 0xa5, sizeof(d));
			pol_method(p, view_str(t[i].method), &d);
			if ((d.verdict == POL_ALLOW) != (by != NULL) || strcmp(d.authorised_by, by ? by : "") || (d.rule[0] == '\0') != (by != NULL))
				fail_msg("%s under %s: %s %s", t[i].method, defaults[k], d.rule, d.authorised_by);
		}
		struct pol_decision d;
		pol_method(p, VIEW_LIT("completion/complete"), &d);
		assert_string_equal(d.rule, "/x-callgate/methods/completion~1complete");
		pol_method(p, VIEW_LIT("acme/other"), &d);
		assert_string_equal(d.rule, "(unknown method)");
		pol_free(&p);
	}
}
int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(conditions_hold_as_written),
	    cmocka_unit_test(paths_go_down_objects_only),
	    cmocka_unit_test(the_first_step_that_denies_is_named),
	    cmocka_unit_test(default_allow_and_no_policy),
	    cmocka_unit_test(undecided_patterns_deny),
	    cmocka_unit_test(a_pattern_without_end_denies),
	    cmocka_unit_test(methods_follow_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
