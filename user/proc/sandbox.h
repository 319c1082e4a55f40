/*
 * sandbox.h - what a process may still ask of the kernel: landlock, no-new-privs, seccomp, and the ring's own restrictions.
 * Floor: proc (uses ipc for party names, base).
 * The rules of each process are rows of sandbox.tbl.h.  The sanitizer build has its own, longer table; no build can switch the
 * sandbox off.  A refusal is EPERM, not death, so that the self-check can try each one.
 */
#ifndef PROC_SANDBOX_H
#define PROC_SANDBOX_H

#include <stddef.h>

#include "ipc/msg.h"

enum sandbox_probe { /* bits */
	PROBE_OPEN = 1,           /* open("/etc/passwd") */
	PROBE_URING_OPEN = 2,     /* IORING_OP_OPENAT on the process's own ring */
	PROBE_SOCKET = 4,         /* socket(AF_INET) where the process has no network */
	PROBE_URING_SETUP = 8,    /* io_uring_setup */
	PROBE_PTRACE = 16,        /* ptrace(PTRACE_ATTACH) */
	PROBE_EXEC = 32,          /* execve */
	PROBE_BPF = 64,           /* bpf(BPF_MAP_CREATE) */
	PROBE_SETUID = 128,       /* setresuid(0,0,0) */
};

/**
 * sandbox_files(who, dirs, n, note, note_len), then sandbox_calls(who): For ever.
 * ${dirs}: directories (descriptors) the process may still open files below.  0 or negative; ${note} gets a spoken downgrade.
 * Landlock holds for the calling thread and those it makes from then on, seccomp for all that there are: a thread is made between the two.
 */
int sandbox_files(enum party who, const int *dirs, size_t n, char *note, size_t note_len)
    __attribute__((warn_unused_result));
int sandbox_calls(enum party who) __attribute__((warn_unused_result));

/** sandbox_check(who, ring_fd, tried): Try every refusal that applies to ${who}; the set of refused ones. */
unsigned sandbox_check(enum party who, int ring_fd, unsigned *tried);

#endif
