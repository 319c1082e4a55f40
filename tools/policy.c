/* policy.c - callgate policy. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fd.h"
#include "tools/policy_check.h"
#include "tools/tools.h"

enum { DOC_MAX = 16 << 20, HASH = 65 };

static int slurp(const char *file, struct buf *out)
{
	out->max = DOC_MAX;
	int r = strcmp(file, "-") == 0 ? fd_read_all(0, out) : fd_slurp(AT_FDCWD, file, DOC_MAX, out);
	return r ? tool_fail(EXIT_NO, "%s: %s", file, err_text(r)) : 0;
}

static int check(int argc, char **argv)
{
	struct buf doc = {0};
	const char *rest[1];
	char hash[HASH];

	if (tool_flags("policy check", NULL, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "policy check FILE");
	int r = slurp(rest[0], &doc);
	if (!r)
		r = policy_check(rest[0], buf_view(&doc), hash) ? EXIT_NO : EXIT_YES;
	buf_free(&doc);
	if (r == EXIT_YES && tool_opts.json)
		printf("{\"ok\":true,\"hash\":\"%s\"}\n", hash);
	else if (r == EXIT_YES)
		printf("%s: good, sha256 %s\n", rest[0], hash);
	return r;
}

static int apply(int argc, char **argv)
{
	const char *reason = NULL, *ticket = NULL, *rest[2];
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	struct buf doc = {0};
	char hash[HASH];
	json_t *a;

	if (tool_flags("policy apply", flags, argc, argv, rest, 2) != 2)
		return tool_fail(EXIT_USAGE, "policy apply NAME FILE");
	int status = slurp(rest[1], &doc);
	if (!status && policy_check(rest[1], buf_view(&doc), hash))
		status = tool_fail(EXIT_NO, "%s has errors: nothing was applied", rest[1]);
	if (!status) {
		json_t *text = json_stringn((const char *)buf_view(&doc).p, doc.len);
		json_t *args = json_pack("{s:s s:o s:s* s:s*}", "name", rest[0], "document", text, "reason", reason, "ticket", ticket);
		status = args ? tool_ask(tool_request("policy.apply", args), view_of(NULL, 0), &a) : tool_fail(EXIT_NO, "%s is not UTF-8 text", rest[1]);
	}
	buf_free(&doc);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		printf("in force: %s, sha256 %s\n", rest[0], tool_text(json_object_get(a, "hash")));
	json_decref(a);
	return EXIT_YES;
}

static int list(int argc, char **argv)
{
	static const struct tool_column columns[] = {{"name", "name"}, {"applied", "applied_at"}, {"by", "applied_by.user"}, {"sha256", "hash"}};
	const char *rest[1];
	json_t *a;

	if (tool_flags("policy list", NULL, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	int status = tool_ask(tool_request("policy.list", NULL), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_table(columns, sizeof(columns) / sizeof(columns[0]), json_object_get(a, "policies"));
	json_decref(a);
	return EXIT_YES;
}

static int show(int argc, char **argv)
{
	const char *rest[1];
	json_t *a;

	if (tool_flags("policy show", NULL, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "policy show NAME");
	int status = tool_ask(tool_request("policy.show", json_pack("{s:s}", "name", rest[0])), view_of(NULL, 0), &a);
	if (status)
		return status;
	const char *doc = json_string_value(json_object_get(json_object_get(a, "policy"), "document"));
	if (tool_opts.json)
		tool_json(a);
	else
		puts(doc ? doc : "");
	json_decref(a);
	return EXIT_YES;
}

int cmd_policy(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"check", check, "FILE", "say what is wrong with a document, with line and column; needs no running service"},
	    {"apply", apply, "NAME FILE [--reason TEXT] [--ticket ID]", "put a document in force under a name; the next call is judged by it"},
	    {"list", list, "", "the policies in force"},
	    {"show", show, "NAME", "the document, as it was applied"},
	    {NULL, NULL, NULL, NULL}};
	return tool_verbs("policy", verbs, argc, argv);
}
