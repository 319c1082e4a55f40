/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * udp.bpf.h - datagrams that a governed process may send.
 *
 * MCP over QUIC would pass every TCP hook.  Refused with EPERM, clients fall back to TCP.  An agent gets loopback and the machine's
 * resolvers; other governed processes everything but the addresses of registered servers and, where the scope covers them, port 443.
 */
#ifndef CG_UDP_BPF_H
#define CG_UDP_BPF_H

#include "bpf/lib/dest.bpf.h"
#include "bpf/lib/label.bpf.h"

#define PORT_DNS 53
#define PORT_QUIC 443

static __always_inline bool udp_resolver(const __u32 addr[4], __u16 port)
{
	struct cg_addr key = {};
	__builtin_memcpy(key.addr, addr, 16);
	return port == PORT_DNS && bpf_map_lookup_elem(&cg_resolvers, &key);
}

static __always_inline int udp_decide(struct bpf_sock_addr *ctx, struct to *to)
{
	const struct cg_conf *conf = maps_conf();
	if (!conf)
		return CG_DENY;
	struct cg_label *label = bpf_sk_storage_get(&cg_label, ctx->sk, 0, 0);
	struct cg_mark mark = {};
	bool marked = task_mark(&mark), agent = (label && label->cls == CG_CLASS_AGENT) || (marked && mark.cls == CG_CLASS_AGENT);
	bool governed = marked || agent || conf->scope == CG_SCOPE_ALL || task_user_governed(task_uid((__u32)bpf_get_current_uid_gid()));
	if (!governed || to->local || udp_resolver(to->addr, to->port) || task_in_service(conf->own_cgroup))
		return CG_DIRECT;
	int prefix = dest_prefix(to->addr, to->port);
	if (!agent && prefix <= 0 && (conf->scope == CG_SCOPE_AGENTS || to->port != PORT_QUIC))
		return CG_DIRECT;
	count(CG_COUNT_DENIED_UDP);
	return CG_DENY;
}

#endif
