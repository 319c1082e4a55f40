/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * netns.bpf.h - another network namespace has another loopback: is there a listener of ours, and if not, ask for one.
 */
#ifndef CG_NETNS_BPF_H
#define CG_NETNS_BPF_H

#include "bpf/lib/maps.bpf.h"

#define NETNS_AGAIN_NS 200000000ull /* one namespace, or cgroup, asks no more often */

/* ${netns} as in struct cg_ask, ${key} one of its own for each place.  Without an event nobody does what is asked, but the refusal stands all the same. */
static __always_inline void netns_ask_as(__u64 key, __u64 netns, struct task_struct *t, __u32 uid)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 *at = bpf_map_lookup_elem(&cg_asked, &key);
	if (at && now - *at < NETNS_AGAIN_NS)
		return;
	struct cg_ask *ask = bpf_ringbuf_reserve(&cg_asks, sizeof(*ask), 0);
	if (!ask) {
		count(CG_COUNT_ASK_LOST);
		return;
	}
	ask->netns = netns;
	ask->tgid = t->tgid;
	ask->tid = t->pid;
	ask->inode = t->nsproxy ? t->nsproxy->net_ns->ns.inum : 0;
	ask->uid = uid;
	bpf_ringbuf_submit(ask, 0);
	bpf_map_update_elem(&cg_asked, &key, &now, BPF_ANY);
}

static __always_inline void netns_ask(__u64 netns, struct task_struct *t, __u32 uid)
{
	netns_ask_as(netns, netns, t, uid);
}

#endif
