/*
 * kern.h - the BPF side as callgated sees it: supported, setup, update, teardown.
 * Floor: kern (only user of libbpf and of the skeletons).      Process: callgated.
 */
#ifndef KERN_KERN_H
#define KERN_KERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct kern;

struct kern_conf {
	const char *cgroup;     /* cgroup v2 directory to attach at; NULL: the root, found through mountinfo */
	const char *bpffs;      /* directory for pins; made if needed, mode 0700 */
	const uint32_t *users;  /* governed uids */
	size_t user_count;
	const uint16_t *ports;  /* redirected for governed processes, host order */
	size_t port_count;
	bool redirect_all;      /* every port */
	uint64_t own_cgroup;    /* id of the service's cgroup: never redirected */
	uint16_t port_base;     /* worker slot i listens on port_base + i */
	uint32_t slots;
	uint32_t generation;
	uint32_t scope;         /* enum cg_scope */
};

/** kern_supported(why, len): Really tries what is mandatory.  0, or -ERR_NO_FEATURE and the feature, and what is lost, in ${why}. */
int kern_supported(char *why, size_t len) __attribute__((warn_unused_result));

/** kern_setup(conf, why, len, out): Load, attach, pin; adopt what an earlier run left pinned (links updated in place). */
int kern_setup(const struct kern_conf *conf, char *why, size_t len, struct kern **out) __attribute__((warn_unused_result));

/** kern_configure(k, conf): Change users, ports, generation while attached. */
int kern_configure(struct kern *k, const struct kern_conf *conf) __attribute__((warn_unused_result));

/** kern_dests(k, dests, n): Destinations always redirected for governed processes; replaces the set. */
struct kern_dest {
	uint8_t addr[16]; /* IPv6 or mapped; all zero: any */
	uint8_t prefix;
	uint16_t port;    /* host order */
};
int kern_dests(struct kern *k, const struct kern_dest *dests, size_t n) __attribute__((warn_unused_result));

/** kern_resolvers(k, list, n): The machine's resolvers: where an agent may send datagrams to port 53.  Replaces the set. */
int kern_resolvers(struct kern *k, const struct cg_addr *list, size_t n) __attribute__((warn_unused_result));

/** kern_mark(k, tgid, start_ns, cls, label): Make a process the root of an agent tree; its present and future children follow. */
int kern_mark(struct kern *k, uint32_t tgid, uint64_t start_ns, uint32_t cls, uint32_t label) __attribute__((warn_unused_result));

/** kern_tell_again(k): Have the execs told that found the ring of events full, as far as there is room now; to be called again and again. */
void kern_tell_again(struct kern *k);

/** kern_netns_add(k, cookie, port): That network namespace has a listener on loopback at this worker's port; kern_netns_remove(): no more. */
int kern_netns_add(struct kern *k, uint64_t cookie, uint16_t port) __attribute__((warn_unused_result));
void kern_netns_remove(struct kern *k, uint64_t cookie);

/** kern_asks_open(k, fn, arg): A descriptor that is readable when somebody was refused for want of a listener; kern_asks_read() calls fn for each. */
typedef void kern_ask_fn(void *arg, const struct cg_ask *ask);
int kern_asks_open(struct kern *k, kern_ask_fn *fn, void *arg) __attribute__((warn_unused_result));
void kern_asks_read(struct kern *k);

/** kern_alive(k, slot): The first heartbeat of a worker slot; it writes the others itself.  kern_dead(k, slot): refuse at once. */
void kern_alive(struct kern *k, uint32_t slot);
void kern_dead(struct kern *k, uint32_t slot);
/** kern_silent_ms(k, slot): How long ago the last heartbeat was; 0 for a slot that is dead. */
uint64_t kern_silent_ms(const struct kern *k, uint32_t slot);

/** kern_wants(k, conf, addr, port, full): Would the connect hook send this destination (host order) to a worker?  ${full}: as an agent's. */
bool kern_wants(const struct kern *k, const struct kern_conf *conf, const uint8_t addr[16], uint16_t port, bool full);
/** kern_agent(k, tgid): The root of the agent's tree that the process is in, 0: none.  kern_redirected(k, fd): That socket is connected to a worker. */
uint32_t kern_agent(const struct kern *k, uint32_t tgid);
bool kern_redirected(const struct kern *k, int fd);
/** kern_label(k, fd, addr, port): Make it an agent's socket that may send to there only (port 0: nowhere).  1, 0 when it has a label, or negative. */
int kern_label(const struct kern *k, int fd, const uint8_t addr[16], uint16_t port) __attribute__((warn_unused_result));
/**
 * kern_net_check(k, given): So has what agents' threads hold in tables of their own, and the egress hook sees the packets of each socket that has a label.
 * ${given}: labels were given since the last time; where the kernel has no way to look, they are taken for unseen.
 */
int kern_net_check(struct kern *k, bool given) __attribute__((warn_unused_result));

/**
 * kern_earlier(k): Programs of another layout, of an earlier version, are attached beside ours.  kern_earlier_fd(k): records by accepted socket of what
 * they redirected, or -1; borrowed.  kern_settle(k): Remove them, when nobody waits to be accepted who came through them and the agents are known.
 */
bool kern_earlier(const struct kern *k);
int kern_earlier_fd(const struct kern *k);
void kern_settle(struct kern *k);

/* Descriptors to hand out; borrowed. */
int kern_accepted_fd(const struct kern *k); /* cg_flow by accepted socket */
int kern_handoff_fd(const struct kern *k);
int kern_beats_fd(const struct kern *k); /* struct cg_beats, may be mapped and written */
int kern_dns_events_fd(const struct kern *k);  /* ring buffer of struct cg_dns */
int kern_exec_events_fd(const struct kern *k); /* ring buffer of struct cg_exec, -1 when tracing is not available */

/** kern_each_counter(k, fn, arg): Every reason counter of the BPF side, by name. */
void kern_each_counter(struct kern *k, void (*fn)(void *arg, const char *name, uint64_t n), void *arg);
/** kern_each_hook(k, fn, arg): Every program: attached or the spoken downgrade; foreign programs on the same hooks. */
void kern_each_hook(struct kern *k, void (*fn)(void *arg, const char *hook, bool attached, const char *note), void *arg);

/** kern_release(k): Let go; pins and links stay.  kern_teardown(bpffs): detach and remove everything. */
void kern_release(struct kern **k);
int kern_teardown(const char *bpffs) __attribute__((warn_unused_result));

#endif
