/* vault_placeholder.c - callgate vault placeholder: fake keys for clients' configurations.  The key is on standard output, once, and nowhere else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"
#include "tools/vault.h"

static void print_made(const json_t *answer)
{
	puts(json_string_value(json_object_get(answer, "placeholder")));
	fprintf(stderr, "callgate: this is placeholder %s, for %s; it is not shown again\n", tool_text(json_object_get(answer, "id")),
	    tool_text(json_object_get(answer, "credential")));
}

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {{"PLACEHOLDER", "id"}, {"CREDENTIAL", "credential"}, {"BEGINS", "prefix"}, {"FOR", "for"},
	    {"ISSUED", "issued_at"}, {"BY", "issued_by.user"}};

	tool_table(column, sizeof(column) / sizeof(*column), json_object_get(answer, "placeholders"));
}

static void print_removed(const json_t *answer)
{
	(void)answer;
	puts("removed: wherever it is seen now, nothing is said");
}

static int make(const char *name, const char *prefix, const char *length, json_t *why)
{
	char *end = NULL;
	long n = length ? strtol(length, &end, 10) : 0;

	if (!name || (length && (*end || end == length || n < 1 || n > 65536))) {
		json_decref(why);
		return name ? tool_fail(EXIT_USAGE, "vault placeholder: --length is a number") :
		              tool_fail(EXIT_USAGE, "vault placeholder: for which credential?  callgate vault placeholder NAME; --list shows those there are");
	}
	json_object_update_new(why, json_pack("{s:s s:s*}", "credential", name, "prefix", prefix));
	if (length)
		json_object_set_new(why, "length", json_integer(n));
	return tool_simple("placeholder.add", why, print_made);
}

int vault_placeholder(int argc, char **argv)
{
	const char *name = NULL, *prefix = NULL, *length = NULL, *whose = NULL, *remove = NULL, *reason = NULL, *ticket = NULL;
	bool list = false;
	const struct tool_flag flags[] = {{"--prefix", &prefix, NULL}, {"--length", &length, NULL}, {"--for", &whose, NULL}, {"--remove", &remove, NULL},
	    {"--list", NULL, &list}, {"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("vault placeholder", flags, argc, argv, &name, 1);

	if (n < 0)
		return EXIT_USAGE;
	if ((list || remove) && (n || prefix || length || whose || (list && remove)))
		return tool_fail(EXIT_USAGE, "vault placeholder: --list and --remove ID stand alone");
	if (list)
		return tool_simple("placeholder.list", NULL, print_list);
	json_t *args = json_pack("{s:s* s:s* s:s* s:s*}", "id", remove, "for", whose, "reason", reason, "ticket", ticket);
	return remove ? tool_simple("placeholder.remove", args, print_removed) : make(name, prefix, length, args);
}
