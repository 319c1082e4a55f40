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

#define CG_ABI_VERSION 4

enum {
	CG_SLOTS = 64,        /* worker slots at most */
	CG_ANCESTORS = 8,     /* generations remembered of an unmarked process */
	CG_PATH = 256,
	CG_SCRIPT = 128,
	CG_NETS = 64, /* cgroups with an egress hook of their own; more: one at the root */
	CG_ENGINE = 32, /* name of a container engine's socket; a power of two */
};
#define CG_STALE_NS 3000000000ull /* a heartbeat older than this is a dead worker */

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

enum cg_count {
#define X(sym, name) CG_COUNT_##sym,
#include "bpf/count.tbl.h"
#undef X
	CG_COUNTS
};

/* cg_flow.flags */
#define CG_FLOW_V4MAPPED 1u /* an IPv4 address asked for on an IPv6 socket */
#define CG_FLOW_NO_LOGINUID 2u
#define CG_FLOW_KNOWN 8u /* the address is known to be a registered server's */
#define CG_FLOW_SUBUID 4u /* the task ran as a subordinate uid; uid is the owner of its user namespace */

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
	__u32 exe_dev; /* kernel dev_t: major << 20 | minor */
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

/*
 * Whose connections the redirected ports mean.  The addresses of registered servers mean every process of a governed user, and
 * every process of an agent's tree, whatever the scope.
 */
enum cg_scope {
	CG_SCOPE_AGENTS = 0, /* processes of agent class */
	CG_SCOPE_USERS = 1,  /* and every other of a governed user */
	CG_SCOPE_ALL = 2,    /* every process of the machine but the service's own */
};

/* Settings, one element, written by callgated. */
struct cg_conf {
	__u64 own_cgroup; /* processes in it or below are never redirected; 0: none */
	__u32 port_base;  /* worker slot i listens on port_base + i */
	__u32 slots;
	__u32 redirect_all;
	__u32 generation;
	__u32 scope; /* enum cg_scope */
	__u32 watched_s; /* CLOCK_BOOTTIME in seconds from which on every fork was seen; 0: not every */
};

struct cg_addr { /* IPv6, or IPv4-mapped */
	__u8 addr[16];
};

/* On a socket that an agent made or connects.  Children of a listening socket inherit it, and have no destination. */
struct cg_label {
	__u32 cls; /* enum cg_class */
	__be16 dst_port;
	__u16 pad;
	__u8 dst[16]; /* what connect let pass directly; zero: nothing */
};

struct cg_beats { /* CLOCK_MONOTONIC of each worker's last sign of life, 0: dead */
	__u64 ns[CG_SLOTS];
};
struct cg_ports { /* bit p: port p is redirected for governed processes */
	__u64 bits[1024];
};
struct cg_dest { /* longest prefix match over port, then address; port 0 in a rule of its own: any port */
	__u32 prefix;  /* bits: 16 + prefix of the address */
	__be16 port;
	__u8 addr[16];
	__u8 pad[2];
};

/* Marks: a process (by cg_proc_id) that is the root of an agent tree. */
struct cg_mark {
	__u32 cls; /* enum cg_class */
	__u32 label;
	__u32 root; /* tgid */
	__u32 untold; /* in an entry of cg_procs: what it runs was not told, as the ring of execs was full */
};
/* A process as seen at fork, by tgid.  Ancestors are those at birth: a parent's death does not cut them off. */
struct cg_proc {
	__u64 start_ns;
	struct cg_mark mark; /* cls 0: not, or not yet, in a tree */
	__u64 ancestor[CG_ANCESTORS]; /* cg_proc_id, nearest first, 0 ends */
	__u64 looked; /* no mark of itself or an ancestor is missing here that was given before this many others */
};
static inline __u64 cg_proc_id(__u32 tgid, __u64 start_ns)
{
	return start_ns << 10 | (tgid & 1023); /* two processes do not start in one nanosecond with one such tgid */
}

/* An exec; or, once at setup, a governed user's process that was there before: with neither path nor script. */
struct cg_exec {
	__u32 tgid, ppid, uid, cls;
	__u64 start_ns, exe_ino;
	__u32 exe_dev, pad;
	char path[CG_PATH];     /* as given to execve; for a script, the script */
	char script[CG_SCRIPT]; /* argv[1] */
};

#define CG_ASK_NET 0ull      /* no listener is wanted, but the egress hook at the task's cgroup */
#define CG_ASK_NET_ALL ~0ull /* or at every cgroup: its socket is from elsewhere */
/* Somebody was refused for want of a listener in his network namespace, or of the egress hook at his cgroup. */
struct cg_ask {
	__u64 netns; /* cookie, of the socket's namespace; or CG_ASK_* */
	__u32 tgid, tid;
	__u32 inode; /* of the task's namespace, as /proc/PID/ns/net shows it */
	__u32 uid;
};

_Static_assert(sizeof(struct cg_ask) == 24, "asks are part of the ABI");
/* A DNS answer that a process of our own network namespace got. */
enum { CG_DNS_MAX = 1232 };
struct cg_dns {
	__u8 server[16]; /* who sent it: IPv6, or IPv4-mapped */
	__u32 len;       /* bytes of ${data}; a longer answer is cut */
	__u32 uid;       /* of the socket */
	__u8 data[CG_DNS_MAX];
};

_Static_assert(sizeof(struct cg_flow) == 168, "cg_flow is part of the ABI");
_Static_assert(__builtin_offsetof(struct cg_flow, start_ns) == 56, "cg_flow.start_ns");
_Static_assert(__builtin_offsetof(struct cg_flow, comm) == 120, "cg_flow.comm");
_Static_assert(sizeof(struct cg_conf) == 32 && sizeof(struct cg_dest) == 24, "settings are part of the ABI");
_Static_assert(sizeof(struct cg_label) == 24 && sizeof(struct cg_addr) == 16, "labels are part of the ABI");
_Static_assert(sizeof(struct cg_proc) == 96 && sizeof(struct cg_exec) == 424, "processes are part of the ABI");

#endif
