/* proposal.c - callgate proposal: grants and policies that wait for another person. */
#include <stdio.h>

#include "tools/tools.h"

bool tool_proposed(const json_t *answer)
{
	const json_t *id = json_object_get(answer, "proposal");

	if (!json_is_string(id))
		return false;
	printf("proposed: %s; it holds when another person has said: callgate proposal confirm %s\n", json_string_value(id), json_string_value(id));
	return true;
}

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {{"ID", "id"}, {"WHAT", "do"}, {"POLICY", "name"}, {"USER", "grant.user"}, {"SERVER", "grant.server"},
	    {"UNDER", "grant.policy"}, {"BY", "proposed_by.user"}, {"AT", "proposed_at"}, {"TICKET", "ticket"}, {"REASON", "reason"}};

	tool_table(column, sizeof(column) / sizeof(*column), json_object_get(answer, "proposals"));
}

static int do_list(int argc, char **argv)
{
	return tool_flags("proposal list", NULL, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : tool_simple("proposal.list", NULL, print_list);
}

static void print_one(const json_t *answer)
{
	json_t *p = json_copy(json_object_get(answer, "proposal"));
	json_t *doc = json_incref(json_object_get(p, "document"));

	json_object_del(p, "document");
	tool_pairs(p, 0);
	if (doc)
		printf("\n%s\n", json_string_value(doc));
	json_decref(doc);
	json_decref(p);
}

static void print_done(const json_t *answer)
{
	const char *id = json_string_value(json_object_get(answer, "id")), *token = json_string_value(json_object_get(answer, "token"));

	if (id)
		puts(id);
	if (token)
		puts(token);
	if (!id)
		puts("done");
}

/* What takes an id. */
static int with_id(const char *verb, const char *request, int argc, char **argv, void (*print)(const json_t *answer))
{
	const char *id = NULL;
	int n = tool_flags(verb, NULL, argc, argv, &id, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "%s: which one?  See: callgate proposal list", verb);
	return n < 0 ? EXIT_USAGE : tool_simple(request, json_pack("{s:s}", "id", id), print);
}

static int do_show(int argc, char **argv)
{
	return with_id("proposal show", "proposal.show", argc, argv, print_one);
}

static int do_confirm(int argc, char **argv)
{
	return with_id("proposal confirm", "proposal.confirm", argc, argv, print_done);
}

static int do_withdraw(int argc, char **argv)
{
	return with_id("proposal withdraw", "proposal.withdraw", argc, argv, print_done);
}

int cmd_proposal(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", do_list, "", "what waits for another person"},
	    {"show", do_show, "ID", "all of one, its policy document too"},
	    {"confirm", do_confirm, "ID", "put it in force; not by who proposed it"},
	    {"withdraw", do_withdraw, "ID", "take it away"},
	    {NULL, NULL, NULL, NULL},
	};

	return tool_verbs("proposal", verbs, argc, argv);
}
