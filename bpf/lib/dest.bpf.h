/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * dest.bpf.h - where a connection goes: is the destination one that the gate wants to see, and which worker takes it.
 */
#ifndef CG_DEST_BPF_H
#define CG_DEST_BPF_H

#include "bpf/lib/maps.bpf.h"

#define MAPPED bpf_htonl(0xffff)

struct to {
	__u32 addr[4]; /* IPv6 or mapped */
	__u16 port;
	bool mapped;
	bool local;    /* loopback */
	bool known;    /* a registered server is there; set by wanted() */
};

static __always_inline void to_set(struct to *to, __u32 a, __u32 b, __u32 c, __u32 d, __u32 port)
{
	bool high = a | b;
	to->addr[0] = a;
	to->addr[1] = b;
	to->addr[2] = c;
	to->addr[3] = d;
	to->port = bpf_ntohs((__u16)port);
	to->mapped = !high && c == MAPPED;
	to->known = false;
	/* connect() takes the unspecified address for loopback; so do we, in the record as well. */
	if (to->mapped && !d)
		to->addr[3] = bpf_htonl(0x7f000001);
	else if (!high && !c && !d)
		to->addr[3] = bpf_htonl(1);
	to->local = to->mapped ? (to->addr[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000)
			       : !high && !c && to->addr[3] == bpf_htonl(1);
}

/* The length of the longest registered prefix of this address, for this port or for any; -1: none. */
static __always_inline int dest_prefix(const __u32 addr[4], __u16 port)
{
	struct cg_dest key = {.prefix = 16 + 128, .port = bpf_htons(port)};
	__builtin_memcpy(key.addr, addr, 16);
	__u32 *prefix = bpf_map_lookup_elem(&cg_dests, &key);
	int best = prefix ? *prefix : -1;
	key.port = 0;
	prefix = bpf_map_lookup_elem(&cg_dests, &key);
	return prefix && (int)*prefix > best ? (int)*prefix : best;
}

/* A rule wider than loopback does not mean loopback; one for a loopback address means them all, as one server answers at each. */
static __always_inline bool dest_local(const struct to *to)
{
	const __u32 v4[4] = {0, 0, MAPPED, bpf_htonl(0x7f000001)}, v6[4] = {0, 0, 0, bpf_htonl(1)};
	return dest_prefix(to->addr, to->port) >= 104 || dest_prefix(v4, to->port) >= 104 || dest_prefix(v6, to->port) >= 104;
}

/*
 * Does anybody want to see this destination?  ${full}: by the caller's class and the scope, its connections to every redirected port
 * are looked at, and not only those to known addresses.
 */
static __always_inline __u32 wanted(const struct cg_conf *conf, struct to *to, bool full)
{
	__u32 zero = 0;
	if (to->local) {
		to->known = dest_local(to);
		return to->known ? CG_COUNTS : CG_COUNT_DIRECT_LOOPBACK;
	}
	int prefix = dest_prefix(to->addr, to->port);
	to->known = prefix > 0;
	if (to->known)
		return CG_COUNTS;
	if (!full)
		return CG_COUNT_DIRECT_SCOPE;
	if (prefix == 0 || conf->redirect_all)
		return CG_COUNTS;
	struct cg_ports *ports = bpf_map_lookup_elem(&cg_ports, &zero);
	if (ports && (ports->bits[to->port >> 6] >> (to->port & 63) & 1))
		return CG_COUNTS;
	return CG_COUNT_DIRECT_DEST;
}

static __always_inline bool beat_lives(__u64 beat, __u64 now)
{
	return beat && (now <= beat || now - beat <= CG_STALE_NS);
}

/* Slot + 1 when that worker is alive, else 0.  A number outside is none. */
__noinline __u32 live_slot(__u32 slots, __u32 slot)
{
	__u32 zero = 0;
	struct cg_beats *beats = bpf_map_lookup_elem(&cg_beats, &zero);
	if (!beats || slot >= slots || slot >= CG_SLOTS)
		return 0;
	/* The mask tells the verifier what the comparison told us; clang would leave it out. */
	barrier_var(slot);
	return beat_lives(beats->ns[slot & (CG_SLOTS - 1)], bpf_ktime_get_ns()) ? slot + 1 : 0;
}

/*
 * The live worker with the highest weight for this tree: a change of the live set moves only the trees it must.
 * Its slot + 1, or 0.
 */
__noinline __u32 pick_slot(__u32 slots, __u32 root)
{
	__u32 zero = 0;
	__u64 best = 0;
	struct cg_beats *beats = bpf_map_lookup_elem(&cg_beats, &zero);
	__u64 now = bpf_ktime_get_ns();
	if (!beats)
		return 0;
	for (__u32 i = 0; i < CG_SLOTS; i++) {
		if (i >= slots)
			break;
		__u64 beat = beats->ns[i];
		if (!beat_lives(beat, now))
			continue;
		__u32 w = (root ^ (i + 1) * 0x9e3779b9u) * 0x85ebca6bu;
		__u64 weight = (__u64)(w ^ w >> 15) << 32 | (i + 1);
		if (weight > best)
			best = weight;
	}
	return (__u32)best;
}

#endif
