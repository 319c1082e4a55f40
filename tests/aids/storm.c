/*
 * storm.c - many short connections, each to an address of its own, and what both ends say of them.
 *
 *   storm serve PORT LOG       the far side: notes of every connection where it was called and what was said, until a signal
 *   storm dial PORT BASE COUNT [OPTIONS]   the clients; prints counts as JSON
 *   storm check LOG PIDS BASE COUNT        audit lines on standard input: is there a record of each, with the right process?
 *   storm backlog PID N        the accept queues of that process's listeners hold N connections from now on
 *
 * Connection i goes to 10.0.0.0 + BASE + i, so that a record belongs to one connection and to no other.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/aids/storm.h"

enum { BLOCKS_MAX = 1 << 20, CLIENTS_MAX = 64, ERRORS = 136, EVENTS = 256, FDS_MAX = 4096 };

/* ---- the far side ---- */

static volatile sig_atomic_t ended;

static void on_signal(int s)
{
	(void)s;
	ended = 1;
}

static void take_all(int ep, int listener)
{
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	}
}

static void hear(int fd, FILE *log)
{
	struct storm_seen seen;
	struct sockaddr_in at, from;
	socklen_t al = sizeof(at), fl = sizeof(from);
	ssize_t n = recv(fd, &seen.word, sizeof(seen.word), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n == (ssize_t)sizeof(seen.word) && seen.word.magic == STORM_MAGIC) {
		getsockname(fd, (struct sockaddr *)&at, &al);
		memset(&from, 0, sizeof(from));
		getpeername(fd, (struct sockaddr *)&from, &fl);
		seen.number = ntohl(at.sin_addr.s_addr) - (uint32_t)STORM_NET;
		seen.peer = from.sin_addr.s_addr;
		fwrite(&seen, sizeof(seen), 1, log);
		if (send(fd, &seen.word, sizeof(seen.word), MSG_NOSIGNAL) == (ssize_t)sizeof(seen.word))
			return;
	}
	close(fd);
}

static int serve(int argc, char **argv)
{
	int one = 1, ep = epoll_create1(EPOLL_CLOEXEC), s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
	struct epoll_event e = {.events = EPOLLIN, .data.fd = s}, got[EVENTS];
	FILE *log = argc > 2 ? fopen(argv[2], "ae") : NULL;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!log || bind(s, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(s, 4096) < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, s, &e) < 0)
		return 2;
	struct sigaction act = {.sa_handler = on_signal};
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	while (!ended) {
		int n = epoll_wait(ep, got, EVENTS, 200);
		if (n == 0)
			fflush(log);
		for (int i = 0; i < n; i++)
			if (got[i].data.fd == s)
				take_all(ep, s);
			else
				hear(got[i].data.fd, log);
	}
	return fclose(log) ? 1 : 0;
}

/* ---- the clients ---- */

struct shared {
	uint64_t tried, ok, reset_by_us, error[ERRORS];
};

struct dial {
	uint16_t port;
	uint32_t base, count, clients, block, rst, ports;
	const char *pids, *last; /* file for the processes; file that ends it when it appears */
	uint32_t *pid_of; /* block -> process */
	struct shared *sum;
};

static bool over(const struct dial *d)
{
	return d->last && access(d->last, F_OK) == 0;
}

static void add(uint64_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void drop(int fd, bool rst)
{
	struct linger at_once = {1, 0};
	if (rst)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* The first port of the client's own that is free. */
static void reuse_port(const struct dial *d, int fd, uint32_t client, uint32_t i)
{
	int one = 1;
	struct sockaddr_in a = {.sin_family = AF_INET};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	a.sin_port = htons((uint16_t)(20000 + client * d->ports + i % d->ports));
	(void)!bind(fd, (struct sockaddr *)&a, sizeof(a)); /* taken: then any port */
}

static void one_connection(const struct dial *d, uint32_t client, uint32_t i, unsigned *seed)
{
	struct sockaddr_in to = storm_addr(d->base + i, d->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), e = 0;
	if (fd < 0)
		return;
	add(&d->sum->tried);
	if (d->ports)
		reuse_port(d, fd, client, i);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		e = errno;
	else if ((uint32_t)(rand_r(seed) % 100) < d->rst) {
		add(&d->sum->reset_by_us);
		drop(fd, true);
		return;
	} else
		e = storm_talk(fd, d->base + i);
	add(e ? &d->sum->error[e < ERRORS ? e : 0] : &d->sum->ok);
	/* Mostly by reset: a port in TIME_WAIT cannot be used again. */
	drop(fd, rand_r(seed) % 20 != 0);
	if (e)
		usleep(2000);
}

/* Each block of connections is a process of its own. */
static void client(const struct dial *d, uint32_t me)
{
	uint32_t per = d->count / d->clients;
	for (uint32_t i = me * per; i < (me + 1) * per; i += d->block) {
		pid_t pid = fork();
		if (pid == 0) {
			unsigned seed = (unsigned)i + 1;
			d->pid_of[i / d->block] = (uint32_t)getpid();
			for (uint32_t j = i; j < i + d->block && j < (me + 1) * per && !over(d); j++)
				one_connection(d, me, j, &seed);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			_exit(1);
		if (over(d))
			break;
	}
	_exit(0);
}

static int options(int argc, char **argv, struct dial *d)
{
	int o;
	optind = 1;
	while ((o = getopt(argc, argv, "c:b:r:p:f:w:")) != -1) {
		uint32_t *const where[] = {['c'] = &d->clients, ['b'] = &d->block, ['r'] = &d->rst, ['p'] = &d->ports};
		if (o == 'f')
			d->pids = optarg;
		else if (o == 'w')
			d->last = optarg;
		else if (o == '?')
			return -1;
		else
			*where[o] = (uint32_t)atoi(optarg);
	}
	return d->clients && d->clients <= CLIENTS_MAX && d->block && d->count / d->block < BLOCKS_MAX ? 0 : -1;
}

static int report(const struct dial *d)
{
	const struct shared *s = d->sum;
	printf("{\"tried\":%llu,\"ok\":%llu,\"reset\":%llu,\"errors\":{", (unsigned long long)s->tried, (unsigned long long)s->ok,
	    (unsigned long long)s->reset_by_us);
	bool first = true;
	for (int e = 0; e < ERRORS; e++)
		if (s->error[e]) {
			printf("%s\"%s\":%llu", first ? "" : ",", e ? strerrorname_np(e) : "other", (unsigned long long)s->error[e]);
			first = false;
		}
	puts("}}");
	FILE *f = d->pids ? fopen(d->pids, "we") : NULL;
	if (!f)
		return d->pids ? 1 : 0;
	fwrite(&d->block, sizeof(d->block), 1, f);
	fwrite(d->pid_of, sizeof(uint32_t), d->count / d->block + 1, f);
	return fclose(f) ? 1 : 0;
}

static int dial(int argc, char **argv)
{
	struct dial d = {.port = (uint16_t)atoi(argv[1]), .base = (uint32_t)atoi(argv[2]), .count = (uint32_t)atoi(argv[3]), .clients = 8, .block = 500};
	int bad = 0;
	if (options(argc - 3, argv + 3, &d))
		return 2;
	d.pid_of = mmap(NULL, sizeof(uint32_t) * BLOCKS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	d.sum = mmap(NULL, sizeof(*d.sum), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (d.pid_of == MAP_FAILED || d.sum == MAP_FAILED)
		return 2;
	d.count -= d.count % (d.clients * d.block); /* whole blocks, so that a block has one process */
	for (uint32_t i = 0; i < d.clients; i++)
		if (fork() == 0)
			client(&d, i);
	for (int status; wait(&status) > 0;)
		bad |= status != 0;
	return bad ? 1 : report(&d);
}

/* ---- the comparison ---- */

struct check {
	uint32_t base, count, block;
	uint32_t *pid_of, *record;
	unsigned long long records, upstream, missing, swapped, twice, lied;
};

static const char *member(const char *line, const char *name)
{
	const char *p = strstr(line, name);
	return p ? p + strlen(name) : NULL;
}

static void read_record(struct check *c, const char *line)
{
	const char *addr = member(line, "\"dst_addr\":\""), *pid = member(line, "\"pid\":");
	struct in_addr in;
	char text[32];
	if (!strstr(line, "\"kind\":\"connection\"") || !addr || !pid || !strchr(addr, '"') || strchr(addr, '"') - addr > 15)
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(strchr(addr, '"') - addr), addr);
	if (inet_pton(AF_INET, text, &in) != 1)
		return;
	uint32_t i = ntohl(in.s_addr) - (uint32_t)STORM_NET - c->base;
	if (i >= c->count)
		return;
	c->records++;
	c->twice += c->record[i] != 0;
	c->record[i] = (uint32_t)strtoul(pid, NULL, 10);
	/* Also of connections that never came to the far side. */
	c->swapped += c->record[i] != c->pid_of[i / c->block];
}

static void read_seen(struct check *c, const struct storm_seen *s)
{
	uint32_t i = s->number - c->base;
	if (i >= c->count)
		return;
	c->upstream++;
	c->lied += s->word.number != s->number || s->word.pid != c->pid_of[i / c->block];
	c->missing += c->record[i] == 0;
	c->swapped += c->record[i] != 0 && c->record[i] != s->word.pid;
}

static int check(int argc, char **argv)
{
	struct check c = {.base = argc > 3 ? (uint32_t)atoi(argv[3]) : 0, .count = argc > 4 ? (uint32_t)atoi(argv[4]) : 0};
	struct storm_seen seen;
	char *line = NULL;
	size_t cap = 0;
	FILE *log = fopen(argv[1], "re"), *pids = fopen(argv[2], "re");
	c.pid_of = calloc(BLOCKS_MAX, sizeof(uint32_t));
	c.record = calloc(c.count ? c.count : 1, sizeof(uint32_t));
	if (!log || !pids || !c.pid_of || !c.record || fread(&c.block, sizeof(c.block), 1, pids) != 1 || !c.block || c.count / c.block >= BLOCKS_MAX)
		return 2;
	if (fread(c.pid_of, sizeof(uint32_t), BLOCKS_MAX, pids) == 0)
		return 2;
	while (getline(&line, &cap, stdin) > 0)
		read_record(&c, line);
	while (fread(&seen, sizeof(seen), 1, log) == 1)
		read_seen(&c, &seen);
	printf("{\"upstream\":%llu,\"records\":%llu,\"missing\":%llu,\"swapped\":%llu,\"twice\":%llu,\"lied\":%llu}\n", c.upstream, c.records,
	    c.missing, c.swapped, c.twice, c.lied);
	return 0;
}

/* ---- the accept queue ---- */

static int backlog(int argc, char **argv)
{
	int pid = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0), changed = 0;
	for (int i = 0; i < FDS_MAX && pid >= 0 && argc > 2; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pid, i, 0), listening = 0, family = 0;
		socklen_t len = sizeof(int), fl = sizeof(int);
		if (fd < 0)
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening &&
		    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &fl) == 0 && family != AF_UNIX)
			changed += listen(fd, atoi(argv[2])) == 0;
		close(fd);
	}
	printf("%d\n", changed);
	return changed ? 0 : 1;
}

static const struct {
	const char *name;
	int args;
	int (*run)(int argc, char **argv);
} verbs[] = {{"serve", 2, serve}, {"dial", 3, dial}, {"check", 4, check}, {"backlog", 2, backlog}};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, argv[1]) == 0 && argc - 2 >= verbs[i].args)
			return verbs[i].run(argc - 1, argv + 1);
	fputs("usage: storm serve PORT LOG | check LOG PIDS BASE COUNT | backlog PID N\n"
	      "       storm dial PORT BASE COUNT [-c CLIENTS] [-b CONNECTIONS PER PROCESS] [-r PERCENT RESET AT ONCE]\n"
	      "                  [-p SOURCE PORTS USED AGAIN AND AGAIN] [-f FILE FOR PIDS] [-w FILE THAT ENDS IT]\n",
	    stderr);
	return 2;
}
