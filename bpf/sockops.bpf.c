/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * sockops.bpf.c - hand the record from the client's socket to the worker's, and show the client the peer it asked for.
 *
 * The client's ACTIVE_ESTABLISHED callback runs before its last ACK is sent, and only that ACK makes the worker's socket: the
 * record is there before accept() can return.  These callbacks run in softirq: "current" means nothing here.
 * sockops 4.13, getpeername 5.8.  A missing record makes the worker reset the connection.
 */
#include "bpf/lib/maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_INET 2
#define AF_INET6 10
#define MAPPED bpf_htonl(0xffff)

struct ends {
	__u32 local[4], remote[4];
	__u16 local_port, remote_port;
};

/*
 * Context fields must be read at fixed offsets.  clang likes to merge equal loads of two branches into one at a computed
 * offset, which the verifier refuses: hence functions of their own, without branches.
 */
static __noinline int ends_v6(struct bpf_sock_ops *ctx, struct ends *e)
{
	e->local[0] = ctx->local_ip6[0];
	e->local[1] = ctx->local_ip6[1];
	e->local[2] = ctx->local_ip6[2];
	e->local[3] = ctx->local_ip6[3];
	e->remote[0] = ctx->remote_ip6[0];
	e->remote[1] = ctx->remote_ip6[1];
	e->remote[2] = ctx->remote_ip6[2];
	e->remote[3] = ctx->remote_ip6[3];
	return 0;
}

static __noinline int ends_v4(struct bpf_sock_ops *ctx, struct ends *e)
{
	e->local[0] = e->local[1] = e->remote[0] = e->remote[1] = 0;
	e->local[2] = e->remote[2] = MAPPED;
	e->local[3] = ctx->local_ip4;
	e->remote[3] = ctx->remote_ip4;
	return 0;
}

static __noinline int ends_of(struct bpf_sock_ops *ctx, struct ends *e)
{
	e->local_port = ctx->local_port;
	e->remote_port = bpf_ntohl(ctx->remote_port);
	return ctx->family == AF_INET6 ? ends_v6(ctx, e) : ends_v4(ctx, e);
}

static __always_inline void key_of(struct cg_tuple *k, __u64 netns, const __u32 *client, __u16 client_port,
    const __u32 *worker, __u16 worker_port)
{
	k->netns = netns;
	__builtin_memcpy(k->client, client, 16);
	__builtin_memcpy(k->worker, worker, 16);
	k->client_port = client_port;
	k->worker_port = worker_port;
	k->pad = 0;
}

static __always_inline void client_up(struct bpf_sock_ops *ctx, const struct cg_conf *conf)
{
	struct cg_tuple key;
	struct ends e;
	struct bpf_sock *sk = ctx->sk;
	if (!sk || !maps_worker_port(conf, bpf_ntohl(ctx->remote_port)))
		return;
	struct cg_flow *f = bpf_sk_storage_get(&cg_client, sk, 0, 0);
	if (!f)
		return;
	ends_of(ctx, &e);
	key_of(&key, bpf_get_netns_cookie(ctx), e.local, e.local_port, e.remote, e.remote_port);
	if (bpf_map_update_elem(&cg_handoff, &key, f, BPF_ANY)) {
		count(CG_COUNT_HANDOFF_FULL);
		return;
	}
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void worker_up(struct bpf_sock_ops *ctx, const struct cg_conf *conf)
{
	struct cg_tuple key;
	struct ends e;
	struct bpf_sock *sk = ctx->sk;
	if (!sk || !maps_worker_port(conf, ctx->local_port))
		return;
	ends_of(ctx, &e);
	key_of(&key, bpf_get_netns_cookie(ctx), e.remote, e.remote_port, e.local, e.local_port);
	struct cg_flow *f = bpf_map_lookup_elem(&cg_handoff, &key);
	if (!f) {
		count(CG_COUNT_HANDOFF_MISSING);
		return;
	}
	if (bpf_sk_storage_get(&cg_accepted, sk, f, BPF_SK_STORAGE_GET_F_CREATE))
		count(CG_COUNT_ACCEPTED);
	else
		count(CG_COUNT_HANDOFF_FULL);
	bpf_map_delete_elem(&cg_handoff, &key);
}

/* The client is gone; if the worker's accept queue was full, the record still lies there. */
static __always_inline void client_down(struct bpf_sock_ops *ctx)
{
	struct cg_tuple key;
	struct ends e;
	struct bpf_sock *sk = ctx->sk;
	if (!sk)
		return;
	struct cg_flow *mine = bpf_sk_storage_get(&cg_client, sk, 0, 0);
	if (!mine)
		return;
	ends_of(ctx, &e);
	key_of(&key, bpf_get_netns_cookie(ctx), e.local, e.local_port, e.remote, e.remote_port);
	struct cg_flow *left = bpf_map_lookup_elem(&cg_handoff, &key);
	if (left && left->connect_ns == mine->connect_ns && !bpf_map_delete_elem(&cg_handoff, &key))
		count(CG_COUNT_HANDOFF_CLEANED);
}

SEC("sockops")
int cg_sockops(struct bpf_sock_ops *ctx)
{
	const struct cg_conf *conf = maps_conf();
	if (!conf)
		return 1;
	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		client_up(ctx, conf);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		worker_up(ctx, conf);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] == BPF_TCP_CLOSE)
			client_down(ctx);
		break;
	}
	return 1;
}

/* Clients, SSRF guards and logs read the peer: show the one that was asked for. */
SEC("cgroup/getpeername4")
int cg_peername4(struct bpf_sock_addr *ctx)
{
	struct cg_flow *f = bpf_sk_storage_get(&cg_client, ctx->sk, 0, 0);
	if (f) {
		__u32 ip;
		__builtin_memcpy(&ip, f->dst + 12, 4);
		ctx->user_ip4 = ip;
		ctx->user_port = f->dst_port;
	}
	return 1;
}

SEC("cgroup/getpeername6")
int cg_peername6(struct bpf_sock_addr *ctx)
{
	struct cg_flow *f = bpf_sk_storage_get(&cg_client, ctx->sk, 0, 0);
	if (f) {
		__u32 ip[4];
		__builtin_memcpy(ip, f->dst, 16);
		ctx->user_ip6[0] = ip[0];
		ctx->user_ip6[1] = ip[1];
		ctx->user_ip6[2] = ip[2];
		ctx->user_ip6[3] = ip[3];
		ctx->user_port = f->dst_port;
	}
	return 1;
}
