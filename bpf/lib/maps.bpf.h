/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * maps.bpf.h - every map.  Each object declares all of them; pinning by name makes them one set, and lets a
 * later run of callgated take over the maps of the one before.
 */
#ifndef CG_MAPS_BPF_H
#define CG_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "bpf/abi.h"

#define CG_ARRAY(name, vtype, flags)                                                               \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 1);                                                            \
		__uint(map_flags, flags);                                                          \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                               \
		__type(key, __u32);                                                                \
		__type(value, vtype);                                                              \
	} name SEC(".maps")
#define CG_HASH(name, ktype, vtype, max, flags)                                                    \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, max);                                                          \
		__uint(map_flags, flags);                                                          \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                               \
		__type(key, ktype);                                                                \
		__type(value, vtype);                                                              \
	} name SEC(".maps")
#define CG_SK_STORAGE(name, vtype)                                                                 \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_SK_STORAGE);                                             \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                               \
		__type(key, __u32);                                                                \
		__type(value, vtype);                                                              \
	} name SEC(".maps")

/* One connection between SYN-ACK and ACK, as the client names it. */
struct cg_tuple {
	__u64 netns;
	__u32 client[4], worker[4]; /* IPv6 or mapped */
	__u16 client_port, worker_port;
	__u32 pad;
};

/* Settings.  callgated writes, all read. */
CG_ARRAY(cg_conf, struct cg_conf, 0);
/* Heartbeats, through a mapping: each worker writes its own, callgated the end of one. */
CG_ARRAY(cg_beats, struct cg_beats, BPF_F_MMAPABLE);
/* Redirected ports.  callgated writes. */
CG_ARRAY(cg_ports, struct cg_ports, 0);
/* Governed uids.  callgated writes. */
CG_HASH(cg_users, __u32, __u32, 4096, BPF_F_NO_PREALLOC);
/* Network namespaces (cookies) that have our listeners, and the port there; 0: every worker's.  callgated writes. */
CG_HASH(cg_netns, __u64, __u32, 512, BPF_F_NO_PREALLOC);
/* When a namespace was last asked for (CLOCK_MONOTONIC).  connect writes; losing one costs an event too many. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u64);
	__type(value, __u64);
} cg_asked SEC(".maps");
/* struct cg_ask.  connect writes, callgated reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} cg_asks SEC(".maps");
/* Roots of agent trees by cg_proc_id.  callgated writes; exec deletes at the root's exit. */
CG_HASH(cg_marks, __u64, struct cg_mark, 16384, BPF_F_NO_PREALLOC);
/* How many marks were ever given.  callgated counts, behind the mark. */
CG_ARRAY(cg_given, __u64, 0);
/* Processes by tgid.  exec writes; callgated fills in marks. */
CG_HASH(cg_procs, __u32, struct cg_proc, 65536, BPF_F_NO_PREALLOC);
/* Records between the two ends' ESTABLISHED callbacks.  sockops writes; preallocated, so that it cannot fail for memory. */
CG_HASH(cg_handoff, struct cg_tuple, struct cg_flow, 16384, 0);
/* The record at the client's socket: connect writes, sockops and getpeername read. */
CG_SK_STORAGE(cg_client, struct cg_flow);
/* The record at the worker's socket: sockops writes, callgate-proxy reads.  Not the same map as cg_client, or
 * getpeername of the worker would be rewritten too. */
CG_SK_STORAGE(cg_accepted, struct cg_flow);
/* When the connect hook rewrote this socket's destination (CLOCK_MONOTONIC).  Shared by all ABI versions, never to change:
 * while two sets of programs are attached, the second knows the rewrite of the first by it. */
CG_SK_STORAGE(cg_rewritten, __u64);

/* Whose socket it is.  create and connect write, egress reads; a listener's children get a copy. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct cg_label);
} cg_label SEC(".maps");
/* Cgroups (ids) at and below which the egress hook sits: an agent's socket may live nowhere else.  callgated writes. */
CG_HASH(cg_nets, __u64, __u32, CG_NETS, 0);
/* The machine's resolvers: where an agent may send a datagram to port 53.  callgated writes. */
CG_HASH(cg_resolvers, struct cg_addr, __u32, 64, BPF_F_NO_PREALLOC);

/* Registered destinations.  The value is the address prefix length.  callgated writes. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct cg_dest);
	__type(value, __u32);
} cg_dests SEC(".maps");

/* enum cg_count -> events.  All programs write. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CG_COUNTS);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} cg_counts SEC(".maps");

/* struct cg_exec.  exec writes, callgate-ident reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} cg_execs SEC(".maps");

static __always_inline const struct cg_conf *maps_conf(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&cg_conf, &zero);
}

static __always_inline void count(__u32 why)
{
	__u64 *n = bpf_map_lookup_elem(&cg_counts, &why);
	if (n)
		++*n; /* per CPU */
}

/* Is this port one of the workers'? */
static __always_inline bool maps_worker_port(const struct cg_conf *conf, __u32 port)
{
	return port - conf->port_base < conf->slots;
}

#endif
