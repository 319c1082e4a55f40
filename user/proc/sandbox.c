/* sandbox.c - see sandbox.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/sandbox.h"

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call table for this architecture"
#endif

struct rule {
	uint32_t who;
	int call;
	int arg; /* -1: no condition */
	uint32_t mask, value;
	const char *name;
};

static const struct rule rules[] = {
#define ROW(who, call) {who, SYS_##call, -1, 0, 0, #call},
#define RULE(who, call, arg, mask, value) {who, SYS_##call, arg, mask, value, #call},
#include "proc/sandbox.tbl.h"
#undef ROW
#undef RULE
};

enum { RULES = sizeof(rules) / sizeof(rules[0]) };

/* The low half of argument ${i}: every argument that a rule looks at is an int or an unsigned int. */
static uint32_t arg_at(int i)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)i);
}

/* ${extra}: one more call to allow, or -1.  Only the test passes one, to see that each probe finds its hole. */
static size_t build(enum party who, int extra, struct sock_filter *f)
{
	size_t n = 0;
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	if (extra >= 0) {
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)extra, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < RULES; i++) {
		const struct rule *r = &rules[i];
		if (!(r->who & MSG_P(who)))
			continue;
		if (r->arg < 0) {
			f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 1);
			f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
			continue;
		}
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->call, 0, 5);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, arg_at(r->arg));
		f[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->value, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	return n;
}

static int filter(enum party who, int extra)
{
	static struct sock_filter f[16 + 6 * RULES];
	struct sock_fprog prog = {.len = (unsigned short)build(who, extra, f), .filter = f};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	/* All threads, or an error: a number above 0 is one that could not be brought along. */
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
	return r < 0 ? -errno : r ? -ESRCH : 0;
}

/* All rights of the first landlock version; later rights are added by what the running kernel knows. */
static uint64_t fs_rights(int abi)
{
	uint64_t all = (1ull << 13) - 1;
	if (abi >= 2)
		all |= 1ull << 13; /* refer */
	if (abi >= 3)
		all |= 1ull << 14; /* truncate */
	if (abi >= 5)
		all |= 1ull << 15; /* device ioctl */
	return all;
}

static int allow_below(int ruleset, int dir, uint64_t rights)
{
	struct landlock_path_beneath_attr at = {.allowed_access = rights, .parent_fd = dir};
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &at, 0) < 0 ? -errno : 0;
}

static int landlock(const int *dirs, size_t n, uint64_t rights, char *note, size_t note_len)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 0) {
		snprintf(note, note_len, "no landlock: files are closed by uid only");
		return 0;
	}
	struct landlock_ruleset_attr attr = {.handled_access_fs = fs_rights((int)abi)};
	int rs = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rs < 0)
		return -errno;
	int r = 0;
	for (size_t i = 0; !r && i < n; i++)
		r = allow_below(rs, dirs[i], rights & attr.handled_access_fs);
#ifdef CG_SANITIZED
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!r && proc >= 0)
		r = allow_below(rs, proc, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
	if (proc >= 0)
		close(proc);
#endif
	if (!r && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (!r && syscall(SYS_landlock_restrict_self, rs, 0) < 0)
		r = -errno;
	close(rs);
	return r;
}

/* What a party may do below the directories it was given. */
static uint64_t rights_below(enum party who)
{
	return who == P_FETCH ? LANDLOCK_ACCESS_FS_READ_FILE : ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
}

int sandbox_files(enum party who, const int *dirs, size_t n, char *note, size_t note_len)
{
	note[0] = '\0';
	/* Landlock also forbids looking at processes outside its domain, which is what callgate-ident is for. */
	return who == P_IDENT ? 0 : landlock(dirs, n, rights_below(who), note, note_len);
}

int sandbox_calls(enum party who)
{
	return filter(who, -1);
}

static bool has_network(enum party who)
{
	return who == P_PROXY || who == P_FETCH;
}

/* Each probe: 0 when it went through, else the errno.  None does harm when it does. */
static int probe_open(enum party who)
{
	int fd = open("/etc/passwd", (who == P_IDENT || who == P_FETCH ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int probe_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int probe_uring_setup(void)
{
	/* Allowed, it would fail on its arguments with EFAULT. */
	return syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0;
}

#ifndef CG_SANITIZED
static int probe_ptrace(void)
{
	/* pid 0 does not exist: ESRCH without a sandbox. */
	return ptrace(PTRACE_ATTACH, 0, NULL, NULL) < 0 ? errno : 0;
}
#endif

static int probe_exec(void)
{
	char *none[] = {NULL};
	return execve("/nonexistent/callgate", none, none) < 0 ? errno : 0;
}

static int probe_bpf(void)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	/* An invalid map: EINVAL where the call is allowed. */
	long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return errno;
	close((int)fd);
	return 0;
}

static int probe_setuid(void)
{
	/* -1 changes nothing: success where the call is allowed. */
	return syscall(SYS_setresuid, -1, -1, -1) < 0 ? errno : 0;
}

unsigned sandbox_check(enum party who, int ring_fd, unsigned *tried)
{
	struct probe {
		unsigned bit;
		int result;
	} probes[] = {
	    {PROBE_OPEN, probe_open(who)},
	    {PROBE_SOCKET, has_network(who) ? EPERM : probe_socket()},
	    {PROBE_URING_SETUP, probe_uring_setup()},
#ifndef CG_SANITIZED
	    {PROBE_PTRACE, probe_ptrace()},
#endif
	    {PROBE_EXEC, probe_exec()},
	    {PROBE_BPF, probe_bpf()},
	    {PROBE_SETUID, probe_setuid()},
	};
	unsigned refused = 0;

	(void)ring_fd;
	*tried = 0;
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (probes[i].bit == PROBE_SOCKET && has_network(who))
			continue;
		*tried |= probes[i].bit;
		/* EACCES is landlock's answer, EPERM seccomp's; any other errno means that the kernel looked at the call. */
		if (probes[i].result == EPERM || probes[i].result == EACCES)
			refused |= probes[i].bit;
	}
	return refused;
}
