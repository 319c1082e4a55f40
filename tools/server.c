/* server.c - callgate server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

static int done(int status, json_t *answer, const char *say)
{
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(answer);
	else
		puts(say);
	json_decref(answer);
	return EXIT_YES;
}

static int list(int argc, char **argv)
{
	static const struct tool_column columns[] = {{"name", "name"}, {"answers at", "match"}, {"credential", "credential"}, {"mode", "mode"}, {"owner", "owner"}};
	const char *rest[1];
	json_t *a;

	if (tool_flags("server list", NULL, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	int status = tool_ask(tool_request("server.list", NULL), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_table(columns, sizeof(columns) / sizeof(columns[0]), json_object_get(a, "servers"));
	json_decref(a);
	return EXIT_YES;
}

static int show(int argc, char **argv)
{
	const char *rest[1];
	json_t *a;

	if (tool_flags("server show", NULL, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "server show NAME");
	int status = tool_ask(tool_request("server.show", json_pack("{s:s}", "name", rest[0])), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_pairs(json_object_get(a, "server"), 0);
	json_decref(a);
	return EXIT_YES;
}

static int add(int argc, char **argv)
{
	const char *host = NULL, *port = NULL, *path = NULL, *credential = NULL, *header = NULL, *format = NULL, *owner = NULL, *mode = NULL, *file = NULL,
	           *reason = NULL, *ticket = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--host", &host, NULL}, {"--port", &port, NULL}, {"--path", &path, NULL}, {"--credential", &credential, NULL},
	    {"--header", &header, NULL}, {"--format", &format, NULL}, {"--owner", &owner, NULL}, {"--mode", &mode, NULL}, {"--file", &file, NULL},
	    {"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	json_t *a, *server;
	int n = tool_flags("server add", flags, argc, argv, rest, 1);

	if (n < 0 || (!file && (n != 1 || !host)))
		return n < 0 ? EXIT_USAGE : tool_fail(EXIT_USAGE, "server add NAME --host HOST [...], or --file FILE; see --help");
	if (file) {
		json_error_t err;
		server = strcmp(file, "-") == 0 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &err) : json_load_file(file, JSON_REJECT_DUPLICATES, &err);
		if (!server)
			return tool_fail(EXIT_NO, "%s:%d:%d: %s", file, err.line, err.column, err.text);
	} else {
		json_t *inject = header || format ? json_pack("{s:s* s:s*}", "header", header, "format", format) : NULL;
		server = json_pack("{s:s s:[{s:s s:i s:s*}] s:s* s:o* s:s* s:s*}", "name", rest[0], "match", "host", host, "port", port ? atoi(port) : 443, "path", path,
		    "credential", credential, "inject", inject, "owner", owner, "mode", mode);
	}
	json_t *args = json_pack("{s:o s:s* s:s*}", "server", server, "reason", reason, "ticket", ticket);
	int status = tool_ask(tool_request("server.add", args), view_of(NULL, 0), &a);
	return done(status, a, "registered");
}

static int remove_one(int argc, char **argv)
{
	const char *reason = NULL, *ticket = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	json_t *a;

	if (tool_flags("server remove", flags, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "server remove NAME");
	json_t *args = json_pack("{s:s s:s* s:s*}", "name", rest[0], "reason", reason, "ticket", ticket);
	int status = tool_ask(tool_request("server.remove", args), view_of(NULL, 0), &a);
	return done(status, a, "removed");
}

int cmd_server(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", list, "", "all registered servers"},
	    {"show", show, "NAME", "one, whole"},
	    {"add", add, "NAME --host HOST [--port N] [--path PREFIX] [--credential NAME] [--header NAME] [--format \"Bearer {secret}\"] [--owner TEXT] [--mode observe] [--reason TEXT] [--ticket ID] | --file FILE",
	        "register a server; its MCP path is PREFIX and below, without --path the whole host"},
	    {"remove", remove_one, "NAME [--reason TEXT] [--ticket ID]", "forget a server that no grant names"},
	    {NULL, NULL, NULL, NULL}};
	return tool_verbs("server", verbs, argc, argv);
}
