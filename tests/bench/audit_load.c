/*
 * audit_load.c - drive callgate-audit, started as callgated starts it, with records like a worker's, and say what it cost.
 *   audit_load --program PATH --dir DIR [--records N] [--strict async|class|all] [--level 1..9] [--callers N] [--segment-bytes N]
 *              [--segment-seconds N] [--seed N] [--progress]
 *   audit_load --verify DIR          what `callgate audit verify` does, timed
 *   audit_load --plain FILE < LINES  the yardstick: each line by a write(2) of its own, timed
 * One JSON object on standard output.  A caller is a connection of one worker: it puts a record that waits, and the next one when
 * that is acknowledged.  --callers 0: nobody waits; the ring alone holds the worker back.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/verify.h"
#include "base/mtime.h"
#include "ipc/edge.h"
#include "ipc/rec.h"

enum { CALLERS_MAX = 1024, RING = 0x7001, SAMPLES = 64, HEX64 = 65, SESSIONS = 200, PLAIN_MAX = 1 << 20 };

struct load {
	const char *program, *dir, *strict;
	uint64_t records, segment_bytes, segment_seconds, seed;
	int level, callers;
	bool progress;

	pid_t pid;
	struct edge sup, admin, vault;
	struct shring *ring;
	int fd[4], audit_dir, journal_dir;
	struct rec rec;
	uint64_t put, call, put_cpu_ns, full;
	uint64_t pos;
	char policy[HEX64], session[SESSIONS][HEX64];
	uint32_t *latency_us;
	size_t latencies;
	uint64_t rss_kb[SAMPLES];
	size_t samples;
};

static void die(const char *what)
{
	fprintf(stderr, "audit_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t rnd(struct load *l)
{
	/* xorshift64*: the same records for the same seed */
	l->seed ^= l->seed >> 12;
	l->seed ^= l->seed << 25;
	l->seed ^= l->seed >> 27;
	return l->seed * 0x2545f4914f6cdd1du;
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the process ---- */

static void send_fd(struct load *l, uint32_t what, uint64_t ring, int fd)
{
	struct m_fd m = {what, 0, ring};
	if (edge_send(&l->sup, M_FD, 0, view_of(&m, sizeof(m)), fd))
		die("M_FD");
}

static void send_edge(struct load *l, uint32_t party, struct edge *mine, enum party me)
{
	struct m_edge m = {party, 0};
	int fd[2];
	if (edge_pair(fd) || edge_send(&l->sup, M_EDGE, 0, view_of(&m, sizeof(m)), fd[1]))
		die("M_EDGE");
	close(fd[1]);
	edge_init(mine, fd[0], me, P_AUDIT, 0);
}

static int sub_dir(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		die(path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static void new_ring(struct load *l)
{
	int dir = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[64], path[96];

	snprintf(name, sizeof(name), "audit-load-%d", (int)getpid());
	if (dir < 0 || shring_create(dir, name, &l->fd[0], &l->fd[1]))
		die("a record ring in /dev/shm");
	snprintf(path, sizeof(path), "%s.data", name);
	unlinkat(dir, path, 0);
	snprintf(path, sizeof(path), "%s.ack", name);
	unlinkat(dir, path, 0);
	close(dir);
	l->fd[2] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->fd[3] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (shring_writer(l->fd[0], l->fd[1], l->fd[2], &l->ring))
		die("the writer's end");
}

static void start(struct load *l)
{
	static const uint32_t what[] = {FD_RING, FD_RING_ACK, FD_RING_BELL, FD_RING_ACKBELL};
	char conf[256];
	int fd[2];
	struct frame f;

	l->audit_dir = sub_dir(l->dir, "audit");
	l->journal_dir = sub_dir(l->dir, "journal");
	new_ring(l);
	if (edge_pair(fd))
		die("a channel");
	l->pid = fork();
	if (l->pid == 0) {
		if (dup2(fd[1], 3) < 0 || fcntl(3, F_SETFD, 0) < 0)
			_exit(99);
		execle(l->program, "callgate-audit", (char *)NULL, (char *[]){NULL});
		_exit(98);
	}
	close(fd[1]);
	edge_init(&l->sup, fd[0], P_SUP, P_AUDIT, 0);
	snprintf(conf, sizeof(conf), "{\"host\":\"bench\",\"strict\":\"%s\",\"level\":%d,\"segment_bytes\":%" PRIu64 ",\"segment_seconds\":%" PRIu64 "}",
	    l->strict, l->level, l->segment_bytes, l->segment_seconds);
	if (edge_send(&l->sup, M_CONF, 0, view_str(conf), -1))
		die("M_CONF");
	send_fd(l, FD_DIR, 0, l->audit_dir);
	send_fd(l, FD_JOURNAL_DIR, 0, l->journal_dir);
	send_edge(l, P_ADMIN, &l->admin, P_ADMIN);
	send_edge(l, P_VAULT, &l->vault, P_VAULT);
	for (size_t i = 0; i < 4; i++)
		send_fd(l, what[i], RING, l->fd[i]);
	if (edge_send(&l->sup, M_GO, 0, view_of(NULL, 0), -1) || edge_recv_wait(&l->sup, &f, 20000) != 1 || f.type != M_READY) {
		fprintf(stderr, "audit_load: %s does not become ready\n", l->program);
		exit(1);
	}
}

static void sample(struct load *l)
{
	char path[64], line[256];
	unsigned long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)l->pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	if (l->samples < SAMPLES)
		l->rss_kb[l->samples++] = kb;
}

/* ---- records ---- */

static void text(struct rec *r, enum rec_field f, const char *s)
{
	rec_text(r, f, view_str(s));
}

static void fill_call(struct load *l)
{
	static const char *const agents[] = {"claude-code", "codex", "cursor", "gemini-cli"};
	static const char *const servers[] = {"github", "jira", "warehouse", "mail"};
	static const char *const tools[] = {"search_issues", "get_file_contents", "create_issue", "list_pull_requests", "run_query", "send_message", "read_page", "update_record"};
	static const char *const keys[] = {"owner\x1frepo\x1fstate", "path\x1fref\x1frepo", "body\x1flabels\x1frepo\x1ftitle", "limit\x1fsql"};
	struct rec *r = &l->rec;
	uint64_t a = rnd(l), who = a % 4, server = (a >> 8) % 4, tool = (a >> 16) % 8;
	char t[128];

	rec_begin(r, REC_CALL, ++l->call, mono_now().ns);
	r->u.head.flags = l->callers ? REC_WAIT : 0;
	rec_u32(r, F_UID, 1000 + (uint32_t)who);
	rec_u32(r, F_LOGINUID, 1000 + (uint32_t)who);
	rec_u32(r, F_GID, 1000 + (uint32_t)who);
	rec_u32(r, F_PID, 20000 + (uint32_t)((a >> 24) % 200));
	rec_u64(r, F_START, 8000000000000u + (a >> 24) % 200 * 7919000);
	text(r, F_EXE, "/usr/bin/node");
	rec_u64(r, F_EXE_INO, 1048612 + who);
	rec_u32(r, F_EXE_DEV, 64769);
	snprintf(t, sizeof(t), "/user.slice/user-%u.slice/session-%u.scope", 1000 + (unsigned)who, 3 + (unsigned)who);
	text(r, F_CGROUP, t);
	rec_u64(r, F_CGROUP_ID, 5120 + who);
	rec_u64(r, F_NETNS, 4026531840u);
	text(r, F_COMM, "node");
	text(r, F_AGENT, agents[who]);
	text(r, F_AGENT_STRENGTH, "strong");
	rec_u64(r, F_GENERATION, 42);
	text(r, F_SERVER, servers[server]);
	text(r, F_HOST, "mcp.example.com");
	text(r, F_ADDR, "203.0.113.10");
	rec_u32(r, F_PORT, 443);
	text(r, F_METHOD, "tools/call");
	text(r, F_TOOL, tools[tool]);
	text(r, F_ARG_KEYS, keys[tool % 4]);
	text(r, F_VERDICT, "allow");
	snprintf(t, sizeof(t), "/tools/%s", tools[tool]);
	text(r, F_AUTHORISED_BY, t);
	text(r, F_POLICY, l->policy);
	text(r, F_POLICY_NAME, "developers");
	text(r, F_GRANT, "g-3f21a8c0");
	text(r, F_CREDENTIAL, servers[server]);
	text(r, F_MODE, "enforce");
	text(r, F_AGENT_CLAIM, "node");
	text(r, F_PROTO, "2025-11-25");
	text(r, F_SESSION, l->session[(a >> 24) % SESSIONS]);
	if (a >> 63) {
		snprintf(t, sizeof(t), "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01", rnd(l), rnd(l), rnd(l));
		text(r, F_TRACE, t);
	}
	snprintf(t, sizeof(t), "%u", 100 + (unsigned)(a >> 40) % 5000);
	text(r, F_RPC_ID, t);
	rec_u64(r, F_CONNECT_NS, 9000000000000u + (a >> 24) % 200 * 104729000);
	rec_u32(r, F_SLOT, 0);
}

static void fill_result(struct load *l)
{
	struct rec *r = &l->rec;
	uint64_t a = rnd(l);

	rec_begin(r, REC_RESULT, l->call, mono_now().ns);
	r->u.head.flags = l->callers ? REC_WAIT : 0;
	rec_u32(r, F_UID, 1000 + (uint32_t)(a % 4));
	rec_u32(r, F_PID, 20000 + (uint32_t)((a >> 24) % 200));
	text(r, F_SERVER, "github");
	text(r, F_STATUS, "ok");
	rec_u32(r, F_HTTP, 200);
	rec_u32(r, F_CRED_VERSION, 3);
	rec_u64(r, F_DUR_US, 20000 + (a >> 32) % 900000);
	rec_u64(r, F_BYTES_IN, 200 + (a >> 16) % 800);
	rec_u64(r, F_BYTES_OUT, 500 + (a >> 20) % 30000);
	rec_u32(r, F_SLOT, 0);
}

static void wait_bell(struct load *l)
{
	struct pollfd p = {.fd = l->fd[3], .events = POLLIN};
	uint64_t n;

	if (poll(&p, 1, 60000) == 0) {
		fprintf(stderr, "audit_load: no acknowledgement for a minute after %" PRIu64 " records\n", l->put);
		exit(1);
	}
	if (read(l->fd[3], &n, sizeof(n)) < 0 && errno != EAGAIN)
		die("the bell");
}

/* Put the next record, calls and results in turn, waiting for room. */
static void put(struct load *l)
{
	int r;

	if (l->put % 2 == 0)
		fill_call(l);
	else
		fill_result(l);
	while ((r = shring_put(l->ring, rec_end(&l->rec), &l->pos)) == -EAGAIN) {
		l->full++;
		wait_bell(l);
	}
	if (r)
		die("a record");
	l->put++;
	if (l->put % (l->records / SAMPLES + 1) == 0) {
		sample(l);
		if (l->progress && l->samples % 8 == 1)
			fprintf(stderr, "%" PRIu64 " of %" PRIu64 " records, %" PRIu64 " KiB resident\n", l->put, l->records, l->rss_kb[l->samples - 1]);
	}
}

/* What the worker pays: building and putting, in runs that fit into the ring. */
static void measure_put(struct load *l, size_t n)
{
	while (shring_acked(l->ring) < l->pos)
		wait_bell(l);
	uint64_t t = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	for (size_t i = 0; i < n; i++)
		put(l);
	l->put_cpu_ns += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - t;
}

static void run_free(struct load *l)
{
	while (l->put < l->records)
		put(l);
	while (shring_acked(l->ring) < l->pos)
		wait_bell(l);
}

/* Callers are served in order: acknowledgements are positions. */
static void run_callers(struct load *l)
{
	static struct {
		uint64_t pos, began;
	} open[CALLERS_MAX];
	size_t first = 0, n = 0, cap = (size_t)l->callers;

	l->latency_us = calloc(l->records, sizeof(*l->latency_us));
	if (!l->latency_us)
		die("memory");
	while (l->put < l->records || n) {
		while (n < cap && l->put < l->records) {
			uint64_t began = mono_now().ns;
			put(l);
			open[(first + n) % cap].pos = l->pos;
			open[(first + n++) % cap].began = began;
		}
		uint64_t acked = shring_acked(l->ring);
		if (open[first].pos > acked) {
			wait_bell(l);
			acked = shring_acked(l->ring);
		}
		uint64_t now = mono_now().ns;
		while (n && open[first].pos <= acked) {
			l->latency_us[l->latencies++] = (uint32_t)((now - open[first].began) / 1000);
			first = (first + 1) % cap;
			n--;
		}
	}
}

/* ---- results ---- */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static uint32_t part(const struct load *l, double p)
{
	return l->latencies ? l->latency_us[(size_t)((double)(l->latencies - 1) * p)] : 0;
}

static uint64_t process_cpu_ns(pid_t pid)
{
	clockid_t clock;
	if (clock_getcpuclockid(pid, &clock))
		die("the writer's clock");
	return cpu_ns(clock);
}

static int load(struct load *l)
{
	struct rusage u;
	int status;

	for (size_t i = 0; i < HEX64 - 1; i++)
		l->policy[i] = "0123456789abcdef"[rnd(l) & 15];
	for (size_t i = 0; i < SESSIONS; i++)
		snprintf(l->session[i], HEX64, "%016" PRIx64 "%016" PRIx64, rnd(l), rnd(l));
	start(l);
	if (!l->callers)
		for (int i = 0; i < 20; i++)
			measure_put(l, 500);
	uint64_t measured = l->put;
	uint64_t cpu = process_cpu_ns(l->pid), began = mono_now().ns;
	if (l->callers)
		run_callers(l);
	else
		run_free(l);
	uint64_t wall = mono_now().ns - began, used = process_cpu_ns(l->pid) - cpu, n = l->put - measured;
	sample(l);
	if (edge_send(&l->sup, M_STOP, 0, view_of(NULL, 0), -1))
		die("M_STOP");
	if (wait4(l->pid, &status, 0, &u) != l->pid || status)
		die("callgate-audit did not end well");
	qsort(l->latency_us, l->latencies, sizeof(*l->latency_us), by_number);
	printf("{\"strict\":\"%s\",\"level\":%d,\"callers\":%d,\"records\":%" PRIu64 ",\"seconds\":%.3f,\"per_second\":%.0f,\"writer_cpu_us\":%.2f,", l->strict, l->level,
	    l->callers, n, (double)wall / 1e9, (double)n * 1e9 / (double)wall, (double)used / 1e3 / (double)n);
	printf("\"worker_ns\":%.0f,\"ring_full\":%" PRIu64 ",\"p50_us\":%u,\"p99_us\":%u,\"rss_max_kb\":%ld,\"rss_kb\":[", measured ? (double)l->put_cpu_ns / (double)measured : 0.0,
	    l->full, part(l, 0.5), part(l, 0.99), u.ru_maxrss);
	for (size_t i = 0; i < l->samples; i++)
		printf("%s%" PRIu64, i ? "," : "", l->rss_kb[i]);
	puts("]}");
	return fflush(stdout) ? 1 : 0;
}

static int verify(const char *dir)
{
	struct verify_result v;
	struct rusage u;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		die(dir);
	uint64_t began = mono_now().ns, cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	int r = verify_dir(fd, NULL, &v);
	cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	uint64_t wall = mono_now().ns - began;
	getrusage(RUSAGE_SELF, &u);
	printf("{\"error\":%d,\"bad\":%" PRIu64 ",\"files\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"seals\":%" PRIu64 ",\"raw\":%" PRIu64
	       ",\"seconds\":%.3f,\"mb_per_second\":%.1f,\"mb_per_cpu_second\":%.1f,\"rss_max_kb\":%ld}\n",
	    r, v.bad, v.files, v.lines, v.seals, v.raw, (double)wall / 1e9, (double)v.raw * 1e3 / (double)wall, (double)v.raw * 1e3 / (double)cpu, u.ru_maxrss);
	if (v.bad)
		fprintf(stderr, "audit_load: %s: %s\n", v.file, v.why);
	return r || v.bad ? 1 : 0;
}

static int plain(const char *path)
{
	static char line[PLAIN_MAX];
	uint64_t n = 0, bytes = 0, spent = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	while (fgets(line, sizeof(line), stdin)) {
		size_t len = strlen(line);
		uint64_t t = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
		if (write(fd, line, len) != (ssize_t)len)
			die(path);
		spent += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - t;
		n++;
		bytes += len;
	}
	close(fd);
	if (!n)
		return 1;
	printf("{\"lines\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"write_cpu_us\":%.2f}\n", n, bytes, (double)spent / 1e3 / (double)n);
	return 0;
}

int main(int argc, char **argv)
{
	static struct load l = {.strict = "async", .records = 100000, .level = 6, .segment_bytes = 16 << 20, .segment_seconds = 3600, .seed = 1};
	static const struct option options[] = {{"program", 1, 0, 'p'}, {"dir", 1, 0, 'd'}, {"records", 1, 0, 'n'}, {"strict", 1, 0, 's'}, {"level", 1, 0, 'l'},
	    {"callers", 1, 0, 'c'}, {"segment-bytes", 1, 0, 'b'}, {"segment-seconds", 1, 0, 't'}, {"seed", 1, 0, 'r'}, {"progress", 0, 0, 'P'}, {"verify", 1, 0, 'v'}, {"plain", 1, 0, 'w'}, {0, 0, 0, 0}};
	int c;

	signal(SIGPIPE, SIG_IGN);
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'p': l.program = optarg; break;
		case 'd': l.dir = optarg; break;
		case 'n': l.records = strtoull(optarg, NULL, 10); break;
		case 's': l.strict = optarg; break;
		case 'l': l.level = atoi(optarg); break;
		case 'c': l.callers = atoi(optarg); break;
		case 'b': l.segment_bytes = strtoull(optarg, NULL, 10); break;
		case 't': l.segment_seconds = strtoull(optarg, NULL, 10); break;
		case 'r': l.seed = strtoull(optarg, NULL, 10); break;
		case 'P': l.progress = true; break;
		case 'v': return verify(optarg);
		case 'w': return plain(optarg);
		default: return 2;
		}
	}
	if (!l.program || !l.dir || !l.seed || !l.records || l.callers < 0 || l.callers > CALLERS_MAX) {
		fputs("usage: audit_load --program PATH --dir DIR [--records N] [--strict WORD] [--level N] [--callers N] ... | --verify DIR | --plain FILE\n", stderr);
		return 2;
	}
	return load(&l);
}
