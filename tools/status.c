/* status.c - callgate status. */
#include <stdio.h>

#include "tools/tools.h"

static void print(const json_t *a)
{
	static const struct tool_column processes[] = {{"process", "name"}, {"slot", "slot"}, {"pid", "pid"}, {"state", "state"},
	    {"restarts", "restarts"}, {"sandbox refused", "sandbox_refused"}, {"of", "sandbox_tried"}, {"note", "note"}};
	static const struct tool_column hooks[] = {{"hook", "hook"}, {"attached", "attached"}, {"note", "note"}};
	const json_t *s = json_object_get(a, "service");

	printf("host %s, mode %s, audit %s, up %s s\n", tool_text(json_object_get(s, "host")), tool_text(json_object_get(s, "mode")),
	    tool_text(json_object_get(s, "audit_strict")), tool_text(json_object_get(s, "up_seconds")));
	printf("governed uids: %s\n\n", tool_text(json_object_get(s, "governed_uids")));
	tool_table(processes, sizeof(processes) / sizeof(processes[0]), json_object_get(s, "processes"));
	puts("");
	tool_table(hooks, sizeof(hooks) / sizeof(hooks[0]), json_object_get(s, "hooks"));
	puts("\nin force:");
	tool_pairs(json_object_get(a, "in_force"), 2);
	puts("kernel:");
	tool_pairs(json_object_get(s, "kernel"), 2);
	puts("audit:");
	tool_pairs(json_object_get(a, "audit"), 2);
	if (json_object_get(a, "silent"))
		printf("no answer from: %s\n", tool_text(json_object_get(a, "silent")));
}

int cmd_status(int argc, char **argv)
{
	const char *rest[1];
	json_t *a;

	if (tool_flags("status", NULL, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	int status = tool_ask(tool_request("status", NULL), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		print(a);
	/* Everything that should answer did. */
	status = json_object_get(a, "silent") ? EXIT_NO : EXIT_YES;
	json_decref(a);
	return status;
}
