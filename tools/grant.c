/* grant.c - callgate grant. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

/* A name or number; false when there is no such account. */
static bool uid_of(const char *text, json_int_t *uid)
{
	char *end;
	const struct passwd *pw = getpwnam(text);

	if (pw) {
		*uid = pw->pw_uid;
		return true;
	}
	*uid = strtoll(text, &end, 10);
	return *text && !*end && *uid >= 0;
}

static int print(int status, json_t *a, const char *member)
{
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_pairs(json_object_get(a, member), 0);
	json_decref(a);
	return EXIT_YES;
}

static int list(int argc, char **argv)
{
	static const struct tool_column columns[] = {{"id", "id"}, {"user", "user"}, {"uid", "uid"}, {"agent", "agent"}, {"server", "server"}, {"policy", "policy"},
	    {"issued", "issued_at"}, {"by", "issued_by.user"}, {"expires", "expires_at"}, {"ticket", "ticket"}};
	const char *user = NULL, *server = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--user", &user, NULL}, {"--server", &server, NULL}, {NULL, NULL, NULL}};
	json_int_t uid = 0;
	json_t *a;

	if (tool_flags("grant list", flags, argc, argv, rest, 0) < 0)
		return EXIT_USAGE;
	if (user && !uid_of(user, &uid))
		return tool_fail(EXIT_NO, "no user %s on this machine", user);
	json_t *args = json_pack("{s:s*}", "server", server);
	if (user)
		json_object_set_new(args, "uid", json_integer(uid));
	int status = tool_ask(tool_request("grant.list", args), view_of(NULL, 0), &a);
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(a);
	else
		tool_table(columns, sizeof(columns) / sizeof(columns[0]), json_object_get(a, "grants"));
	json_decref(a);
	return EXIT_YES;
}

static int show(int argc, char **argv)
{
	const char *rest[1];
	json_t *a;

	if (tool_flags("grant show", NULL, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "grant show ID");
	int status = tool_ask(tool_request("grant.show", json_pack("{s:s}", "id", rest[0])), view_of(NULL, 0), &a);
	return print(status, a, "grant");
}

static int add(int argc, char **argv)
{
	const char *user = NULL, *login = NULL, *agent = NULL, *server = NULL, *policy = NULL, *credential = NULL, *ticket = NULL, *reason = NULL, *expires = NULL, *rest[1];
	bool all = false;
	const struct tool_flag flags[] = {{"--user", &user, NULL}, {"--login-user", &login, NULL}, {"--agent", &agent, NULL}, {"--server", &server, NULL},
	    {"--policy", &policy, NULL}, {"--credential", &credential, NULL}, {"--ticket", &ticket, NULL}, {"--reason", &reason, NULL},
	    {"--expires", &expires, NULL}, {"--all-users", NULL, &all}, {NULL, NULL, NULL}};
	json_int_t uid = 0, login_uid = 0;
	json_t *a;
	int n = tool_flags("grant add", flags, argc, argv, rest, 0);

	if (n < 0 || !server || !user == !all)
		return n < 0 ? EXIT_USAGE : tool_fail(EXIT_USAGE, "grant add --user NAME (or --all-users) --server NAME --policy NAME [...]; see --help");
	if (user && !uid_of(user, &uid))
		return tool_fail(EXIT_NO, "no user %s on this machine", user);
	if (login && !uid_of(login, &login_uid))
		return tool_fail(EXIT_NO, "no user %s on this machine", login);
	json_t *grant = json_pack("{s:s s:s* s:s* s:s* s:s* s:s* s:s*}", "server", server, "agent", agent, "policy", policy, "credential", credential, "ticket",
	    ticket, "reason", reason, "expires_at", expires);
	json_object_set_new(grant, "uid", all ? json_null() : json_integer(uid));
	if (login)
		json_object_set_new(grant, "login_uid", json_integer(login_uid));
	json_t *args = json_pack("{s:o s:s* s:s*}", "grant", grant, "reason", reason, "ticket", ticket);
	int status = tool_ask(tool_request("grant.add", args), view_of(NULL, 0), &a);
	return print(status, a, "grant");
}

static int revoke(int argc, char **argv)
{
	const char *reason = NULL, *ticket = NULL, *rest[1];
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	json_t *a;

	if (tool_flags("grant revoke", flags, argc, argv, rest, 1) != 1)
		return tool_fail(EXIT_USAGE, "grant revoke ID");
	json_t *args = json_pack("{s:s s:s* s:s*}", "id", rest[0], "reason", reason, "ticket", ticket);
	int status = tool_ask(tool_request("grant.revoke", args), view_of(NULL, 0), &a);
	if (!status && !tool_opts.json) {
		puts("revoked");
		json_decref(a);
		return EXIT_YES;
	}
	return print(status, a, "grant");
}

int cmd_grant(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", list, "[--user NAME] [--server NAME]", "the grants in force"},
	    {"show", show, "ID", "one, whole"},
	    {"add", add, "--user NAME|--all-users --server NAME --policy NAME [--agent LABEL] [--login-user NAME] [--credential NAME] [--expires TIME] [--ticket ID] [--reason TEXT]",
	        "let a user's agents reach a server under a policy"},
	    {"revoke", revoke, "ID [--reason TEXT] [--ticket ID]", "end a grant: the next call is refused"},
	    {NULL, NULL, NULL, NULL}};
	return tool_verbs("grant", verbs, argc, argv);
}
