/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * connect.bpf.c - connect() of every TCP or UDP socket: pass, send to a worker, or refuse with EPERM.
 *
 * Why this hook: cgroup/connect4|6 (4.17) runs below the system call layer, so io_uring, Fast Open and MPTCP's first subflow
 * pass it too, in the context of the calling task.  connect6 sees IPv4-mapped addresses, which connect4 never does.
 * On any failure of ours a governed process is refused; an ungoverned one is let through untouched.
 */
#include "bpf/lib/dest.bpf.h"
#include "bpf/lib/label.bpf.h"
#include "bpf/lib/net.bpf.h"
#include "bpf/lib/netns.bpf.h"
#include "bpf/lib/udp.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_INET 2
#define AF_INET6 10
#define SOL_SOCKET 1
#define SO_BINDTODEVICE 25
#define BOUND_FRESH_NS 100000000ull /* between two program sets on one connect() */

/* Somebody dials a worker's port.  Only another set of our programs may have brought him there. */
static __always_inline int worker_dialled(struct bpf_sock_addr *ctx)
{
	__u64 *at = bpf_sk_storage_get(&cg_rewritten, ctx->sk, 0, 0);
	if (at && bpf_ktime_get_ns() - *at < BOUND_FRESH_NS)
		return CG_DIRECT;
	count(CG_COUNT_DENIED_WORKER_PORT);
	return CG_DENY;
}

static __always_inline void fill(struct cg_flow *f, const struct to *to, const struct cg_conf *conf,
    const struct cg_mark *mark, struct task_struct *t)
{
	__u64 ids = bpf_get_current_pid_tgid(), ug = bpf_get_current_uid_gid();
	__builtin_memset(f, 0, sizeof(*f));
	f->abi = CG_ABI_VERSION;
	__builtin_memcpy(f->dst, to->addr, 16);
	f->dst_port = bpf_htons(to->port);
	f->proto = IPPROTO_TCP;
	f->verdict = CG_REDIRECT;
	f->uid = task_uid((__u32)ug);
	f->flags = f->uid != (__u32)ug ? CG_FLOW_SUBUID : 0;
	f->gid = ug >> 32;
	task_audit(f, t);
	f->tgid = ids >> 32;
	f->tid = (__u32)ids;
	f->start_ns = t->group_leader->start_boottime;
	task_exe(&f->exe_ino, &f->exe_dev, t);
	f->agent = mark->label;
	f->agent_class = mark->cls;
	f->agent_root = mark->root;
	f->cgroup = bpf_get_current_cgroup_id();
	f->connect_ns = bpf_ktime_get_ns();
	f->generation = conf->generation;
	bpf_get_current_comm(f->comm, sizeof(f->comm));
}

static __always_inline int keep(struct bpf_sock_addr *ctx, const struct cg_flow *f)
{
	char none[4] = {};
	__u64 now = f->connect_ns;
	__u64 *at = bpf_sk_storage_get(&cg_rewritten, ctx->sk, &now, BPF_SK_STORAGE_GET_F_CREATE);
	if (!at) {
		count(CG_COUNT_DENIED_NO_STORAGE);
		return -1;
	}
	*at = now;
	/*
	 * Bound to a device, the socket would carry the worker's address out of it.  The kernel lets only a task with
	 * CAP_NET_RAW unbind it, also from here; anybody else is refused.
	 */
	if (ctx->sk->bound_dev_if && bpf_setsockopt(ctx, SOL_SOCKET, SO_BINDTODEVICE, none, sizeof(none))) {
		count(CG_COUNT_DENIED_DEVICE);
		return -1;
	}
	count(CG_COUNT_REDIRECTED);
	return 0;
}

/* Is an agent's socket, whoever made it, where the egress hook sees its packets? */
static __always_inline bool seen(struct bpf_sock_addr *ctx)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(ctx->sk);
	return tp && net_sees(tp->inet_conn.icsk_inet.sk.sk_cgrp_data.cgroup);
}

/* An agent's socket may send directly only to what is approved here.  Zero: refused. */
static __always_inline int direct(struct bpf_sock_addr *ctx, const struct to *to, bool agent, __u32 why)
{
	struct cg_label fresh = {.cls = CG_CLASS_AGENT};
	count(why);
	if (!agent)
		return CG_DIRECT;
	struct cg_label *l = bpf_sk_storage_get(&cg_label, ctx->sk, 0, 0);
	if (!l && !seen(ctx)) {
		net_missing(CG_ASK_NET_ALL);
		return CG_DENY;
	}
	l = bpf_sk_storage_get(&cg_label, ctx->sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE);
	if (!l) {
		count(CG_COUNT_DENIED_NO_STORAGE);
		return CG_DENY;
	}
	label_approve(l, to->addr, to->port);
	return CG_DIRECT;
}

/* ${port} is set for CG_REDIRECT. */
static __always_inline int decide(struct bpf_sock_addr *ctx, struct to *to, __u8 family, __u32 *port)
{
	const struct cg_conf *conf = maps_conf();
	if (!conf)
		return CG_DENY;
	if (to->local && maps_worker_port(conf, to->port))
		return worker_dialled(ctx);

	struct task_struct *t = bpf_get_current_task_btf();
	struct cg_mark mark = {};
	/* A person's own processes inside an editor are like any other of his: only registered servers matter. */
	bool agent = task_mark(&mark) && mark.cls != CG_CLASS_EDITOR;
	struct cg_label *label = bpf_sk_storage_get(&cg_label, ctx->sk, 0, 0);
	if (label && label->cls == CG_CLASS_AGENT)
		agent = true; /* an agent made it, whoever connects it */
	if (!mark.cls && !agent && conf->scope != CG_SCOPE_ALL && !task_user_governed(task_uid((__u32)bpf_get_current_uid_gid())))
		return CG_DIRECT;
	if (task_in_service(conf->own_cgroup)) {
		count(CG_COUNT_DIRECT_OWN);
		return CG_DIRECT;
	}
	__u32 why = wanted(conf, to, agent || conf->scope != CG_SCOPE_AGENTS);
	if (why != CG_COUNTS)
		return direct(ctx, to, agent, why);
	__u64 netns = bpf_get_netns_cookie(ctx);
	__u32 *at = bpf_map_lookup_elem(&cg_netns, &netns);
	if (!at) {
		/* 127.0.0.1 is somebody else's there, for now: a retry finds a listener. */
		count(CG_COUNT_DENIED_NETNS);
		netns_ask(netns, t, task_uid((__u32)bpf_get_current_uid_gid()));
		return CG_DENY;
	}
	__u32 slot = *at ? live_slot(conf->slots, *at - conf->port_base) : pick_slot(conf->slots, mark.root ?: (__u32)t->tgid);
	if (!slot) {
		count(CG_COUNT_DENIED_NO_WORKER);
		return CG_DENY;
	}
	struct cg_flow *f = bpf_sk_storage_get(&cg_client, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!f) {
		count(CG_COUNT_DENIED_NO_STORAGE);
		return CG_DENY;
	}
	fill(f, to, conf, &mark, t);
	f->netns = netns;
	f->slot = slot - 1;
	f->family = family;
	f->flags |= to->known ? CG_FLOW_KNOWN : 0;
	if (family == AF_INET6 && to->mapped)
		f->flags |= CG_FLOW_V4MAPPED;
	*port = bpf_htons(conf->port_base + slot - 1);
	return keep(ctx, f) ? CG_DENY : CG_REDIRECT;
}

static __always_inline void forget(struct bpf_sock_addr *ctx, int verdict)
{
	/* A socket may connect again: what was kept for an earlier destination must not speak for this one. */
	if (verdict != CG_REDIRECT)
		bpf_sk_storage_delete(&cg_client, ctx->sk);
}

SEC("cgroup/connect4")
int cg_connect4(struct bpf_sock_addr *ctx)
{
	struct to to;
	__u32 port = 0;
	to_set(&to, 0, 0, MAPPED, ctx->user_ip4, ctx->user_port);
	if (ctx->protocol != IPPROTO_TCP)
		return udp_decide(ctx, &to) != CG_DENY;
	int verdict = decide(ctx, &to, AF_INET, &port);
	forget(ctx, verdict);
	if (verdict == CG_REDIRECT) {
		ctx->user_ip4 = bpf_htonl(0x7f000001);
		ctx->user_port = port;
	}
	return verdict != CG_DENY;
}

SEC("cgroup/connect6")
int cg_connect6(struct bpf_sock_addr *ctx)
{
	struct to to;
	__u32 port = 0;
	to_set(&to, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3], ctx->user_port);
	if (ctx->protocol != IPPROTO_TCP)
		return udp_decide(ctx, &to) != CG_DENY;
	int verdict = decide(ctx, &to, AF_INET6, &port);
	forget(ctx, verdict);
	if (verdict == CG_REDIRECT) {
		ctx->user_ip6[0] = 0;
		ctx->user_ip6[1] = 0;
		ctx->user_ip6[2] = to.mapped ? MAPPED : 0;
		ctx->user_ip6[3] = to.mapped ? bpf_htonl(0x7f000001) : bpf_htonl(1);
		ctx->user_port = port;
	}
	return verdict != CG_DENY;
}
