/*
 * loadgen.c - calls one tool over keep-alive TLS connections to several targets, interleaved in blocks, and compares them.
 * loadgen --name SNI --ca PEM --target LABEL,ADDR,PORT,UID,PID[+PID...] ... [--rounds N] [--block N] [--clients N] [--token T] [--seed N] [--args JSON] [--keep]
 *
 * A round visits every target once, in seeded random order, with a block of calls on warm connections.  Per round and target: median
 * and 99th percentile of the latency, CPU time of the target's processes per call.  The first target is the baseline ("direct").
 * With --keep a call that is answered with isError counts as failed, and its connection goes on.
 * With --clients > 1 a block is sent by that many threads at once, and calls/s count.
 * UID: the real uid under which the connection is opened (the gate looks at it); needs root.  PID 0: no CPU accounting.
 * Output: one JSON line a round and target on standard output, nothing else.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mtime.h"

enum { TARGETS = 12, PIDS = 16, CLIENTS = 64, REPLY_MAX = 1 << 20 };

struct target {
	char label[32], addr[64];
	uint16_t port;
	uid_t uid;
	int pid[PIDS];
	size_t pids;
};

struct line { /* one connection */
	SSL *ssl;
	int fd;
	uint8_t *reply;
};

struct block {
	struct target *t;
	struct line *line;
	uint64_t *ns; /* one per call */
	size_t calls;
	int failed;
};

static struct {
	const char *name, *ca, *token, *args;
	unsigned rounds, block, clients, seed;
	bool keep;
	SSL_CTX *tls;
	struct target target[TARGETS];
	size_t targets;
	char request[4096];
	size_t request_len;
} conf = {.rounds = 30, .block = 100, .clients = 1, .seed = 1, .token = "client-key", .args = "{\"path\":\"/home/a\"}"};

static struct line lines[TARGETS][CLIENTS];

static void die(const char *what)
{
	fprintf(stderr, "loadgen: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* CPU time of a process with all its threads, in ns. */
static uint64_t cpu_ns(const struct target *t)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < t->pids; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/task", t->pid[i]);
		DIR *d = opendir(path);
		for (struct dirent *e; d && (e = readdir(d));) {
			char file[400];
			unsigned long long ns = 0;
			if (e->d_name[0] == '.')
				continue;
			snprintf(file, sizeof(file), "%s/%s/schedstat", path, e->d_name);
			FILE *f = fopen(file, "re");
			if (f && fscanf(f, "%llu", &ns) == 1)
				sum += ns;
			if (f)
				fclose(f);
		}
		if (d)
			closedir(d);
	}
	return sum;
}

static void dial(const struct target *t, struct line *l)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(t->port)};
	int one = 1;

	inet_pton(AF_INET, t->addr, &a.sin_addr);
	l->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (t->uid && setresuid(t->uid, (uid_t)-1, 0) < 0)
		die("setresuid");
	int r = connect(l->fd, (struct sockaddr *)&a, sizeof(a));
	if (t->uid && setresuid(0, 0, 0) < 0)
		die("setresuid back");
	if (r < 0)
		die(t->label);
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	l->ssl = SSL_new(conf.tls);
	SSL_set_fd(l->ssl, l->fd);
	SSL_set_tlsext_host_name(l->ssl, conf.name);
	SSL_set1_host(l->ssl, conf.name);
	if (SSL_connect(l->ssl) != 1)
		die(t->label);
	if (!l->reply && !(l->reply = malloc(REPLY_MAX)))
		die("memory");
}

static void hang_up(struct line *l)
{
	SSL_free(l->ssl);
	close(l->fd);
	l->ssl = NULL;
}

/* Enough HTTP for replies of known shape: a head, then Content-Length or one chunked body. */
static long reply_length(const uint8_t *p, size_t n)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4);
	if (!end)
		return 0;
	size_t head = (size_t)((const uint8_t *)end - p) + 4;
	for (const char *q = (const char *)p; q < end;) {
		if (strncasecmp(q, "content-length:", 15) == 0)
			return (long)(head + strtoul(q + 15, NULL, 10));
		if (strncasecmp(q, "transfer-encoding:", 18) == 0) {
			const uint8_t *last = memmem(p + head, n - head, "\r\n0\r\n\r\n", 7);
			return last ? (long)(last - p) + 7 : 0;
		}
		q = memmem(q, (size_t)(end + 2 - q), "\r\n", 2);
		q += 2;
	}
	return -1;
}

/* 0: done.  1: refused, and --keep.  -1: the connection is of no more use. */
static int one_call(struct line *l)
{
	size_t n = 0;

	if (SSL_write(l->ssl, conf.request, (int)conf.request_len) <= 0)
		return -1;
	for (;;) {
		int r = SSL_read(l->ssl, l->reply + n, (int)(REPLY_MAX - 1 - n));
		if (r <= 0)
			return -1;
		n += (size_t)r;
		long want = reply_length(l->reply, n);
		if (want < 0 || (want > 0 && (size_t)want < n))
			return -1;
		if (want == (long)n)
			break;
	}
	l->reply[n] = '\0';
	if (!memmem(l->reply, n, "\"result\"", 8))
		return -1;
	return !memmem(l->reply, n, "isError", 7) ? 0 : conf.keep ? 1 : -1;
}

static void *run_block(void *arg)
{
	struct block *b = arg;
	for (size_t i = 0; i < b->calls; i++) {
		struct mono t0 = mono_now();
		int r = one_call(b->line);
		b->failed += r != 0;
		if (r < 0) {
			hang_up(b->line);
			dial(b->t, b->line); /* counted as failed, and measured on */
		}
		b->ns[i] = mono_now().ns - t0.ns;
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void measure(unsigned round, size_t ti)
{
	struct target *t = &conf.target[ti];
	struct block b[CLIENTS];
	pthread_t th[CLIENTS];
	size_t each = conf.block / conf.clients, total = each * conf.clients;
	uint64_t *ns = calloc(total ? total : 1, sizeof(*ns));
	int failed = 0;

	for (unsigned c = 0; c < conf.clients; c++)
		b[c] = (struct block){.t = t, .line = &lines[ti][c], .ns = ns + c * each, .calls = each};
	for (unsigned c = 0; c < conf.clients; c++) /* one warm call: the block before was another target's */
		if (one_call(&lines[ti][c]) < 0)
			die("a warm call fails");
	uint64_t cpu = cpu_ns(t);
	struct mono t0 = mono_now();
	for (unsigned c = 1; c < conf.clients; c++)
		if (pthread_create(&th[c], NULL, run_block, &b[c]))
			die("thread");
	run_block(&b[0]);
	for (unsigned c = 1; c < conf.clients; c++)
		pthread_join(th[c], NULL);
	uint64_t took = mono_now().ns - t0.ns;
	cpu = cpu_ns(t) - cpu;
	for (unsigned c = 0; c < conf.clients; c++)
		failed += b[c].failed;
	qsort(ns, total, sizeof(*ns), by_size);
	printf("{\"round\":%u,\"target\":\"%s\",\"clients\":%u,\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,\"cpu_us\":%.2f,\"calls_s\":%.0f,\"failed\":%d}\n",
	    round, t->label, conf.clients, (double)ns[total / 2] / 1e3, (double)ns[total * 9 / 10] / 1e3, (double)ns[total * 99 / 100] / 1e3,
	    (double)cpu / (double)total / 1e3, (double)total * 1e9 / (double)took, failed);
	free(ns);
}

static void add_target(char *spec)
{
	struct target *t = &conf.target[conf.targets];
	char *part[5] = {0};

	for (size_t i = 0; i < 5; i++)
		part[i] = strsep(&spec, ",");
	if (conf.targets == TARGETS || !part[4])
		die("a target is LABEL,ADDR,PORT,UID,PID[+PID...]");
	snprintf(t->label, sizeof(t->label), "%s", part[0]);
	snprintf(t->addr, sizeof(t->addr), "%s", part[1]);
	t->port = (uint16_t)atoi(part[2]);
	t->uid = (uid_t)atoi(part[3]);
	for (char *p; (p = strsep(&part[4], "+")) && t->pids < PIDS;)
		if (atoi(p))
			t->pid[t->pids++] = atoi(p);
	conf.targets++;
}

static void options(int argc, char **argv)
{
	const struct option o[] = {{"name", 1, NULL, 'n'}, {"ca", 1, NULL, 'c'}, {"target", 1, NULL, 't'}, {"rounds", 1, NULL, 'r'},
	    {"block", 1, NULL, 'b'}, {"clients", 1, NULL, 'k'}, {"token", 1, NULL, 'o'}, {"seed", 1, NULL, 's'}, {"args", 1, NULL, 'a'}, {"keep", 0, NULL, 'K'}, {NULL, 0, NULL, 0}};
	int c;
	while ((c = getopt_long(argc, argv, "", o, NULL)) != -1) {
		switch (c) {
		case 'n': conf.name = optarg; break;
		case 'c': conf.ca = optarg; break;
		case 't': add_target(optarg); break;
		case 'r': conf.rounds = (unsigned)atoi(optarg); break;
		case 'b': conf.block = (unsigned)atoi(optarg); break;
		case 'k': conf.clients = (unsigned)atoi(optarg); break;
		case 'o': conf.token = optarg; break;
		case 's': conf.seed = (unsigned)atoi(optarg); break;
		case 'K': conf.keep = true; break;
		case 'a': conf.args = optarg; break;
		default: die("unknown option");
		}
	}
	if (!conf.name || !conf.ca || !conf.targets || !conf.clients || conf.clients > CLIENTS || conf.block < conf.clients)
		die("--name, --ca, at least one --target, clients within block");
}

int main(int argc, char **argv)
{
	char body[2048];

	signal(SIGPIPE, SIG_IGN);
	options(argc, argv);
	conf.tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(conf.tls, TLS1_3_VERSION);
	SSL_CTX_set_verify(conf.tls, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(conf.tls, conf.ca, NULL) != 1 || SSL_CTX_set_ciphersuites(conf.tls, "TLS_AES_128_GCM_SHA256") != 1 ||
	    SSL_CTX_set1_groups_list(conf.tls, "X25519") != 1)
		die("TLS settings");
	snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":%s}}", conf.args);
	conf.request_len = (size_t)snprintf(conf.request, sizeof(conf.request),
	    "POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: %zu\r\n\r\n%s",
	    conf.name, conf.token, strlen(body), body);
	for (size_t t = 0; t < conf.targets; t++)
		for (unsigned c = 0; c < conf.clients; c++)
			dial(&conf.target[t], &lines[t][c]);
	srandom(conf.seed);
	for (unsigned r = 0; r < conf.rounds; r++) {
		size_t order[TARGETS];
		for (size_t i = 0; i < conf.targets; i++)
			order[i] = i;
		for (size_t i = conf.targets; i > 1; i--) {
			size_t j = (size_t)random() % i, x = order[i - 1];
			order[i - 1] = order[j];
			order[j] = x;
		}
		for (size_t i = 0; i < conf.targets; i++)
			measure(r, order[i]);
		fflush(stdout);
	}
	return 0;
}
