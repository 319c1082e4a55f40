/* vault.c - callgate vault.  A secret comes from standard input only: an argument would be in the process list and the shell's history. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/request.h"
#include "base/err.h"
#include "base/fd.h"
#include "tools/tools.h"
#include "tools/vault.h"

static void print_set(const json_t *answer)
{
	const json_t *previous = json_object_get(answer, "previous"), *from = json_object_get(answer, "from");

	printf("credential %s is stored, version %s\n", tool_text(json_object_get(answer, "name")), tool_text(json_object_get(answer, "version")));
	if (from)
		printf("it is what version %s was\n", tool_text(from));
	if (previous)
		printf("version %s is used where a server refuses it, until %s\n", tool_text(previous), tool_text(json_object_get(answer, "previous_until")));
}

/* Everything on standard input, without one line end at its end. */
static int read_secret(struct buf *b)
{
	if (isatty(STDIN_FILENO))
		return tool_fail(EXIT_USAGE, "vault set reads the secret from standard input, which is a terminal here and would show it; "
		                             "use: callgate vault set NAME < FILE, or: pass show THING | callgate vault set NAME");
	/* All of it at once, so that no copy stays behind in memory that grew. */
	b->max = REQUEST_SECRET + 2;
	if (!buf_reserve(b, REQUEST_SECRET + 2))
		return tool_fail(EXIT_NO, "no memory");
	for (;;) {
		size_t room = b->max - b->len;
		ssize_t n = room ? read(STDIN_FILENO, buf_reserve(b, room), room) : 1;
		if (n < 0)
			return tool_fail(EXIT_NO, "standard input cannot be read");
		if (n == 0)
			break;
		if (!room)
			return tool_fail(EXIT_NO, "the secret is longer than %d bytes", REQUEST_SECRET);
		buf_commit(b, (size_t)n);
	}
	struct view v = buf_view(b);
	if (v.n && v.p[v.n - 1] == '\n')
		buf_truncate(b, v.n - (v.n > 1 && v.p[v.n - 2] == '\r' ? 2 : 1));
	if (b->len == 0)
		return tool_fail(EXIT_NO, "standard input is empty: no secret was stored");
	if (b->len > REQUEST_SECRET)
		return tool_fail(EXIT_NO, "the secret is longer than %d bytes", REQUEST_SECRET);
	return EXIT_YES;
}

json_t *vault_hosts(const char *list)
{
	json_t *out = json_array();

	while (list && *list) {
		size_t n = strcspn(list, ",");
		json_array_append_new(out, json_stringn(list, n));
		list += n + (list[n] == ',');
	}
	return out;
}

static int do_set(int argc, char **argv)
{
	const char *name = NULL, *type = NULL, *only = NULL, *overlap = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--type", &type, NULL}, {"--only-for", &only, NULL}, {"--overlap", &overlap, NULL}, {"--reason", &reason, NULL},
	    {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	struct buf secret = {0};
	json_t *answer;
	int n = tool_flags("vault set", flags, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "vault set: under which name?  callgate vault set NAME < FILE");
	if (n > 0 && overlap && tool_span(overlap) < 1)
		return tool_fail(EXIT_USAGE, "vault set: --overlap is how long the version before stays usable: 90s, 30m, 2h or 7d");
	int status = n < 0 ? EXIT_USAGE : read_secret(&secret);
	if (!status) {
		json_t *args = json_pack("{s:s s:s* s:s* s:s*}", "name", name, "type", type, "reason", reason, "ticket", ticket);
		if (only)
			json_object_set_new(args, "hosts", vault_hosts(only));
		if (overlap)
			json_object_set_new(args, "overlap", json_integer(tool_span(overlap)));
		status = tool_ask(tool_request("vault.set", args), buf_view(&secret), &answer);
	}
	buf_wipe(&secret);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(answer);
	else
		print_set(answer);
	json_decref(answer);
	return EXIT_YES;
}

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {{"CREDENTIAL", "name"}, {"VERSION", "version"}, {"TYPE", "type"}, {"SET", "created"},
	    {"USED FOR", "hosts"}, {"SEALED FOR", "sealed_for"}, {"BEFORE", "previous"}, {"KEPT UNTIL", "previous_until"}, {"REFUSED BY", "refused_by"},
	    {"DAMAGED", "damaged"}};

	tool_table(column, sizeof(column) / sizeof(*column), json_object_get(answer, "credentials"));
}

static int do_list(int argc, char **argv)
{
	if (tool_flags("vault list", NULL, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	return tool_simple("vault.list", NULL, print_list);
}

static int do_revert(int argc, char **argv)
{
	const char *name = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("vault revert", flags, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "vault revert: which one?  callgate vault revert NAME; callgate vault list shows which have a version before");
	if (n < 0)
		return EXIT_USAGE;
	return tool_simple("vault.revert", json_pack("{s:s s:s* s:s*}", "name", name, "reason", reason, "ticket", ticket), print_set);
}

static void print_removed(const json_t *answer)
{
	(void)answer;
	puts("removed");
}

static int do_remove(int argc, char **argv)
{
	const char *name = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("vault remove", flags, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "vault remove: which one?  callgate vault remove NAME");
	if (n < 0)
		return EXIT_USAGE;
	return tool_simple("vault.remove", json_pack("{s:s s:s* s:s*}", "name", name, "reason", reason, "ticket", ticket), print_removed);
}

int cmd_vault(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"set", do_set, "NAME [--type TEXT] [--only-for HOST,HOST] [--overlap TIME] [--reason TEXT] [--ticket TEXT] < SECRET",
	        "store a credential, or a new version of it; one line end at the end is dropped"},
	    {"revert", do_revert, "NAME [--reason TEXT] [--ticket TEXT]", "go back to the version before, while its overlap lasts"},
	    {"list", do_list, "", "names and versions; never a value"},
	    {"remove", do_remove, "NAME [--reason TEXT] [--ticket TEXT]", "forget a credential that nothing uses"},
	    {"import", vault_import, "--env FILE [--user NAME] [[NAME=]VARIABLE ...] [--type TEXT] [--only-for HOST,HOST] [--reason TEXT] [--ticket TEXT] | "
	                             "--clients [--user NAME,NAME] [--project DIR] [--server URL [--as NAME] | --all] [--reason TEXT] [--ticket TEXT]",
	        "list keys in an environment file or in MCP clients' configurations, or store those that are named; no file is changed"},
	    {"placeholder", vault_placeholder, "NAME [--prefix TEXT] [--length N] [--for TEXT] [--reason TEXT] [--ticket TEXT] | --list | --remove ID",
	        "make a fake key that stands for a credential in clients' configurations: seen elsewhere, it raises an alert"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("vault", verbs, argc, argv);
}
