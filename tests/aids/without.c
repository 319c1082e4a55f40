/*
 * without.c - run a command in which one system call fails: without bpf|io_uring_setup|landlock_create_ruleset COMMAND...
 * Stands for a machine where an administrator switched the feature off.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const struct {
		const char *name;
		long nr;
	} calls[] = {{"bpf", SYS_bpf}, {"io_uring_setup", SYS_io_uring_setup}, {"landlock_create_ruleset", SYS_landlock_create_ruleset}};
	size_t i = 0, n = sizeof(calls) / sizeof(calls[0]);

	while (argc > 2 && i < n && strcmp(calls[i].name, argv[1]) != 0)
		i++;
	if (argc < 3 || i == n) {
		fprintf(stderr, "without: which call?\n");
		return 2;
	}
	struct sock_filter f[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].nr, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(f) / sizeof(f[0]), .filter = f};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("without");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
