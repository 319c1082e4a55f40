/* status.c - callgate status. */
#include <stdio.h>
#include <string.h>

#include "tools/tools.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void processes(const json_t *gate)
{
	static const struct tool_column column[] = {
	    {"PROCESS", "name"},
	    {"SLOT", "slot"},
	    {"PID", "pid"},
	    {"STATE", "state"},
	    {"RESTARTS", "restarts"},
	    {"SANDBOX TRIED", "sandbox_tried"},
	    {"REFUSED", "sandbox_refused"},
	    {"NOTE", "note"},
	};
	tool_table(column, COUNT(column), json_object_get(gate, "processes"));
}

static void hooks(const json_t *gate)
{
	static const struct tool_column column[] = {{"HOOK", "hook"}, {"ATTACHED", "attached"}, {"NOTE", "note"}};

	if (json_array_size(json_object_get(gate, "hooks")))
		tool_table(column, COUNT(column), json_object_get(gate, "hooks"));
}

/* What callgated says besides: shown as it comes, so that a newer one is not hidden by an older command. */
static json_t *rest_of(const json_t *gate)
{
	json_t *rest = json_object(), *v;
	const char *key;

	/* The object is only read. */
	json_object_foreach((json_t *)(uintptr_t)gate, key, v)
		if (strcmp(key, "processes") != 0 && strcmp(key, "hooks") != 0)
			json_object_set(rest, key, v);
	return rest;
}

static void section(const char *title, const json_t *o)
{
	if (!json_object_size(o))
		return;
	printf("\n%s\n", title);
	tool_pairs(o, 2);
}

static void show(const json_t *answer)
{
	const json_t *gate = json_object_get(answer, "service"), *warning = json_object_get(answer, "warning");
	const json_t *silent = json_object_get(answer, "silent");

	if (warning)
		printf("WARNING: %s\n\n", tool_text(warning));
	if (json_array_size(silent))
		printf("WARNING: no answer from %s\n\n", tool_text(silent));
	if (gate) {
		processes(gate);
		puts("");
		hooks(gate);
		json_t *rest = rest_of(gate);
		section("service", rest);
		json_decref(rest);
	}
	section("in force", json_object_get(answer, "in_force"));
	section("audit", json_object_get(answer, "audit"));
}

int cmd_status(int argc, char **argv)
{
	json_t *answer;
	int status = tool_flags("status", NULL, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : EXIT_YES;

	if (!status)
		status = tool_ask(tool_request("status", NULL), view_of(NULL, 0), &answer);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(answer);
	else
		show(answer);
	/* Yes: everything that should answer did. */
	status = json_object_get(answer, "silent") ? EXIT_NO : EXIT_YES;
	json_decref(answer);
	return status;
}
