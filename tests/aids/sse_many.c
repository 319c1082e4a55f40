/*
 * sse_many.c - many event streams at once over TLS: a server that sends one event a second on each, and a client that checks them.
 * sse_many serve --listen ADDR --port N --cert PEM --key PEM
 * sse_many open --addr ADDR --port N --name SNI --ca PEM --streams N --seconds S [--opening N]
 * An event carries its number on its stream and the time at which it was sent (CLOCK_MONOTONIC: both ends are on one machine).  The
 * client ends each stream of its own accord, S seconds after the last one was opened, and says in one JSON line: streams that were open,
 * refused and cut; events; events lost or out of order; streams whose last event is older than LATE_S; the delay from sending to
 * reading in microseconds (median, 99th percentile, greatest); and the CPU time of this end in seconds.
 * One thread and one epoll each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mtime.h"
#include "base/view.h"

enum { STREAMS = 40000, IN_MAX = 4096, EVENTS = 512, LATE_S = 5, PERIOD_NS = 1000000000, DELAYS = 8 << 20, START_S = 300 };

enum where { CONNECTING, SHAKING, ASKING, STREAMING, OVER };

struct line { /* one connection */
	int fd;
	enum where at;
	SSL *ssl;
	uint64_t seq, last_ns;
	size_t slot;
	size_t n; /* bytes in ${in} */
	char in[IN_MAX];
};

static struct {
	const char *addr, *cert, *key, *name, *ca;
	int port, streams, seconds, opening;
	SSL_CTX *tls;
	int ep;
} conf = {.addr = "127.0.0.1", .streams = 1000, .seconds = 10, .opening = 64};

static struct line *lines[STREAMS];
static uint64_t due[STREAMS]; /* of the server's streams; UINT64_MAX: none */
static size_t n_lines;
static uint32_t *delay_us;
static struct {
	uint64_t open, refused, cut, events, lost, disordered, behind, delays;
} sum;

static void die(const char *what)
{
	fprintf(stderr, "sse_many: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void watch(struct line *l, uint32_t events, int op)
{
	struct epoll_event e = {.events = events, .data.ptr = l};
	if (epoll_ctl(conf.ep, op, l->fd, &e))
		die("epoll_ctl");
}

static void hang_up(struct line *l)
{
	if (l->ssl) {
		SSL_set_quiet_shutdown(l->ssl, 1);
		SSL_free(l->ssl);
	}
	l->ssl = NULL;
	close(l->fd); /* leaves the epoll by itself */
	l->fd = -1;
	l->at = OVER;
	due[l->slot] = UINT64_MAX;
	ERR_clear_error();
}

/* 1: done; 0: wait; negative: broken. */
static int shake(struct line *l)
{
	int r = SSL_do_handshake(l->ssl);
	if (r == 1)
		return 1;
	int e = SSL_get_error(l->ssl, r);
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* More into l->in: bytes, 0 when there are none now, negative at an end. */
static int take(struct line *l)
{
	if (l->n == IN_MAX)
		return -1;
	int r = SSL_read(l->ssl, l->in + l->n, (int)(IN_MAX - l->n));
	if (r > 0) {
		l->n += (size_t)r;
		return r;
	}
	return SSL_get_error(l->ssl, r) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void drop_front(struct line *l, size_t n)
{
	memmove(l->in, l->in + n, l->n - n);
	l->n -= n;
}

static int put(struct line *l, const char *text, size_t n)
{
	return SSL_write(l->ssl, text, (int)n) == (int)n ? 0 : -1; /* small: the socket's buffer takes it, or the peer has stopped reading */
}

/* ---- the server ---- */

static void serve_ready(struct line *l)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";

	if (l->at == SHAKING) {
		int r = shake(l);
		if (r < 0)
			hang_up(l);
		if (r <= 0)
			return;
		l->at = ASKING;
	}
	int r = take(l);
	if (r < 0) {
		hang_up(l);
		return;
	}
	if (l->at == ASKING && memmem(l->in, l->n, "\r\n\r\n", 4)) {
		l->n = 0;
		l->at = STREAMING;
		due[l->slot] = mono_now().ns + (uint64_t)random() % PERIOD_NS;
		if (put(l, head, sizeof(head) - 1))
			hang_up(l);
	}
}

static void send_due(uint64_t now)
{
	char event[256], chunk[300];

	for (size_t i = 0; i < n_lines; i++) {
		if (due[i] > now)
			continue;
		struct line *l = lines[i];
		due[i] += PERIOD_NS;
		int n = snprintf(event, sizeof(event), "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"%llu %llu\"}}\n\n",
		    (unsigned long long)++l->seq, (unsigned long long)mono_now().ns);
		n = snprintf(chunk, sizeof(chunk), "%x\r\n%s\r\n", n, event);
		if (put(l, chunk, (size_t)n))
			hang_up(l);
	}
}

static struct line *new_line(int fd, bool accepting)
{
	size_t at = n_lines;

	for (size_t i = 0; accepting && i < n_lines; i++)
		if (lines[i]->at == OVER) {
			at = i;
			break;
		}
	if (at == STREAMS)
		die("too many streams");
	if (at == n_lines && !(lines[n_lines++] = malloc(sizeof(struct line))))
		die("memory");
	memset(lines[at], 0, sizeof(struct line));
	lines[at]->fd = fd;
	lines[at]->slot = at;
	due[at] = UINT64_MAX;
	return lines[at];
}

static void accept_all(int door)
{
	for (int fd; (fd = accept4(door, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
		struct line *l = new_line(fd, true);
		l->at = SHAKING;
		l->ssl = SSL_new(conf.tls);
		SSL_set_fd(l->ssl, fd);
		SSL_set_accept_state(l->ssl);
		watch(l, EPOLLIN, EPOLL_CTL_ADD);
	}
}

static void __attribute__((noreturn)) serve(void)
{
	struct epoll_event ev[EVENTS];
	int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)conf.port)};

	inet_pton(AF_INET, conf.addr, &a.sin_addr);
	setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(door, (struct sockaddr *)&a, sizeof(a)) || listen(door, 4096))
		die("listen");
	conf.tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(conf.tls, conf.cert) != 1 || SSL_CTX_use_PrivateKey_file(conf.tls, conf.key, SSL_FILETYPE_PEM) != 1)
		die("certificate");
	SSL_CTX_set_num_tickets(conf.tls, 1);
	SSL_CTX_set_mode(conf.tls, SSL_MODE_RELEASE_BUFFERS);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
	epoll_ctl(conf.ep, EPOLL_CTL_ADD, door, &e);
	for (;;) {
		int n = epoll_wait(conf.ep, ev, EVENTS, 2);
		for (int i = 0; i < n; i++) {
			if (!ev[i].data.ptr)
				accept_all(door);
			else
				serve_ready(ev[i].data.ptr);
		}
		send_due(mono_now().ns);
	}
}

/* ---- the client ---- */

static void dial(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)conf.port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	inet_pton(AF_INET, conf.addr, &a.sin_addr);
	struct line *l = new_line(fd, false);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS)
		die("connect");
	watch(l, EPOLLOUT, EPOLL_CTL_ADD);
}

static int ask(struct line *l)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "GET /mcp HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nMcp-Protocol-Version: 2025-11-25\r\n\r\n", conf.name);
	return put(l, text, (size_t)n);
}

static void hear(struct line *l, const char *data)
{
	unsigned long long seq, ns;

	if (sscanf(data, "%llu %llu", &seq, &ns) != 2)
		die("an event of another form");
	uint64_t now = mono_now().ns;
	sum.events++;
	if (seq <= l->seq)
		sum.disordered++;
	else
		sum.lost += seq - l->seq - 1;
	l->seq = seq > l->seq ? seq : l->seq;
	l->last_ns = ns;
	if (sum.delays < DELAYS)
		delay_us[sum.delays++] = (uint32_t)((now - ns) / 1000);
}

/* Events are found by their ends: chunks need not be those of the server. */
static void read_events(struct line *l)
{
	static const char key[] = "\"data\":\"";

	for (const char *end; (end = memmem(l->in, l->n, "\n\n", 2));) {
		const char *at = memmem(l->in, (size_t)(end - l->in), key, sizeof(key) - 1);
		if (at)
			hear(l, at + sizeof(key) - 1);
		drop_front(l, (size_t)(end - l->in) + 2);
	}
}

static bool begun(struct line *l)
{
	const char *end = memmem(l->in, l->n, "\r\n\r\n", 4);

	if (!end)
		return false;
	if (strncmp(l->in, "HTTP/1.1 200", 12) != 0) {
		if (!sum.refused++)
			fprintf(stderr, "sse_many: refused: %.60s\n", l->in);
		hang_up(l);
		return false;
	}
	drop_front(l, (size_t)(end - l->in) + 4);
	l->at = STREAMING;
	sum.open++;
	return true;
}

static void lost_line(struct line *l)
{
	if (l->at == STREAMING)
		sum.cut++, sum.open--;
	else
		sum.refused++;
	hang_up(l);
}

static void client_ready(struct line *l)
{
	int r;

	if (l->at == CONNECTING) {
		l->ssl = SSL_new(conf.tls);
		SSL_set_fd(l->ssl, l->fd);
		SSL_set_connect_state(l->ssl);
		SSL_set_tlsext_host_name(l->ssl, conf.name);
		SSL_set1_host(l->ssl, conf.name);
		l->at = SHAKING;
		watch(l, EPOLLIN, EPOLL_CTL_MOD);
	}
	if (l->at == SHAKING) {
		if ((r = shake(l)) == 0)
			return;
		if (r < 0 || ask(l)) {
			lost_line(l);
			return;
		}
		l->at = ASKING;
	}
	while ((r = take(l)) > 0) {
		if (l->at == ASKING && !begun(l))
			break;
		read_events(l);
	}
	if (r < 0 && l->at != OVER)
		lost_line(l);
}

static int by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void report(uint64_t took_ns)
{
	struct rusage u;
	uint64_t now = mono_now().ns;

	for (size_t i = 0; i < n_lines; i++)
		if (lines[i]->at == STREAMING && lines[i]->last_ns + LATE_S * 1000000000ull < now)
			sum.behind++;
	getrusage(RUSAGE_SELF, &u);
	qsort(delay_us, sum.delays, sizeof(*delay_us), by_size);
	uint64_t n = sum.delays;
	printf("{\"open\":%llu,\"refused\":%llu,\"cut\":%llu,\"events\":%llu,\"per_s\":%.0f,\"lost\":%llu,\"disordered\":%llu,\"behind\":%llu,"
	       "\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"cpu_s\":%.2f}\n",
	    (unsigned long long)sum.open, (unsigned long long)sum.refused, (unsigned long long)sum.cut, (unsigned long long)sum.events,
	    (double)sum.events * 1e9 / (double)took_ns, (unsigned long long)sum.lost, (unsigned long long)sum.disordered,
	    (unsigned long long)sum.behind, n ? delay_us[n / 2] : 0, n ? delay_us[n * 99 / 100] : 0, n ? delay_us[n - 1] : 0,
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	fflush(stdout);
}

static int open_all(void)
{
	struct epoll_event ev[EVENTS];
	uint64_t began = mono_now().ns, all_open = 0;

	conf.tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_verify(conf.tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(conf.tls, SSL_MODE_RELEASE_BUFFERS);
	delay_us = malloc(sizeof(*delay_us) * DELAYS);
	if (SSL_CTX_load_verify_locations(conf.tls, conf.ca, NULL) != 1 || !delay_us)
		die("TLS settings");
	for (;;) {
		while ((int)n_lines < conf.streams && n_lines - sum.open - sum.refused - sum.cut < (size_t)conf.opening)
			dial();
		int n = epoll_wait(conf.ep, ev, EVENTS, 50);
		for (int i = 0; i < n; i++)
			client_ready(ev[i].data.ptr);
		uint64_t now = mono_now().ns;
		bool complete = (int)(sum.open + sum.refused + sum.cut) >= conf.streams;
		if (!all_open && (complete || now - began > START_S * 1000000000ull)) {
			/* What counts begins here, and streams go on where they are. */
			fprintf(stderr, "sse_many: %llu open after %.1f s, %llu events so far\n", (unsigned long long)sum.open, (double)(now - began) / 1e9, (unsigned long long)sum.events);
			all_open = now;
			sum.events = sum.delays = 0;
		}
		if (all_open && now - all_open >= (uint64_t)conf.seconds * 1000000000ull) {
			report(now - all_open);
			return 0;
		}
	}
}

int main(int argc, char **argv)
{
	const struct option o[] = {{"listen", 1, NULL, 'l'}, {"addr", 1, NULL, 'l'}, {"port", 1, NULL, 'p'}, {"cert", 1, NULL, 'c'}, {"key", 1, NULL, 'k'},
	    {"name", 1, NULL, 'n'}, {"ca", 1, NULL, 'a'}, {"streams", 1, NULL, 's'}, {"seconds", 1, NULL, 't'}, {"opening", 1, NULL, 'o'}, {NULL, 0, NULL, 0}};
	bool server = argc > 1 && strcmp(argv[1], "serve") == 0; /* getopt moves it */
	int c;

	signal(SIGPIPE, SIG_IGN);
	while ((c = getopt_long(argc, argv, "", o, NULL)) != -1) {
		switch (c) {
		case 'l': conf.addr = optarg; break;
		case 'p': conf.port = atoi(optarg); break;
		case 'c': conf.cert = optarg; break;
		case 'k': conf.key = optarg; break;
		case 'n': conf.name = optarg; break;
		case 'a': conf.ca = optarg; break;
		case 's': conf.streams = atoi(optarg); break;
		case 't': conf.seconds = atoi(optarg); break;
		case 'o': conf.opening = atoi(optarg); break;
		default: return 2;
		}
	}
	conf.ep = epoll_create1(0);
	if (server)
		serve();
	return open_all();
}
