/*
 * proc.h - one process as /proc shows it.
 * Floor: ident.      Source: proc(5); the kernel's fs/proc.      Owns: a descriptor of /proc/PID.
 *
 * The directory's descriptor stays with the process, not with the number: once the process is gone every read fails, also when
 * the number is in use again.  All text comes from people's processes: a name may hold ')' and line ends, a path anything but NUL.
 */
#ifndef IDENT_PROC_H
#define IDENT_PROC_H

#include <limits.h>

#include "base/view.h"

struct proc {
	int dir; /* -1: not open */
	uint32_t pid;
};

struct proc_stat {
	uint32_t ppid;
	uint32_t tty;         /* device number of the controlling terminal, 0: none */
	uint64_t start_ticks; /* since boot, CLOCK_BOOTTIME, in clock ticks */
};

/** proc_open(procfs, pid, p): ${procfs} is a descriptor of /proc.  -ERR_NOT_FOUND when there is no such process. */
int proc_open(int procfs, uint32_t pid, struct proc *p) __attribute__((warn_unused_result));
void proc_close(struct proc *p);

/** proc_stat(p, st): Parent and start.  -ERR_NOT_FOUND, -ERR_MALFORMED. */
int proc_stat(const struct proc *p, struct proc_stat *st) __attribute__((warn_unused_result));
/** proc_uids(p, uid, loginuid): Real uid, and login uid (0xffffffff: unset). */
int proc_uids(const struct proc *p, uint32_t *uid, uint32_t *loginuid) __attribute__((warn_unused_result));
/** proc_groups(p, out, max): Supplementary groups, at most ${max}; how many. */
int proc_groups(const struct proc *p, uint32_t *out, size_t max) __attribute__((warn_unused_result));
/** proc_exe(p, out, deleted): Path of the executable as the process sees it; *${deleted} when it was unlinked since. */
int proc_exe(const struct proc *p, char out[PATH_MAX], bool *deleted) __attribute__((warn_unused_result));
/** proc_exe_open(p): A descriptor of the file that it runs, whatever its path shows now; -ERR_NOT_FOUND. */
int proc_exe_open(const struct proc *p) __attribute__((warn_unused_result));
/** proc_args(p, out, cap): The first ${cap} bytes of the arguments, NUL between; bytes read. */
int proc_args(const struct proc *p, char *out, size_t cap) __attribute__((warn_unused_result));
/** proc_cgroup(p, out, cap): Path below the root of cgroup v2; empty when it does not fit. */
int proc_cgroup(const struct proc *p, char *out, size_t cap) __attribute__((warn_unused_result));
/** proc_resolve(p, procfs, path, out): ${path} (relative ones from its working directory) without symbolic links. */
int proc_resolve(const struct proc *p, int procfs, const char *path, char out[PATH_MAX]) __attribute__((warn_unused_result));
/** proc_root_owned(p, procfs, path): Can root alone change what is at ${path}, and is it what the process runs, in our own mount namespace? */
bool proc_root_owned(const struct proc *p, int procfs, const char *path);

/* The readers themselves.  Any input is legal to pass. */
int proc_parse_stat(struct view text, struct proc_stat *st) __attribute__((warn_unused_result));
int proc_parse_uid(struct view status, uint32_t *uid) __attribute__((warn_unused_result));
int proc_parse_cgroup(struct view text, char *out, size_t cap) __attribute__((warn_unused_result));

/** proc_unit(cgroup, out, cap): The systemd unit that a cgroup path belongs to, or empty. */
void proc_unit(const char *cgroup, char *out, size_t cap);

/** proc_container(cgroup, out, cap): The id of the container that the path says it is of, or empty. */
void proc_container(const char *cgroup, char *out, size_t cap);
/** proc_tty(tty, out, cap): The terminal's name: "pts/3", "tty1", "ttyS0", or "major:minor"; empty for 0. */
void proc_tty(uint32_t tty, char *out, size_t cap);

/** proc_same_start(ticks, hz, start_ns): Are both the same instant, as far as ticks can tell? */
bool proc_same_start(uint64_t ticks, uint64_t hz, uint64_t start_ns);

/** proc_show(out, in, cap): Copy a path for a record: control characters become '?', what does not fit is cut. */
void proc_show(char *out, const char *in, size_t cap);

#endif
