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

bool perm_change(const struct perm_caller *caller, const struct perm_set *set, char why[PERM_WHY])
{
	const struct m_described *who = caller->who;

	if (perm_governed(set, caller->uid))
		return no(why, "uid %u is governed by Callgate and may not change what governs it", caller->uid);
	if (caller->uid != 0)
		return no(why, "uid %u has no role in Callgate; root may do this", caller->uid);
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
	why[0] = '\0';
	return true;
}
