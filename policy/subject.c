/* subject.c - does a process fit the subject of a grant?  See world.h. */
#include "policy/world.h"

/* '*' stands for any run without '/', '**' for any run.  Patterns and texts are at most a few hundred bytes. */
bool subject_glob(const char *pattern, const char *text)
{
	struct {
		const char *pattern, *text;
	} one = {NULL, NULL}, deep = {NULL, NULL}; /* where to try again: behind the last '*', behind the last '**' */

	while (*text) {
		if (pattern[0] == '*' && pattern[1] == '*') {
			deep.pattern = pattern += 2;
			deep.text = text;
			one.pattern = NULL;
		} else if (*pattern == '*') {
			one.pattern = ++pattern;
			one.text = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (one.pattern && *one.text != '/') {
			pattern = one.pattern;
			text = ++one.text;
		} else if (deep.pattern) {
			pattern = deep.pattern;
			text = ++deep.text;
			one.pattern = NULL;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool in_group(const struct subject *who, uint32_t gid)
{
	if (who->gid == gid)
		return true;
	for (size_t i = 0; i < who->groups; i++)
		if (who->group[i] == gid)
			return true;
	return false;
}

bool subject_addressed(const struct world_grant *g, const struct subject *who)
{
	return (g->any_uid || g->uid == who->uid) && (!g->has_gid || in_group(who, g->gid)) &&
	       (!g->agent || strcmp(g->agent, who->agent ? who->agent : "") == 0);
}

static bool text_fits(const char *want, const char *have)
{
	return !want || (have && *have && strcmp(want, have) == 0);
}

static bool glob_fits(const char *want, const char *have)
{
	return !want || (have && *have && subject_glob(want, have));
}

/* Who logged in as somebody else is not that user, unless the grant says so; unset says nothing. */
static bool login_fits(const struct world_grant *g, const struct subject *who)
{
	if (g->has_login_uid)
		return g->login_uid == who->login_uid;
	return g->su || who->login_uid == UINT32_MAX || who->login_uid == who->uid;
}

bool subject_fits(const struct world_grant *g, const struct subject *who)
{
	return login_fits(g, who) && glob_fits(g->unit, who->unit) && glob_fits(g->cgroup, who->cgroup) &&
	       text_fits(g->token_sha256, who->token_sha256) && text_fits(g->exe_sha256, who->exe_sha256);
}

int subject_weight(const struct world_grant *g)
{
	const bool bit[] = {g->has_login_uid, g->unit != NULL, g->cgroup != NULL, g->agent != NULL, g->exe_sha256 != NULL, g->token_sha256 != NULL,
	    g->has_gid, !g->any_uid};
	int weight = 0;

	for (size_t i = 0; i < sizeof(bit) / sizeof(bit[0]); i++)
		weight |= bit[i] ? 1 << i : 0;
	return weight;
}
