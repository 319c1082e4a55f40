/*
 * kernel.c - what the BPF programs cost a process that is not governed: the same work with the programs detached, attached, and detached
 * again, round by round.
 *   kernel [--rounds N] [--without PROGRAM]      without: cg_egress, cg_sockops ..., to see what one of them costs
 * Sockets, ports and processes lie in a network namespace, a mount namespace and a cgroup of its own.  One table on standard output.
 *
 * Each time is the median of many short blocks, so that what else runs on the machine shows little.  Attached is compared with the mean of the two
 * detached halves around it, which cancels drift; the difference between the halves is the resolution.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kern/kern_internal.h"

enum { GOVERNED = 12001, STRANGER = 12003, ROUNDS_MAX = 200, BLOCKS_MAX = 4000, PIECE = 65536, UDP_PORT = 9 };
enum { TCP_CONNECT, UDP_CONNECT, SOCKET, BULK, PING_ONE, PING_TWO, WORKS };

struct phase {
	double ns[WORKS]; /* of one operation */
};

static double block[BLOCKS_MAX];

static void die(const char *what)
{
	fprintf(stderr, "kernel: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (s < 0 || bind(s, (struct sockaddr *)at, sizeof(*at)) < 0 || listen(s, 16) < 0 || getsockname(s, (struct sockaddr *)at, &len) < 0)
		die("listen");
	return s;
}

/* Closed with a reset: no TIME_WAIT is left to fill the table of ports. */
static void drop(int s)
{
	struct linger l = {.l_onoff = 1};
	setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(s);
}

static void pair(int fd[2])
{
	struct sockaddr_in at;
	int one = 1, l = listener(&at);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (fd[0] < 0 || connect(fd[0], (struct sockaddr *)&at, sizeof(at)) < 0 || (fd[1] = accept(l, NULL, NULL)) < 0)
		die("a pair of sockets");
	for (int i = 0; i < 2; i++)
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(l);
}

/* The handshake is done when a blocking connect() on loopback returns, so one thread is enough. */
static double tcp_connect(void)
{
	enum { N = 3000 };
	struct sockaddr_in at;
	int l = listener(&at);
	for (int i = 0; i < N; i++) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		double t = now();
		if (connect(s, (struct sockaddr *)&at, sizeof(at)) < 0)
			die("connect");
		block[i] = now() - t;
		int a = accept(l, NULL, NULL);
		drop(s);
		close(a);
	}
	close(l);
	return median(block, N);
}

/* The same hook with hardly anything around it. */
static double udp_connect(void)
{
	enum { N = 1000, TIMES = 20 };
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(UDP_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < N; i++) {
		double t = now();
		for (int j = 0; j < TIMES; j++)
			if (connect(s, (struct sockaddr *)&at, sizeof(at)) < 0)
				die("connect of a datagram socket");
		block[i] = (now() - t) / TIMES;
	}
	close(s);
	return median(block, N);
}

static double make_socket(void)
{
	enum { N = 1000, TIMES = 10 };
	for (int i = 0; i < N; i++) {
		double t = now();
		for (int j = 0; j < TIMES; j++)
			close(socket(AF_INET, SOCK_STREAM, 0));
		block[i] = (now() - t) / TIMES;
	}
	return median(block, N);
}

static void take(int fd, char *buf, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = recv(fd, buf + got, n - got, 0);
		if (r <= 0)
			die("recv");
		got += (size_t)r;
	}
}

/* One thread sends and then receives: no wake-up hides what a packet costs. */
static double turns(size_t bytes, int blocks, int times, bool back)
{
	static char buf[PIECE];
	int fd[2];
	pair(fd);
	for (int i = -10; i < blocks; i++) { /* the first warm up */
		double t = now();
		for (int j = 0; j < times; j++) {
			if (send(fd[0], buf, bytes, 0) != (ssize_t)bytes)
				die("send");
			take(fd[1], buf, bytes);
			if (back && send(fd[1], buf, bytes, 0) != (ssize_t)bytes)
				die("send");
			if (back)
				take(fd[0], buf, bytes);
		}
		if (i >= 0)
			block[i] = (now() - t) / times;
	}
	close(fd[0]);
	close(fd[1]);
	return median(block, blocks);
}

/* What is usually meant: two processes, woken in turn, on one CPU. */
static double two_processes(void)
{
	enum { N = 400, TIMES = 20 };
	char c = 0;
	int fd[2];
	pair(fd);
	pid_t pid = fork();
	if (pid == 0) {
		close(fd[0]);
		while (recv(fd[1], &c, 1, 0) == 1 && send(fd[1], &c, 1, 0) == 1)
			;
		_exit(0);
	}
	close(fd[1]);
	for (int i = 0; i < N; i++) {
		double t = now();
		for (int j = 0; j < TIMES; j++)
			if (send(fd[0], &c, 1, 0) != 1 || recv(fd[0], &c, 1, 0) != 1)
				die("two processes");
		block[i] = (now() - t) / TIMES;
	}
	close(fd[0]);
	waitpid(pid, NULL, 0);
	return median(block, N);
}

static void measure(struct phase *p)
{
	p->ns[TCP_CONNECT] = tcp_connect();
	p->ns[UDP_CONNECT] = udp_connect();
	p->ns[SOCKET] = make_socket();
	p->ns[BULK] = turns(PIECE, 200, 20, false);
	p->ns[PING_ONE] = turns(1, 400, 50, true);
	p->ns[PING_TWO] = two_processes();
}

/* In the cgroup, as somebody who is not governed, on one CPU. */
static struct phase child(const char *cgroup)
{
	struct phase p = {0};
	int pipes[2], status;
	usleep(500000); /* what loading and freeing left to be done later */
	if (pipe(pipes) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		char path[PATH_MAX];
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
		int fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, "0", 1) != 1 || sched_setaffinity(0, sizeof(one), &one) < 0)
			die(path);
		setpriority(PRIO_PROCESS, 0, -20);
		if (setgid(STRANGER) < 0 || setuid(STRANGER) < 0)
			die("setuid");
		measure(&p);
		if (write(pipes[1], &p, sizeof(p)) != sizeof(p))
			die("write");
		_exit(0);
	}
	close(pipes[1]);
	if (read(pipes[0], &p, sizeof(p)) != sizeof(p))
		die("a measuring child died");
	close(pipes[0]);
	waitpid(pid, &status, 0);
	return p;
}

static struct phase attached(const char *cgroup, const char *without)
{
	static const uint32_t users[] = {GOVERNED};
	static const uint16_t ports[] = {80, 443, 8080, 8443};
	static const char bpffs[] = "/sys/fs/bpf/callgate";
	struct kern_conf c = {.cgroup = cgroup, .bpffs = bpffs, .users = users, .user_count = 1, .ports = ports, .port_count = 4,
	    .port_base = 700, .slots = 2, .generation = 1};
	struct kern *k;
	char why[512], link[PATH_MAX];
	if (kern_setup(&c, why, sizeof(why), &k) < 0) {
		fprintf(stderr, "kernel: %s\n", why);
		exit(1);
	}
	snprintf(link, sizeof(link), "%.4000s/link_%s", k->dir, without);
	kern_release(&k); /* the pins hold the links */
	if (without[0] && unlink(link) < 0)
		die(link);
	struct phase p = child(cgroup);
	if (kern_teardown(bpffs) < 0)
		die("detach");
	return p;
}

static void say(const char *name, double *before, double *on, double *after, int rounds)
{
	double added[ROUNDS_MAX], ratio[ROUNDS_MAX], apart[ROUNDS_MAX], off[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		off[i] = (before[i] + after[i]) / 2;
		added[i] = on[i] - off[i];
		ratio[i] = off[i] / on[i];
		apart[i] = fabs(before[i] - after[i]);
	}
	double base = median(off, rounds), gap = median(apart, rounds);
	printf("%-32s %10.0f %10.0f %10.3f %12.0f ns %.3f\n", name, base, median(added, rounds), median(ratio, rounds), gap, gap / base);
}

static void own_world(char *cgroup, size_t len)
{
	char line[PATH_MAX + 256], root[PATH_MAX] = "";
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	FILE *f = fopen("/proc/self/mountinfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %4095s", root) == 1)
			break;
	if (f)
		fclose(f);
	snprintf(cgroup, len, "%s/callgate-bench-%d", root, (int)getpid());
	int s;
	if (mkdir(cgroup, 0755) < 0)
		die(cgroup);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=700") < 0)
		die("namespaces of its own");
	if ((s = socket(AF_INET, SOCK_DGRAM, 0)) < 0 || ioctl(s, SIOCSIFFLAGS, &lo) < 0)
		die("loopback");
	close(s);
}

int main(int argc, char **argv)
{
	static const char *const names[WORKS] = {"connect(), TCP, loopback", "connect(), UDP", "socket() and close()",
	    "bulk, 64 KiB, one thread", "1-byte ping-pong, one thread", "1-byte ping-pong, two processes"};
	static double v[WORKS][3][ROUNDS_MAX];
	static const struct option options[] = {{"rounds", required_argument, NULL, 'r'}, {"without", required_argument, NULL, 'w'}, {0}};
	char cgroup[PATH_MAX + 64];
	int rounds = 12, c;
	const char *without = "";
	while ((c = getopt_long(argc, argv, "", options, NULL)) == 'r' || c == 'w')
		if (c == 'r')
			rounds = atoi(optarg);
		else
			without = optarg;
	if (c != -1 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: kernel [--rounds 1..%d] [--without PROGRAM]\n", ROUNDS_MAX);
		return 2;
	}
	own_world(cgroup, sizeof(cgroup));
	(void)child(cgroup);
	for (int i = 0; i < rounds; i++) {
		struct phase p[3];
		p[0] = child(cgroup);
		p[1] = attached(cgroup, without);
		p[2] = child(cgroup);
		for (int w = 0; w < WORKS; w++)
			for (int k = 0; k < 3; k++)
				v[w][k][i] = p[k].ns[w];
		fprintf(stderr, "bench-kernel: round %d of %d\n", i + 1, rounds);
	}
	rmdir(cgroup);
	printf("%-32s %10s %10s %10s %15s\n", "", "detached", "added ns", "throughput", "resolution");
	for (int w = 0; w < WORKS; w++)
		say(names[w], v[w][0], v[w][1], v[w][2], rounds);
	return 0;
}
