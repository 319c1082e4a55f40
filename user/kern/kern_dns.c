/*
 * kern_dns.c - where the answers of name servers are seen without a cost to other packets: two raw sockets get a copy of every datagram of UDP that
 * comes to this network namespace, and the program that looks at them sits at a cgroup in which nothing else is.
 * Floor: kern.      Source: raw(7), clone(2).      Without this the program sits at the root, and sees every packet of every socket.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "kern/kern_internal.h"

static const char dir_name[] = "callgate-dns";

/* Nobody reads it: until the program is there to drop what it has seen, nothing is kept. */
static int raw(int family)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog drop = {1, &none};
	int s = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (s >= 0 && setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &drop, sizeof(drop)) < 0) {
		int e = errno;
		fd_close(&s);
		errno = e;
	}
	return s;
}

/*
 * A socket is of the cgroup of the process that makes it: that is a child, in there from its birth, with our table of descriptors.  It puts
 * each socket in the place of ${fd}, which is open.  Its end: 0, or an errno.
 */
static int in_child(const int fd[2])
{
	static const int family[2] = {AF_INET, AF_INET6};
	for (int i = 0; i < 2; i++) {
		int s = raw(family[i]);
		if (s < 0 && family[i] == AF_INET6 && errno == EAFNOSUPPORT)
			continue;
		if (s < 0 || dup3(s, fd[i], O_CLOEXEC) < 0)
			return errno;
		close(s);
	}
	return 0;
}

static int open_raw(struct kern *k, int cgroup)
{
	struct clone_args how = {.flags = CLONE_INTO_CGROUP | CLONE_FILES, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
	int status = 0;
	for (int i = 0; i < 2; i++) {
		k->dns[i] = fcntl(cgroup, F_DUPFD_CLOEXEC, 0);
		if (k->dns[i] < 0)
			return -errno;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
	if (pid == 0)
		_exit(in_child(k->dns));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int at_raw(struct kern *k, size_t row)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(k->obj[PART_DNS], "cg_dns_raw");
	if (mkdirat(k->cgroup, dir_name, 0755) < 0 && errno != EEXIST)
		return -errno;
	int dir = openat(k->cgroup, dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? -errno : open_raw(k, dir);
	if (r == 0) {
		/* Not pinned: it is of no use longer than the sockets. */
		k->link[row] = prog ? bpf_program__attach_cgroup(prog, dir) : NULL;
		r = k->link[row] ? 0 : -errno;
		for (int i = 0; r == 0 && i < 2; i++)
			(void)setsockopt(k->dns[i], SOL_SOCKET, SO_DETACH_FILTER, NULL, 0);
	}
	fd_close(&dir);
	return r;
}

int kern_dns_begin(struct kern *k, size_t row, char *why, size_t len)
{
	int r = at_raw(k, row);
	if (r == 0)
		return 0;
	log_warning("DNS answers are looked for among the packets of every socket: %s", err_text(r));
	kern_dns_end(k);
	return kern_pin_hook(k, row, why, len);
}

void kern_dns_end(struct kern *k)
{
	fd_close(&k->dns[0]);
	fd_close(&k->dns[1]);
	if (k->cgroup >= 0)
		(void)unlinkat(k->cgroup, dir_name, AT_REMOVEDIR);
}
