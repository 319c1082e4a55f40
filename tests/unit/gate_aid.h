/*
 * gate_aid.h - for tests: a worker in a process of its own, everything around it (gate_office_aid.h), and a client.  All on loopback, all of
 * it the real code but for the processes at the far ends.
 */
#ifndef TESTS_GATE_AID_H
#define TESTS_GATE_AID_H

#include "gate_office_aid.h"

/* ---- the worker ---- */
/* The user is told by the address that the client bound. */
static inline int flow_fixed(void *arg, int fd, struct cg_flow *out)
{
	struct sockaddr_in peer = {0};
	socklen_t n = sizeof(peer);

	(void)arg;
	(void)getpeername(fd, (struct sockaddr *)&peer, &n);
	*out = (struct cg_flow){.abi = CG_ABI_VERSION, .verdict = CG_REDIRECT, .family = AF_INET, .uid = 4241 + (ntohl(peer.sin_addr.s_addr) & 0xff), .loginuid = 4242,
	    .tgid = (uint32_t)getpid(), .dst_port = htons((uint16_t)B.up_port)};
	out->dst[10] = out->dst[11] = 0xff;
	out->dst[12] = 127;
	out->dst[15] = 1;
	memcpy(out->comm, "agent", 6);
	return 0;
}

static inline void on_stop_fd(void *arg, int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
	gate_stop(arg);
}

static inline void __attribute__((noreturn)) gate_main(void)
{
	char why[256];
	struct gate *g;

	log_open("worker", LOG_ERROR);
	int r = gate_new(&B.conf, why, sizeof(why), &g);
	if (!r)
		r = loop_watch(gate_loop(g), B.stop_fd, on_stop_fd, g);
	if (B.limits)
		gate_limits(g, B.limits, NULL);
	for (int i = 0; i < 4; i++)
		gate_edge(g, &B.for_gate[i]);
	r = r ? r : gate_run(g);
	gate_free(&g);
	exit(r ? 1 : 0);
}

static inline void bench_world_send(const char *json)
{
	int fd = fd_sealed("world", view_str(json));

	assert_true(fd >= 0);
	assert_int_equal(edge_send(&B.admin, M_WORLD, 0, view_of(NULL, 0), fd), 0);
	close(fd);
}

static inline void bench_world(const char *json)
{
	int before = B.worlds;

	bench_world_send(json);
	for (int i = 0; i < 5000 && B.worlds == before; i++)
		usleep(1000);
	assert_int_equal(B.worlds, before + 1);
}

/* The usual world: one server with a credential, one grant for ${uid} with ${policy}. */
static inline void bench_grant(const char *mode, uint32_t uid, const char *policy)
{
	struct pol *p = NULL;
	struct buf out = {0}, quoted = {0};

	assert_int_equal(pol_load(view_str(policy), NULL, NULL, &p), 0);
	struct jsonw w = jsonw_on(&quoted);
	jsonw_str(&w, NULL, policy);
	assert_int_equal(jsonw_end(&w), 0);
	assert_int_equal(buf_printf(&out,
	    "{\"generation\":5,\"mode\":\"enforce\",\"servers\":[{\"name\":\"mock\",\"mode\":\"%s\",\"match\":[{\"host\":\"" HOST "\",\"port\":%d,\"path\":\"/mcp\"}],"
	    "\"credential\":\"bot\",\"inject\":{\"header\":\"Authorization\",\"format\":\"Bearer {secret}\"}}],"
	    "\"grants\":[{\"id\":\"g1\",\"uid\":%u,\"server\":\"mock\",\"policy\":\"%s\",\"policy_name\":\"p\"}],"
	    "\"policies\":{\"%s\":" VIEW_FMT "}}", mode, B.up_port, uid, pol_hash(p), pol_hash(p), VIEW_ARG(buf_view(&quoted))), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	bench_world((const char *)buf_view(&out).p);
	buf_free(&out);
	buf_free(&quoted);
	pol_free(&p);
}

static inline void bench_edges(void)
{
	struct { struct edge *mine; enum party p; } e[] = {{&B.vault, P_VAULT}, {&B.admin, P_ADMIN}, {&B.ident, P_IDENT}, {&B.fetch, P_FETCH}};

	for (int i = 0; i < 4; i++) {
		int fd[2] = {-1, -1};
		if (e[i].p != P_FETCH || B.on_addrs)
			assert_int_equal(edge_pair(fd), 0);
		edge_init(e[i].mine, fd[0], e[i].p, P_PROXY, 0);
		edge_init(&B.for_gate[i], fd[1], P_PROXY, e[i].p, 0);
	}
}

/* Records of the largest size that a field allows, until there is room for none of 64 bytes. */
static inline void fill_ring(void)
{
	static const char much[4096];
	static struct rec r;
	uint64_t pos;

	for (size_t n = sizeof(much); n; n /= 2)
		do {
			rec_begin(&r, REC_CONNECTION, 0, mono_now().ns);
			rec_text(&r, F_ARG_MACS, view_of(much, n));
		} while (shring_put(B.conf.ring, rec_end(&r), &pos) == 0);
}

static inline void bench_ring(void)
{
	int data, ack;

	snprintf(B.dir, sizeof(B.dir), "/tmp/gate-test-XXXXXX");
	assert_non_null(mkdtemp(B.dir));
	int dir = open(B.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(shring_create(dir, "r", &data, &ack), 0);
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), ackbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(shring_writer(data, ack, bell, &B.conf.ring), 0);
	assert_int_equal(shring_reader(data, ack, ackbell, &B.reader), 0);
	if (B.full_ring)
		fill_ring();
	B.conf.ring_id = 0xabc;
	B.conf.ackbell = ackbell;
	unlinkat(dir, "r.data", 0);
	unlinkat(dir, "r.ack", 0);
	close(dir);
	rmdir(B.dir);
}

static inline SSL_CTX *server_ctx(const struct ca *ca, const char *san, long from_s, long to_s)
{
	struct buf leaf = {0}, key = {0};
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	leaf_make(ca, san, from_s, to_s, &leaf, &key);
	assert_int_equal(SSL_CTX_use_certificate_ASN1(ctx, (int)leaf.len, buf_view(&leaf).p), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, ctx, buf_view(&key).p, (long)key.len), 1);
	buf_free(&leaf);
	buf_free(&key);
	return ctx;
}

/* Start all of it.  ${strict}: how careful the audit is. */
static inline void bench_start(enum gate_strict strict)
{
	signal(SIGPIPE, SIG_IGN);
	B.outer = ca_make("the world's authority");
	B.inner = ca_make("Callgate on this machine");
	B.up_ctx = server_ctx(&B.outer, "DNS:" HOST, -3600, 3600);
	B.up_fd = listen_any(&B.up_port);
	B.gate_fd = listen_any(&B.gate_port);
	B.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	B.conf = (struct gate_conf){.strict = strict, .conns = 64, .listen4 = B.gate_fd, .listen6 = -1, .flow = B.flow ? B.flow : flow_fixed,
	    .held_max = B.held_max, .hold_ms = B.hold_ms, .beat_ms = B.beat_ms, .trust = buf_view(&B.outer.pem)};
	bench_ring();
	bench_edges();
	B.pid = fork();
	assert_true(B.pid >= 0);
	if (B.pid == 0)
		gate_main();
	for (int i = 0; i < 4; i++)
		edge_close(&B.for_gate[i]);
	pthread_create(&B.up_thread, NULL, up_main, NULL);
	pthread_create(&B.office_thread, NULL, office_main, NULL);
}

static inline void bench_stop(void)
{
	uint64_t one = 1;

	assert_int_equal(write(B.stop_fd, &one, sizeof(one)), sizeof(one));
	int status;
	assert_int_equal(waitpid(B.pid, &status, 0), B.pid);
	assert_int_equal(status, 0);
	B.office_stop = 1;
	pthread_join(B.office_thread, NULL);
	shutdown(B.up_fd, SHUT_RDWR);
	pthread_join(B.up_thread, NULL);
	/* The worker is gone, and with it the other end of each: what they hold is not a leak. */
	for (int i = 0; i < 5000 && B.up_live; i++)
		usleep(1000);
	assert_int_equal(B.up_live, 0);
	close(B.up_fd);
	close(B.gate_fd);
	close(B.stop_fd);
	shring_free(&B.reader);
	shring_free(&B.conf.ring);
	edge_close(&B.vault);
	edge_close(&B.admin);
	edge_close(&B.ident);
	edge_close(&B.fetch);
	SSL_CTX_free(B.up_ctx);
	ca_free(&B.outer);
	ca_free(&B.inner);
	buf_free(&B.up_log);
}

/* The teardown of a group of tests. */
static inline int bench_end(void **state)
{
	(void)state;
	bench_stop();
	return 0;
}

/* ---- the client ---- */
struct client {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	char text[TEXT_MAX];
	size_t n;
};

static inline int client_tcp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)B.gate_port)};
	struct timeval tv = {10, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	struct sockaddr_in me = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + B.user)};
	assert_int_equal(bind(fd, (struct sockaddr *)&me, sizeof(me)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* ${ca}: whom the client trusts.  Returns whether the handshake succeeded. */
static inline bool client_shake(struct client *c, const char *sni, const struct ca *ca)
{
	c->n = 0;
	c->ctx = SSL_CTX_new(TLS_client_method());
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), ca->cert);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	c->ssl = SSL_new(c->ctx);
	SSL_set_tlsext_host_name(c->ssl, sni);
	SSL_set1_host(c->ssl, sni);
	SSL_set_fd(c->ssl, c->fd);
	return SSL_connect(c->ssl) == 1;
}

static inline bool client_tls(struct client *c, const char *sni, const struct ca *ca)
{
	c->fd = client_tcp();
	return client_shake(c, sni, ca);
}

static inline void client_close(struct client *c)
{
	if (c->ssl) {
		SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		SSL_CTX_free(c->ctx);
	}
	close(c->fd);
	memset(c, 0, offsetof(struct client, text));
	c->n = 0;
}

static inline void client_send(struct client *c, const char *text)
{
	up_write(c->ssl, c->fd, text, strlen(text));
}

/* Read until ${what} has come, or the other side ends; the text so far. */
static inline const char *client_until(struct client *c, const char *what)
{
	c->text[c->n] = '\0';
	while (!strstr(c->text, what)) {
		long r = up_read(c->ssl, c->fd, c->text + c->n, sizeof(c->text) - 1 - c->n);
		if (r <= 0)
			break;
		c->n += (size_t)r;
		c->text[c->n] = '\0';
	}
	return c->text;
}

/* One whole answer with Content-Length; the text is then forgotten by the next call. */
static inline const char *client_answer(struct client *c)
{
	struct http1_head h;

	c->n = 0;
	for (;;) {
		int used = c->n ? http1_response(view_of(c->text, c->n), &h) : 0;
		assert_true(used >= 0);
		if (used && h.status >= 200 && c->n >= (size_t)used + (h.body == HTTP1_LENGTH ? h.length : 0))
			break;
		if (used && h.status < 200) {
			memmove(c->text, c->text + used, c->n - (size_t)used);
			c->n -= (size_t)used;
			continue;
		}
		long r = up_read(c->ssl, c->fd, c->text + c->n, sizeof(c->text) - 1 - c->n);
		if (r <= 0)
			break;
		c->n += (size_t)r;
	}
	c->text[c->n] = '\0';
	return c->text;
}

static inline void client_post(struct client *c, const char *path, const char *more, const char *body)
{
	char head[1024];

	snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\n"
	    "Accept: application/json, text/event-stream\r\nAuthorization: Bearer placeholder\r\n%sContent-Length: %zu\r\n\r\n",
	    path, more, strlen(body));
	client_send(c, head);
	client_send(c, body);
}

/* Wait until ${n} records have come, then the last one. */
static inline const struct seen_record *record_wait(int n)
{
	for (int i = 0; i < 5000 && B.records < n; i++)
		usleep(1000);
	assert_true(B.records >= n);
	return &B.rec[n - 1];
}

#endif
