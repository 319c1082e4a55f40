/*
 * bypass.c - one way around the gate: bypass WAY ADDRESS PORT [ADDRESS6 [WORKER_PORT]]
 * Tries to send a few bytes to the address by the way of that name.  Exit 0: they left, as far as this program can tell; 1: refused, by
 * what errno says; 77: this machine has no such way, and why.  bypass list: the ways.  The judge is the counter outside, not this program.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INBOUND_PORT = 7022 };

struct target {
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	char *text;         /* the IPv4 address */
	const char *device; /* that leads to it */
	const char *file;   /* a signal, or a cgroup.procs */
	uint16_t worker;    /* a worker's port */
	int pid;            /* of the service */
};

static struct target at;

enum { PATIENCE_S = 3, WAIT_MS = 700 };

static const char note[] = "way around";

/* Connect and send: 0 or -errno. */
static int try_to(int fd, const struct sockaddr *sa, socklen_t len)
{
	if (fd < 0 || connect(fd, sa, len) < 0)
		return -errno;
	return send(fd, note, sizeof(note), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int tcp(void)
{
	return try_to(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&at.v4, sizeof(at.v4));
}

static int tcp6(void)
{
	return try_to(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&at.v6, sizeof(at.v6));
}

static int udp_connected(void)
{
	return try_to(socket(AF_INET, SOCK_DGRAM, 0), (struct sockaddr *)&at.v4, sizeof(at.v4));
}

static int udp_sendto(sa_family_t family)
{
	struct sockaddr_in to = at.v4;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_family = family;
	return fd < 0 || sendto(fd, note, sizeof(note), 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static int quic(void)
{
	int a = udp_connected(), b = udp_sendto(AF_INET);
	return a && b ? a : 0;
}

static int udp_unspec(void)
{
	return udp_sendto(AF_UNSPEC);
}

static int udp_6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	return fd < 0 || sendto(fd, note, sizeof(note), 0, (struct sockaddr *)&at.v6, sizeof(at.v6)) < 0 ? -errno : 0;
}

static int fast_open(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return fd < 0 || sendto(fd, note, sizeof(note), MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&at.v4, sizeof(at.v4)) < 0 ? -errno : 0;
}

static int kind(int type, int protocol)
{
	return try_to(socket(AF_INET, type, protocol), (struct sockaddr *)&at.v4, sizeof(at.v4));
}

static int multipath(void)
{
	return kind(SOCK_STREAM, 262);
}

static int udp_lite(void)
{
	return kind(SOCK_DGRAM, 136);
}

static int sctp(void)
{
	return kind(SOCK_STREAM, IPPROTO_SCTP);
}

static int dccp(void)
{
	return kind(6 /* SOCK_DCCP */, IPPROTO_DCCP);
}

static int raw(void)
{
	return kind(SOCK_RAW, 253);
}

static int ping(void)
{
	static const uint8_t echo[8] = {8}; /* the kernel fills in the rest */
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at.v4, sizeof(at.v4)) < 0)
		return -errno;
	return send(fd, echo, sizeof(echo), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int smc(void)
{
	return try_to(socket(43 /* AF_SMC */, SOCK_STREAM, 0), (struct sockaddr *)&at.v4, sizeof(at.v4));
}

/* The first family of these that can be had is a way out of sight; none of them has a far side here. */
static int families(void)
{
	static const int all[] = {40 /* vsock */, 30 /* tipc */, 21 /* rds */, 31 /* bluetooth */, 9 /* x25 */};
	int r = -EAFNOSUPPORT;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && r; i++) {
		int fd = socket(all[i], SOCK_STREAM, 0);
		r = fd < 0 ? (errno == EPERM || errno == EACCES ? -errno : r) : 0;
	}
	return r;
}

static int ring_connect(unsigned flags)
{
	struct io_uring_params p = {.flags = flags, .sq_thread_idle = 100};
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int fd = socket(AF_INET, SOCK_STREAM, 0), r = io_uring_queue_init_params(8, &ring, &p);
	if (r < 0)
		return r;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	io_uring_prep_connect(sqe, fd, (struct sockaddr *)&at.v4, sizeof(at.v4));
	io_uring_submit(&ring);
	r = io_uring_wait_cqe(&ring, &cqe);
	r = r ? r : cqe->res;
	return r < 0 ? r : send(fd, note, sizeof(note), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int ring(void)
{
	return ring_connect(0);
}

static int ring_sqpoll(void)
{
	return ring_connect(IORING_SETUP_SQPOLL);
}

/* Loose source route: the packet goes to the hop, the hook saw the end. */
static int source_route(void)
{
	uint8_t opt[8] = {IPOPT_NOP, IPOPT_LSRR, 7, 4};
	struct sockaddr_in near = at.v4;
	memcpy(opt + 4, &at.v4.sin_addr, 4);
	near.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_OPTIONS, opt, sizeof(opt)) < 0)
		return -errno;
	/* The hook sees loopback; the kernel sends to the first hop. */
	return sendto(fd, note, sizeof(note), 0, (struct sockaddr *)&near, sizeof(near)) < 0 ? -errno : 0;
}

/* The same for one datagram, which no socket option shows. */
static int source_route_cmsg(void)
{
	uint8_t opt[8] = {IPOPT_NOP, IPOPT_LSRR, 7, 4};
	union { struct cmsghdr h; uint8_t room[CMSG_SPACE(sizeof(opt))]; } c = {.h = {CMSG_LEN(sizeof(opt)), IPPROTO_IP, IP_RETOPTS}};
	struct sockaddr_in near = at.v4;
	struct iovec v = {(void *)(uintptr_t)note, sizeof(note)};
	struct msghdr m = {.msg_name = &near, .msg_namelen = sizeof(near), .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	memcpy(opt + 4, &at.v4.sin_addr, 4);
	memcpy(CMSG_DATA(&c.h), opt, sizeof(opt));
	near.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd < 0 || sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

static int bound_device(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, at.device, (socklen_t)strlen(at.device) + 1) < 0)
		return -errno;
	return try_to(fd, (struct sockaddr *)&at.v4, sizeof(at.v4));
}

static int mapped(void)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = at.v4.sin_port};
	to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&to.sin6_addr.s6_addr[12], &at.v4.sin_addr, 4);
	int tcp = try_to(socket(AF_INET6, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to));
	int udp = try_to(socket(AF_INET6, SOCK_DGRAM, 0), (struct sockaddr *)&to, sizeof(to));
	return tcp && udp ? tcp : 0;
}

/* Root in a user namespace of one's own is nobody outside; the raw socket reaches only the namespace's own network. */
static int own_namespace(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : tcp();
}

/* Wait on a port for a stranger, and answer him; until the file says that nobody comes any more. */
static int inbound(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(INBOUND_PORT)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 4) < 0)
		return -errno;
	alarm(30);
	for (int i = 0; poll(&p, 1, 100) != 1; i++)
		if (i == 200 || access(at.file, F_OK) == 0)
			return -ETIMEDOUT;
	int peer = accept(fd, NULL, NULL);
	return peer < 0 || send(peer, note, sizeof(note), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A connected socket at descriptor 5, from whoever started this program. */
static int inherited(void)
{
	return send(5, note, sizeof(note), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The same, but it was connected before the gate was there: the file says when to go on. */
static int before(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), r = try_to(fd, (struct sockaddr *)&at.v4, sizeof(at.v4));
	alarm(170);
	for (int i = 0; !r && i < 1500 && access(at.file, F_OK) < 0; i++)
		usleep(100000);
	return r ? r : send(fd, note, sizeof(note), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int dns_of_ones_own(void)
{
	struct sockaddr_in to = at.v4;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	to.sin_port = htons(53);
	return fd < 0 || sendto(fd, note, sizeof(note), 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

static int daemonised(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (fork() == 0) {
			usleep(100000); /* the parents are gone */
			_exit(tcp() ? 1 : 0);
		}
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	usleep(1000 * WAIT_MS);
	return 0; /* only the counter knows */
}

static int renamed(void)
{
	int fd = memfd_create("harmless", 0), self = open("/proc/self/exe", O_RDONLY);
	char buf[65536], port[8], *argv[] = {(char[]){"harmless"}, (char[]){"tcp"}, at.text, port, NULL};
	for (ssize_t n; (n = read(self, buf, sizeof(buf))) > 0;)
		if (write(fd, buf, (size_t)n) != n)
			return -errno;
	snprintf(port, sizeof(port), "%u", ntohs(at.v4.sin_port));
	prctl(PR_SET_NAME, "harmless");
	fexecve(fd, argv, environ);
	return -errno;
}

static int worker_port(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(at.worker), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return try_to(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof(to));
}

static int steal_port(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(at.worker), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	return fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 4) < 0 ? -errno : 0;
}

/* Where a namespace of one's own lets its root bind low ports. */
static int steal_port_namespace(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ? -errno : steal_port();
}

static bool setting(const char *name, const char *value)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return done;
}

/*
 * Where a namespace of one's own lets its root choose what ports the kernel gives away: no bind hook hears of the number.  It is a way when what is sent
 * to a worker comes here instead, at the first try or when the gate has seen the namespace.
 */
static int steal_port_given(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct sockaddr_in mine;
	socklen_t len = sizeof(mine);
	char range[32];
	snprintf(range, sizeof(range), "%u %u", at.worker, at.worker);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	int fd = socket(AF_INET, SOCK_STREAM, 0), r = 0;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0 || !setting("ip_unprivileged_port_start", "0") || !setting("ip_local_port_range", range))
		return -ENOSYS; /* not to be tried */
	if (listen(fd, 4) < 0 || getsockname(fd, (struct sockaddr *)&mine, &len) < 0 || ntohs(mine.sin_port) != at.worker)
		return -EADDRINUSE;
	/* The kernel has no other port for a client either. */
	if (!setting("ip_local_port_range", "40000 50000"))
		return -ENOSYS;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	for (int i = 0; i < 12; i++) {
		r = tcp();
		if (poll(&p, 1, 150) == 1)
			return 0;
	}
	return r ? r : -EPERM;
}

static int kill_service(void)
{
	return kill(at.pid, SIGKILL) < 0 ? -errno : 0;
}

static int detach(void)
{
	union bpf_attr a = {0};
	const char *pin = getenv("PIN");
	if (!pin)
		return 0; /* nothing was tried */
	a.pathname = (uint64_t)(uintptr_t)pin;
	int fd = (int)syscall(SYS_bpf, BPF_OBJ_GET, &a, sizeof(a)), r = fd < 0 ? -errno : 0;
	return unlink(pin) == 0 ? 0 : r ? r : -errno;
}

static int attach(void)
{
	union bpf_attr a = {0};
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = a.value_size = 4;
	a.max_entries = 1;
	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)) < 0 ? -errno : 0;
}

static int other_cgroup(void)
{
	char text[16];
	int fd = open(at.file, O_WRONLY);
	if (fd < 0)
		return tcp() ? -EACCES : 0;
	snprintf(text, sizeof(text), "%d", getpid());
	(void)!write(fd, text, strlen(text));
	return tcp();
}

static int transparent(void)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	int a = setsockopt(fd, IPPROTO_IP, 19 /* IP_TRANSPARENT */, &one, sizeof(one)), b = setsockopt(fd, IPPROTO_TCP, 19 /* TCP_REPAIR */, &one, sizeof(one));
	return a < 0 && b < 0 ? -errno : try_to(fd, (struct sockaddr *)&at.v4, sizeof(at.v4));
}

static const struct {
	const char *name;
	int (*run)(void);
} ways[] = {
    {"tcp", tcp}, {"tcp6", tcp6}, {"quic", quic}, {"udp-unspec", udp_unspec}, {"udp6", udp_6}, {"fast-open", fast_open}, {"mptcp", multipath},
    {"ring", ring}, {"ring-sqpoll", ring_sqpoll}, {"udp-lite", udp_lite}, {"sctp", sctp}, {"dccp", dccp}, {"smc", smc}, {"families", families},
    {"raw", raw}, {"ping", ping}, {"source-route", source_route}, {"source-route-cmsg", source_route_cmsg}, {"bound-device", bound_device}, {"mapped", mapped},
    {"own-namespace", own_namespace}, {"inbound", inbound}, {"inherited", inherited}, {"before", before}, {"dns", dns_of_ones_own},
    {"daemonised", daemonised}, {"renamed", renamed}, {"worker-port", worker_port}, {"steal-port", steal_port},
    {"steal-port-namespace", steal_port_namespace}, {"steal-port-given", steal_port_given}, {"kill", kill_service}, {"detach", detach}, {"attach", attach},
    {"other-cgroup", other_cgroup}, {"transparent", transparent},
};

static bool parse(int argc, char **argv)
{
	if (argc < 4 || inet_pton(AF_INET, argv[2], &at.v4.sin_addr) != 1)
		return false;
	const char *v6 = getenv("V6"), *worker = getenv("WORKER"), *pid = getenv("SERVICE");
	at.text = argv[2];
	at.v4.sin_family = AF_INET;
	at.v4.sin_port = at.v6.sin6_port = htons((uint16_t)atoi(argv[3]));
	at.v6.sin6_family = AF_INET6;
	at.device = getenv("DEVICE") ? getenv("DEVICE") : "lo";
	at.file = getenv("FILE_OF") ? getenv("FILE_OF") : "/nonexistent";
	at.worker = worker ? (uint16_t)atoi(worker) : 940;
	at.pid = pid ? atoi(pid) : 0;
	return inet_pton(AF_INET6, v6 ? v6 : "::1", &at.v6.sin6_addr) == 1;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		puts(ways[i].name);
	if (argc == 2)
		return 0;
	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: bypass WAY ADDRESS PORT\n");
		return 2;
	}
	alarm(PATIENCE_S); /* what is dropped without a word never ends by itself */
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strcmp(ways[i].name, argv[1]) != 0)
			continue;
		int r = ways[i].run();
		printf("%s\n", r ? strerror(-r) : "sent");
		usleep(50000);
		bool none = r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT || r == -ESOCKTNOSUPPORT || r == -ENOPROTOOPT || r == -ENOSYS;
		return none ? 77 : r ? 1 : 0;
	}
	return 2;
}
