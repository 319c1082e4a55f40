/* pol_test.c - policy documents: what loads, what is refused and where, how much of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "pol_aid.h"

/* Documents that must not load; ${at} is the pointer of the first error. */
static const struct {
	const char *doc, *at;
} wrong[] = {
    {"", ""}, {"[]", ""}, {"null", ""}, {"{", ""}, {"{}", "/version"}, {"{\"default\":\"deny\"}", "/version"}, {"{\"version\":\"1\"}", "/default"},
    {"{\"version\":\"2\",\"default\":\"deny\"}", "/version"}, {"{\"version\":1,\"default\":\"deny\"}", "/version"},
    {"{" V "\"default\":\"block\"}", "/default"}, {"{" V "\"default\":\"Deny\"}", "/default"}, {"{" V "\"default\":null}", "/default"},
    {"{" V "\"default\":\"deny\"} x", ""}, {"{" V "\"default\":\"deny\",\"default\":\"allow\"}", ""},
    {"{" V "\"default\":\"deny\",\"hide\":[\"\"]}", "/hide/0"}, {"{" V "\"default\":\"deny\",\"hide\":[\" \\t\"]}", "/hide/0"},
    {"{" V "\"default\":\"deny\",\"hide\":[\"a\",\"b\",\"a\"]}", "/hide/2"}, {"{" V "\"default\":\"deny\",\"hide\":[1]}", "/hide/0"},
    {"{" V "\"default\":\"deny\",\"hide\":\"a\"}", "/hide"}, {"{" V "\"default\":\"deny\",\"tools\":[]}", "/tools"},
    {"{" V "\"default\":\"deny\",\"Tools\":{}}", "/Tools"}, {"{" V "\"default\":\"deny\",\"tools\":{\"*\":{}}}", "/tools/*"},
    {"{" V "\"default\":\"deny\",\"tools\":{\"\":{}}}", "/tools/"}, {"{" V "\"default\":\"deny\",\"tools\":{\"t\":null}}", "/tools/t"},
    {"{" V "\"default\":\"deny\",\"all_tools\":{\"deny_if\":[]}}", "/all_tools/deny_if"},
    {T("\"deny_iff\":[]"), "/tools/t/deny_iff"}, {T("\"allow_if\":[]"), "/tools/t/allow_if"}, {T("\"require\":{}"), "/tools/t/require"},
    {T("\"require\":[null]"), "/tools/t/require/0"}, {T("\"require\":[{}]"), "/tools/t/require/0/conditions"},
    {T("\"require\":[{\"conditions\":[],\"on_deny\":1}]"), "/tools/t/require/0/on_deny"},
    {T("\"require\":[{\"conditions\":[],\"message\":\"\"}]"), "/tools/t/require/0/message"},
    {T("\"deny_if\":[{\"conditions\":[{}]}]"), "/tools/t/deny_if/0/conditions/0/path"},
    {T("\"deny_if\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"eq\"}]}]"), "/tools/t/deny_if/0/conditions/0/value"},
    {COND("amount", "eq", "1"), "/tools/t/deny_if/0/conditions/0/path"}, {COND("state.x.y", "eq", "1"), "/tools/t/deny_if/0/conditions/0/path"},
    {COND("args", "eq", "1"), "/tools/t/deny_if/0/conditions/0/path"}, {COND("args.", "eq", "1"), "/tools/t/deny_if/0/conditions/0/path"},
    {COND("args.a..b", "eq", "1"), "/tools/t/deny_if/0/conditions/0/path"}, {COND("args.a.", "eq", "1"), "/tools/t/deny_if/0/conditions/0/path"},
    {COND("args.a", "equals", "1"), "/tools/t/deny_if/0/conditions/0/op"}, {COND("args.a", "EQ", "1"), "/tools/t/deny_if/0/conditions/0/op"},
    {COND("args.a", "in", "\"x\""), "/tools/t/deny_if/0/conditions/0/value"}, {COND("args.a", "not_in", "{}"), "/tools/t/deny_if/0/conditions/0/value"},
    {COND("args.a", "gt", "\"100\""), "/tools/t/deny_if/0/conditions/0/value"}, {COND("args.a", "lte", "true"), "/tools/t/deny_if/0/conditions/0/value"},
    {COND("args.a", "exists", "\"true\""), "/tools/t/deny_if/0/conditions/0/value"}, {COND("args.a", "exists", "1"), "/tools/t/deny_if/0/conditions/0/value"},
    {COND("args.a", "regex", "1"), "/tools/t/deny_if/0/conditions/0/value"}, {COND("args.a", "regex", "\"[invalid(\""), "/tools/t/deny_if/0/conditions/0/value"},
    {COND("args.a", "regex", "\"(?=x)\""), "/tools/t/deny_if/0/conditions/0/value"},
    {T("\"limits\":[{}]"), "/tools/t/limits/0/counter"}, {LIMIT(",\"scope\":\"user\""), "/tools/t/limits/0/scope"},
    {LIMIT(",\"scope\":null"), "/tools/t/limits/0/scope"}, {LIMIT(",\"burst\":1"), "/tools/t/limits/0/burst"},
    {LIMIT(",\"increment\":0"), "/tools/t/limits/0/increment"}, {LIMIT(",\"increment\":1,\"increment_from\":\"args.a\""), "/tools/t/limits/0"},
    {LIMIT(",\"increment_from\":\"amount\""), "/tools/t/limits/0/increment_from"},
    {T("\"limits\":[{\"counter\":\"\",\"window\":\"day\",\"max\":1}]"), "/tools/t/limits/0/counter"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"week\",\"max\":1}]"), "/tools/t/limits/0/window"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"\",\"max\":1}]"), "/tools/t/limits/0/window"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":60,\"max\":1}]"), "/tools/t/limits/0/window"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":0}]"), "/tools/t/limits/0/max"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":-1}]"), "/tools/t/limits/0/max"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":\"30\"}]"), "/tools/t/limits/0/max"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":1.5}]"), "/tools/t/limits/0/max"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":9223372036854775808}]"), "/tools/t/limits/0/max"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":1},{\"counter\":\"c\",\"window\":\"hour\",\"max\":1}]"), "/tools/t/limits"},
    {"{" V "\"default\":\"deny\",\"all_tools\":{\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":1,\"increment_from\":\"args.a\"}]}}",
     "/all_tools/limits/0/increment_from"},
    {"{" V "\"default\":\"deny\",\"x-callgate\":{}}", "/x-callgate/version"},
    {"{" V "\"default\":\"deny\",\"x-callgate\":{\"version\":\"1\"}}", "/x-callgate/version"},
    {"{" V "\"default\":\"deny\",\"x-callgate\":{\"version\":2}}", "/x-callgate/version"},
    {X("\"tools\":[]"), "/x-callgate/tools"}, {X("\"tools\":{\"\":{}}"), "/x-callgate/tools/"}, {X("\"tools\":{\"*\":{}}"), "/x-callgate/tools/*"},
    {X("\"limits\":{}"), "/x-callgate/limits"}, {XT("\"deny_if\":[]"), "/x-callgate/tools/t/deny_if"}, {XT("\"approve\":false"), "/x-callgate/tools/t/approve"},
    {XT("\"approve\":{}"), "/x-callgate/tools/t/approve/conditions"}, {XT("\"approve\":{\"conditions\":[],\"who\":1}"), "/x-callgate/tools/t/approve/who"},
    {XT("\"approve\":{\"conditions\":[{\"path\":\"x\",\"op\":\"eq\",\"value\":1}]}"), "/x-callgate/tools/t/approve/conditions/0/path"},
    {XT("\"idempotency\":60"), "/x-callgate/tools/t/idempotency"}, {XT("\"idempotency\":{}"), "/x-callgate/tools/t/idempotency/seconds"},
    {XT("\"idempotency\":{\"seconds\":0}"), "/x-callgate/tools/t/idempotency/seconds"}, {XT("\"idempotency\":{\"seconds\":86401}"), "/x-callgate/tools/t/idempotency/seconds"},
    {XT("\"when\":{}"), "/x-callgate/tools/t/when"}, {XT("\"when\":{\"from\":\"08:00\"}"), "/x-callgate/tools/t/when"},
    {XT("\"when\":{\"from\":\"08:00\",\"to\":\"08:00\"}"), "/x-callgate/tools/t/when"}, {XT("\"when\":{\"from\":\"24:00\",\"to\":\"08:00\"}"), "/x-callgate/tools/t/when/from"},
    {XT("\"when\":{\"from\":\"8:00\",\"to\":\"09:00\"}"), "/x-callgate/tools/t/when/from"}, {XT("\"when\":{\"from\":\"08:00\",\"to\":\"09:60\"}"), "/x-callgate/tools/t/when/to"},
    {XT("\"when\":{\"days\":[]}"), "/x-callgate/tools/t/when/days"}, {XT("\"when\":{\"days\":[\"Mon\"]}"), "/x-callgate/tools/t/when/days/0"},
    {XT("\"when\":{\"days\":[\"mon\",\"mon\"]}"), "/x-callgate/tools/t/when/days"}, {XT("\"when\":{\"until\":\"soon\"}"), "/x-callgate/tools/t/when/until"},
    {XT("\"when\":{\"until\":1}"), "/x-callgate/tools/t/when/until"}, {XT("\"when\":{\"zone\":\"CET\"}"), "/x-callgate/tools/t/when/zone"},
    {XT("\"limits\":[{\"counter\":\"c\",\"window\":\"week\",\"max\":1}]"), "/x-callgate/tools/t/limits/0/window"},
    {XT("\"limits\":[{\"counter\":\"c\",\"window\":\"month\",\"max\":1,\"scope\":\"team\"}]"), "/x-callgate/tools/t/limits/0/scope"},
    {X("\"limits\":[{\"counter\":\"c\",\"window\":\"month\",\"max\":1,\"increment_from\":\"args.a\"}]"), "/x-callgate/limits/0/increment_from"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"month\",\"max\":1}]"), "/tools/t/limits/0/window"},
    {T("\"limits\":[{\"counter\":\"c\",\"window\":\"sliding_hour\",\"max\":1}]"), "/tools/t/limits/0/window"},
    {T("\"approve\":true"), "/tools/t/approve"},
    {"{" V "\"default\":\"deny\",\"x-callgate\":{\"version\":1,\"approve\":{}}}", "/x-callgate/approve"},
    {"{" V "\"default\":\"deny\",\"x-callgate\":{\"version\":1,\"methods\":{\"x\":true}}}", "/x-callgate/methods/x"},
    {"{" V "\"default\":\"deny\",\"x-callgate\":{\"version\":1,\"methods\":{\"tools/call\":\"allow\"}}}", "/x-callgate/methods/tools~1call"},
};

static void refuses_wrong_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct notes n = {0};
		struct pol *p;
		char want[600];
		int e = pol_load(view_str(wrong[i].doc), note, &n, &p);
		if (e >= 0 || p || !n.errors)
			fail_msg("loads: %s", wrong[i].doc);
		snprintf(want, sizeof(want), "E %s: ", wrong[i].at);
		if (strncmp(n.text, want, strlen(want)) != 0)
			fail_msg("%s\nsays %sand not %s", wrong[i].doc, n.text, want);
		assert_int_equal(pol_load(view_str(wrong[i].doc), NULL, NULL, &p), e);
	}
}

static void every_prefix_is_refused(void **state)
{
	static const char doc[] = "{" V "\"default\":\"deny\",\"hide\":[\"h\"],\"all_tools\":{\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":5}]},"
	    "\"tools\":{\"t\":{\"require\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"regex\",\"value\":\"^x\"}]}]}},"
	    "\"x-callgate\":{\"version\":1,\"methods\":{\"resources/read\":\"deny\"}}}";
	struct pol *p = load(doc);
	(void)state;
	pol_free(&p);
	assert_null(p);
	pol_free(&p);
	for (size_t n = 0; n < sizeof(doc) - 1; n++) {
		assert_true(pol_load(view_of(doc, n), NULL, NULL, &p) < 0);
		assert_null(p);
	}
}

static void reports_every_error_with_its_place(void **state)
{
	struct notes n = {0};
	struct pol *p;
	(void)state;
	assert_int_equal(pol_load(VIEW_LIT("{\"version\":1,\n \"default\":\"maybe\",\n  \"tools\":{\"a\":{\"x\":1},\"b/c\":{\"limits\":[{\"counter\":\"c\",\n"
	    "\"window\":\"week\",\"max\":0}]}}}"), note, &n, &p), -ERR_MALFORMED);
	assert_int_equal(n.errors, 5);
	assert_non_null(strstr(n.text, "E /tools/a/x: "));
	assert_non_null(strstr(n.text, "E /tools/b~1c/limits/0/window: "));
	assert_string_equal(n.last.pointer, "/tools/b~1c/limits/0/max");
	assert_int_equal(n.last.line, 4);
	assert_int_equal(n.last.column, 23);
}

/* Documents that load with warnings; ${at} is where the only one points, or NULL for none. */
static const struct {
	const char *doc, *at;
} dubious[] = {
    {T(""), NULL}, {T("\"require\":[]"), NULL}, {"{" V "\"default\":\"allow\"}", NULL},
    {T("\"require\":[{\"conditions\":[]}]"), "/tools/t/require/0"}, {T("\"deny_if\":[{\"conditions\":[]}]"), NULL},
    {"{" V "\"default\":\"deny\",\"hide\":[\"t\"],\"tools\":{\"t\":{}}}", "/tools/t"},
    {"{" V "\"default\":\"deny\",\"hide\":[\"*\"],\"tools\":{\"t\":{}}}", "/tools"}, {"{" V "\"default\":\"deny\",\"hide\":[\"*\"]}", NULL},
    {COND("args.a", "neq", "1"), "/tools/t/deny_if/0/conditions/0"}, {COND("args.a", "not_in", "[1]"), "/tools/t/deny_if/0/conditions/0"},
    {COND("args.a", "gt", "1"), NULL}, {COND("args.base", "eq", "\"main\""), "/tools/t/deny_if/0/conditions/0"},
    {T("\"require\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"exists\",\"value\":true}]}],"
       "\"deny_if\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"neq\",\"value\":1}]}]"), NULL},
    {T("\"require\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"exists\",\"value\":false}]}],"
       "\"deny_if\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"neq\",\"value\":1}]}]"), "/tools/t/deny_if/0/conditions/0"},
    {T("\"require\":[{\"conditions\":[{\"path\":\"args.b\",\"op\":\"exists\",\"value\":true}]}],"
       "\"deny_if\":[{\"conditions\":[{\"path\":\"args.a\",\"op\":\"neq\",\"value\":1}]}]"), "/tools/t/deny_if/0/conditions/0"},
};

static void warns_and_loads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dubious) / sizeof(dubious[0]); i++) {
		struct notes n = {0};
		struct pol *p;
		assert_int_equal(pol_load(view_str(dubious[i].doc), note, &n, &p), 0);
		if (n.warnings != (dubious[i].at != NULL) || n.errors || (dubious[i].at && strcmp(n.last.pointer, dubious[i].at)))
			fail_msg("%s\nsays %s", dubious[i].doc, n.text);
		pol_free(&p);
	}
}

static void hash_is_of_the_bytes(void **state)
{
	struct pol *p = load("{\"version\":\"1\",\"default\":\"deny\"}"), *q = load("{\"version\":\"1\", \"default\":\"deny\"}");
	(void)state;
	/* printf '{"version":"1","default":"deny"}' | sha256sum */
	assert_string_equal(pol_hash(p), "aeaf06700126854b9186966605af6bd20042ae56be7753f94096266dbcf2d4f3");
	assert_string_not_equal(pol_hash(p), pol_hash(q));
	pol_free(&p);
	pol_free(&q);
}
/* Long names and texts are cut where a character ends; nothing overflows. */
static void lengths_are_bounded(void **state)
{
	struct buf b = {0};
	struct pol *p;
	struct pol_decision d;
	char name[3000];
	(void)state;
	for (size_t i = 0; i < sizeof(name) - 2; i += 3)
		memcpy(name + i, "\xe2\x82\xac", 3);
	assert_int_equal(buf_printf(&b, "{" V "\"default\":\"deny\",\"tools\":{\"t\":{\"deny_if\":[{\"conditions\":[],\"on_deny\":\"%.2000s\"}]}}}", name), 0);
	assert_int_equal(pol_load(buf_view(&b), NULL, NULL, &p), -ERR_ENCODING); /* 2000 bytes cut a character */
	buf_reset(&b);
	assert_int_equal(buf_printf(&b, "{" V "\"default\":\"deny\",\"tools\":{\"t\":{\"deny_if\":[{\"conditions\":[],\"on_deny\":\"%.1998s\"}]}}}", name), 0);
	assert_int_equal(pol_load(buf_view(&b), NULL, NULL, &p), 0);
	d = judge(p, "t", NULL);
	assert_int_equal(strlen(d.text), 1023);
	assert_memory_equal(d.text + 1020, "\xe2\x82\xac", 3);
	memset(&d, 0, sizeof(d));
	pol_judge(p, view_of(name, sizeof(name)), &(struct json_doc){0}, NULL, &d);
	assert_int_equal(d.verdict, POL_DENY);
	assert_true(strlen(d.text) < 256);
	assert_non_null(strstr(d.text, "...\" is not permitted"));
	pol_free(&p);
	buf_reset(&b);
	assert_int_equal(buf_printf(&b, "{" V "\"default\":\"deny\",\"tools\":{\"%.1200s\":{}}}", name), 0);
	assert_int_equal(pol_load(buf_view(&b), NULL, NULL, &p), -ERR_TOO_LONG);
	buf_free(&b);
}

/* Ten thousand tools, each with a rule: must neither overflow nor take quadratic time. */
static void large_documents_load(void **state)
{
	struct buf b = {0};
	struct pol *p;
	char name[32];
	(void)state;
	assert_int_equal(buf_puts(&b, "{" V "\"default\":\"deny\",\"hide\":[\"x\"],\"tools\":{"), 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_printf(&b, "%s\"tool_%d\":{\"deny_if\":[{\"conditions\":[{\"path\":\"args.n\",\"op\":\"eq\",\"value\":%d}]}]}", i ? "," : "", (i * 7919) % 10000, i), 0);
	assert_int_equal(buf_puts(&b, "}}"), 0);
	assert_int_equal(pol_load(buf_view(&b), NULL, NULL, &p), 0);
	for (int i = 0; i < 10000; i += 37) {
		char args[32];
		snprintf(name, sizeof(name), "tool_%d", (i * 7919) % 10000);
		snprintf(args, sizeof(args), "{\"n\":%d}", i);
		assert_int_equal(judge(p, name, args).verdict, POL_DENY);
		assert_int_equal(judge(p, name, "{}").verdict, POL_ALLOW);
	}
	assert_int_equal(judge(p, "tool_10000", NULL).verdict, POL_DENY);
	pol_free(&p);
	buf_free(&b);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_wrong_documents),
	    cmocka_unit_test(every_prefix_is_refused),
	    cmocka_unit_test(reports_every_error_with_its_place),
	    cmocka_unit_test(warns_and_loads),
	    cmocka_unit_test(hash_is_of_the_bytes),
	    cmocka_unit_test(lengths_are_bounded),
	    cmocka_unit_test(large_documents_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
