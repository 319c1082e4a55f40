/* approve.c - callgate approve: the calls that wait for a person's word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

enum { WIDE = 96 };

/*
 * What an agent wrote, for somebody who decides by it: to its last byte, in ASCII, so that nothing is hidden or turned round, and in lines of
 * one form, so that it cannot look like the next request.
 */
static void print_arguments(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	char piece[16];
	size_t at = 0;

	fputs("    | ", stdout);
	while (*p) {
		unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		uint32_t cp = more ? *p & (0x3fu >> more) : *p;
		for (p++; more && *p; more--, p++)
			cp = cp << 6 | (*p & 0x3f);
		if (cp >= 0x10000)
			snprintf(piece, sizeof(piece), "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + ((cp - 0x10000) & 0x3ff));
		else if (cp >= 0x7f)
			snprintf(piece, sizeof(piece), "\\u%04x", cp);
		else /* of control characters JSON has only white space */
			snprintf(piece, sizeof(piece), "%c", cp < 0x20 ? ' ' : (char)cp);
		if (at + strlen(piece) > WIDE) {
			fputs("\n    | ", stdout);
			at = 0;
		}
		fputs(piece, stdout);
		at += strlen(piece);
	}
	putchar('\n');
}

static void print_names(const json_t *v)
{
	char *text = json_dumps(json_object_get(v, "arg_keys"), JSON_COMPACT);

	printf("    %s bytes of arguments are too many to be shown; their names:\n", tool_text(json_object_get(v, "argument_bytes")));
	print_arguments(text ? text : "?");
	free(text);
}

static void print_row(const json_t *v)
{
	const json_t *args = json_object_get(v, "arguments");
	const char *state = json_string_value(json_object_get(v, "state"));

	printf("%s  %s  ", tool_text(json_object_get(v, "id")), state ? state : "?");
	printf("%s(%s)  ", tool_text(json_object_get(v, "user")), tool_text(json_object_get(v, "uid")));
	printf("%s  %s", tool_text(json_object_get(v, "server")), tool_text(json_object_get(v, "tool")));
	printf("  %s  %s\n", tool_text(json_object_get(v, "class")), tool_text(json_object_get(v, "agent")));
	printf("    asked %s, until %s\n", tool_text(json_object_get(v, "asked_at")), tool_text(json_object_get(v, "expires_at")));
	if (args && json_is_string(args))
		print_arguments(json_string_value(args));
	else if (state && strcmp(state, "waiting") == 0 && json_integer_value(json_object_get(v, "argument_bytes")) > 0)
		print_names(v);
}

static void print_list(const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "approvals");

	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(json_array_get(rows, i));
	if (!json_array_size(rows))
		puts("no call waits for an approval");
}

static int do_list(int argc, char **argv)
{
	if (tool_flags("approve list", NULL, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	return tool_simple("approve.list", NULL, print_list);
}

static void print_yes(const json_t *answer)
{
	printf("%s: the call of %s may be made, once, within %d minutes\n", tool_text(json_object_get(answer, "id")), tool_text(json_object_get(answer, "tool")),
	    (int)json_integer_value(json_object_get(answer, "seconds")) / 60);
}

static void print_no(const json_t *answer)
{
	printf("%s: the call of %s is refused, and for %d minutes not asked for again\n", tool_text(json_object_get(answer, "id")),
	    tool_text(json_object_get(answer, "tool")), (int)json_integer_value(json_object_get(answer, "seconds")) / 60);
}

static int decide(const char *verb, const char *request, int argc, char **argv, void (*done)(const json_t *))
{
	const char *id = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags(verb, flags, argc, argv, &id, 1);

	if (n < 0)
		return EXIT_USAGE;
	if (!id)
		return tool_fail(EXIT_USAGE, "%s: which one?  callgate approve list shows what waits", verb);
	return tool_simple(request, json_pack("{s:s s:s* s:s*}", "id", id, "reason", reason, "ticket", ticket), done);
}

static int do_yes(int argc, char **argv)
{
	return decide("approve yes", "approve.yes", argc, argv, print_yes);
}

static int do_no(int argc, char **argv)
{
	return decide("approve no", "approve.no", argc, argv, print_no);
}

int cmd_approve(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", do_list, "", "the calls that wait for a person's word, with their arguments"},
	    {"yes", do_yes, "ID [--reason TEXT] [--ticket TEXT]", "that call may be made, once"},
	    {"no", do_no, "ID [--reason TEXT] [--ticket TEXT]", "it may not; the agent reads the reason"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("approve", verbs, argc, argv);
}
