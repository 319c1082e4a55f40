/*
 * kernel.c - what the BPF programs cost a process that is not governed: the same work with the programs detached, attached, and detached
 * again, round by round.  While they are attached an agent runs, and the work is done twice: in a cgroup apart from the agent's, as a service of the
 * machine or another user, and beside the agent in the same cgroup, where the egress hook sits (kern_net.c).  Once more it is done with nothing but
 * an empty program as egress hook: the least that any program costs that sees every packet.
 *   kernel --cgroup DIR [--rounds N] [--without PROGRAM]      without: cg_connect4, cg_sockops ..., to see what one of them costs
 * DIR has agents/ and others/; kernel.sh makes it, and the namespaces around it.  One table on standard output.
 *
 * Each time is the median of many short blocks, and a round is short too, so that what else runs on the machine shows little.  Attached is compared
 * with the mean of the two detached parts around it, which cancels drift; the difference between these, over the root of the number of rounds, is the
 * resolution.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kern/kern_internal.h"

enum { GOVERNED = 12001, STRANGER = 12003, ROUNDS_MAX = 200, BLOCKS_MAX = 4000, PIECE = 65536, UDP_PORT = 9 };
enum { TCP_CONNECT, UDP_CONNECT, SOCKET, BULK, PING_ONE, PING_TWO, DATAGRAM, WORKS };
enum { BEFORE, APART, BESIDE, EMPTY, AFTER, PHASES };

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
	enum { N = 600 };
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
	enum { N = 200, TIMES = 20 };
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
	enum { N = 200, TIMES = 10 };
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
	enum { N = 100, TIMES = 20 };
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

/* One datagram of one byte, there and not back. */
static double datagrams(void)
{
	enum { N = 100, TIMES = 50 };
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	char c = 0;
	int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(to, (struct sockaddr *)&at, len) < 0 || getsockname(to, (struct sockaddr *)&at, &len) < 0 || connect(from, (struct sockaddr *)&at, len) < 0)
		die("datagram sockets");
	for (int i = 0; i < N; i++) {
		double t = now();
		for (int j = 0; j < TIMES; j++)
			if (send(from, &c, 1, 0) != 1 || recv(to, &c, 1, 0) != 1)
				die("datagrams");
		block[i] = (now() - t) / TIMES;
	}
	close(to);
	close(from);
	return median(block, N);
}

static void measure(struct phase *p)
{
	p->ns[TCP_CONNECT] = tcp_connect();
	p->ns[UDP_CONNECT] = udp_connect();
	p->ns[SOCKET] = make_socket();
	p->ns[BULK] = turns(PIECE, 60, 20, false);
	p->ns[PING_ONE] = turns(1, 100, 50, true);
	p->ns[PING_TWO] = two_processes();
	p->ns[DATAGRAM] = datagrams();
}

static void enter(const char *cgroup, const char *below)
{
	char path[PATH_MAX + 128];
	snprintf(path, sizeof(path), "%s/%s/cgroup.procs", cgroup, below);
	int fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

/* In a cgroup, as somebody who is not governed, on one CPU. */
static struct phase child(const char *cgroup, const char *below)
{
	struct phase p = {0};
	int pipes[2], status;
	usleep(200000); /* what loading and freeing left to be done later */
	if (pipe(pipes) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(0, &one);
		enter(cgroup, below);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			die("sched_setaffinity");
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

static pid_t agent(const char *cgroup)
{
	int ready[2];
	char c;
	if (pipe(ready) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter(cgroup, "agents");
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		die("an agent");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void detach_one(const struct kern *k, const char *prog)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/link_%.40s", k->dir, prog);
	int link = bpf_obj_get(path);
	if (link < 0 || bpf_link_detach(link) < 0)
		die(path);
	close(link);
}

static void attached(const char *cgroup, const char *without, struct phase p[PHASES])
{
	static const uint32_t users[] = {GOVERNED};
	static const uint16_t ports[] = {80, 443, 8080, 8443};
	static const char bpffs[] = "/sys/fs/bpf/callgate";
	struct kern_conf c = {.cgroup = cgroup, .bpffs = bpffs, .users = users, .user_count = 1, .ports = ports, .port_count = 4,
	    .port_base = 700, .slots = 2, .generation = 1};
	struct kern *k;
	char why[512];
	if (kern_setup(&c, why, sizeof(why), &k) < 0) {
		fprintf(stderr, "kernel: %s\n", why);
		exit(1);
	}
	pid_t pid = agent(cgroup);
	if (kern_mark(k, (uint32_t)pid, 1, CG_CLASS_AGENT, 1) < 0)
		die("the agent's mark");
	if (without[0])
		detach_one(k, without);
	p[APART] = child(cgroup, "others");
	p[BESIDE] = child(cgroup, "agents");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kern_release(&k);
	if (kern_teardown(bpffs) < 0)
		die("detach");
}

static struct phase with_empty_program(const char *cgroup)
{
	struct bpf_insn pass[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_CGROUP_INET_EGRESS);
	int prog = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "empty", "GPL", pass, 2, &opts);
	int dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int link = bpf_link_create(prog, dir, BPF_CGROUP_INET_EGRESS, NULL);
	if (link < 0)
		die("an empty program");
	struct phase p = child(cgroup, "others");
	close(link);
	close(prog);
	close(dir);
	return p;
}

static void say(const char *name, double v[PHASES][ROUNDS_MAX], int rounds)
{
	enum { ON = AFTER - APART };
	double added[ON][ROUNDS_MAX], ratio[ON][ROUNDS_MAX], gap[ROUNDS_MAX], off[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		off[i] = (v[BEFORE][i] + v[AFTER][i]) / 2;
		gap[i] = fabs(v[BEFORE][i] - v[AFTER][i]);
		for (int w = 0; w < ON; w++) {
			added[w][i] = v[APART + w][i] - off[i];
			ratio[w][i] = off[i] / v[APART + w][i];
		}
	}
	double base = median(off, rounds), between = median(gap, rounds) / sqrt(rounds);
	printf("%-32s %9.0f", name, base);
	for (int w = 0; w < ON; w++)
		printf(" %9.0f %9.3f", median(added[w], rounds), median(ratio[w], rounds));
	printf(" %8.0f %8.3f\n", between, between / base);
}

int main(int argc, char **argv)
{
	static const char *const names[WORKS] = {"connect(), TCP, loopback", "connect(), UDP", "socket() and close()",
	    "bulk, 64 KiB, one thread", "1-byte ping-pong, one thread", "1-byte ping-pong, two processes",
	    "1-byte datagram, one thread"};
	static double v[WORKS][PHASES][ROUNDS_MAX];
	static const struct option options[] = {{"cgroup", required_argument, NULL, 'c'}, {"rounds", required_argument, NULL, 'r'}, {"without", required_argument, NULL, 'w'}, {0}};
	int rounds = 40, c;
	const char *cgroup = NULL, *without = "";
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1 && c != '?')
		if (c == 'c')
			cgroup = optarg;
		else if (c == 'r')
			rounds = atoi(optarg);
		else
			without = optarg;
	if (c != -1 || !cgroup || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: kernel --cgroup DIR [--rounds 1..%d] [--without PROGRAM]\n", ROUNDS_MAX);
		return 2;
	}
	(void)child(cgroup, "others");
	for (int i = 0; i < rounds; i++) {
		struct phase p[PHASES];
		p[BEFORE] = child(cgroup, "others");
		attached(cgroup, without, p);
		p[EMPTY] = with_empty_program(cgroup);
		p[AFTER] = child(cgroup, "others");
		for (int w = 0; w < WORKS; w++)
			for (int k = 0; k < PHASES; k++)
				v[w][k][i] = p[k].ns[w];
		fprintf(stderr, "bench-kernel: round %d of %d\n", i + 1, rounds);
	}
	printf("%-32s %9s %19s %19s %19s %17s\n%-32s %9s", "", "detached", "apart from agents", "beside an agent", "an empty program", "resolution", "ns", "");
	for (int w = APART; w < AFTER; w++)
		printf(" %9s %9s", "added", "ratio");
	puts("");
	for (int w = 0; w < WORKS; w++)
		say(names[w], v[w], rounds);
	return 0;
}
