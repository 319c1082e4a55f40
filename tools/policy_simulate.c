/*
 * policy_simulate.c - callgate policy simulate: what another document would have made of the calls that are recorded.
 * Records hold the names of arguments and never a value: where a rule looks at a value, the answer is "depends".
 */
#include <stdio.h>
#include <string.h>

#include "tools/calls.h"
#include "tools/policy.h"
#include "tools/policy_guess.h"

enum { DOC_MAX = 16 << 20, KEYS = 512 };

struct simulation {
	struct guess *g;
	json_t *rows; /* "was>would\ttool\trule" -> {"was","would","tool","rule","calls","users"} */
	size_t judged, same, changed, depends, not_judged, limited;
};

/* Did a policy say that, or somebody before it? */
static bool by_policy(const json_t *r, const char *verdict)
{
	static const char *const before[] = {"(no grant)", "(no policy)", "(expired)", "(identity mismatch)", "(audit unavailable)", "(limits unavailable)", "(changed definition)"};
	const char *rule = json_string_value(json_object_get(r, "rule"));

	if (strcmp(verdict, "allow") != 0 && strcmp(verdict, "deny") != 0)
		return false;
	for (size_t i = 0; rule && i < sizeof(before) / sizeof(*before); i++)
		if (strcmp(rule, before[i]) == 0)
			return false;
	return true;
}

static bool by_limit(const json_t *r)
{
	const char *rule = json_string_value(json_object_get(r, "rule"));

	return rule && strstr(rule, "/limits/");
}

static void count(struct simulation *s, const json_t *r, const char *was, const char *would, const char *tool, const char *rule)
{
	char key[2048];

	snprintf(key, sizeof(key), "%s>%s\t%.500s\t%.1000s", was, would, tool, rule);
	json_t *row = json_object_get(s->rows, key);
	if (!row) {
		row = json_pack("{s:s s:s s:s s:s s:i s:{}}", "was", was, "would", would, "tool", tool, "rule", rule, "calls", 0, "uids");
		if (!row || json_object_set_new(s->rows, key, row))
			return;
	}
	json_object_set_new(row, "calls", json_integer(json_integer_value(json_object_get(row, "calls")) + 1));
	char uid[24];
	snprintf(uid, sizeof(uid), "%lld", (long long)json_integer_value(json_object_get(r, "uid")));
	json_object_set_new(json_object_get(row, "uids"), uid, json_true());
}

static void one(void *arg, const json_t *r)
{
	static const char *const word[] = {[GUESS_DENIES] = "deny", [GUESS_PASSES] = "allow", [GUESS_DEPENDS] = "depends"};
	struct simulation *s = arg;
	const char *was = json_string_value(json_object_get(r, "verdict")), *rule;
	const json_t *tool = json_object_get(r, "tool"), *list = json_object_get(r, "arg_keys"), *k;
	struct view keys[KEYS];
	size_t n = 0, i;
	uint32_t limits;

	if (!was || !json_is_string(tool) || !by_policy(r, was)) {
		s->not_judged++;
		return;
	}
	json_array_foreach(list, i, k)
		if (n < KEYS)
			keys[n++] = view_of(json_string_value(k), json_string_length(k));
	enum guess_says says = guess_call(s->g, view_of(json_string_value(tool), json_string_length(tool)), keys, n, &rule, &limits);
	s->judged++;
	s->limited += says != GUESS_DENIES && (limits || by_limit(r));
	s->same += strcmp(was, word[says]) == 0;
	s->depends += says == GUESS_DEPENDS;
	s->changed += says != GUESS_DEPENDS && strcmp(was, word[says]) != 0;
	if (strcmp(was, word[says]) != 0)
		count(s, r, was, word[says], json_string_value(tool), rule);
}

static json_t *as_list(json_t *rows)
{
	json_t *out = json_array(), *row, *v;
	const char *key, *uid;

	json_object_foreach(rows, key, row) {
		json_t *users = json_array();
		json_object_foreach(json_object_get(row, "uids"), uid, v)
			json_array_append_new(users, json_string(uid));
		json_object_set_new(row, "uids", users);
		json_array_append(out, row);
	}
	return out;
}

static void print(const struct simulation *s, json_t *list)
{
	static const struct tool_column column[] = {{"WAS", "was"}, {"WOULD BE", "would"}, {"CALLS", "calls"}, {"TOOL", "tool"}, {"RULE", "rule"}, {"UIDS", "uids"}};

	if (json_array_size(list)) {
		tool_table(column, sizeof(column) / sizeof(*column), list);
		puts("");
	}
	printf("%zu calls: %zu the same, %zu different, %zu depend on values\n", s->judged, s->same, s->changed, s->depends);
	if (s->depends)
		puts("\"depends\": the rule looks at an argument that was given; its value is not recorded, so nobody can tell any more.");
	if (s->limited)
		printf("%zu of them meet a limit: counters are not played back, so a limit may deny more of them, or fewer.\n", s->limited);
	if (s->not_judged)
		printf("%zu calls are left out: no policy judged them (no grant, no policy, expired).\n", s->not_judged);
}

static void print_json(const struct simulation *s, json_t *list)
{
	json_t *o = json_pack("{s:I s:I s:I s:I s:I s:I s:O}", "calls", (json_int_t)s->judged, "same", (json_int_t)s->same, "different", (json_int_t)s->changed,
	    "depends", (json_int_t)s->depends, "limited", (json_int_t)s->limited, "left_out", (json_int_t)s->not_judged, "changes", list);

	tool_json(o);
	json_decref(o);
}

int policy_do_simulate(int argc, char **argv)
{
	const char *file = NULL, *dir = NULL;
	struct calls_wanted w = {0};
	const struct tool_flag flags[] = {{"--policy", &file, NULL}, {"--audit", &dir, NULL}, {"--server", &w.server, NULL}, {"--user", &w.user, NULL},
	    {"--was", &w.policy, NULL}, {NULL, NULL, NULL}};
	struct simulation s = {0};
	struct buf doc = {0};
	char why[400];
	size_t seen;

	if (tool_flags("policy simulate", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!file)
		return tool_fail(EXIT_USAGE, "policy simulate: --policy FILE [--audit DIR] [--server NAME] [--user U] [--was POLICY]");
	int status = tool_file(file, DOC_MAX, &doc);
	if (!status && guess_new(buf_view(&doc), why, sizeof(why), &s.g))
		status = tool_fail(EXIT_NO, "%s: %s", file, why);
	s.rows = json_object();
	status = status ? status : calls_each(dir, &w, one, &s, &seen);
	if (!status) {
		json_t *list = as_list(s.rows);
		if (tool_opts.json)
			print_json(&s, list);
		else
			print(&s, list);
		json_decref(list);
	}
	json_decref(s.rows);
	guess_free(&s.g);
	buf_free(&doc);
	return status;
}
