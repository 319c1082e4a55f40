/* server.c - callgate server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

enum { FILE_MAX = 60 << 10 };

static void places(json_t *server)
{
	json_t *out = json_array(), *m;
	size_t i;

	json_array_foreach(json_object_get(server, "match"), i, m) {
		char text[600];
		const char *path = json_string_value(json_object_get(m, "path"));
		snprintf(text, sizeof(text), "%s:%lld%s", json_string_value(json_object_get(m, "host")),
		    (long long)json_integer_value(json_object_get(m, "port")), path ? path : "");
		json_array_append_new(out, json_string(text));
	}
	json_object_set_new(server, "at", out);
}

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {
	    {"SERVER", "name"},
	    {"AT", "at"},
	    {"CREDENTIAL", "credential"},
	    {"HEADER", "inject.header"},
	    {"MODE", "mode"},
	    {"OWNER", "owner"},
	};
	json_t *list = json_object_get(answer, "servers"), *s;
	size_t i;

	json_array_foreach(list, i, s)
		places(s);
	tool_table(column, sizeof(column) / sizeof(*column), list);
}

static int do_list(int argc, char **argv)
{
	if (tool_flags("server list", NULL, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	return tool_simple("server.list", NULL, print_list);
}

static void print_one(const json_t *answer)
{
	tool_pairs(json_object_get(answer, "server"), 0);
}

static int do_show(int argc, char **argv)
{
	const char *name = NULL;
	int n = tool_flags("server show", NULL, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "server show: which one?  callgate server show NAME");
	return n < 0 ? EXIT_USAGE : tool_simple("server.show", json_pack("{s:s}", "name", name), print_one);
}

static void print_done(const json_t *answer)
{
	const json_t *name = json_object_get(json_object_get(answer, "server"), "name");

	if (name)
		printf("server %s is registered\n", tool_text(name));
	else
		puts("removed");
}

/* A whole server as JSON: {"name":...,"match":[...],...}. */
static int from_file(const char *path, json_t **server)
{
	struct buf text = {0};
	json_error_t err;
	int status = tool_file(path, FILE_MAX, &text);

	if (!status) {
		struct view v = buf_view(&text);
		*server = json_loadb((const char *)v.p, v.n, JSON_REJECT_DUPLICATES, &err);
		if (!json_is_object(*server))
			status = *server ? tool_fail(EXIT_NO, "%s: must be one JSON object", path)
			                 : tool_fail(EXIT_NO, "%s:%d:%d: %s", path, err.line, err.column, err.text);
	}
	buf_free(&text);
	return status;
}

/* "443" to a number; anything else stays text, and callgate-admin says what is wrong with it. */
static json_t *port_of(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	return *s && !*end ? json_integer(n) : json_string(s);
}

static json_t *from_flags(const char *name, const char *host, const char *port, const char *path)
{
	json_t *place = json_pack("{s:s s:s*}", "host", host, "path", path);

	if (port)
		json_object_set_new(place, "port", port_of(port));
	return json_pack("{s:s s:[o]}", "name", name, "match", place);
}

static int do_add(int argc, char **argv)
{
	const char *word[1] = {NULL}, *host = NULL, *port = NULL, *path = NULL, *credential = NULL, *header = NULL, *format = NULL,
		*mode = NULL, *owner = NULL, *reason = NULL, *ticket = NULL, *file = NULL;
	const struct tool_flag flags[] = {
	    {"--file", &file, NULL}, {"--host", &host, NULL}, {"--port", &port, NULL}, {"--path", &path, NULL}, {"--credential", &credential, NULL},
	    {"--header", &header, NULL}, {"--format", &format, NULL}, {"--mode", &mode, NULL}, {"--owner", &owner, NULL},
	    {"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("server add", flags, argc, argv, word, 1);
	json_t *server = NULL;

	if (n < 0)
		return EXIT_USAGE;
	bool flagged = host || port || path || credential || header || format || mode || owner;
	if (file ? n || flagged : !n || !host)
		return tool_fail(EXIT_USAGE, "server add NAME --host HOST [...], or: server add --file FILE; see callgate server add --help");
	if (file) {
		int status = from_file(file, &server);
		if (status) {
			json_decref(server);
			return status;
		}
	} else {
		server = from_flags(word[0], host, port, path);
		if (header || format)
			json_object_set_new(server, "inject", json_pack("{s:s* s:s*}", "header", header, "format", format));
		json_object_update_new(server, json_pack("{s:s* s:s* s:s*}", "credential", credential, "mode", mode, "owner", owner));
	}
	return tool_simple("server.add", json_pack("{s:o s:s* s:s*}", "server", server, "reason", reason, "ticket", ticket), print_done);
}

static int do_remove(int argc, char **argv)
{
	const char *name = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("server remove", flags, argc, argv, &name, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "server remove: which one?  callgate server remove NAME");
	if (n < 0)
		return EXIT_USAGE;
	return tool_simple("server.remove", json_pack("{s:s s:s* s:s*}", "name", name, "reason", reason, "ticket", ticket), print_done);
}

int cmd_server(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", do_list, "", "the registered servers"},
	    {"show", do_show, "NAME", "one of them, whole"},
	    {"add", do_add, "NAME --host HOST [--port N] [--path PREFIX] [--credential NAME] [--header NAME] [--format TEXT] [--mode enforce|observe] "
	                    "[--owner TEXT] [--reason TEXT] [--ticket TEXT] | --file FILE|-",
	        "register a server; --format holds {secret} once, \"Bearer {secret}\" by default"},
	    {"remove", do_remove, "NAME [--reason TEXT] [--ticket TEXT]", "forget a server that no grant refers to"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("server", verbs, argc, argv);
}
