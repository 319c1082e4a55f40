/*
 * sup.h - the supervisor's state: what callgated's files share.
 * Process: callgated (root).      Uses: kern, ipc, codec, base.
 */
#ifndef PROC_SUP_H
#define PROC_SUP_H

#include <limits.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/mtime.h"
#include "ipc/edge.h"
#include "ipc/pump.h"
#include "kern/kern.h"

enum { SUP_USERS = 256, SUP_PORTS = 64, SUP_SLOTS = 16, SUP_CHILDREN = 32, SUP_RINGS = 64, SUP_NETNS = 256, SUP_FORWARDS = 4, SUP_FORWARD_LEN = 128, SUP_ROLES = 5, SUP_AUDITOR = 3, SUP_SECOND = 1024 };

struct sup_paths { /* from the command line */
	const char *etc, *state, *log, *run, *cgroup, *bpffs, *trust, *share, *libexec;
	long uids; /* first of the uids of the children, -1: by name */
};

struct sup_conf { /* callgate.json */
	uint32_t users[SUP_USERS];
	size_t user_count;
	uint16_t ports[SUP_PORTS];
	size_t port_count;
	bool redirect_all;
	uint32_t scope; /* enum cg_scope */
	uint32_t workers, connections; /* connections: of each worker, open at once */
	uint16_t port_base;
	uint64_t held_bytes; /* of each worker: what one user's connections may hold in memory */
	char mode[16], strict[16];
	uint32_t level, segment_seconds;
	uint32_t retention_days;
	char collector[256]; /* vkey */
	char second[SUP_SECOND]; /* where the audit goes on when its directory fails; empty: nowhere */
	bool arg_mac;
	uint64_t segment_bytes, reserve_bytes, space_left_bytes, admin_space_left_bytes;
	char forward[SUP_FORWARDS][SUP_FORWARD_LEN]; /* where copies of audit lines go, fetch/forward.h */
	size_t forwards;
	struct {
		bool there;
		uint32_t gid;
	} role[SUP_ROLES]; /* the machine's groups of sup_conf_role() */
	bool root_by_role;
	bool four_eyes_grants, four_eyes_policy;
};

enum sup_life { LIFE_NONE, LIFE_STARTING, LIFE_READY, LIFE_STOPPING };

struct sup_child {
	enum party party;
	uint32_t slot;
	enum sup_life life;
	pid_t pid;
	int pidfd;
	struct edge edge; /* to it */
	struct m_ready ready;
	struct m_worker told; /* of a worker */
	struct mono started;
	uint32_t restarts;
	uint32_t quick; /* deaths in a row within a second of the start */
	struct sup *sup;
};

struct sup_ring {
	uint64_t id;
	uint32_t slot;
	int data, ack, bell, ackbell;
	bool live; /* its worker runs */
	char name[32];
};

struct sup_netns { /* another network namespace with a listener of ours */
	uint64_t cookie; /* 0: unused */
	ino_t inode;
	uint32_t slot;
	int listen4, listen6;
	bool handed; /* its worker has them */
	bool seen;   /* by the sweep: somebody is in it */
};

struct sup_limits { /* sup_limits.c */
	bool wanted; /* the counters' file may be older than the audit, and what was charged is not known yet */
	int charges; /* what the audit said was charged, sealed; -1: not needed, or not there yet */
};

enum { SUP_FRESH = 64 };
struct sup_fresh { /* agents that were recognised since the last look at what they had opened before */
	uint32_t root[SUP_FRESH];
	size_t count; /* SUP_FRESH: perhaps more */
	struct mono not_before;
};

struct sup_known; /* sup_known.c */

struct sup {
	struct sup_paths path;
	struct sup_conf conf;
	char host[HOST_LEN];
	struct pump *pump;
	struct kern *kern;
	struct sup_known *known;
	struct sup_limits limits;
	struct sup_child child[SUP_CHILDREN];
	size_t children;
	struct sup_ring ring[SUP_RINGS];
	int listen4[SUP_SLOTS], listen6[SUP_SLOTS];
	struct sup_netns *netns; /* SUP_NETNS of them */
	uint64_t netns_opened, netns_closed, netns_full, netns_failed;
	int home_netns;
	uint64_t early_cut, early_labelled; /* sockets from before the start, or before an agent was known as one */
	struct sup_fresh fresh;
	struct mono netns_swept;
	int cgroup_fd; /* the service's own cgroup, for its children */
	uint64_t cgroup_id;
	bool resolver_read; /* resolv.conf, as it was then */
	ino_t resolver_ino;
	struct timespec resolver_time;
	int control, board;
	int lock;
	bool stopping;
	uint32_t generation;
	struct mono began;
	unsigned cover_beats;
	int nice; /* what it was before callgated raised its own priority */
	uint64_t restarts;  /* of all children */
	struct buf covered; /* the enforcement state that was last recorded */
};

/* sup_conf.c: ${why} gets "FILE:LINE:COLUMN: /field: text". */
int sup_conf_load(const char *file, struct sup_conf *out, char *why, size_t why_len) __attribute__((warn_unused_result));

/* sup_conf_scope(c): "agents", "users", "all". */
const char *sup_conf_scope(const struct sup_conf *c);

/* sup_conf_role(i): "admin", "policy", "secret", "auditor", "approver": the group is "callgate-" and that. */
const char *sup_conf_role(size_t i);

/* sup_prepare.c: directories, keys, cgroup, listeners.  ${why} gets one line that says what to do. */
int sup_prepare(struct sup *s, char *why, size_t why_len) __attribute__((warn_unused_result));
/* The uid (and gid) of a party: 0 or negative with ${why}. */
int sup_uid(const struct sup *s, enum party p, uid_t *uid, char *why, size_t why_len) __attribute__((warn_unused_result));

/* sup_ring.c */
struct sup_ring *sup_ring_new(struct sup *s, uint32_t slot);
void sup_ring_adopt(struct sup *s); /* what an earlier run left behind */
void sup_ring_sweep(struct sup *s); /* drop files that are drained and dead */

/* sup_child.c */
int sup_child_start(struct sup *s, struct sup_child *c) __attribute__((warn_unused_result));
struct sup_child *sup_child_find(struct sup *s, enum party p, uint32_t slot);
void sup_child_stop(struct sup *s, enum party p);

/* sup_plumb.c: everything a starting child and its peers need. */
int sup_plumb(struct sup *s, struct sup_child *c) __attribute__((warn_unused_result));
int sup_plumb_conf(struct sup *s, struct sup_child *c) __attribute__((warn_unused_result));
int sup_plumb_fd(struct sup_child *to, enum fd_what what, uint32_t slot, uint64_t ring, int fd) __attribute__((warn_unused_result));

/* sup_netns.c: listeners in other network namespaces. */
int sup_netns_begin(struct sup *s) __attribute__((warn_unused_result));
void sup_netns_hand(struct sup *s, const struct sup_child *worker); /* to a worker that has become ready */
void sup_netns_lost(struct sup *s, const struct sup_child *worker);
void sup_netns_sweep(struct sup *s); /* let go of namespaces that nobody is in */
size_t sup_netns_count(const struct sup *s);
void sup_netns_end(struct sup *s);

/* sup_early.c: look for sockets from before the start, after what else is due; nothing later than a while after the start. */
void sup_early_soon(struct sup *s);
/* A process was made the root of an agent tree: look for what it and its children have opened so far. */
void sup_early_marked(struct sup *s, uint32_t root);
/* Programs of an earlier version go when they are not needed any more; each half second. */
void sup_early_settle(struct sup *s);

/* callgated.c */
void sup_kern_settings(const struct sup *s, struct kern_conf *k);

/* sup_prepare.c: the file with the key that wraps the vault: a credential of systemd's, or below the state directory. */
void sup_vault_key(const struct sup *s, char path[PATH_MAX]);

/* sup_prepare.c: a listener; ${out} is left alone on failure. */
int sup_listen(const struct sockaddr *sa, socklen_t len, int *out) __attribute__((warn_unused_result));

/* sup_known.c: where registered servers are, from everybody who knows of some. */
int sup_known_dests(struct sup *s, struct view list) __attribute__((warn_unused_result)); /* M_DESTS */
int sup_known_add(struct sup *s, enum party from, struct view frame) __attribute__((warn_unused_result)); /* M_KNOWN */
size_t sup_known_count(const struct sup *s, enum party from);

/* sup_resolver.c: the machine's resolvers, when they have changed. */
void sup_resolver_sweep(struct sup *s);

/* sup_limits.c: the file of the limit counters, and whether it is what the last run left. */
int sup_limits_begin(struct sup *s, char *why, size_t why_len) __attribute__((warn_unused_result));
int sup_limits_send(struct sup *s, struct sup_child *worker) __attribute__((warn_unused_result));
void sup_limits_charges(struct sup *s, int fd, const struct m_charges *m); /* M_CHARGES; takes ${fd} */
void sup_limits_end(struct sup *s); /* after the last worker */

/* sup_serve.c: frames from children. */
void sup_serve(struct sup *s, struct sup_child *c);

/* sup_cover.c: what is covered, for the audit: a record when it changes, a short form for each seal. */
void sup_cover(struct sup *s, const char *event);
void sup_cover_beat(struct sup *s); /* each half second */
void sup_cover_binary(struct sup *s, struct sup_child *audit, enum party p);
int sup_cover_means(struct sup *s, struct sup_child *audit) __attribute__((warn_unused_result));

/* sup_status.c */
void sup_status_parts(struct sup *s, struct jsonw *w); /* processes, hooks, counters */
int sup_status(struct sup *s, struct buf *out) __attribute__((warn_unused_result));

#endif
