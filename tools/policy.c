/* policy.c - callgate policy.  check needs no daemon: it links the code that the daemon judges with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/problems.h"
#include "base/err.h"
#include "tools/policy.h"
#include "tools/policy_test.h"

enum { DOC_MAX = 16 << 20, VECTORS_MAX = 64 << 20 };

static void print_problems(const char *file, const json_t *list)
{
	const json_t *p;
	size_t i;

	json_array_foreach(list, i, p) {
		const char *at = tool_text(json_object_get(p, "pointer"));
		fprintf(stderr, "%s:%lld:%lld: %s%s: %s\n", file, (long long)json_integer_value(json_object_get(p, "line")),
		    (long long)json_integer_value(json_object_get(p, "column")), json_is_true(json_object_get(p, "warning")) ? "warning: " : "",
		    strcmp(at, "-") == 0 ? "(document)" : at, tool_text(json_object_get(p, "text")));
	}
}

/* The document and what is wrong with it. */
static int check(const char *file, struct buf *text, struct problems *p, json_t **list)
{
	json_error_t err;
	int status = tool_file(file, DOC_MAX, text);

	*list = NULL;
	if (status)
		return status;
	int r = problems_find(buf_view(text), p);
	struct view v = buf_view(&p->json);
	*list = json_loadb((const char *)v.p, v.n, 0, &err);
	if (r && !p->errors)
		return tool_fail(EXIT_NO, "%s: %s", file, err_text(r));
	return r ? EXIT_NO : EXIT_YES;
}

/* What the catalogue holds of a server's tools, as the server would list them. */
static int known_tools(const char *server, struct buf *out)
{
	json_t *answer, *t, *list = json_array();
	json_error_t err;
	size_t i;
	int status = tool_ask(tool_request("catalog.list", json_pack("{s:s}", "server", server)), view_of(NULL, 0), &answer);

	json_array_foreach(status ? NULL : json_object_get(answer, "tools"), i, t) {
		const char *schema = json_string_value(json_object_get(t, "schema"));
		json_array_append_new(list, json_pack("{s:O s:o*}", "name", json_object_get(t, "tool"), "inputSchema", schema ? json_loads(schema, 0, &err) : NULL));
	}
	if (!status && !json_array_size(list))
		status = tool_fail(EXIT_NO, "nothing is known of the tools of server %s yet: they are learned when an agent lists them", server);
	char *text = status ? NULL : json_dumps(list, JSON_COMPACT);
	if (text && buf_puts(out, text))
		status = tool_fail(EXIT_NO, "no memory");
	free(text);
	json_decref(list);
	if (answer)
		json_decref(answer);
	return status;
}

/* The warnings about a server's own tools join the others. */
static int fit(const char *file, const char *tools, const char *server, struct view doc, struct problems *p, json_t *list)
{
	struct buf text = {0};
	struct problems more = {0};
	json_error_t err;
	int status = tools ? tool_file(tools, DOC_MAX, &text) : known_tools(server, &text);

	if (status)
		return status;
	int r = problems_fit(doc, buf_view(&text), &more);
	struct view v = buf_view(&more.json);
	json_t *found = r ? NULL : json_loadb((const char *)v.p, v.n, 0, &err);
	json_array_extend(list, found);
	p->warnings += more.warnings;
	json_decref(found);
	buf_free(&more.json);
	buf_free(&text);
	return r ? tool_fail(EXIT_NO, "%s: no list of tools: an array of tools, or an answer to tools/list (%s)", tools ? tools : file, err_text(r)) : EXIT_YES;
}

static int do_check(int argc, char **argv)
{
	const char *file = NULL, *tools = NULL, *server = NULL;
	const struct tool_flag flags[] = {{"--tools", &tools, NULL}, {"--server", &server, NULL}, {NULL, NULL, NULL}};
	struct buf text = {0};
	struct problems p = {0};
	json_t *list;
	int n = tool_flags("policy check", flags, argc, argv, &file, 1);

	if (n == 0 || (tools && server))
		return tool_fail(EXIT_USAGE, "policy check: which file?  callgate policy check FILE [--tools LIST | --server NAME]");
	if (n < 0)
		return EXIT_USAGE;
	int status = check(file, &text, &p, &list);
	if (status == EXIT_YES && (tools || server))
		status = fit(file, tools, server, buf_view(&text), &p, list);
	bool said = status != EXIT_YES && !p.errors; /* no verdict on the document: the reason is out already */
	if (!said && list && tool_opts.json) {
		json_t *o = json_pack("{s:b s:I s:I s:O}", "ok", status == EXIT_YES, "errors", (json_int_t)p.errors, "warnings",
		    (json_int_t)p.warnings, "problems", list);
		if (p.hash[0])
			json_object_set_new(o, "hash", json_string(p.hash));
		tool_json(o);
		json_decref(o);
	} else if (!said && list) {
		print_problems(file, list);
		if (status == EXIT_YES)
			printf("%s: good, sha256 %s\n", file, p.hash);
		else
			printf("%s: %zu error%s, %zu warning%s\n", file, p.errors, p.errors == 1 ? "" : "s", p.warnings, p.warnings == 1 ? "" : "s");
	}
	json_decref(list);
	buf_free(&text);
	buf_free(&p.json);
	return status;
}

static void print_applied(const json_t *answer)
{
	if (tool_proposed(answer))
		return;
	printf("policy %s is in force, sha256 %s, version %s\n", tool_text(json_object_get(answer, "name")), tool_text(json_object_get(answer, "hash")),
	    tool_text(json_object_get(answer, "version")));
}

/* What a policy of that name says now; NULL when there is none yet, or nobody to ask. */
static json_t *in_force(const char *name)
{
	json_t *answer, *p, *out = NULL;
	size_t i;

	if (tool_ask(tool_request("policy.list", NULL), view_of(NULL, 0), &answer))
		return NULL;
	json_array_foreach(json_object_get(answer, "policies"), i, p)
		if (!out && strcmp(tool_text(json_object_get(p, "name")), name) == 0)
			policy_version(name, 0, &out);
	json_decref(answer);
	return out;
}

static int do_apply(int argc, char **argv)
{
	const char *word[2] = {NULL, NULL}, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	struct buf text = {0};
	struct problems p = {0};
	json_t *list = NULL;
	int n = tool_flags("policy apply", flags, argc, argv, word, 2);

	if (n >= 0 && n < 2)
		return tool_fail(EXIT_USAGE, "policy apply: callgate policy apply NAME FILE");
	if (n < 0)
		return EXIT_USAGE;
	/* Checked here first, so that problems are shown with the file's name; callgate-admin checks again. */
	int status = check(word[1], &text, &p, &list);
	if (list && !(tool_opts.json && status == EXIT_YES))
		print_problems(word[1], list);
	struct view v = buf_view(&text);
	json_t *before = status == EXIT_YES && !tool_opts.json ? in_force(word[0]) : NULL;
	if (status == EXIT_YES)
		status = tool_simple("policy.apply", json_pack("{s:s s:s% s:s* s:s*}", "name", word[0], "document", (const char *)v.p, v.n, "reason",
		    reason, "ticket", ticket), print_applied);
	else if (list && p.errors)
		tool_fail(EXIT_NO, "%s has errors and was not applied; what is in force stays", word[1]);
	if (status == EXIT_YES && before)
		policy_show_change(word[0], before);
	json_decref(before);
	json_decref(list);
	buf_free(&text);
	buf_free(&p.json);
	return status;
}

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {
	    {"POLICY", "name"}, {"VERSION", "version"}, {"SHA256", "hash"}, {"GRANTS", "grants"}, {"APPLIED", "applied_at"}, {"BY", "applied_by.user"}};

	tool_table(column, sizeof(column) / sizeof(*column), json_object_get(answer, "policies"));
}

static int do_list(int argc, char **argv)
{
	if (tool_flags("policy list", NULL, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	return tool_simple("policy.list", NULL, print_list);
}

/* Byte for byte what was applied. */
static void print_document(const json_t *answer)
{
	const json_t *doc = json_object_get(json_object_get(answer, "policy"), "document");

	fwrite(json_string_value(doc), 1, json_string_length(doc), stdout);
}

static int do_show(int argc, char **argv)
{
	const char *name = NULL;
	int n = tool_flags("policy show", NULL, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "policy show: which one?  callgate policy show NAME");
	return n < 0 ? EXIT_USAGE : tool_simple("policy.show", json_pack("{s:s}", "name", name), print_document);
}

static void keep_line(void *arg, const char *text)
{
	json_array_append_new(arg, json_string(text));
}

static void print_line(void *arg, const char *text)
{
	(void)arg;
	puts(text);
}

static int do_test(int argc, char **argv)
{
	const char *file = NULL;
	bool keep = false;
	const struct tool_flag flags[] = {{"--keep-on-error", NULL, &keep}, {NULL, NULL, NULL}};
	struct buf text = {0};
	int n = tool_flags("policy test", flags, argc, argv, &file, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "policy test: which file?  callgate policy test VECTORS");
	int status = n < 0 ? EXIT_USAGE : tool_file(file, VECTORS_MAX, &text);
	if (status)
		return status;
	json_t *lines = json_array();
	int failed = policy_test(buf_view(&text), keep, tool_opts.json ? keep_line : print_line, lines);
	buf_free(&text);
	if (tool_opts.json) {
		json_t *o = json_pack("{s:b s:i s:O}", "ok", failed == 0, "failed", failed, "lines", lines);
		tool_json(o);
		json_decref(o);
	}
	json_decref(lines);
	return failed == 0 ? EXIT_YES : EXIT_NO;
}

int cmd_policy(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"check", do_check, "FILE [--tools LIST | --server NAME]", "every error and warning with its place; with a server's tools also what never matches; only --server asks the daemon"},
	    {"apply", do_apply, "NAME FILE [--reason TEXT] [--ticket TEXT]", "put a document in force under a name"},
	    {"list", do_list, "", "the policies in force"},
	    {"show", do_show, "NAME", "the document, byte for byte"},
	    {"history", policy_do_history, "NAME", "its versions: when, by whom, why"},
	    {"diff", policy_do_diff, "NAME VERSION [VERSION] | NAME FILE", "what differs; exit status 1 when something does"},
	    {"rollback", policy_do_rollback, "NAME [VERSION] [--reason TEXT] [--ticket TEXT]", "put an earlier version in force again, as a new one"},
	    {"explain", policy_do_explain, "--user U --server S --tool T [--args JSON] [--agent A] | --policy FILE --tool T [--args JSON]",
	        "what would become of a call, and every rule that says so; exit status 1 when it is denied"},
	    {"simulate", policy_do_simulate, "--policy FILE [--audit DIR] [--server NAME] [--user U] [--was POLICY]",
	        "what that document would have made of the recorded calls"},
	    {"suggest", policy_do_suggest, "--server NAME [--audit DIR] [--user U] [--exact]", "the least policy that lets through what was seen"},
	    {"import", policy_do_import, "FILE.yaml", "an Intercept policy as a policy.json; what has no counterpart is refused"},
	    {"test", do_test, "VECTORS [--keep-on-error]", "run a file of calls and expected verdicts; asks no daemon"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("policy", verbs, argc, argv);
}
