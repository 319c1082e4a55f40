/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * socket.bpf.c - what kinds of sockets an agent may make, which ports nobody may take, which options an agent may not set.
 *
 * Why these hooks: the connect hook runs only for protocols with a pre_connect function, which UDP-Lite, SCTP and DCCP lack, and for the
 * first subflow of MPTCP.  cgroup/sock_create (4.10) runs for every protocol of AF_INET and AF_INET6, so there is a list of what is
 * allowed and not of what is not.  bind4|6 4.17, setsockopt 5.3.  On any failure of ours an agent is refused.
 */
#include "bpf/lib/label.bpf.h"
#include "bpf/lib/net.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOL_IP 0
#define SOL_IPV6 41
#define IP_OPTIONS 4
#define IPV6_2292PKTOPTIONS 6
#define IPV6_HOPOPTS 54
#define IPV6_RTHDRDSTOPTS 55
#define IPV6_RTHDR 57
#define IPV6_DSTOPTS 59
#define OPTION_BUFFER 4096 /* what the kernel copies for the hook; a longer value must be waved through by hand */

SEC("cgroup/sock_create")
int cg_create(struct bpf_sock *sk)
{
	struct cg_label fresh = {.cls = CG_CLASS_AGENT};
	const struct cg_conf *conf = maps_conf();
	if (!conf || !label_agent(conf))
		return 1;
	if (!(sk->type == SOCK_STREAM && sk->protocol == IPPROTO_TCP) && !(sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP)) {
		count(CG_COUNT_DENIED_KIND);
		return 0;
	}
	if (!net_sees_task()) {
		net_missing(CG_ASK_NET);
		return 0;
	}
	if (!bpf_sk_storage_get(&cg_label, sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE)) {
		count(CG_COUNT_DENIED_NO_STORAGE);
		return 0;
	}
	return 1;
}

/*
 * A worker's port is a worker's, in every network namespace: who listens there would be sent other people's connections.  callgated
 * opens the listeners, as root of the machine, which nobody inside a user namespace is.
 */
static __always_inline int bind(struct bpf_sock_addr *ctx)
{
	const struct cg_conf *conf = maps_conf();
	if (!conf || ctx->protocol != IPPROTO_TCP || !maps_worker_port(conf, bpf_ntohs((__u16)ctx->user_port)) ||
	    task_uid((__u32)bpf_get_current_uid_gid()) == 0)
		return 1;
	count(CG_COUNT_DENIED_PORT_TAKEN);
	return 0;
}

SEC("cgroup/bind4")
int cg_bind4(struct bpf_sock_addr *ctx)
{
	return bind(ctx);
}

SEC("cgroup/bind6")
int cg_bind6(struct bpf_sock_addr *ctx)
{
	return bind(ctx);
}

/* Source routes make a packet go elsewhere than to the destination that the hooks have seen. */
static __always_inline bool routes(int level, int name)
{
	if (level == SOL_IP)
		return name == IP_OPTIONS;
	return level == SOL_IPV6 && (name == IPV6_RTHDR || name == IPV6_2292PKTOPTIONS || name == IPV6_HOPOPTS || name == IPV6_RTHDRDSTOPTS ||
	                                name == IPV6_DSTOPTS);
}

SEC("cgroup/setsockopt")
int cg_setsockopt(struct bpf_sockopt *ctx)
{
	int len = ctx->optlen;
	if (len > OPTION_BUFFER)
		ctx->optlen = 0;
	if (!routes(ctx->level, ctx->optname))
		return 1;
	const struct cg_conf *conf = maps_conf();
	if (conf && !label_agent(conf))
		return 1;
	count(CG_COUNT_DENIED_OPTION);
	return 0;
}
