/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * deny.bpf.h - what agents may not do beside connecting, where the kernel lets us say so.  One body for two program types: the
 * including file defines DENY(hook), the section of a program on security_HOOK().
 * Optional: neither type loads everywhere.  Nothing that must hold rests on these alone.
 */
#ifndef CG_DENY_BPF_H
#define CG_DENY_BPF_H

#include "bpf/lib/maps.bpf.h"
#include "bpf/lib/task.bpf.h"
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define PTRACE_MODE_ATTACH 2
#define SUN_LEN 108
#define SUN_OFFSET 2 /* of the path in sockaddr_un */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Names of container engines' sockets, at the end of the key, zeros before: who may talk to one is root outside.  callgated writes. */
CG_HASH(cg_engines, char[CG_ENGINE], __u32, 64, 0);

/* Of an editor only its agents: a person works in it. */
static __always_inline bool of_agent(struct cg_mark *mark)
{
	return task_mark(mark) && mark->cls == CG_CLASS_AGENT;
}

/* Unix, IPv4, IPv6, netlink, packet (needs a capability), crypto.  Others carry data past every hook of ours. */
static __always_inline bool family_usual(int family)
{
	return family == 1 || family == 2 || family == 10 || family == 16 || family == 17 || family == 38;
}

SEC(DENY(socket_create))
int BPF_PROG(cg_family, int family, int type, int protocol, int kern, int ret)
{
	struct cg_mark mark = {};
	if (ret || kern || family_usual(family) || !of_agent(&mark))
		return ret;
	count(CG_COUNT_DENIED_FAMILY);
	return -EPERM;
}

/* An agent may debug what it started, nothing else: another process's connections would be that process's. */
SEC(DENY(ptrace_access_check))
int BPF_PROG(cg_ptrace, struct task_struct *child, unsigned int mode, int ret)
{
	struct cg_mark mine = {}, its = {};
	if (ret || !(mode & PTRACE_MODE_ATTACH) || !of_agent(&mine))
		return ret;
	if (task_mark_leader(child->group_leader, &its) && its.root == mine.root)
		return ret;
	count(CG_COUNT_DENIED_PTRACE);
	return -EPERM;
}

/*
 * Blank all but the last part of a path that ends with ${tail}.  Without a branch: the verifier of 6.1 would walk every combination.
 */
static __always_inline void last_part(unsigned char tail[CG_ENGINE])
{
	__u32 seen = 0;
	for (int i = CG_ENGINE - 1; i >= 0; i--) {
		__u32 differs = tail[i] ^ '/';
		seen |= (differs - 1) >> 31;
		tail[i] &= seen - 1;
	}
}

SEC(DENY(unix_stream_connect))
int BPF_PROG(cg_engine, struct sock *sock, struct sock *other, struct sock *newsk, int ret)
{
	struct cg_mark mark = {};
	unsigned char tail[CG_ENGINE] = {};
	char path[SUN_LEN];
	if (ret || !of_agent(&mark))
		return ret;
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)other, addr);
	char *at = (char *)addr + bpf_core_field_offset(struct unix_address, name) + SUN_OFFSET;
	long n = addr ? bpf_probe_read_kernel_str(path, sizeof(path), at) : 0;
	/* A short path brings bytes before it along: they belong to the same address, and a slash ends the name. */
	if (n <= 1 || bpf_probe_read_kernel(tail, sizeof(tail), at + n - 1 - CG_ENGINE))
		return ret;
	last_part(tail);
	if (!bpf_map_lookup_elem(&cg_engines, tail))
		return ret;
	count(CG_COUNT_DENIED_ENGINE);
	return -EPERM;
}

#endif
