/* grant_tools.c - callgate grant list --tools: what each grant reaches, its policy against the catalogue.  See grant.h. */
#include <stdio.h>
#include <string.h>

#include "admin/explain.h"
#include "base/err.h"
#include "tools/grant.h"
#include "tools/policy.h"
#include "tools/tools.h"

/* A name that no server has: what becomes of it becomes of every tool that nobody has named. */
#define ANY_OTHER "callgate.any.other.tool"

/* Whether and how ${document} lets the tool be called: "yes"; "if": by its arguments, a limit or a person; NULL: never. */
static const char *reach(const char *document, const char *tool, int *err)
{
	struct explain_call call = {.tool = view_str(tool), .agent = ""};
	char why[EXPLAIN_WHY];
	struct buf out = {0};
	json_error_t at;
	json_t *e = NULL, *step;
	const char *how = NULL;
	size_t i;

	*err = explain_document(view_str(document), &call, why, &out);
	if (!*err) {
		struct view v = buf_view(&out);
		e = json_loadb((const char *)v.p, v.n, 0, &at);
	}
	if (json_is_true(json_object_get(e, "listed"))) {
		how = json_integer_value(json_object_get(e, "limits")) ? "if" : "yes";
		json_array_foreach(json_object_get(e, "steps"), i, step) {
			const char *rule = tool_text(json_object_get(step, "rule"));
			if (strstr(rule, "/require") || strstr(rule, "/deny_if") || strstr(rule, "/limits") || strstr(rule, "/approve"))
				how = "if";
		}
	}
	json_decref(e);
	buf_free(&out);
	return how;
}

static void add_row(json_t *grant, const char *tool, const char *class, const char *state, const char *how)
{
	json_t *list = json_object_get(grant, "tools");

	json_array_append_new(list, json_pack("{s:s s:s s:s* s:s}", "tool", tool, "class", class, "state", state, "reach", how));
}

static const json_t *known(const json_t *catalog, const char *server, const char *tool)
{
	const json_t *t;
	size_t i;

	json_array_foreach(catalog, i, t)
		if (strcmp(tool_text(json_object_get(t, "server")), server) == 0 && strcmp(tool_text(json_object_get(t, "tool")), tool) == 0)
			return t;
	return NULL;
}

/* What the servers have listed, what only the policy names, and the rest. */
static int expand(json_t *grant, const char *document, const json_t *catalog)
{
	const char *server = json_string_value(json_object_get(grant, "server")), *name, *how;
	json_error_t at;
	json_t *doc = json_loads(document, 0, &at), *rules;
	const json_t *t;
	size_t i;
	int err = 0;

	json_array_foreach(catalog, i, t) {
		name = json_string_value(json_object_get(t, "tool"));
		if (!name || strcmp(tool_text(json_object_get(t, "server")), server) != 0 || !(how = reach(document, name, &err)))
			continue;
		add_row(grant, name, tool_text(json_object_get(t, "class")), tool_text(json_object_get(t, "state")), how);
	}
	json_object_foreach(json_object_get(doc, "tools"), name, rules)
		if (!err && strcmp(name, "*") != 0 && !known(catalog, server, name) && (how = reach(document, name, &err)))
			add_row(grant, name, "Execute", "not listed yet", how);
	if (!err && (how = reach(document, ANY_OTHER, &err)))
		add_row(grant, "(any other)", "Execute", "not listed yet", how);
	json_decref(doc);
	return err ? tool_fail(EXIT_NO, "the policy of grant %s cannot be read: %s", tool_text(json_object_get(grant, "id")), err_text(err)) : EXIT_YES;
}

int grant_tools(json_t *grants)
{
	json_t *catalog = NULL, *policies = json_object(), *g;
	size_t i;
	int status = tool_ask(tool_request("catalog.list", NULL), view_of(NULL, 0), &catalog);

	json_array_foreach(grants, i, g) {
		const char *name = json_string_value(json_object_get(g, "policy"));
		json_t *p = name ? json_object_get(policies, name) : NULL;
		json_object_set_new(g, "tools", json_array());
		if (status || !name)
			continue;
		if (!p && (status = policy_version(name, 0, &p)) == EXIT_YES)
			json_object_set_new(policies, name, p);
		if (!status)
			status = expand(g, json_string_value(json_object_get(p, "document")), json_object_get(catalog, "tools"));
	}
	json_decref(catalog);
	json_decref(policies);
	return status;
}

void grant_tools_print(const json_t *grants)
{
	static const struct tool_column column[] = {{"GRANT", "id"}, {"USER", "who"}, {"AGENT", "agent"}, {"SERVER", "server"}, {"POLICY", "policy"}, {"TOOL", "tool"},
	    {"CLASS", "class"}, {"STATE", "state"}, {"REACHED", "reach"}};
	static const char *const of_grant[] = {"id", "who", "agent", "server", "policy"};
	json_t *rows = json_array(), *g, *t;
	size_t i, k;

	json_array_foreach(grants, i, g) {
		json_array_foreach(json_object_get(g, "tools"), k, t) {
			json_t *row = json_copy(t);
			for (size_t f = 0; f < sizeof(of_grant) / sizeof(*of_grant); f++)
				if (json_object_get(g, of_grant[f]))
					json_object_set(row, of_grant[f], json_object_get(g, of_grant[f]));
			json_array_append_new(rows, row);
		}
	}
	tool_table(column, sizeof(column) / sizeof(*column), rows);
	json_decref(rows);
}
