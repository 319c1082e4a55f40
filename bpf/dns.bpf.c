/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * dns.bpf.c - the DNS answers that processes really get, copied for callgate-ident to read.
 *
 * Only an answer to a question: a socket that sent to port 53 in our own network namespace is remembered with the address it asked, and
 * a datagram from there is copied when it comes.  In a namespace of his own anybody may play a name server; here port 53 is root's.
 * connect4|6 (4.17) and sendmsg4|6 (4.18) see every question over UDP.  cgroup_skb/ingress (4.10) would see every answer, and cost every other
 * packet a call; so it sits at the cgroup of two raw sockets, which get a copy of each datagram of UDP, and of nothing else (kern_dns.c).
 * Nothing is refused here, on no failure: an address that is not learned is looked up by callgate-fetch, and agents are redirected anyway.
 */
#include "bpf/lib/maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MAPPED bpf_htonl(0xffff)
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
enum { DNS_PORT = 53, UDP_HEAD = 8, IP6_HEAD = 40, DNS_HEAD = 12 };

struct asked {
	__u32 addr[4]; /* IPv6 or mapped */
	__u32 uid;
};
/* Whom the socket asked last.  The programs here write and read. */
CG_SK_STORAGE(cg_dnsasked, struct asked);

/* struct cg_dns.  Written here, read by callgate-ident. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} cg_dnsring SEC(".maps");

static __always_inline void ask(struct bpf_sock_addr *ctx, __u32 a, __u32 b, __u32 c, __u32 d)
{
	struct asked q = {{a, b, c, d}, (__u32)bpf_get_current_uid_gid()};
	__u64 netns = bpf_get_netns_cookie(ctx);
	__u32 *home = bpf_map_lookup_elem(&cg_netns, &netns);
	if (!home || *home || !ctx->sk)
		return;
	struct asked *s = bpf_sk_storage_get(&cg_dnsasked, ctx->sk, &q, BPF_SK_STORAGE_GET_F_CREATE);
	if (s)
		*s = q;
}

SEC("cgroup/connect4")
int cg_dns_conn4(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(DNS_PORT) && ctx->protocol == IPPROTO_UDP)
		ask(ctx, 0, 0, MAPPED, ctx->user_ip4);
	return 1;
}

SEC("cgroup/sendmsg4")
int cg_dns_send4(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(DNS_PORT))
		ask(ctx, 0, 0, MAPPED, ctx->user_ip4);
	return 1;
}

SEC("cgroup/connect6")
int cg_dns_conn6(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(DNS_PORT) && ctx->protocol == IPPROTO_UDP)
		ask(ctx, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]);
	return 1;
}

SEC("cgroup/sendmsg6")
int cg_dns_send6(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(DNS_PORT))
		ask(ctx, ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]);
	return 1;
}

/* Who sent a datagram from port 53, and to whom. */
struct answer {
	__u32 from[4];
	struct bpf_sock_tuple ends;
	__u32 ends_len;
	__u32 at; /* where its UDP header begins; 0: it is none */
};

static __always_inline void from_dns(struct __sk_buff *skb, struct answer *a)
{
	__u8 *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__be16 ports[2];
	__u32 at;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (p + 20 > end || p[9] != IPPROTO_UDP)
			return;
		at = (p[0] & 15) * 4;
		a->from[2] = MAPPED;
		__builtin_memcpy(&a->from[3], p + 12, 4);
		__builtin_memcpy(&a->ends.ipv4.saddr, p + 12, 8);
		a->ends_len = sizeof(a->ends.ipv4);
	} else {
		if (skb->protocol != bpf_htons(ETH_P_IPV6) || p + IP6_HEAD > end || p[6] != IPPROTO_UDP)
			return;
		at = IP6_HEAD;
		__builtin_memcpy(a->from, p + 8, 16);
		__builtin_memcpy(a->ends.ipv6.saddr, p + 8, 32);
		a->ends_len = sizeof(a->ends.ipv6);
	}
	if (at < 20 || bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) || ports[0] != bpf_htons(DNS_PORT))
		return;
	if (a->ends_len == sizeof(a->ends.ipv4))
		__builtin_memcpy(&a->ends.ipv4.sport, ports, 4);
	else
		__builtin_memcpy(&a->ends.ipv6.sport, ports, 4);
	a->at = at;
}

/* Did the socket that gets it ask there? */
static __always_inline bool was_asked(struct __sk_buff *skb, struct answer *a, __u32 *uid)
{
	bool yes = false;
	struct bpf_sock *sk = a->ends_len == sizeof(a->ends.ipv4) ? bpf_sk_lookup_udp(skb, &a->ends, sizeof(a->ends.ipv4), BPF_F_CURRENT_NETNS, 0)
								  : bpf_sk_lookup_udp(skb, &a->ends, sizeof(a->ends.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return false;
	struct asked *q = bpf_sk_storage_get(&cg_dnsasked, sk, 0, 0);
	if (q) {
		*uid = q->uid;
		yes = q->addr[0] == a->from[0] && q->addr[1] == a->from[1] && q->addr[2] == a->from[2] && q->addr[3] == a->from[3];
	}
	bpf_sk_release(sk);
	return yes;
}

static __always_inline void look(struct __sk_buff *skb)
{
	struct answer a = {};
	__u32 uid = 0;
	from_dns(skb, &a);
	if (!a.at || !was_asked(skb, &a, &uid))
		return;
	__u32 n = skb->len - a.at - UDP_HEAD;
	if (n < DNS_HEAD || n > 65535)
		return;
	if (n > CG_DNS_MAX)
		n = CG_DNS_MAX;
	struct cg_dns *e = bpf_ringbuf_reserve(&cg_dnsring, sizeof(*e), 0);
	if (!e) {
		count(CG_COUNT_DNS_LOST);
		return;
	}
	__builtin_memcpy(e->server, a.from, 16);
	e->len = n;
	e->uid = uid;
	/* The mask tells the verifier what the comparisons told us; clang would leave it out. */
	__u64 bytes = n;
	barrier_var(bytes);
	bytes &= 2047;
	if (bytes < DNS_HEAD || bytes > CG_DNS_MAX || bpf_skb_load_bytes(skb, a.at + UDP_HEAD, e->data, (__u32)bytes))
		bpf_ringbuf_discard(e, 0);
	else
		bpf_ringbuf_submit(e, 0);
}

/* At the root: it sees every packet, and lets it pass. */
SEC("cgroup_skb/ingress")
int cg_dns_in(struct __sk_buff *skb)
{
	look(skb);
	return 1;
}

/* At the raw sockets: nobody reads what they get. */
SEC("cgroup_skb/ingress")
int cg_dns_raw(struct __sk_buff *skb)
{
	look(skb);
	return 0;
}
