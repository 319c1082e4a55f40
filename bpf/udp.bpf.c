/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * udp.bpf.c - datagrams that carry their own address.
 *
 * Why these hooks: cgroup/sendmsg4|6 (4.18) sees each datagram of a socket that is not connected; connected ones pass connect4|6.  The
 * family is that of the hook: user_family is what the caller wrote, and AF_UNSPEC is taken by the kernel.  A refusal is EPERM.
 */
#include "bpf/lib/udp.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/sendmsg4")
int cg_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct to to;
	to_set(&to, 0, 0, MAPPED, ctx->user_ip4, ctx->user_port);
	return udp_decide(ctx, &to) != CG_DENY;
}

SEC("cgroup/sendmsg6")
int cg_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct to to;
	to_set(&to, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3], ctx->user_port);
	return udp_decide(ctx, &to) != CG_DENY;
}
