/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * abi.h - every type that the kernel side and user space both see.  Compiled by clang for BPF and by cc.
 * Rules: fixed width, explicit padding, no pointers; a change of layout raises CG_ABI_VERSION.
 */
#ifndef CG_ABI_H
#define CG_ABI_H

#ifdef __bpf__
/* vmlinux.h has been included and gives __u8 ... __u64. */
#else
#include <linux/types.h>
#endif

#define CG_ABI_VERSION 1

/* What the connect hook decided about a socket. */
enum cg_verdict {
	CG_DENY = 0, /* the zero verdict refuses */
	CG_DIRECT = 1,
	CG_REDIRECT = 2,
};

enum cg_class {
	CG_CLASS_NONE = 0,
	CG_CLASS_AGENT = 1,
	CG_CLASS_EDITOR = 2,
};

/* cg_flow.flags */
#define CG_FLOW_V4MAPPED 1u /* an IPv4 address asked for on an IPv6 socket */
#define CG_FLOW_NO_LOGINUID 2u

/*
 * Who connected, and where to.  Lives in the socket storage of both ends: filled by the connect hook
 * from the calling task, handed to the accepted socket by sockops, read by callgate-proxy by fd.
 */
struct cg_flow {
	__u32 abi;   /* CG_ABI_VERSION */
	__u32 flags; /* CG_FLOW_* */
	__u8 dst[16]; /* IPv6, or IPv4-mapped */
	__be16 dst_port;
	__u8 family;  /* of the socket: AF_INET or AF_INET6 */
	__u8 proto;   /* IPPROTO_TCP */
	__u32 verdict; /* enum cg_verdict */
	__u32 uid;     /* real uid, initial user namespace */
	__u32 gid;
	__u32 loginuid; /* 0xffffffff: unset.  No authority: see docs/THREATS.md */
	__u32 session;  /* audit session id */
	__u32 tgid;
	__u32 tid;
	__u64 start_ns; /* start of the process, CLOCK_BOOTTIME */
	__u64 exe_ino;
	__u32 exe_dev; /* kernel dev_t */
	__u32 agent;   /* label id given by callgate-ident, 0 none */
	__u32 agent_class; /* enum cg_class */
	__u32 agent_root;  /* tgid of the root of the agent tree */
	__u64 cgroup; /* cgroup v2 id of the task */
	__u64 netns;  /* cookie */
	__u64 connect_ns; /* CLOCK_MONOTONIC */
	__u32 generation; /* of the map set */
	__u32 slot;       /* worker slot chosen */
	char comm[16];
	__u64 spare[4];
};

_Static_assert(sizeof(struct cg_flow) == 168, "cg_flow is part of the ABI");
_Static_assert(__builtin_offsetof(struct cg_flow, start_ns) == 56, "cg_flow.start_ns");
_Static_assert(__builtin_offsetof(struct cg_flow, comm) == 120, "cg_flow.comm");

#endif
