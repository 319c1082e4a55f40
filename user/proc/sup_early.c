/*
 * sup_early.c - sockets that were open before the hooks were, or before their process was known to be an agent: a connection that would have gone to a
 * worker is ended, what else an agent holds is labelled, so that its packets are checked.  Such a process connects again, and then it is seen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

enum { SOON_MS = 200, EARLY_MS = 15000, SETTLE_MS = 2000, SETTLE_MOST_MS = 8000, REST = 4 };

struct peer {
	uint8_t addr[16];
	uint16_t port; /* host order; 0: not connected */
};

static bool peer_of(int fd, struct peer *p)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t len = sizeof(a);
	*p = (struct peer){.port = 0};
	if (getpeername(fd, &a.sa, &len) < 0)
		return false;
	if (a.sa.sa_family == AF_INET) {
		p->addr[10] = p->addr[11] = 0xff;
		memcpy(p->addr + 12, &a.v4.sin_addr, 4);
		p->port = ntohs(a.v4.sin_port);
	} else if (a.sa.sa_family == AF_INET6) {
		memcpy(p->addr, &a.v6.sin6_addr, 16);
		p->port = ntohs(a.v6.sin6_port);
	}
	return p->port != 0;
}

static int option(int fd, int what)
{
	int v = -1;
	socklen_t len = sizeof(v);
	return getsockopt(fd, SOL_SOCKET, what, &v, &len) < 0 ? -1 : v;
}

/* A reset where the kernel lets it; else no more is sent or read. */
static void cut(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	if (connect(fd, &none, sizeof(none)) < 0)
		(void)shutdown(fd, SHUT_RDWR);
}

static void look_at(struct sup *s, const struct kern_conf *conf, int fd, bool agent)
{
	int family = option(fd, SO_DOMAIN);
	struct peer p;
	if (family != AF_INET && family != AF_INET6)
		return;
	bool connected = peer_of(fd, &p);
	bool stream = option(fd, SO_TYPE) == SOCK_STREAM, tcp = stream && option(fd, SO_PROTOCOL) == IPPROTO_TCP;
	bool full = agent || conf->scope != CG_SCOPE_AGENTS;
	/* Of MPTCP and SCTP, which agents get none, a label sees not all packets. */
	bool ends = connected && ((agent && stream && !tcp) || (stream && !kern_redirected(s->kern, fd) && kern_wants(s->kern, conf, p.addr, p.port, full)));
	if (ends) {
		cut(fd);
		s->early_cut++;
	}
	if (agent && (!ends || !tcp)) {
		int r = kern_label(s->kern, fd, p.addr, tcp ? p.port : 0);
		s->early_labelled += r == 1;
		if (r < 0)
			log_warning("a socket that an agent opened before it was known as one cannot be labelled: %s", strerror(-r));
	}
}

static void look_through(struct sup *s, const struct kern_conf *conf, const char *pid, bool agent)
{
	char path[300], link[64];
	struct dirent *e;
	int process = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *d = process < 0 ? NULL : opendir(path);
	while (d && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		if (n < 7 || memcmp(link, "socket:", 7) != 0)
			continue;
		int fd = (int)syscall(SYS_pidfd_getfd, process, atoi(e->d_name), 0);
		if (fd < 0)
			continue;
		look_at(s, conf, fd, agent);
		close(fd);
	}
	if (d)
		closedir(d);
	fd_close(&process);
}

/* The real uid; -1 when the process has gone. */
static long uid_of(const char *pid)
{
	char path[300];
	struct buf text = {0};
	long uid = -1;
	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	if (fd_slurp(AT_FDCWD, path, 65536, &text) == 0 && buf_put(&text, view_of("", 1)) == 0) {
		const char *at = strstr((const char *)buf_view(&text).p, "\nUid:");
		uid = at ? strtol(at + 5, NULL, 10) : -1;
	}
	buf_free(&text);
	return uid;
}

static bool governed(const struct sup *s, long uid)
{
	for (size_t i = 0; i < s->conf.user_count; i++)
		if (uid == (long)s->conf.users[i])
			return true;
	return uid > 0 && s->conf.scope == CG_SCOPE_ALL && (s->path.uids < 0 || uid < s->path.uids || uid >= s->path.uids + P_COUNT);
}

static bool ours(const struct sup *s, pid_t pid)
{
	for (size_t i = 0; i < s->children; i++)
		if (s->child[i].pid == pid)
			return true;
	return pid == getpid();
}

/* Where the hooks are not attached, nothing is ours to end: "0::/user.slice/..." against the end of DIR in --cgroup DIR. */
static bool below_hooks(const struct sup *s, const char *pid)
{
	char path[300];
	struct buf text = {0};
	bool below = false;
	if (!s->path.cgroup)
		return true;
	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	if (fd_slurp(AT_FDCWD, path, 65536, &text) == 0 && buf_put(&text, view_of("", 1)) == 0) {
		const char *all = (const char *)buf_view(&text).p, *line = strncmp(all, "0::", 3) == 0 ? all : strstr(all, "\n0::");
		line = line ? strchr(line, '/') : NULL;
		for (const char *end = strchr(s->path.cgroup, '/'); line && end && end[1] && !below; end = strchr(end + 1, '/')) {
			size_t len = strlen(end);
			below = strncmp(line, end, len) == 0 && (line[len] == '/' || line[len] == '\n');
		}
	}
	buf_free(&text);
	return below;
}

static bool among(const struct sup_fresh *f, uint32_t tgid, uint32_t root)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->root[i] == tgid || (root && f->root[i] == root))
			return true;
	return f->count == SUP_FRESH && root;
}

/* Every process; or those of these trees alone. */
static void walk(struct sup *s, const struct sup_fresh *only)
{
	struct kern_conf conf;
	struct dirent *e;
	uint64_t labelled = s->early_labelled;
	DIR *d = opendir("/proc");
	sup_kern_settings(s, &conf);
	while (d && (e = readdir(d))) {
		uint32_t tgid = (uint32_t)strtoul(e->d_name, NULL, 10), root;
		if (!tgid || ours(s, (pid_t)tgid))
			continue;
		root = kern_agent(s->kern, tgid);
		bool agent = only ? among(only, tgid, root) : root != 0;
		if ((agent || (!only && governed(s, uid_of(e->d_name)))) && below_hooks(s, e->d_name))
			look_through(s, &conf, e->d_name, agent);
	}
	if (d)
		closedir(d);
	/* Also what a thread of its own table of files holds, which is not seen from here: that gets a label there. */
	if (kern_net_check(s->kern, s->early_labelled != labelled) < 0)
		log_error("packets of sockets that agents opened before they were known as such may leave unseen");
}

static void sweep(void *arg)
{
	struct sup *s = arg;
	uint64_t before = s->early_cut;
	walk(s, NULL);
	if (s->early_cut != before)
		log_notice("%llu connections that were open before the gate were ended", (unsigned long long)(s->early_cut - before));
}

static void sweep_fresh(void *arg)
{
	struct sup *s = arg;
	struct sup_fresh these = s->fresh;
	struct mono began = mono_now();
	uint64_t before = s->early_cut;
	s->fresh.count = 0;
	walk(s, &these);
	s->fresh.not_before = mono_after_ms(mono_now(), REST * mono_since_us(began, mono_now()) / 1000);
	if (s->early_cut != before)
		log_notice("%llu connections that agents had opened before they were known as such were ended", (unsigned long long)(s->early_cut - before));
}

void sup_early_marked(struct sup *s, uint32_t root)
{
	/* Too many at once are all of them. */
	if (s->fresh.count < SUP_FRESH)
		s->fresh.root[s->fresh.count++] = root;
	struct mono now = mono_now();
	/* Behind the other marks that wait here; and somebody who starts agents all the time does not keep us at it all the time. */
	if (pump_timer(s->pump, now.ns > s->fresh.not_before.ns ? now : s->fresh.not_before, sweep_fresh, s))
		log_error("what an agent opened before it was known as one cannot be looked for");
}

void sup_early_soon(struct sup *s)
{
	if (mono_since_us(s->began, mono_now()) / 1000 > EARLY_MS)
		return;
	if (pump_timer(s->pump, mono_after_ms(mono_now(), SOON_MS), sweep, s))
		log_error("sockets from before the start cannot be looked for");
}

/* Connections that a worker has not accepted yet. */
static bool anybody_waits(const struct sup *s)
{
	bool any = false;
	for (size_t i = 0; i < 2 * (size_t)s->conf.workers; i++) {
		const int fds[] = {s->listen4[i], s->listen6[i]};
		for (size_t f = 0; f < 2; f++) {
			struct tcp_info info = {0};
			socklen_t len = sizeof(info);
			/* For a listener, what is unacknowledged is what waits. */
			any |= fds[f] >= 0 && getsockopt(fds[f], IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_unacked;
		}
	}
	return any;
}

/* The first seconds: callgate-admin and callgate-ident tell what they know, and workers take those who came through the earlier programs. */
void sup_early_settle(struct sup *s)
{
	uint64_t ready = 0;
	for (size_t i = 0; i < s->children; i++) {
		uint64_t since = s->child[i].life == LIFE_READY ? mono_since_us(s->child[i].started, mono_now()) / 1000 : 0;
		ready = i == 0 || since < ready ? since : ready;
	}
	if (ready < SETTLE_MS || (ready < SETTLE_MOST_MS && anybody_waits(s)))
		return;
	sweep(s);
	kern_settle(s->kern);
}
