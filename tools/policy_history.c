/* policy_history.c - callgate policy history, diff, rollback: the versions of a named policy.  See policy.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/diff.h"
#include "tools/policy.h"

enum { DOC_MAX = 16 << 20 };

/* A version as a number; "" or NULL: the one in force. */
static int number(const char *text, long *out)
{
	char *end = NULL;

	*out = text ? strtol(text, &end, 10) : 0;
	return text && (!*text || *end || *out < 1) ? tool_fail(EXIT_USAGE, "\"%s\" is no version: a number from 1; see policy history", text) : EXIT_YES;
}

int policy_version(const char *name, long version, json_t **policy)
{
	json_t *answer;
	json_t *args = version ? json_pack("{s:s s:I}", "name", name, "version", (json_int_t)version) : json_pack("{s:s}", "name", name);
	int status = tool_ask(tool_request("policy.show", args), view_of(NULL, 0), &answer);

	*policy = status ? NULL : json_incref(json_object_get(answer, "policy"));
	if (!status)
		json_decref(answer);
	return status;
}

static void print_history(const json_t *answer)
{
	static const struct tool_column column[] = {{"VERSION", "version"}, {"SHA256", "hash"}, {"APPLIED", "applied_at"}, {"BY", "applied_by.user"},
	    {"BACK TO", "rollback_to"}, {"TICKET", "ticket"}, {"REASON", "reason"}};

	tool_table(column, sizeof(column) / sizeof(*column), json_object_get(answer, "versions"));
}

int policy_do_history(int argc, char **argv)
{
	const char *name = NULL;
	int n = tool_flags("policy history", NULL, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "policy history: which one?  callgate policy history NAME");
	return n < 0 ? EXIT_USAGE : tool_simple("policy.history", json_pack("{s:s}", "name", name), print_history);
}

static struct view text_of(const json_t *policy)
{
	const json_t *d = json_object_get(policy, "document");

	return view_of(json_string_value(d), json_string_length(d));
}

static void label(const json_t *policy, const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "%s version %lld", name, (long long)json_integer_value(json_object_get(policy, "version")));
}

static int is_file(const char *word)
{
	return strchr(word, '/') || strchr(word, '.') || strcmp(word, "-") == 0;
}

/* Two versions; one and the one in force; or the one in force and a file. */
static int compare(const char *name, const char *one, const char *two)
{
	json_t *a = NULL, *b = NULL;
	struct buf file = {0};
	char from[128], to[128];
	long va = 0, vb = 0;
	bool against_file = one && !two && is_file(one);
	int status = against_file ? EXIT_YES : number(one, &va);

	status = status ? status : number(two, &vb);
	status = status ? status : policy_version(name, va, &a);
	if (!status)
		status = against_file ? tool_file(one, DOC_MAX, &file) : policy_version(name, vb, &b);
	if (!status) {
		label(a, name, from, sizeof(from));
		if (against_file)
			snprintf(to, sizeof(to), "%.120s", one);
		else
			label(b, name, to, sizeof(to));
		int r = diff_print(text_of(a), against_file ? buf_view(&file) : text_of(b), from, to);
		status = r < 0 ? tool_fail(EXIT_NO, "the documents cannot be compared: is diff(1) there?") : r ? EXIT_NO : EXIT_YES;
	}
	json_decref(a);
	json_decref(b);
	buf_free(&file);
	return status;
}

int policy_do_diff(int argc, char **argv)
{
	const char *word[3] = {NULL, NULL, NULL};
	int n = tool_flags("policy diff", NULL, argc, argv, word, 3);

	if (n >= 0 && n < 2)
		return tool_fail(EXIT_USAGE, "policy diff: callgate policy diff NAME VERSION [VERSION], or NAME FILE");
	return n < 0 ? EXIT_USAGE : compare(word[0], word[1], word[2]);
}

static void print_rolled(const json_t *answer)
{
	if (tool_proposed(answer))
		return;
	printf("policy %s is in force, version %lld, sha256 %s\n", tool_text(json_object_get(answer, "name")),
	    (long long)json_integer_value(json_object_get(answer, "version")), tool_text(json_object_get(answer, "hash")));
}

int policy_do_rollback(int argc, char **argv)
{
	const char *word[2] = {NULL, NULL}, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("policy rollback", flags, argc, argv, word, 2);
	long version = 0;

	if (n == 0)
		return tool_fail(EXIT_USAGE, "policy rollback: callgate policy rollback NAME [VERSION]");
	if (n < 0 || number(word[1], &version))
		return EXIT_USAGE;
	json_t *before = NULL, *args = json_pack("{s:s s:s* s:s*}", "name", word[0], "reason", reason, "ticket", ticket);
	if (version)
		json_object_set_new(args, "version", json_integer(version));
	int status = tool_opts.json ? EXIT_YES : policy_version(word[0], 0, &before);
	if (!status)
		status = tool_simple("policy.rollback", args, print_rolled);
	else
		json_decref(args);
	if (!status && before)
		policy_show_change(word[0], before);
	json_decref(before);
	return status;
}

void policy_show_change(const char *name, const json_t *before)
{
	json_t *now = NULL;
	char from[128] = "(nothing)", to[128];

	if (policy_version(name, 0, &now))
		return;
	if (before)
		label(before, name, from, sizeof(from));
	label(now, name, to, sizeof(to));
	diff_print(before ? text_of(before) : view_of(NULL, 0), text_of(now), from, to);
	json_decref(now);
}
