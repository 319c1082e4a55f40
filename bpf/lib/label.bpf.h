/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * label.bpf.h - sockets of agents carry a label, so that what left the hooks' sight is still told by its packets.
 * A socket is an agent's when an agent made it, or connects it: the stricter counts.
 */
#ifndef CG_LABEL_BPF_H
#define CG_LABEL_BPF_H

#include "bpf/lib/maps.bpf.h"
#include "bpf/lib/task.bpf.h"

/* The calling process is in an agent's tree (a person's own processes in an editor are not), and not the service itself. */
static __always_inline bool label_agent(const struct cg_conf *conf)
{
	struct cg_mark mark = {};
	return task_mark(&mark) && mark.cls == CG_CLASS_AGENT && !task_in_service(conf->own_cgroup);
}

/* What connect decided about the socket's destination; NULL address: none is approved. */
static __always_inline void label_approve(struct cg_label *l, const __u32 addr[4], __u16 port)
{
	__builtin_memcpy(l->dst, addr, 16);
	l->dst_port = bpf_htons(port);
}

#endif
