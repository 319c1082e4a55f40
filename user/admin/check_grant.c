/* check_grant.c - see check.h.  Whole grants. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "admin/check.h"
#include "base/err.h"

static void *fail(char why[CHECK_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void *fail(char why[CHECK_WHY], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, CHECK_WHY, fmt, ap);
	va_end(ap);
	return NULL;
}

static bool check_digest(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static bool check_time(const char *s)
{
	struct wall t;
	return wall_parse(s, &t) == 0;
}

/* Names of accounts: what useradd takes, and a little more; never authority, only shown. */
static bool check_user(const char *s)
{
	return check_line(s) && strlen(s) <= CHECK_NAME_MAX && !strpbrk(s, ":/ ");
}

/* Of units and cgroup paths: '*' and '**' are wild. */
static bool check_pattern(const char *s)
{
	return check_line(s) && *s && strlen(s) < 256;
}

static bool check_via(const char *s)
{
	return strcmp(s, "su") == 0;
}

static const struct member {
	const char *key;
	bool (*ok)(const char *);
	const char *must;
} member[] = {
    {"user", check_user, "must be the name of an account"},
    {"agent", check_name, "must be the label of an agent, such as claude-code"},
    {"exe_sha256", check_digest, "must be a SHA-256 digest in lower case hex"},
    {"unit", check_pattern, "must be a pattern of systemd units, such as claude-*.service"},
    {"cgroup", check_pattern, "must be a pattern of cgroup paths, such as /user.slice/**"},
    {"via", check_via, "must be su: the login may be another user's"},
    {"group", check_user, "must be the name of a group"},
    {"requested_by", check_line, "must be one line of at most 256 bytes"},
    {"approved_by", check_line, "must be one line of at most 256 bytes"},
    {"server", check_name, "must be the name of a server"},
    {"policy", check_name, "must be the name of a policy"},
    {"credential", check_name, "must be the name of a credential"},
    {"ticket", check_line, "must be one line of at most 256 bytes"},
    {"reason", check_line, "must be one line of at most 256 bytes"},
    {"expires_at", check_time, "must be a time before 2262, such as 2027-01-31T12:00:00Z"},
};
enum { MEMBERS = sizeof(member) / sizeof(*member) };

/* "Every governed user" is said with null, never by leaving the field out. */
static bool check_uid(const json_t *args, const char *key, bool may_be_absent, char why[CHECK_WHY])
{
	const json_t *v = json_object_get(args, key);

	if ((!v && may_be_absent) || (json_is_null(v) && !may_be_absent))
		return true;
	if (json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) < UINT32_MAX)
		return true;
	return fail(why, "/%s: must be a user number%s", key, may_be_absent ? "" : ", or null for every governed user");
}

static bool check_fields(const json_t *args, char why[CHECK_WHY])
{
	const char *key;
	json_t *v;

	/* The object is only read. */
	json_object_foreach((json_t *)(uintptr_t)args, key, v) {
		size_t i = 0;
		if (strcmp(key, "uid") == 0 || strcmp(key, "login_uid") == 0 || strcmp(key, "gid") == 0 ||
		    (strcmp(key, "token") == 0 && json_is_true(v)))
			continue;
		while (i < MEMBERS && strcmp(member[i].key, key) != 0)
			i++;
		if (i == MEMBERS)
			return fail(why, "/%.64s: unknown field", key);
		if (!json_is_string(v) || !member[i].ok(json_string_value(v)))
			return fail(why, "/%s: %s", key, member[i].must);
	}
	return check_uid(args, "uid", false, why) && check_uid(args, "login_uid", true, why) &&
	       check_uid(args, "gid", true, why);
}

static const char *str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool expired(const json_t *g, struct wall now)
{
	const char *at = str(g, "expires_at");
	struct wall t;

	return at && (wall_parse(at, &t) || t.ns <= now.ns);
}

static bool same_text(const struct grant_ref *g, const struct grant_fields *f, enum grant_text which)
{
	const char *text = grant_ref_text(g, which);

	return text ? f->text[which].p && view_is(f->text[which], text) : !f->text[which].p;
}

static bool same_id(const struct grant_row *row, const struct grant_fields *f, uint32_t flag, uint32_t x, uint32_t y)
{
	return (row->flags & flag) == (f->flags & flag) && (!(f->flags & flag) || x == y);
}

int check_grant_equal(const json_t *grant, const struct roster *r, struct wall now, char **id)
{
	static const enum grant_text subject[] = {GT_SERVER, GT_AGENT, GT_EXE_SHA256, GT_UNIT, GT_CGROUP};
	json_t *named = json_copy((json_t *)(uintptr_t)grant); /* only read */
	struct grant_ref g = {0};
	struct grant_fields f;

	*id = NULL;
	if (!named || json_object_set_new(named, "id", json_string("new"))) {
		json_decref(named);
		return -ENOMEM;
	}
	int ret = grants_fields(named, &f);
	while (!ret && !*id && grants_next(&r->grants, &g)) {
		size_t i = 0;
		if (!same_id(g.row, &f, GRANT_UID, g.row->uid, f.uid) || !same_id(g.row, &f, GRANT_GID, g.row->gid, f.gid) ||
		    !same_id(g.row, &f, GRANT_LOGIN_UID, g.row->login_uid, f.login_uid))
			continue;
		while (i < sizeof(subject) / sizeof(*subject) && same_text(&g, &f, subject[i]))
			i++;
		/* Of two tokens each is for one grant alone. */
		bool apart = grant_ref_text(&g, GT_TOKEN_SHA256) || json_object_get(grant, "token");
		bool over = g.row->expires_ns && g.row->expires_ns <= now.ns;
		if (i == sizeof(subject) / sizeof(*subject) && !apart && !over && !(*id = strdup(grant_ref_text(&g, GT_ID))))
			ret = -ENOMEM;
	}
	json_decref(named);
	return ret;
}

json_t *check_grant(const json_t *args, const struct roster *r, struct wall now, char why[CHECK_WHY])
{
	if (!check_fields(args, why))
		return NULL;
	const char *server = str(args, "server"), *policy = str(args, "policy"), *credential = str(args, "credential");
	if (!server)
		return fail(why, "/server: is missing");
	if (!json_object_get(r->servers, server))
		return fail(why, "/server: no server is named %s; see: callgate server list", server);
	if (policy && !json_object_get(r->policies, policy))
		return fail(why, "/policy: no policy is named %s; first: callgate policy apply %s FILE", policy, policy);
	if (credential && !json_object_get(r->credentials, credential))
		return fail(why, "/credential: no credential is named %s; first: callgate vault set %s", credential, credential);
	if (expired(args, now))
		return fail(why, "/expires_at: lies in the past");
	const char *asked = str(args, "requested_by"), *approved = str(args, "approved_by");
	if (asked && approved && strcmp(asked, approved) == 0)
		return fail(why, "/approved_by: who asks for a grant does not approve it");
	char *id;
	if (check_grant_equal(args, r, now, &id))
		return fail(why, "the grant cannot be compared with those in force");
	if (id) {
		fail(why, "grant %s is for the same subject and server already; revoke it first", id);
		free(id);
		return NULL;
	}
	json_t *g = json_deep_copy(args);
	return g ? g : fail(why, "out of memory");
}

/* ${map} NULL: of grants. */
static int new_id(const struct roster *r, const json_t *map, char id[16])
{
	static const char set[] = "abcdefghijkmnpqrstuvwxyz23456789";

	for (int tries = 0; tries < 64; tries++) {
		unsigned char rnd[8];
		if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
			return -EIO;
		memcpy(id, map ? "p-" : "g-", 3);
		for (size_t i = 0; i < sizeof(rnd); i++)
			id[2 + i] = set[rnd[i] & 31];
		id[10] = '\0';
		if (map ? !json_object_get(map, id) : !grants_find(&r->grants, id, NULL))
			return 0;
	}
	return -ERR_EXISTS;
}

int check_grant_id(const struct roster *r, char id[16])
{
	return new_id(r, NULL, id);
}

int check_id(const json_t *map, char id[16])
{
	return new_id(NULL, map, id);
}
