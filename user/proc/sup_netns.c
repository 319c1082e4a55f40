/*
 * sup_netns.c - a listener in each network namespace whose processes want to be gated.
 * The kernel side refuses the first connection and asks; here the namespace is entered for as long as it takes to listen on its
 * loopback, and a worker gets the listener.  A listener keeps its namespace alive, so it goes when nobody is in there any more.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "proc/sup.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

enum { SWEEP_PAUSE_US = 50000 };

static struct sup_netns *find(struct sup *s, uint64_t cookie)
{
	for (size_t i = 0; i < SUP_NETNS; i++)
		if (s->netns[i].cookie == cookie)
			return &s->netns[i];
	return NULL;
}

size_t sup_netns_count(const struct sup *s)
{
	size_t n = 0;
	for (size_t i = 0; s->netns && i < SUP_NETNS; i++)
		n += s->netns[i].cookie != 0;
	return n;
}

/* ---- entering ---- */

static int open_if(const char *path, ino_t inode)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_ino != inode))
		fd_close(&fd);
	return fd;
}

/* Call ${fn} for each process, until it returns true; its number and the inode of its network namespace. */
static void each_process(bool (*fn)(void *arg, const char *pid, ino_t inode), void *arg)
{
	char path[300];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir("/proc");
	while (d && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "%s/ns/net", e->d_name);
		if (fstatat(dirfd(d), path, &st, 0) == 0 && fn(arg, e->d_name, st.st_ino))
			break;
	}
	if (d)
		closedir(d);
}

struct search {
	ino_t inode;
	int fd;
};

static bool is_it(void *arg, const char *pid, ino_t inode)
{
	struct search *find_it = arg;
	char path[300];
	if (inode != find_it->inode)
		return false;
	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	find_it->fd = open_if(path, inode);
	return find_it->fd >= 0;
}

/* The asker may be gone already; somebody else of its namespace will do. */
static int open_namespace(const struct cg_ask *ask)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/%u/task/%u/ns/net", ask->tgid, ask->tid);
	int fd = open_if(path, ask->inode);
	if (fd >= 0)
		return fd;
	struct search left = {.inode = ask->inode, .fd = -1};
	each_process(is_it, &left);
	return left.fd >= 0 ? left.fd : -ESRCH;
}

static int listen_here(uint16_t port, uint64_t cookie, struct sup_netns *n)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	uint64_t here = 0;
	socklen_t len = sizeof(here);
	int r = sup_listen((struct sockaddr *)&a4, sizeof(a4), &n->listen4);
	if (r)
		return r;
	/* A socket may be of another namespace than the task that connects it. */
	if (getsockopt(n->listen4, SOL_SOCKET, SO_NETNS_COOKIE, &here, &len) < 0 || here != cookie)
		return -ESRCH;
	r = sup_listen((struct sockaddr *)&a6, sizeof(a6), &n->listen6);
	return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL ? 0 : r;
}

static int listen_in(struct sup *s, int ns, uint64_t cookie, struct sup_netns *n)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		return -errno;
	int r = listen_here((uint16_t)(s->conf.port_base + n->slot), cookie, n);
	if (setns(s->home_netns, CLONE_NEWNET) < 0) {
		/* Nothing may be done from a namespace that somebody else made. */
		log_error("cannot return to the own network namespace: %s", strerror(errno));
		abort();
	}
	return r;
}

/* ---- handing over ---- */

static int send_listener(struct sup_child *worker, uint64_t cookie, int fd)
{
	struct m_fd m = {.what = FD_LISTEN_NS, .slot = worker->slot, .ring = cookie};
	return fd < 0 ? 0 : edge_send(&worker->edge, M_FD, 0, view_of(&m, sizeof(m)), fd);
}

/* A worker's full queue is tried again with the next sweep. */
static void hand(struct sup *s, struct sup_netns *n)
{
	struct sup_child *worker = sup_child_find(s, P_PROXY, n->slot);
	if (!worker || worker->life != LIFE_READY)
		return;
	int r = send_listener(worker, n->cookie, n->listen4);
	if (!r)
		r = send_listener(worker, n->cookie, n->listen6);
	if (!r)
		r = kern_netns_add(s->kern, n->cookie, (uint16_t)(s->conf.port_base + n->slot));
	n->handed = r == 0;
	if (r && r != -EAGAIN && r != -ERR_CLOSED)
		log_error("a listener cannot be handed to worker %u: %s", n->slot, err_text(r));
}

void sup_netns_hand(struct sup *s, const struct sup_child *worker)
{
	for (size_t i = 0; s->netns && i < SUP_NETNS; i++)
		if (s->netns[i].cookie && s->netns[i].slot == worker->slot && !s->netns[i].handed)
			hand(s, &s->netns[i]);
}

void sup_netns_lost(struct sup *s, const struct sup_child *worker)
{
	for (size_t i = 0; s->netns && i < SUP_NETNS; i++)
		if (s->netns[i].slot == worker->slot)
			s->netns[i].handed = false;
}

static void let_go(struct sup *s, struct sup_netns *n)
{
	kern_netns_remove(s->kern, n->cookie);
	/* The worker has the same socket: it learns of the end by this. */
	if (n->listen4 >= 0)
		shutdown(n->listen4, SHUT_RDWR);
	if (n->listen6 >= 0)
		shutdown(n->listen6, SHUT_RDWR);
	fd_close(&n->listen4);
	fd_close(&n->listen6);
	*n = (struct sup_netns){.listen4 = -1, .listen6 = -1};
}

static uint32_t next_slot(const struct sup *s)
{
	return (uint32_t)(s->netns_opened % s->conf.workers);
}

static void on_ask(void *arg, const struct cg_ask *ask)
{
	struct sup *s = arg;
	struct stat st;
	struct sup_netns *n = find(s, ask->netns);
	if (n) {
		n->seen = true;
		if (!n->handed)
			hand(s, n);
		return;
	}
	n = find(s, 0);
	/* Some may be empty already; but whoever asks a lot must not keep us looking. */
	if (!n && mono_since_us(s->netns_swept, mono_now()) > SWEEP_PAUSE_US) {
		sup_netns_sweep(s);
		n = find(s, 0);
	}
	if (!n) {
		if (s->netns_full++ == 0)
			log_warning("%d network namespaces have listeners already: agents in further ones are refused", SUP_NETNS);
		return;
	}
	int ns = open_namespace(ask);
	struct sup_netns fresh = {.cookie = ask->netns, .slot = next_slot(s), .listen4 = -1, .listen6 = -1, .seen = true};
	int r = ns < 0 ? ns : fstat(ns, &st) < 0 ? -errno : listen_in(s, ns, ask->netns, &fresh);
	fd_close(&ns);
	if (r) {
		fd_close(&fresh.listen4);
		fd_close(&fresh.listen6);
		s->netns_failed++;
		log_detail("no listener in the network namespace of process %u: %s", ask->tgid, err_text(r));
		return;
	}
	fresh.inode = st.st_ino;
	*n = fresh;
	s->netns_opened++;
	hand(s, n);
}

static void on_readable(void *arg, int fd, short what)
{
	struct sup *s = arg;
	(void)fd;
	(void)what;
	kern_asks_read(s->kern);
}

static bool mark_seen(void *arg, const char *pid, ino_t inode)
{
	struct sup *s = arg;
	(void)pid;
	for (size_t i = 0; i < SUP_NETNS; i++)
		if (s->netns[i].cookie && s->netns[i].inode == inode)
			s->netns[i].seen = true;
	return false;
}

void sup_netns_sweep(struct sup *s)
{
	if (sup_netns_count(s) == 0)
		return;
	s->netns_swept = mono_now();
	each_process(mark_seen, s);
	for (size_t i = 0; i < SUP_NETNS; i++) {
		struct sup_netns *n = &s->netns[i];
		if (!n->cookie)
			continue;
		if (!n->seen) {
			let_go(s, n);
			s->netns_closed++;
			continue;
		}
		n->seen = false;
		if (!n->handed)
			hand(s, n);
	}
}

int sup_netns_begin(struct sup *s)
{
	s->netns = calloc(SUP_NETNS, sizeof(*s->netns));
	s->home_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!s->netns || s->home_netns < 0)
		return s->netns ? -errno : -ENOMEM;
	for (size_t i = 0; i < SUP_NETNS; i++)
		s->netns[i].listen4 = s->netns[i].listen6 = -1;
	int fd = kern_asks_open(s->kern, on_ask, s);
	return fd < 0 ? fd : pump_add(s->pump, fd, POLLIN, on_readable, s);
}

void sup_netns_end(struct sup *s)
{
	for (size_t i = 0; s->netns && i < SUP_NETNS; i++)
		if (s->netns[i].cookie)
			let_go(s, &s->netns[i]);
	free(s->netns);
	s->netns = NULL;
	if (s->home_netns > 0)
		fd_close(&s->home_netns);
}
