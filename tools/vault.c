/* vault.c - callgate vault.  A secret comes from standard input, never from an argument. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "tools/tools.h"

enum { SECRET_MAX = 16384 };

static int set(int argc, char **argv)
{
	const char *type = NULL, *reason = NULL, *ticket = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--type", &type, NULL}, {"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	struct buf in = {.max = SECRET_MAX + 1};
	json_t *a;

	if (tool_flags("vault set", flags, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "vault set NAME < SECRET");
	if (isatty(STDIN_FILENO))
		return tool_fail(EXIT_USAGE, "the secret comes from standard input, so that it is neither shown nor kept in a history: callgate vault set %s < FILE", rest[0]);
	/* Room for all of it at once: nothing is left behind by growing. */
	if (!buf_reserve(&in, SECRET_MAX + 1) || fd_read_all(STDIN_FILENO, &in)) {
		buf_wipe(&in);
		return tool_fail(EXIT_NO, "a secret has at most %d bytes", SECRET_MAX);
	}
	if (in.len && in.mem[in.off + in.len - 1] == '\n')
		buf_truncate(&in, in.len - 1);
	if (!in.len) {
		buf_wipe(&in);
		return tool_fail(EXIT_NO, "standard input was empty: nothing was stored");
	}
	json_t *args = json_pack("{s:s s:s* s:s* s:s*}", "name", rest[0], "type", type, "reason", reason, "ticket", ticket);
	int status = tool_ask(tool_request("vault.set", args), buf_view(&in), &a);
	buf_wipe(&in);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		printf("stored as version %s\n", tool_text(json_object_get(a, "version")));
	json_decref(a);
	return EXIT_YES;
}

static int list(int argc, char **argv)
{
	static const struct tool_column columns[] = {{"name", "name"}, {"version", "version"}, {"type", "type"}, {"created", "created"}, {"may go to", "hosts"}};
	const char *rest[1];
	json_t *a;

	if (tool_flags("vault list", NULL, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	int status = tool_ask(tool_request("vault.list", NULL), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_table(columns, sizeof(columns) / sizeof(columns[0]), json_object_get(a, "credentials"));
	json_decref(a);
	return EXIT_YES;
}

static int remove_one(int argc, char **argv)
{
	const char *reason = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {NULL, NULL, NULL}};
	json_t *a;

	if (tool_flags("vault remove", flags, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "vault remove NAME");
	int status = tool_ask(tool_request("vault.remove", json_pack("{s:s s:s*}", "name", rest[0], "reason", reason)), view_of(NULL, 0), &a);
	if (status)
		return status;
	puts("removed");
	json_decref(a);
	return EXIT_YES;
}

int cmd_vault(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"set", set, "NAME [--type bearer] [--reason TEXT] [--ticket ID] < SECRET", "store a credential, or a new version of it"},
	    {"list", list, "", "names, versions and where each may go; never a value"},
	    {"remove", remove_one, "NAME [--reason TEXT]", "forget a credential"},
	    {NULL, NULL, NULL, NULL}};
	return tool_verbs("vault", verbs, argc, argv);
}
