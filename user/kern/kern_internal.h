/*
 * kern_internal.h - what the files of this floor share.
 * Floor: kern.
 */
#ifndef KERN_KERN_INTERNAL_H
#define KERN_KERN_INTERNAL_H

#include <bpf/libbpf.h>
#include <limits.h>

#include "kern/kern.h"

enum kern_part { PART_CONNECT, PART_SOCKOPS, PART_UDP, PART_SOCKET, PART_EGRESS, PART_DNS, PART_EXEC, PART_DENY, PART_COUNT, PART_DENY_FMOD = PART_COUNT };

struct kern_hook { /* a program and where it goes */
	enum kern_part part;
	const char *prog;  /* name in the object, and of the pin */
	const char *title; /* for people */
	int type;          /* attach type of a cgroup hook, -1: tracing */
	const char *lost;  /* what is missing without it */
};

enum { HOOKS_MAX = 32 };

enum { KERN_OLD = 4 };

struct kern_old { /* a set of another layout, still attached */
	char dir[PATH_MAX];
	bool readable; /* of our ABI version */
};

struct kern_net { /* the egress hook at one cgroup */
	uint64_t id;
	struct bpf_link *link;
};

struct kern {
	int cgroup;           /* directory */
	uint64_t cgroup_id;
	char bpffs[PATH_MAX]; /* pins of all versions */
	char dir[PATH_MAX];   /* pins of this one */
	struct bpf_object *obj[PART_COUNT];
	struct bpf_link *link[HOOKS_MAX]; /* by row of kern_hooks; NULL: not attached */
	struct kern_net nets[CG_NETS];    /* while the egress hook is not at the root */
	size_t net_count;
	struct cg_beats *beats;           /* mapped */
	int dns[2];                       /* raw sockets; -1: none */
	uint32_t slots;
	uint32_t watched_s; /* as in struct cg_conf */
	uint64_t untold; /* how many execs had found the ring full when those were told again */
	struct ring_buffer *asks; /* NULL: not opened */
	kern_ask_fn *ask_fn;
	void *ask_arg;
	char exec_note[160], deny_note[320];
	const char *deny_way; /* "lsm" or "fmod_ret"; NULL: neither */
	struct kern_old old[KERN_OLD];
	size_t old_count;
	int old_accepted, old_client; /* maps of the first that is readable; -1: none */
};

extern const struct kern_hook kern_hooks[];
extern const size_t kern_hook_count;

/* kern_load.c */

/** kern_load_say(why, len, err, fmt, ...): Put the sentence, the error and libbpf's last complaint into ${why}; returns ${err}. */
int kern_load_say(char *why, size_t len, int err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** kern_load_part(part, pins, out): Open and load one object, maps pinned below ${pins}->dir, or nowhere when NULL. */
int kern_load_part(enum kern_part part, const struct kern *pins, struct bpf_object **out)
    __attribute__((warn_unused_result));

/** kern_iterate(k, prog): Read what this iterator writes, to its end.  The number of bytes, or negative: -ENOENT when the kernel took none (PART_EXEC). */
ssize_t kern_iterate(const struct kern *k, const char *prog) __attribute__((warn_unused_result));

/** kern_load_layout(out): A number that differs when the maps do: their names, kinds, sizes. */
int kern_load_layout(uint32_t *out) __attribute__((warn_unused_result));

/* kern_pin.c */

/** kern_pin_dir(k, bpffs, why, len): Find or mount bpffs, make the directory of this layout, fill k->bpffs and k->dir. */
int kern_pin_dir(struct kern *k, const char *bpffs, char *why, size_t len) __attribute__((warn_unused_result));

/** kern_pin_kept(k, part): Is every program of the part still on its hook, from an earlier run? */
bool kern_pin_kept(const struct kern *k, enum kern_part part);

/** kern_pin_hook(k, row, why, len): Put the program on its hook: into the pinned link of an earlier run, or into a new pinned one. */
int kern_pin_hook(struct kern *k, size_t row, char *why, size_t len) __attribute__((warn_unused_result));

/** kern_pin_drop(path): Detach and remove a pin, or a directory of them. */
void kern_pin_drop(const char *path);

/* kern_beside.c: sets of another layout.  _find: which are there; _learn: what they know, before ours is attached; _take: the rest, after that. */
void kern_beside_find(struct kern *k);
void kern_beside_learn(struct kern *k);
void kern_beside_take(struct kern *k);
void kern_beside_close(struct kern *k);

/* kern_maps.c */

/** kern_maps_fd(k, name): Descriptor of a map, borrowed, or -1. */
int kern_maps_fd(const struct kern *k, const char *name);

/** kern_maps_watched(k, since_s): From when on every fork is seen, CLOCK_BOOTTIME in seconds; 0: as an earlier run left it. */
int kern_maps_watched(struct kern *k, uint32_t since_s) __attribute__((warn_unused_result));

/** kern_maps_prune(fd, keys, n, size, max): Delete every key that is not among the ${n} of ${size} bytes each; ${max} are in the map at most. */
int kern_maps_prune(int fd, const void *keys, size_t n, size_t size, size_t max) __attribute__((warn_unused_result));

/* kern_netns.c */

/** kern_netns_home(k): The calling process's network namespace is the one in which every worker listens; what an earlier run entered goes. */
int kern_netns_home(struct kern *k) __attribute__((warn_unused_result));
/** kern_netns_close(k): Stop reading asks. */
void kern_netns_close(struct kern *k);

/* kern_dns.c */

/** kern_dns_begin(k, row, why, len): Put the program that sees DNS answers where it costs least.  kern_dns_end(k): close what it looks at. */
int kern_dns_begin(struct kern *k, size_t row, char *why, size_t len) __attribute__((warn_unused_result));
void kern_dns_end(struct kern *k);

/* kern_deny.c */

/** kern_deny_load(k): Load the optional denials, by the first way that this kernel takes; k->deny_note says what is lost when it takes none. */
void kern_deny_load(struct kern *k);

/* kern_cgroup.c */

/** kern_cgroup_open(path, why, len): The cgroup v2 directory ${path}, or the root of the mount when NULL. */
int kern_cgroup_open(const char *path, char *why, size_t len) __attribute__((warn_unused_result));

/** kern_cgroup_of(k, tgid, levels): The directory of the process's cgroup, or its ancestor that is ${levels} below k->cgroup; closed by
 *  the caller.  -ESRCH: the process has gone; -EXDEV: it is not below k->cgroup. */
int kern_cgroup_of(const struct kern *k, uint32_t tgid, int levels) __attribute__((warn_unused_result));

/* kern_net.c */

/** kern_net_begin(k, why, len): Take over the egress hooks of an earlier run.  kern_net_end(k): let go of them; they stay pinned. */
int kern_net_begin(struct kern *k, char *why, size_t len) __attribute__((warn_unused_result));
void kern_net_end(struct kern *k);

/** kern_net_cover(k, tgid): The egress hook sees the sockets that this process will make. */
int kern_net_cover(struct kern *k, uint32_t tgid) __attribute__((warn_unused_result));

/** kern_net_asked(k, ask): Somebody was refused for want of it. */
void kern_net_asked(struct kern *k, const struct cg_ask *ask);

/** kern_net_say(k, note, len): Append where the egress hook sits, for people. */
void kern_net_say(const struct kern *k, char *note, size_t len);

#endif
