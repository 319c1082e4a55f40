/* perm.c - see perm.h. */
#include <stdarg.h>
#include <stdio.h>

#include "admin/perm.h"
#include "bpf/abi.h"

bool perm_governed(const struct perm_set *set, uint32_t uid)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->uid[i] == uid)
			return true;
	return false;
}

static bool no(char why[PERM_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool no(char why[PERM_WHY], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, PERM_WHY, fmt, ap);
	va_end(ap);
	return false;
}

const char *perm_role_name(enum perm_role role)
{
	static const char *const name[PERM_ROLES] = {"admin", "policy", "secret", "auditor", "approver"};

	return name[role];
}

static bool in_role(const struct perm_caller *caller, const struct perm_set *set, unsigned work)
{
	for (size_t i = 0; i < PERM_ROLES; i++) {
		if (!set->role[i].there || !(work & 1u << i))
			continue;
		for (size_t k = 0; k < caller->groups; k++)
			if (caller->group[k] == set->role[i].gid)
				return true;
	}
	return false;
}

static bool no_role(const struct perm_caller *caller, const struct perm_set *set, unsigned work, char why[PERM_WHY])
{
	size_t i = 0;

	while (i < PERM_ROLES && !(work & 1u << i))
		i++;
	if (i == PERM_ROLES)
		return no(why, "uid %u has no role in Callgate for this; root alone may do it", caller->uid);
	return no(why, "uid %u has no role in Callgate for this: it is the work of the group callgate-%s%s", caller->uid,
	    perm_role_name((enum perm_role)i), set->root_by_role ? "" : ", and of root");
}

bool perm_change(const struct perm_caller *caller, const struct perm_set *set, unsigned work, char why[PERM_WHY])
{
	const struct m_described *who = caller->who;

	if (perm_governed(set, caller->uid))
		return no(why, "uid %u is governed by Callgate and may not change what governs it", caller->uid);
	if (caller->sender == UINT32_MAX)
		return no(why, "it cannot be told which process sent this over the connection of another");
	if (caller->sender)
		return no(why, "process %u (uid %u) sent this over a connection that another process opened", caller->sender, caller->sender_uid);
	if ((caller->uid != 0 || (set->root_by_role && work)) && !in_role(caller, set, work))
		return no_role(caller, set, work, why);
	if (!who || who->status != 0)
		return no(why, "it cannot be told whether the caller is an agent: %s",
		    who ? "its process has gone" : "callgate-ident does not answer");
	if (!caller->alive)
		return no(why, "the caller ended before it was known what it is");
	/* A process may have changed its uid after it connected; the one that connected counts, and both must be allowed. */
	if (who->uid != caller->uid)
		return no(why, "the caller runs as uid %u but connected as uid %u", who->uid, caller->uid);
	if (who->agent_class != CG_CLASS_NONE)
		return no(why, "the caller is, or was started by, %s %s%s%s", who->agent_class == CG_CLASS_EDITOR ? "an editor with an agent" : "an agent",
		    who->agent[0] ? "(" : "", who->agent, who->agent[0] ? ")" : "");
	/* An agent can have others start a process for it (at, systemd-run, ssh to this machine); only its account is left then. */
	if (caller->uid != 0 && who->uid_runs_agents)
		return no(why, "agents have run as uid %u since the service started; a role is for an account without agents", caller->uid);
	why[0] = '\0';
	return true;
}

bool perm_approve(const struct perm_caller *caller, const struct perm_set *set, unsigned work, uint32_t uid, uint32_t auid, char why[PERM_WHY])
{
	if (!perm_change(caller, set, work, why))
		return false;
	/* A log-in as root is nobody's in particular; the uid of root is compared like any other. */
	uint32_t login = caller->who->loginuid == UINT32_MAX ? caller->uid : caller->who->loginuid;
	if (caller->uid == uid || login == uid || (auid && auid != UINT32_MAX && login == auid))
		return no(why, "uid %u asked for this call: somebody else has to decide", login);
	return true;
}
