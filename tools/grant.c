/* grant.c - callgate grant. */
#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/grant.h"
#include "tools/tools.h"

static void print_list(const json_t *answer, bool tools)
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
	    {"FIRST USE", "first_use"},
	    {"LAST USE", "last_use"},
	};
	size_t columns = sizeof(column) / sizeof(*column);
	json_t *list = json_object_get(answer, "grants"), *g;
	size_t i;

	json_array_foreach(list, i, g) {
		json_t *uid = json_object_get(g, "uid"), *user = json_object_get(g, "user");
		if (json_is_null(uid))
			json_object_set_new(g, "who", json_string("(every governed user)"));
		else
			json_object_set(g, "who", user ? user : uid);
	}
	if (!json_object_get(json_array_get(list, 0), "used"))
		columns -= 2;
	if (tools)
		grant_tools_print(list);
	else
		tool_table(column, columns, list);
}

/* A number, or the number of an account of this machine. */
int grant_uid(const char *user, json_t **uid)
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
	const char *user = NULL, *server = NULL, *as_of = NULL;
	bool use = false, tools = false;
	const struct tool_flag flags[] = {
	    {"--user", &user, NULL}, {"--server", &server, NULL}, {"--as-of", &as_of, NULL}, {"--use", NULL, &use},
	    {"--tools", NULL, &tools}, {NULL, NULL, NULL}};
	json_t *uid = NULL, *answer, *args = json_object();
	int status = tool_flags("grant list", flags, argc, argv, NULL, 0) < 0 ? EXIT_USAGE : EXIT_YES;

	if (!status && tools && (as_of || use))
		status = tool_fail(EXIT_USAGE, "grant list: --tools says what is reached now, and stands without --as-of and --use");
	if (!status && user)
		status = grant_uid(user, &uid);
	if (status) {
		json_decref(args);
		return status;
	}
	if (uid)
		json_object_set_new(args, "uid", uid);
	if (server)
		json_object_set_new(args, "server", json_string(server));
	if (as_of) {
		status = grant_as_of(as_of, args, &answer);
		json_decref(args);
	} else {
		status = tool_ask(tool_request("grant.list", args), view_of(NULL, 0), &answer);
	}
	if (!status && tools)
		status = grant_tools(json_object_get(answer, "grants"));
	if (!status && use)
		status = grant_use(json_object_get(answer, "grants"));
	if (status)
		return status;
	if (tool_opts.json)
		tool_json(answer);
	else
		print_list(answer, tools);
	tool_remark(answer);
	json_decref(answer);
	return EXIT_YES;
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
	if (tool_proposed(answer))
		return;
	puts(tool_text(json_object_get(answer, "id")));
	/* Shown this once: only its digest is kept. */
	if (json_object_get(answer, "token"))
		puts(tool_text(json_object_get(answer, "token")));
}

/* ${user} NULL: every governed user. */
static int subject(const char *user, const char *login, json_t *grant)
{
	json_t *uid = NULL, *login_uid;
	int status = user ? grant_uid(user, &uid) : EXIT_YES;

	if (status)
		return status;
	json_object_set_new(grant, "uid", uid ? uid : json_null());
	if (user && !isdigit((unsigned char)user[0]))
		json_object_set_new(grant, "user", json_string(user));
	if (!login)
		return EXIT_YES;
	status = grant_uid(login, &login_uid);
	if (!status)
		json_object_set_new(grant, "login_uid", login_uid);
	return status;
}

static int group_of(const char *group, json_t *grant)
{
	const struct group *g = getgrnam(group);

	if (!g)
		return tool_fail(EXIT_NO, "there is no group \"%s\" on this machine", group);
	json_object_set_new(grant, "gid", json_integer(g->gr_gid));
	json_object_set_new(grant, "group", json_string(group));
	return EXIT_YES;
}

static int do_add(int argc, char **argv)
{
	enum { AGENT, EXE, UNIT, CGROUP, VIA, REQUESTED, APPROVED, SERVER, POLICY, CREDENTIAL, TICKET, REASON, EXPIRES, FIELDS };
	static const char *const field[FIELDS] = {"agent", "exe_sha256", "unit", "cgroup", "via", "requested_by", "approved_by", "server", "policy", "credential", "ticket", "reason", "expires_at"};
	const char *v[FIELDS] = {NULL}, *user = NULL, *login = NULL;
	const char *group = NULL;
	bool all = false, token = false;
	const struct tool_flag flags[] = {
	    {"--user", &user, NULL}, {"--all-users", NULL, &all}, {"--login-user", &login, NULL}, {"--agent", &v[AGENT], NULL}, {"--exe-sha256", &v[EXE], NULL},
	    {"--group", &group, NULL}, {"--unit", &v[UNIT], NULL}, {"--cgroup", &v[CGROUP], NULL}, {"--via", &v[VIA], NULL}, {"--token", NULL, &token},
	    {"--requested-by", &v[REQUESTED], NULL}, {"--approved-by", &v[APPROVED], NULL},
	    {"--server", &v[SERVER], NULL}, {"--policy", &v[POLICY], NULL}, {"--credential", &v[CREDENTIAL], NULL},
	    {"--ticket", &v[TICKET], NULL}, {"--reason", &v[REASON], NULL}, {"--expires", &v[EXPIRES], NULL}, {NULL, NULL, NULL}};

	if (tool_flags("grant add", flags, argc, argv, NULL, 0) < 0)
		return EXIT_USAGE;
	if (!user + !all + !group != 2 || !v[SERVER])
		return tool_fail(EXIT_USAGE, "grant add needs --user NAME (or --group NAME, or --all-users) and --server NAME; see callgate grant add --help");
	json_t *grant = json_object();
	int status = subject(user, login, grant);
	if (!status && group)
		status = group_of(group, grant);
	if (token)
		json_object_set_new(grant, "token", json_true());
	if (status) {
		json_decref(grant);
		return status;
	}
	for (int i = 0; i < FIELDS; i++)
		if (v[i])
			json_object_set_new(grant, field[i], json_string(v[i]));
	return tool_simple("grant.add", json_pack("{s:o s:s* s:s*}", "grant", grant, "reason", v[REASON], "ticket", v[TICKET]), print_added);
}

static int revoke_one(const char *id, const char *reason, const char *ticket, json_t *done)
{
	json_t *answer;
	int status = tool_ask(tool_request("grant.revoke", json_pack("{s:s s:s* s:s*}", "id", id, "reason", reason, "ticket", ticket)),
	    view_of(NULL, 0), &answer);

	if (status)
		return status;
	json_array_append_new(done, json_pack("{s:s s:O? s:O?}", "id", id, "at", json_object_get(answer, "at"), "generation",
	    json_object_get(answer, "generation")));
	if (!tool_opts.json)
		printf("%s revoked %s\n", tool_text(json_object_get(answer, "at")), id);
	tool_remark(answer);
	json_decref(answer);
	return EXIT_YES;
}

/* Somebody leaves: each of the user's grants; those for everybody or a group stay, and are named. */
static int revoke_user(const char *user, const char *reason, const char *ticket, json_t *done)
{
	json_t *uid = NULL, *answer, *g;
	size_t i, left = 0;
	int status = grant_uid(user, &uid);

	if (!status)
		status = tool_ask(tool_request("grant.list", json_object()), view_of(NULL, 0), &answer);
	if (status) {
		json_decref(uid);
		return status;
	}
	json_array_foreach(json_object_get(answer, "grants"), i, g) {
		if (!status && json_equal(uid, json_object_get(g, "uid")))
			status = revoke_one(json_string_value(json_object_get(g, "id")), reason, ticket, done);
		left += json_is_null(json_object_get(g, "uid"));
	}
	if (!status && left)
		fprintf(stderr, "callgate: %zu grants are for a group or every governed user and may still reach %s; see callgate grant list\n", left, user);
	json_decref(answer);
	json_decref(uid);
	return status;
}

static int do_revoke(int argc, char **argv)
{
	const char *id = NULL, *user = NULL, *reason = NULL, *ticket = NULL;
	const struct tool_flag flags[] = {{"--user", &user, NULL}, {"--reason", &reason, NULL}, {"--ticket", &ticket, NULL}, {NULL, NULL, NULL}};
	int n = tool_flags("grant revoke", flags, argc, argv, &id, 1);

	if (n >= 0 && !id == !user)
		return tool_fail(EXIT_USAGE, "grant revoke: which?  callgate grant revoke ID, or --user NAME for all of a user's");
	if (n < 0)
		return EXIT_USAGE;
	json_t *done = json_array();
	int status = id ? revoke_one(id, reason, ticket, done) : revoke_user(user, reason, ticket, done);
	if (!status && tool_opts.json) {
		json_t *all = json_pack("{s:b s:O}", "ok", 1, "revoked", done);
		tool_json(all);
		json_decref(all);
	} else if (!status && !json_array_size(done)) {
		printf("%s has no grant\n", user);
	}
	json_decref(done);
	return status;
}

int cmd_grant(int argc, char **argv)
{
	static const struct tool_verb verbs[] = {
	    {"list", do_list, "[--user NAME|UID] [--server NAME] [--as-of TIME] [--use | --tools]", "the grants in force, now or at a time; --use: when they were used; --tools: what they reach"},
	    {"show", do_show, "ID", "one of them, whole"},
	    {"add", do_add, "--user NAME|UID|--group NAME|--all-users --server NAME [--agent LABEL] [--login-user NAME] [--via su] [--exe-sha256 HEX] "
	                    "[--unit PATTERN] [--cgroup PATTERN] [--token] [--requested-by WHO] [--approved-by WHO] [--policy NAME] [--credential NAME] [--expires TIME] [--ticket TEXT] [--reason TEXT]",
	        "let a user use a server; prints the new id"},
	    {"revoke", do_revoke, "ID|--user NAME [--reason TEXT] [--ticket TEXT]", "end a grant, or all of a user; the next call is denied"},
	    {"review", grant_review, "--write FILE | --read FILE", "write the roster for a reviewer, or take the decisions in it"},
	    {NULL, NULL, NULL, NULL},
	};
	return tool_verbs("grant", verbs, argc, argv);
}
