/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * net.bpf.h - where the egress hook sits.  It costs every packet of a cgroup a call, so it sits only where agents are: callgated puts it
 * there before it marks one.  What it does not see must not become an agent's: a socket elsewhere is refused, and the hook asked for.
 */
#ifndef CG_NET_BPF_H
#define CG_NET_BPF_H

#include "bpf/lib/maps.bpf.h"
#include "bpf/lib/netns.bpf.h"
#include "bpf/lib/task.bpf.h"
#include <bpf/bpf_core_read.h>

enum { NET_DEPTH = 32 }; /* deeper, and the way up is not found: refused */
#define NET_ASK (1ull << 63) /* in keys of cg_asked: a cgroup's id, not a cookie */

/* A new socket lives in the cgroup of the task that makes it. */
__noinline int net_sees_task(void)
{
	for (int level = 0; level < TASK_CGROUP_DEPTH; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		if (!id)
			break;
		if (bpf_map_lookup_elem(&cg_nets, &id))
			return true;
	}
	return false;
}

/* One that exists may live anywhere, whoever holds it now. */
static __always_inline bool net_sees(struct cgroup *cg)
{
	for (int level = 0; level < NET_DEPTH && cg; level++) {
		__u64 id = cg->kn->id;
		if (bpf_map_lookup_elem(&cg_nets, &id))
			return true;
		struct cgroup_subsys_state *up = cg->self.parent;
		cg = up ? up->cgroup : NULL;
	}
	return false;
}

/* Is ${cg} this cgroup or below it? */
static __always_inline bool net_below(struct cgroup *cg, __u64 id)
{
	for (int level = 0; level < NET_DEPTH && cg; level++) {
		if (cg->kn->id == id)
			return true;
		struct cgroup_subsys_state *up = cg->self.parent;
		cg = up ? up->cgroup : NULL;
	}
	return false;
}

/* Refused, and counted.  ${what}: CG_ASK_NET, CG_ASK_NET_ALL. */
static __always_inline void net_missing(__u64 what)
{
	__u64 key = what == CG_ASK_NET ? bpf_get_current_cgroup_id() | NET_ASK : what;
	count(CG_COUNT_DENIED_NO_NET);
	netns_ask_as(key, what, bpf_get_current_task_btf(), task_uid((__u32)bpf_get_current_uid_gid()));
}

#endif
