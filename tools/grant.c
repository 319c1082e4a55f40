/* grant.c - callgate grant. */
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

static void print_list(const json_t *answer)
{
	static const struct tool_column column[] = {
	    {"GRANT", "id"},
	    {"USER", "who"},
	    {"AGENT", "agent"},
	    {"SERVER", "server"},
	    {"POLICY", "policy"},
	    {"CREDENTIAL", "credential"},
	    {"EXPIRES", "expires_at"},
	    {"ISSUED BY", "issued_by.user"},
	    {"TICKET", "ticket"},
	};
	json_t *list = json_object_get(answer, "grants"), *g;
	size_t i;

	json_array_foreach(list, i, g) {
		json_t *uid = json_object_get(g, "uid"), *user = json_object_get(g, "user");
		if (json_is_null(uid))
			json_object_set_new(g, "who", json_string("(every governed user)"));
		else
			json_object_set(g, "who", user ? user : uid);
	}
	tool_table(column, sizeof(column) / sizeof(*column), list);
}

/* A number, or the number of an account of this machine. */
static int uid_of(const char *user, json_t **uid)
{
	char *end;
	unsigned long n = strtoul(user, &end, 10);

	if (isdigit((unsigned char)user[0]) && !*end) {
		*uid = json_integer((json_int_t)n);
		return EXIT_YES;
	}
	const struct passwd *p = getpwnam(user);
	if (!p)
		return tool_fail(EXIT_NO, "there is no account \"%s\" on this machine", user);
	*uid = json_integer(p->pw_uid);
	return EXIT_YES;
}

static int do_list(int argc, char **argv)
{
	const char *user = NULL, *server = NULL;
	const struct tool_flag flags[] = {{"--user", &user, NULL}, {"--server", &server, NULL}, {NULL, NULL, NULL}};
	json_t *uid = NULL, *args = json_object();
	int status = tool_flags("grant list", flags, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : EXIT_YES;

	if (!status && user)
		status = uid_of(user, &uid);
	if (status) {
		json_decref(args);
		return status;
	}
	if (uid)
		json_object_set_new(args, "uid", uid);
	if (server)
		json_object_set_new(args, "server", json_string(server));
	return tool_simple("grant.list", args, print_list);
}

static void print_one(const json_t *answer)
{
	tool_pairs(json_object_get(answer, "grant"), 0);
}

static int do_show(int argc, char **argv)
{
	const char *id = NULL;
	int n = tool_flags("grant show", NULL, argc, argv, &id, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "grant show: which one?  callgate grant show ID");
	return n < 0 ? EXIT_USAGE : tool_simple("grant.show", json_pack("{s:s}", "id", id), print_one);
}

static void print_added(const json_t *answer)
{
	puts(tool_text(json_object_get(answer, "id")));
}

/* ${user} NULL: every governed user. */
static int subject(const char *user, const char *login, json_t *grant)
{
	json_t *uid = NULL, *login_uid;
	int status = user ? uid_of(user, &uid) : EXIT_YES;

	if (status)
		return status;
	json_object_set_new(grant, "uid", uid ? uid : json_null());
	if (user && !isdigit((unsigned char)user[0]))
		json_object_set_new(grant, "user", json_string(user));
	if (!login)
		return EXIT_YES;
	status = uid_of(login, &login_uid);
	if (!status)
		json_object_set_new(grant, "login_uid", login_uid);
	return status;
}

static int do_add(int argc, char **argv)
{
	enum { AGENT, EXE, SERVER, POLICY, CREDENTIAL, TICKET, REASON, EXPIRES, FIELDS };
	static const char *const field[FIELDS] = {"agent", "exe_sha256", "server", "policy", "credential", "ticket", "reason", "expires_at"};
	const char *v[FIELDS] = {NULL}, *user = NULL, *login = NULL;
	bool all = false;
	const struct tool_flag flags[] = {
	    {"--user", &user, NULL}, {"--all-users", NULL, &all}, {"--login-user", &login, NULL}, {"--agent", &v[AGENT], NULL}, {"--exe-sha256", &v[EXE], NULL},
	    {"--server", &v[SERVER], NULL}, {"--policy", &v[POLICY], NULL}, {"--credential", &v[CREDENTIAL], NULL},
	    {"--ticket", &v[TICKET], NULL}, {"--reason", &v[REASON], NULL}, {"--expires", &v[EXPIRES], NULL}, {NULL, NULL, NULL}};

	if (tool_flags("grant add", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!user == !all || !v[SERVER])
		return tool_fail(EXIT_USAGE, "grant add needs --user NAME (or --all-users) and --server NAME; see callgate grant add --help");
	json_t *grant = json_object();
	int status = subject(user, login, grant);
	if (status) {
		json_decref(grant);
		return status;
	}
	for (int i = 0; i < FIELDS; i++)
		if (v[i])
			json_object_set_new(grant, field[i], json_string(v[i]));
	return tool_simple("grant.add", json_pack("{s:o s:s* s:s*}", "grant", grant, "reason", v[REASON], "ticket", v[TICKET]), print_added);
}

static void print_revoked(const json_t *answer)
{
	(void)answer;
	puts("revoked");
}

static int do_revoke(int argc, char **argv)
{
	const char *id = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("grant revoke", flags, argc, argv, &id, 1);

	if (n == 0)
		return tool_fail(EXIT_USAGE, "grant revoke: which one?  callgate grant revoke ID");
	if (n < 0)
		return EXIT_USAGE;
	return tool_simple("grant.revoke", json_pack("{s:s s:s* s:s*}", "id", id, "reason", reason, "ticket", ticket), print_revoked);
}

int cmd_grant(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", do_list, "[--user NAME|UID] [--server NAME]", "the grants in force"},
	    {"show", do_show, "ID", "one of them, whole"},
	    {"add", do_add, "--user NAME|UID|--all-users --server NAME [--agent LABEL] [--login-user NAME] [--exe-sha256 HEX] [--policy NAME] "
	                    "[--credential NAME] [--expires TIME] [--ticket TEXT] [--reason TEXT]",
	        "let a user use a server; prints the new id"},
	    {"revoke", do_revoke, "ID [--reason TEXT] [--ticket TEXT]", "end a grant; the next call is denied"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("grant", verbs, argc, argv);
}
