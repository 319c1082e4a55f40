/*
 * gate_office_aid.h - for tests: what is around a worker: an upstream TLS server, and the other processes' ends of its edges, which
 * answer as they are told to in struct bench.
 */
#ifndef TESTS_GATE_OFFICE_AID_H
#define TESTS_GATE_OFFICE_AID_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tls_aid.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "codec/http1.h"
#include "gate/gate.h"
#include "ipc/rec.h"

#define HOST "mcp.example.test"
#define SECRET "s3cr3t-of-the-vault"
#define OLD_SECRET "s3cr3t-of-yesterday"

enum { TEXT_MAX = 1 << 20, RECORDS_MAX = 4096 };

/* What the upstream answers: called with a whole request; returns the bytes of the answer, or NULL to close at once. */
typedef const char *upstream_fn(const struct http1_head *h, struct view body, bool *close);

struct seen_record {
	uint16_t kind;
	uint64_t call;
	uint32_t uid, cred_ver;
	char verdict[32], rule[256], status[32], tool[128], err[64], host[256], arg_keys[256], detail[256], method[64], charges[64], risk[32], tool_hash[80], policy[80], approval[32], client[160], addr[64], server_addr[64];
	uint64_t in, out, count;
};

struct bench {
	struct ca outer, inner; /* of the upstream; of the vault */
	SSL_CTX *up_ctx;
	upstream_fn *answer;
	long (*up_waits)(void); /* how many microseconds the upstream waits for a next request before it ends; NULL, negative: for ever */
	void (*on_ask)(const struct frame *f); /* what callgate-admin says to M_APPROVAL_ASK */
	void (*on_addrs)(const struct frame *f); /* what callgate-fetch says to M_ADDRS_GET; NULL: it is not running */
	gate_flow_fn *flow; /* set before bench_start(); NULL: flow_fixed */
	unsigned hold_ms, beat_ms;
	bool full_ring; /* set before bench_start(), with hold_acks: the worker finds no room; bench_acks() makes some */
	size_t held_max;
	int up_fd, gate_fd, up_port, gate_port;
	bool up_plain;
	unsigned user; /* of the next client, from 0 on: uid 4242 + user */
	pthread_mutex_t lock;
	struct buf up_log; /* everything that reached the upstream */
	atomic_int up_conns, up_live, up_requests, leases, mints, worlds;
	atomic_bool no_lease, brief_lease, hold_acks; /* brief: for the call that asked alone */
	atomic_bool two_versions; /* 7, and OLD_SECRET as 6 for who says that 7 was refused */
	atomic_uint said_refused; /* by the last question for a lease */
	atomic_int office_stop;
	struct edge vault, admin, ident, fetch;
	struct shring *reader;
	struct seen_record rec[RECORDS_MAX];
	atomic_int records;
	atomic_uint_fast64_t read_pos;
	int stop_fd;
	pthread_t office_thread, up_thread;
	pid_t pid;
	struct pol_limits *limits; /* set before bench_start(); the worker counts in a copy */
	struct gate_conf conf;
	struct edge for_gate[4];
	char dir[64];
};

static struct bench B = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Has this text reached the upstream? */
static inline bool up_saw(const char *what)
{
	pthread_mutex_lock(&B.lock);
	bool seen = B.up_log.len && memmem(buf_view(&B.up_log).p, B.up_log.len, what, strlen(what));
	pthread_mutex_unlock(&B.lock);
	return seen;
}

/* ---- a listening socket on loopback ---- */
static inline int listen_any(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

/* ---- the upstream ---- */
static inline long up_read(SSL *ssl, int fd, void *p, size_t n)
{
	return ssl ? SSL_read(ssl, p, (int)n) : recv(fd, p, n, 0);
}

static inline void up_write(SSL *ssl, int fd, const char *p, size_t n)
{
	while (n) {
		long w = ssl ? SSL_write(ssl, p, (int)n) : send(fd, p, n, MSG_NOSIGNAL);
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

/* Has it had enough of a client that has said nothing for some time? */
static inline bool up_tired(SSL *ssl, int fd)
{
	long us = B.up_waits ? B.up_waits() : -1;
	struct pollfd p = {fd, POLLIN, 0};
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	return us >= 0 && !(ssl && SSL_pending(ssl)) && ppoll(&p, 1, &t, NULL) == 0;
}

static inline void up_serve(SSL *ssl, int fd)
{
	static __thread char text[TEXT_MAX];
	size_t n = 0;
	struct http1_head h;
	bool served = false;

	for (;;) {
		int used = n ? http1_request_old(view_of(text, n), &h) : 0;
		if (used < 0)
			return;
		if (used > 0 && n >= (size_t)used + h.length) {
			size_t whole = (size_t)used + (h.body == HTTP1_LENGTH ? h.length : 0);
			bool close = false;
			pthread_mutex_lock(&B.lock);
			assert_int_equal(buf_put(&B.up_log, view_of(text, whole)), 0);
			const char *a = B.answer(&h, view_of(text + used, whole - (size_t)used), &close);
			pthread_mutex_unlock(&B.lock);
			B.up_requests++;
			served = true;
			if (a)
				up_write(ssl, fd, a, strlen(a));
			if (!a || close)
				return;
			if (view_is(h.method, "CONNECT") && strstr(a, " 200 ")) { /* a proxy, and the server behind it */
				SSL *inside = SSL_new(B.up_ctx);
				SSL_set_fd(inside, fd);
				if (SSL_accept(inside) == 1)
					up_serve(inside, fd);
				SSL_free(inside);
				return;
			}
			memmove(text, text + whole, n - whole);
			n -= whole;
			continue;
		}
		if (!n && served && up_tired(ssl, fd))
			return;
		long r = up_read(ssl, fd, text + n, sizeof(text) - n);
		if (r <= 0)
			return;
		n += (size_t)r;
	}
}

static inline void *up_conn(void *arg)
{
	int fd = (int)(long)arg;
	SSL *ssl = NULL;

	if (!B.up_plain) {
		ssl = SSL_new(B.up_ctx);
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			up_serve(ssl, fd);
		SSL_shutdown(ssl);
		SSL_free(ssl);
	} else {
		up_serve(NULL, fd);
	}
	close(fd);
	B.up_live--;
	return NULL;
}

static inline void *up_main(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept(B.up_fd, NULL, NULL);
		pthread_t t;
		if (fd < 0)
			return NULL;
		B.up_conns++;
		B.up_live++;
		int one = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		pthread_create(&t, NULL, up_conn, (void *)(long)fd);
		pthread_detach(t);
	}
}

/* ---- vault, ident, audit ---- */
static inline void office_vault(const struct frame *f)
{
	static union { uint8_t bytes[8192]; struct m_lease lease; struct m_minted minted; } m;

	if (f->type == M_CA_GET) {
		assert_int_equal(edge_send(&B.vault, M_CA, f->tag, buf_view(&B.inner.pem), -1), 0);
	} else if (f->type == M_LEASE_GET) {
		B.leases++;
		B.said_refused = ((const struct m_lease_get *)(const void *)f->body.p)->refused;
		bool old = B.two_versions && B.said_refused == 7;
		m.lease = (struct m_lease){.status = B.no_lease ? -ERR_DENIED : 0, .version = old ? 6 : 7, .ttl_ms = B.brief_lease ? 0 : 30000, .again = B.two_versions,
		    .len = B.no_lease ? 0 : sizeof(SECRET) - 1};
		memcpy(m.lease.secret, old ? OLD_SECRET : SECRET, sizeof(SECRET) - 1);
		assert_int_equal(edge_send(&B.vault, M_LEASE, f->tag, view_of(&m, sizeof(m.lease) + m.lease.len), -1), 0);
	} else if (f->type == M_MINT) {
		const struct m_mint *q = (const void *)f->body.p;
		struct buf leaf = {0}, key = {0};
		char san[300];
		B.mints++;
		snprintf(san, sizeof(san), "DNS:%s", q->name);
		leaf_make(&B.inner, san, -3600, 3600, &leaf, &key);
		m.minted = (struct m_minted){.ttl_s = 3600, .leaf_len = (uint32_t)leaf.len, .key_len = (uint32_t)key.len};
		memcpy(m.minted.der, buf_view(&leaf).p, leaf.len);
		memcpy(m.minted.der + leaf.len, buf_view(&key).p, key.len);
		assert_int_equal(edge_send(&B.vault, M_MINTED, f->tag, view_of(&m, sizeof(m.minted) + leaf.len + key.len), -1), 0);
		buf_free(&leaf);
		buf_free(&key);
	}
}

static inline void office_ident(const struct frame *f)
{
	struct m_described d = {.uid = 4242, .agent_class = CG_CLASS_AGENT, .strength = IDENT_STRONG};

	snprintf(d.agent, sizeof(d.agent), "test-agent");
	snprintf(d.exe, sizeof(d.exe), "/usr/bin/agent");
	assert_int_equal(edge_send(&B.ident, M_DESCRIBED, f->tag, view_of(&d, sizeof(d)), -1), 0);
}

#define COPY_TEXT(field, f) snprintf(s->field, sizeof(s->field), VIEW_FMT, VIEW_ARG(r.text[f]))

static inline void office_records(void)
{
	struct view v;
	uint64_t pos = 0;
	static struct rec_seen r;
	bool any = false;

	while (shring_get(B.reader, &v, &pos) == 1) {
		int i = B.records;
		assert_in_range(i, 0, RECORDS_MAX - 1);
		struct seen_record *s = &B.rec[i];
		assert_int_equal(rec_parse(v, &r), 0);
		s->kind = r.head.kind;
		s->call = r.head.call;
		s->uid = (uint32_t)r.num[F_UID];
		s->in = r.num[F_BYTES_IN];
		s->cred_ver = (uint32_t)r.num[F_CRED_VERSION];
		s->out = r.num[F_BYTES_OUT];
		s->count = r.num[F_COUNT];
		COPY_TEXT(verdict, F_VERDICT);
		COPY_TEXT(rule, F_RULE);
		COPY_TEXT(status, F_STATUS);
		COPY_TEXT(tool, F_TOOL);
		COPY_TEXT(err, F_ERROR);
		COPY_TEXT(host, F_HOST);
		COPY_TEXT(arg_keys, F_ARG_KEYS);
		COPY_TEXT(detail, F_DETAIL);
		COPY_TEXT(method, F_METHOD);
		COPY_TEXT(charges, F_CHARGES);
		COPY_TEXT(policy, F_POLICY);
		COPY_TEXT(risk, F_RISK);
		COPY_TEXT(tool_hash, F_TOOL_HASH);
		COPY_TEXT(approval, F_APPROVAL);
		COPY_TEXT(client, F_AGENT_CLAIM);
		COPY_TEXT(addr, F_ADDR);
		COPY_TEXT(server_addr, F_SERVER_ADDR);
		B.records++;
		any = true;
	}
	if (any)
		B.read_pos = pos;
	if (any && !B.hold_acks)
		shring_ack(B.reader, pos);
}

/* After hold_acks: what was read is safe now, and so is what comes. */
static inline void bench_acks(void)
{
	B.hold_acks = false;
	shring_ack(B.reader, B.read_pos);
}

static inline void *office_main(void *arg)
{
	(void)arg;
	while (!B.office_stop) {
		struct pollfd p[] = {{B.vault.fd, POLLIN, 0}, {B.ident.fd, POLLIN, 0}, {B.admin.fd, POLLIN, 0}, {B.fetch.fd, POLLIN, 0}};
		poll(p, 4, 2);
		struct frame f;
		while (edge_recv(&B.vault, &f) == 1)
			office_vault(&f);
		while (edge_recv(&B.ident, &f) == 1)
			office_ident(&f);
		while (B.fetch.fd >= 0 && edge_recv(&B.fetch, &f) == 1)
			B.on_addrs(&f);
		while (edge_recv(&B.admin, &f) == 1)
			if (f.type == M_WORLD_ACK && ((const struct m_world_ack *)(const void *)f.body.p)->status == 0)
				B.worlds++;
			else if (f.type == M_APPROVAL_ASK && B.on_ask)
				B.on_ask(&f);
		office_records();
	}
	return NULL;
}

#endif
