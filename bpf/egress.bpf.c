/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * egress.bpf.c - the net below: a packet of an agent's socket that nobody approved does not leave.
 *
 * Why this hook: cgroup_skb/egress (4.10) sees every packet of every AF_INET and AF_INET6 socket, whatever its protocol and however it was
 * opened: sockets that listen, that existed before, whose connect no hook saw.  Even an empty program costs every packet a call, so this one
 * sits only at the cgroups where agents are (net.bpf.h); there a socket without a label costs one look-up more.
 * A dropped datagram is EPERM; a dropped segment looks like a lossy network, so refusals belong in the other hooks.
 */
#include "bpf/lib/net.bpf.h"
#include "bpf/lib/udp.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IHL_PLAIN 5

struct packet {
	__u32 dst[4]; /* IPv6 or mapped */
	__u16 port;   /* host order */
	__u8 proto;
};

static __always_inline bool packet_v4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr ip;
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.ihl != IHL_PLAIN)
		return false;
	p->dst[2] = MAPPED;
	p->dst[3] = ip.daddr;
	p->proto = ip.protocol;
	return true;
}

/* Extension headers may carry a route of their own: what does not begin with TCP or UDP is not read, and so dropped. */
static __always_inline bool packet_v6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr ip;
	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	p->proto = ip.nexthdr;
	__builtin_memcpy(p->dst, &ip.daddr, 16);
	return true;
}

static __always_inline bool packet_read(struct __sk_buff *skb, struct packet *p)
{
	__u16 port = 0;
	bool v4 = skb->protocol == bpf_htons(ETH_P_IP);
	if (v4 ? !packet_v4(skb, p) : skb->protocol != bpf_htons(ETH_P_IPV6) || !packet_v6(skb, p))
		return false;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return false;
	if (bpf_skb_load_bytes(skb, (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) + 2, &port, sizeof(port)))
		return false;
	p->port = bpf_ntohs(port);
	return true;
}

static __always_inline bool approved(const struct cg_label *l, const struct packet *p)
{
	const __u32 *a = (const __u32 *)l->dst;
	if (p->proto == IPPROTO_UDP)
		return udp_resolver(p->dst, p->port);
	return l->dst_port == bpf_htons(p->port) && a[0] == p->dst[0] && a[1] == p->dst[1] && a[2] == p->dst[2] && a[3] == p->dst[3];
}

SEC("cgroup_skb/egress")
int cg_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	if (!sk)
		return 1;
	struct bpf_sock *full = bpf_sk_fullsock(sk);
	/* An answer to somebody's SYN has no socket of its own yet: the one that listens speaks for it. */
	if (!full)
		full = bpf_get_listener_sock(sk);
	if (!full)
		return 1;
	struct cg_label *label = bpf_sk_storage_get(&cg_label, full, 0, 0);
	if (!label || label->cls != CG_CLASS_AGENT)
		return 1;
	struct packet p = {};
	if (packet_read(skb, &p)) {
		struct to to;
		to_set(&to, p.dst[0], p.dst[1], p.dst[2], p.dst[3], bpf_htons(p.port));
		if (to.local || approved(label, &p))
			return 1;
	}
	count(CG_COUNT_DROPPED_EGRESS);
	return 0;
}
