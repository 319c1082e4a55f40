/*
 * sandbox.tbl.h - the system calls of each process after its sandbox is on.
 * ROW(set of parties, call) allows it; RULE(set, call, argument number, mask, value) allows it when (argument & mask) == value.
 * Several rules of one call are alternatives.  Everything else is EPERM.
 */
#define ANY MSG_ALL
#define A MSG_P(P_ADMIN)
#define I MSG_P(P_IDENT)
#define W MSG_P(P_PROXY)
#define V MSG_P(P_VAULT)
#define L MSG_P(P_AUDIT)
#define F MSG_P(P_FETCH)

ROW(ANY, read)
ROW(ANY, write)
ROW(ANY, writev)
ROW(ANY, readv)
ROW(ANY, close)
ROW(ANY, fstat)
ROW(ANY, lseek)
ROW(ANY, munmap)
ROW(ANY, mremap)
ROW(ANY, madvise)
ROW(ANY, brk)
ROW(ANY, rt_sigreturn)
ROW(ANY, rt_sigaction)
ROW(ANY, rt_sigprocmask)
ROW(ANY, sigaltstack)
ROW(ANY, exit)
ROW(ANY, exit_group)
ROW(ANY, futex)
ROW(ANY, clock_gettime)
ROW(ANY, clock_nanosleep)
ROW(ANY, nanosleep)
ROW(ANY, restart_syscall)
ROW(ANY, getrandom)
ROW(ANY, getpid)
ROW(ANY, gettid)
ROW(ANY, getuid)
ROW(ANY, geteuid)
ROW(ANY, tgkill)
ROW(ANY, sched_yield)
ROW(ANY, poll)
ROW(ANY, ppoll)
ROW(ANY, sendmsg)
ROW(ANY, recvmsg)
ROW(ANY, mlock)
ROW(ANY, mlock2)
ROW(ANY, munlock)
/* Memory becomes code nowhere. */
RULE(ANY, mmap, 2, PROT_EXEC, 0)
RULE(ANY, mprotect, 2, PROT_EXEC, 0)
RULE(ANY, fcntl, 1, ~0u, F_GETFD)
RULE(ANY, fcntl, 1, ~0u, F_SETFD)
RULE(ANY, fcntl, 1, ~0u, F_GETFL)
RULE(ANY, fcntl, 1, ~0u, F_SETFL)
RULE(ANY, fcntl, 1, ~0u, F_GET_SEALS)
RULE(ANY, fcntl, 1, ~0u, F_ADD_SEALS)
/* glibc's fstat() on some versions: an empty path on a descriptor */
RULE(ANY & ~(I | V | L | F), newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH)

/* the worker: streams and one map look-up by descriptor */
RULE(W, socket, 0, ~0u, AF_INET)
RULE(W, socket, 0, ~0u, AF_INET6)
ROW(W, connect)
ROW(W, setsockopt)
ROW(W | A, getsockopt)
ROW(W, getsockname)
ROW(W, getpeername)
ROW(W, shutdown)
ROW(W, io_uring_enter)
ROW(W, io_uring_register)
RULE(W, bpf, 0, ~0u, BPF_MAP_LOOKUP_ELEM)

/* the control socket, and who is at the other end of it */
ROW(A, accept4)
ROW(A, accept)
ROW(A, recvfrom)
ROW(A, sendto)
ROW(A, shutdown)
ROW(A, pidfd_open)
RULE(A, pidfd_send_signal, 1, ~0u, 0)

/* sealed files to hand out */
ROW(A | L | V, memfd_create)
ROW(A | L | V, ftruncate)

/* own directories; landlock says which */
ROW(V | L, openat)
ROW(V | L, unlinkat)
ROW(V | L, renameat)
ROW(V | L, renameat2)
ROW(V | L, fsync)
ROW(V | L, fdatasync)
ROW(V | L, getdents64)
ROW(V | L, newfstatat)
ROW(V | L, statx)
ROW(V | L, pread64)
ROW(V | L, pwrite64)
ROW(L, adjtimex) /* to read it: the right to set the clock is gone */
ROW(L, linkat)
ROW(L, fallocate)
ROW(L, fchmod)
ROW(I | L, fstatfs)
ROW(L, mkdirat)
ROW(L, fchown)
ROW(V, memfd_secret)
ROW(V, fchmod)

/* /proc, for reading only */
RULE(I, openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)
ROW(I, readlinkat)
ROW(I, setitimer) /* ends a look that takes too long */
ROW(I, newfstatat)
ROW(I, statx)
ROW(I, getdents64)
ROW(I, pread64)

/* errands into the network, each in a process of its own; files for reading, landlock says where */
RULE(F, socket, 0, ~0u, AF_INET)
RULE(F, socket, 0, ~0u, AF_INET6)
ROW(F, connect)
ROW(F, setsockopt)
ROW(F, getsockopt)
ROW(F, getsockname)
ROW(F, getpeername)
ROW(F, shutdown)
ROW(F, recvfrom)
ROW(F, sendto)
ROW(F, sendmmsg)
RULE(F, ioctl, 1, ~0u, FIONREAD)
RULE(F, openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)
ROW(F, newfstatat)
ROW(F, uname)
ROW(F, pipe2)
ROW(F, clone)
ROW(F, clone3)
ROW(F, set_robust_list)
ROW(F, rseq)
ROW(F, wait4)
ROW(F, kill)
ROW(F, getppid)
ROW(F, close_range)
RULE(F, prctl, 0, ~0u, PR_SET_PDEATHSIG)
RULE(F, prctl, 0, ~0u, PR_SET_NAME)

#ifdef CG_SANITIZED
/* What the sanitizer's run time does at start of a report and at exit. */
ROW(ANY, clone)
ROW(ANY, clone3)
ROW(ANY, wait4)
ROW(ANY, prctl)
ROW(ANY, ptrace)
RULE(ANY, openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)
#ifdef SYS_open /* what the run time itself calls on x86 */
RULE(ANY, open, 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)
ROW(ANY, getdents)
#endif
ROW(ANY, readlink)
ROW(ANY, getdents64)
ROW(ANY, process_vm_readv)
ROW(ANY, prlimit64)
ROW(ANY, set_robust_list)
ROW(ANY, rseq)
ROW(ANY, getppid)
ROW(ANY, uname)
ROW(ANY, sched_getaffinity)
ROW(ANY, kill)
ROW(ANY, mmap)
ROW(ANY, mprotect)
ROW(ANY, dup)
ROW(ANY, dup2)
ROW(ANY, pipe2)
ROW(ANY, newfstatat)
ROW(ANY, ioctl)
#endif
#undef ANY
#undef A
#undef I
#undef W
#undef V
#undef L
#undef F
