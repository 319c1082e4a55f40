/*
 * sup_child.c - start a child with its own uid and nothing else, notice its end, start it again.
 * No other process restarts anything.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

enum { QUICK_MS = 1000, QUICK_MAX = 5, PAUSE_MS = 1000, MEMLOCK = 8 << 20 };

/* The capabilities a party keeps: reading /proc of every user is what callgate-ident is for. */
static uint64_t party_caps(enum party p)
{
	return p == P_IDENT ? 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH : 0;
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];

	for (int i = 0; i < 2; i++) {
		uint32_t half = (uint32_t)(caps >> (32 * i));
		d[i] = (struct __user_cap_data_struct){.effective = half, .permitted = half, .inheritable = half};
	}
	if (syscall(SYS_capset, &h, d) < 0)
		return -errno;
	for (unsigned i = 0; i < 64; i++)
		if ((caps & 1ull << i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	return 0;
}

/* In the child, between fork and exec: only async-signal-safe work and exits with a status that names the step. */
static void __attribute__((noreturn)) become(struct sup *s, const struct sup_child *c, uid_t uid, int edge, int binary)
{
	char slot[16], pid[16];
	char *argv[] = {NULL, slot, NULL}, *env[] = {NULL};
	uint64_t caps = party_caps(c->party);
	char name[64];

	snprintf(name, sizeof(name), "%s", party_name(c->party));
	argv[0] = name;
	snprintf(slot, sizeof(slot), "%u", c->slot);
	int len = snprintf(pid, sizeof(pid), "%d", getpid());
	int procs = openat(s->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (procs < 0 || write(procs, pid, (size_t)len) < 0)
		_exit(101);
	if (edge == 3) {
		if (fcntl(3, F_SETFD, 0) < 0)
			_exit(102);
	} else if (dup2(edge, 3) < 0) {
		_exit(102);
	}
	/* Close on exec rather than now: the binary itself is one of them. */
	if (syscall(SYS_close_range, 4, ~0u, 1u << 2) < 0)
		_exit(103);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Marking an agent must not wait behind what users have the processors do; everything else is work like any other. */
	if (c->party != P_IDENT)
		(void)setpriority(PRIO_PROCESS, 0, s->nice);
	for (unsigned i = 0; i < 64; i++)
		if (!(caps & 1ull << i))
			(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* numbers beyond the last capability fail */
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0)
		_exit(104);
	if (prctl(PR_SET_KEEPCAPS, caps ? 1 : 0, 0, 0, 0) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(105);
	if (set_caps(caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(106);
	/* When callgated dies its children have nobody to serve. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		_exit(107);
	/* By descriptor: the new uid need not be able to walk to it. */
	execveat(binary, "", argv, env, AT_EMPTY_PATH);
	_exit(108);
}

static void on_frame(void *arg, int fd, short what)
{
	struct sup_child *c = arg;
	(void)fd;
	(void)what;
	sup_serve(c->sup, c);
}

static void start_again(void *arg);

static void start_later(struct sup_child *c)
{
	if (pump_timer(c->sup->pump, mono_after_ms(mono_now(), PAUSE_MS), start_again, c))
		log_error("%s[%u] cannot be scheduled to start again", party_name(c->party), c->slot);
}

static void start_again(void *arg)
{
	struct sup_child *c = arg;
	if (c->sup->stopping || c->life != LIFE_NONE)
		return;
	if (sup_child_start(c->sup, c))
		start_later(c);
}

static void worker_gone(struct sup *s, const struct sup_child *c)
{
	if (s->kern)
		kern_dead(s->kern, c->slot);
	sup_netns_lost(s, c);
	for (size_t i = 0; i < SUP_RINGS; i++)
		if (s->ring[i].id && s->ring[i].live && s->ring[i].slot == c->slot)
			s->ring[i].live = false;
}

static void on_end(void *arg, int fd, short what)
{
	struct sup_child *c = arg;
	struct sup *s = c->sup;
	int status = 0;

	(void)fd;
	(void)what;
	if (waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	if (c->party == P_PROXY)
		worker_gone(s, c);
	pump_del(s->pump, c->pidfd);
	fd_close(&c->pidfd);
	if (c->edge.fd >= 0)
		pump_del(s->pump, c->edge.fd);
	edge_close(&c->edge);
	bool early = c->life == LIFE_STARTING;
	c->life = LIFE_NONE;
	if (s->stopping)
		return;
	if (WIFSIGNALED(status))
		log_warning("%s[%u] was ended by signal %d; it is started again", party_name(c->party), c->slot, WTERMSIG(status));
	else
		log_warning("%s[%u] ended with status %d; it is started again", party_name(c->party), c->slot, WEXITSTATUS(status));
	c->restarts++;
	s->restarts++;
	c->quick = early || mono_since_us(c->started, mono_now()) < QUICK_MS * 1000 ? c->quick + 1 : 0;
	if (c->quick < QUICK_MAX)
		start_again(c);
	else
		start_later(c);
}

int sup_child_start(struct sup *s, struct sup_child *c)
{
	char binary[PATH_MAX], why[256];
	int fd[2];
	uid_t uid;

	snprintf(binary, sizeof(binary), "%s/%s", s->path.libexec, party_name(c->party));
	int r = sup_uid(s, c->party, &uid, why, sizeof(why));
	if (r) {
		log_error("%s", why);
		return r;
	}
	int file = open(binary, O_PATH | O_CLOEXEC);
	if (file < 0) {
		log_error("%s: %s: name its directory with --libexec", binary, strerror(errno));
		return -ENOENT;
	}
	if ((r = edge_pair(fd))) {
		close(file);
		return r;
	}
	pid_t pid = fork();
	if (pid < 0) {
		r = -errno;
		close(fd[0]);
		close(fd[1]);
		close(file);
		return r;
	}
	if (pid == 0)
		become(s, c, uid, fd[1], file);
	close(fd[1]);
	close(file);
	c->pid = pid;
	c->life = LIFE_STARTING;
	c->started = mono_now();
	edge_init(&c->edge, fd[0], P_SUP, c->party, c->slot);
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (c->pidfd < 0)
		return -errno;
	fcntl(c->pidfd, F_SETFD, FD_CLOEXEC);
	if ((r = pump_add(s->pump, c->pidfd, POLLIN, on_end, c)) || (r = pump_add(s->pump, fd[0], POLLIN, on_frame, c)))
		return r;
	return sup_plumb(s, c);
}

struct sup_child *sup_child_find(struct sup *s, enum party p, uint32_t slot)
{
	for (size_t i = 0; i < s->children; i++)
		if (s->child[i].party == p && s->child[i].slot == slot)
			return &s->child[i];
	return NULL;
}

void sup_child_stop(struct sup *s, enum party p)
{
	for (size_t i = 0; i < s->children; i++) {
		struct sup_child *c = &s->child[i];
		if (c->party != p || c->life == LIFE_NONE || c->life == LIFE_STOPPING)
			continue;
		c->life = LIFE_STOPPING;
		if (edge_send(&c->edge, M_STOP, 0, view_of(NULL, 0), -1))
			kill(c->pid, SIGTERM);
	}
}
