/* policy_explain.c - callgate policy explain: what would become of a call, and why. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/explain.h"
#include "base/err.h"
#include "tools/policy.h"

enum { DOC_MAX = 16 << 20, ARGS_MAX = 60000 };

struct asked {
	const char *user, *server, *tool, *args, *agent, *file;
};

static int uid_of(const char *user, json_int_t *uid)
{
	char *end;
	const struct passwd *p = getpwnam(user);
	unsigned long n = strtoul(user, &end, 10);

	if (p) {
		*uid = p->pw_uid;
		return EXIT_YES;
	}
	*uid = (json_int_t)n;
	return *user && !*end && n < UINT32_MAX ? EXIT_YES : tool_fail(EXIT_NO, "there is no account %s", user);
}

static void print(const json_t *o, const struct asked *a)
{
	static const char *const shown[][2] = {{"denies", "DENIES"}, {"passes", "passes"}, {"after", "not reached"}, {"counts", "limit"}};
	const char *rule = json_string_value(json_object_get(o, "rule")), *text = json_string_value(json_object_get(o, "text"));
	const json_t *s, *grant = json_object_get(o, "grant");
	bool allow = strcmp(tool_text(json_object_get(o, "verdict")), "allow") == 0;
	size_t i;

	printf("%s  %s\n", allow ? "allow" : "deny", allow ? tool_text(json_object_get(o, "authorised_by")) : rule ? rule : "");
	if (grant)
		printf("grant %s on %s, policy %s\n", tool_text(grant), a->server, tool_text(json_object_get(o, "policy_name")));
	if (!allow && strcmp(tool_text(json_object_get(o, "mode")), "observe") == 0)
		puts("the server is only observed: the call passes all the same");
	if (!allow && text && *text)
		printf("the agent reads: %s\n", tool_text(json_object_get(o, "text")));
	if (!allow && json_is_false(json_object_get(o, "listed")))
		puts("the tool is not in the list that the agent sees, and a call is answered as of an unknown tool");
	puts("");
	json_array_foreach(json_object_get(o, "steps"), i, s) {
		const char *says = tool_text(json_object_get(s, "says"));
		for (size_t k = 0; k < sizeof(shown) / sizeof(*shown); k++)
			if (strcmp(says, shown[k][0]) == 0)
				says = shown[k][1];
		printf("  %-11s  %s\n               %s\n", says, tool_text(json_object_get(s, "rule")), tool_text(json_object_get(s, "text")));
	}
	if (allow && json_integer_value(json_object_get(o, "limits")))
		puts("\nLimits apply; how much of them is used is not looked at here.");
}

/* A document that is not in force, without asking anybody. */
static int by_file(const struct asked *a, json_t **out)
{
	struct buf doc = {0}, json = {0};
	char why[EXPLAIN_WHY] = "";
	json_error_t err;
	struct explain_call call = {.tool = view_str(a->tool), .args = view_str(a->args), .agent = ""};
	int status = tool_file(a->file, DOC_MAX, &doc);

	*out = NULL;
	if (!status) {
		int r = explain_document(buf_view(&doc), &call, why, &json);
		struct view v = buf_view(&json);
		*out = r ? NULL : json_loadb((const char *)v.p, v.n, 0, &err);
		if (!*out)
			status = tool_fail(EXIT_NO, "%s", why[0] ? why : err_text(r));
	}
	buf_free(&doc);
	buf_free(&json);
	return status;
}

static int by_force(const struct asked *a, json_t **out)
{
	json_int_t uid;

	*out = NULL;
	if (uid_of(a->user, &uid))
		return EXIT_NO;
	json_t *args = json_pack("{s:I s:s s:s s:s* s:s*}", "uid", uid, "server", a->server, "tool", a->tool, "arguments", a->args, "agent", a->agent);
	return args ? tool_ask(tool_request("policy.explain", args), view_of(NULL, 0), out) : tool_fail(EXIT_USAGE, "policy explain: not UTF-8");
}

int policy_do_explain(int argc, char **argv)
{
	struct asked a = {0};
	const struct tool_flag flags[] = {{"--user", &a.user, NULL}, {"--server", &a.server, NULL}, {"--tool", &a.tool, NULL}, {"--args", &a.args, NULL},
	    {"--agent", &a.agent, NULL}, {"--policy", &a.file, NULL}, {NULL, NULL, NULL}};
	json_t *out;

	if (tool_flags("policy explain", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!a.tool || (a.file ? a.user || a.server || a.agent : !a.user || !a.server))
		return tool_fail(EXIT_USAGE, "policy explain: --user U --server S --tool T [--args JSON] [--agent A], or --policy FILE --tool T [--args JSON]");
	if (a.args && strlen(a.args) > ARGS_MAX)
		return tool_fail(EXIT_USAGE, "policy explain: --args is longer than %d bytes", ARGS_MAX);
	int status = a.file ? by_file(&a, &out) : by_force(&a, &out);
	if (status)
		return status;
	bool allow = strcmp(tool_text(json_object_get(out, "verdict")), "allow") == 0;
	if (tool_opts.json)
		tool_json(out);
	else
		print(out, &a);
	json_decref(out);
	return allow ? EXIT_YES : EXIT_NO;
}
