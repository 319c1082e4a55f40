/*
 * stream_tls_test.c - TLS on streams: both sides of one loop against each other, and against a plain OpenSSL client.
 * What an upstream may not get away with is a table: name, certificate, what the stream must say.
 */
#include "io_aid.h"
#include "tls_aid.h"

enum { HOUR = 3600 };

static struct ca root, foreign, own;
static struct tls_front *front;
static struct tls_back *back;

struct link {
	struct loop *l;
	struct party a, b; /* server, client */
};

static struct tls_cert *cert_by(const struct ca *ca, const char *san, long from_s, long to_s)
{
	struct buf leaf = {0}, key = {0};
	struct tls_cert *c;

	leaf_make(ca, san, from_s, to_s, &leaf, &key);
	assert_int_equal(tls_cert_new(buf_view(&leaf), buf_view(&ca->der), buf_view(&key), &c), 0);
	buf_free(&leaf);
	buf_free(&key);
	return c;
}

static int setup(void **state)
{
	(void)state;
	root = ca_make("Test root");
	foreign = ca_make("Foreign root");
	own = ca_make("Callgate own");
	struct buf pem = {0};
	assert_int_equal(buf_put(&pem, buf_view(&root.pem)), 0);
	assert_int_equal(buf_puts(&pem, "\nsome words between\n"), 0);
	assert_int_equal(buf_put(&pem, buf_view(&own.pem)), 0);
	assert_int_equal(tls_front_new(&front), 0);
	assert_int_equal(tls_back_new(buf_view(&pem), buf_view(&own.pem), &back), 0);
	buf_free(&pem);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tls_front_free(&front);
	tls_back_free(&back);
	ca_free(&root);
	ca_free(&foreign);
	ca_free(&own);
	return 0;
}

static int link_up(struct link *k, struct loop *l, struct tls_front *f, struct tls_cert *c, struct tls_back *b, const char *host)
{
	int fd[2];

	*k = (struct link){.l = l, .a = {.l = l}, .b = {.l = l}};
	tcp_pair(fd);
	k->a.s = stream_accepted(l, fd[0], party_ready, &k->a);
	k->b.s = stream_accepted(l, fd[1], party_ready, &k->b);
	assert_int_equal(stream_tls_server(k->a.s, f, c), 0);
	return stream_tls_client(k->b.s, b, host);
}

static void link_down(struct link *k)
{
	party_end(&k->a);
	party_end(&k->b);
}

#define BOTH_UP(k) (stream_flags((k)->a.s) & stream_flags((k)->b.s) & STREAM_TLS_UP)
#define HAS(s, f) ((stream_flags(s) & (f)) == (unsigned)(f))

static void test_talk(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:mcp.example", -HOUR, HOUR);
	struct link k;

	assert_int_equal(link_up(&k, l, front, c, back, "MCP.example."), 0);
	/* Put before the handshake: sent after it. */
	assert_int_equal(stream_put(k.b.s, VIEW_LIT("question")), 0);
	until(l, k.a.got.len == 8);
	assert_true(BOTH_UP(&k));
	assert_int_equal(stream_put(k.a.s, VIEW_LIT("an")), 0);
	assert_int_equal(stream_put(k.a.s, VIEW_LIT("swer")), 0);
	stream_shut(k.a.s);
	until(l, HAS(k.b.s, STREAM_EOF));
	assert_memory_equal(buf_view(&k.b.got).p, "answer", 6);
	assert_true(HAS(k.b.s, STREAM_EOF_CLEAN));
	/* Half-close works under TLS, too. */
	assert_int_equal(stream_put(k.b.s, VIEW_LIT("after")), 0);
	until(l, k.a.got.len == 13);
	stream_shut(k.b.s);
	until(l, HAS(k.a.s, STREAM_EOF | STREAM_EOF_CLEAN));
	assert_int_equal(stream_error(k.a.s), 0);
	assert_int_equal(stream_error(k.b.s), 0);
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *what, *san, *host;
		const struct ca *by;
		long from_s, to_s;
		int err;
	} rows[] = {
		{"good", "DNS:a.example", "a.example", &root, -HOUR, HOUR, 0},
		{"wildcard", "DNS:*.example.org", "a.example.org", &root, -HOUR, HOUR, 0},
		{"address", "IP:127.0.0.1", "127.0.0.1", &root, -HOUR, HOUR, 0},
		{"address 6", "IP:::1", "[::1]", &root, -HOUR, HOUR, 0},
		{"another name", "DNS:b.example", "a.example", &root, -HOUR, HOUR, -ERR_TLS_NAME},
		{"deeper than the wildcard", "DNS:*.example.org", "a.b.example.org", &root, -HOUR, HOUR, -ERR_TLS_NAME},
		{"partial wildcard", "DNS:a*.example.org", "ab.example.org", &root, -HOUR, HOUR, -ERR_TLS_NAME},
		{"another address", "IP:127.0.0.2", "127.0.0.1", &root, -HOUR, HOUR, -ERR_TLS_NAME},
		{"address as a name", "DNS:127.0.0.1", "127.0.0.1", &root, -HOUR, HOUR, -ERR_TLS_NAME},
		{"name in the subject only", "", "a leaf", &root, -HOUR, HOUR, -EINVAL},
		{"no name at all", "", "leaf.example", &root, -HOUR, HOUR, -ERR_TLS_NAME},
		{"expired", "DNS:a.example", "a.example", &root, -2 * HOUR, -HOUR, -ERR_TLS_EXPIRED},
		{"not yet", "DNS:a.example", "a.example", &root, HOUR, 2 * HOUR, -ERR_TLS_EXPIRED},
		{"unknown authority", "DNS:a.example", "a.example", &foreign, -HOUR, HOUR, -ERR_TLS_UNTRUSTED},
		{"our own authority", "DNS:a.example", "a.example", &own, -HOUR, HOUR, -ERR_TLS_UNTRUSTED},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct loop *l = loop_make(0);
		struct tls_cert *c = cert_by(rows[i].by, rows[i].san, rows[i].from_s, rows[i].to_s);
		struct link k;
		int e = link_up(&k, l, front, c, back, rows[i].host);
		if (rows[i].err == -EINVAL) {
			assert_int_equal(e, -EINVAL);
		} else if (rows[i].err) {
			/* A secret that waits to be sent must not leave. */
			assert_int_equal(stream_put(k.b.s, VIEW_LIT("secret")), 0);
			until(l, HAS(k.b.s, STREAM_ERROR));
			if (stream_error(k.b.s) != rows[i].err)
				fail_msg("%s: %s", rows[i].what, err_name(stream_error(k.b.s)));
			stream_close(&k.b.s, false);
			until(l, HAS(k.a.s, STREAM_ERROR));
			assert_int_equal(k.a.got.len, 0);
			/* The alert got out although the owner closed at once, and the server knows why. */
			bool late = rows[i].err == -ERR_TLS_EXPIRED && rows[i].to_s < 0; /* an alert of its own */
			assert_int_equal(stream_error(k.a.s), late ? -ERR_TLS : -ERR_TLS_CLIENT_REFUSED);
		} else {
			until(l, BOTH_UP(&k));
		}
		link_down(&k);
		loop_free(&l);
		tls_cert_unref(&c);
	}
}

static void test_bad_hosts(void **state)
{
	(void)state;
	static const char *const hosts[] = {"", ".", "[]", ".a", "a b", "a\tb", "*.a", "a/b", "a:1", "ä.example"};
	char lengthy[300];
	struct loop *l = loop_make(0);
	int fd[2];

	memset(lengthy, 'a', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	tcp_pair(fd);
	struct party p = {.l = l};
	p.s = stream_accepted(l, fd[0], party_ready, &p);
	/* Without a name there is nothing to verify: never a handshake without one. */
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_int_equal(stream_tls_client(p.s, back, hosts[i]), -EINVAL);
	assert_int_equal(stream_tls_client(p.s, back, lengthy), -EINVAL);
	assert_false(HAS(p.s, STREAM_TLS));
	assert_int_equal(stream_tls_client(p.s, back, "a.example"), 0);
	assert_int_equal(stream_tls_client(p.s, back, "a.example"), -EALREADY);
	party_end(&p);
	loop_free(&l);
	close(fd[1]);
}

static void test_own_key_other_cert(void **state)
{
	(void)state;
	/* The same key under another certificate is still our own authority. */
	X509 *again = x509_make("Renamed", own.key, NULL, own.key, -HOUR, HOUR, NULL);
	struct buf pem = {0};
	struct ca disguised = {.key = own.key, .cert = again};
	struct tls_back *b;

	x509_pem(again, &pem);
	x509_der(again, &disguised.der);
	assert_int_equal(tls_back_new(buf_view(&pem), buf_view(&own.pem), &b), 0);
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&disguised, "DNS:a.example", -HOUR, HOUR);
	struct link k;
	assert_int_equal(link_up(&k, l, front, c, b, "a.example"), 0);
	until(l, HAS(k.b.s, STREAM_ERROR));
	assert_int_equal(stream_error(k.b.s), -ERR_TLS_UNTRUSTED);
	link_down(&k);
	/* A stream may outlive the free of its trust. */
	assert_int_equal(link_up(&k, l, front, c, b, "a.example"), 0);
	tls_back_free(&b);
	until(l, HAS(k.b.s, STREAM_ERROR));
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
	X509_free(again);
	buf_free(&pem);
	buf_free(&disguised.der);
}

static void test_material(void **state)
{
	(void)state;
	struct buf leaf = {0}, key = {0}, other = {0}, leaf2 = {0};
	struct tls_cert *c;
	struct tls_back *b;

	leaf_make(&root, "DNS:a.example", -HOUR, HOUR, &leaf, &key);
	leaf_make(&root, "DNS:b.example", -HOUR, HOUR, &leaf2, &other);
	struct view l = buf_view(&leaf), k = buf_view(&key), none = {NULL, 0};
	assert_int_equal(tls_cert_new(l, none, buf_view(&other), &c), -ERR_MALFORMED);
	assert_null(c);
	for (size_t n = 0; n < l.n; n += 7)
		assert_int_equal(tls_cert_new(view_head(l, n), none, k, &c), -ERR_MALFORMED);
	for (size_t n = 0; n < k.n; n += 3)
		assert_int_equal(tls_cert_new(l, none, view_head(k, n), &c), -ERR_MALFORMED);
	assert_int_equal(tls_cert_new(l, VIEW_LIT("x"), k, &c), -ERR_MALFORMED);
	assert_int_equal(buf_puts(&leaf, "x"), 0);
	assert_int_equal(tls_cert_new(buf_view(&leaf), none, k, &c), -ERR_MALFORMED);
	buf_truncate(&leaf, leaf.len - 1);
	assert_int_equal(tls_cert_new(buf_view(&leaf), none, k, &c), 0);
	struct tls_cert *same = tls_cert_ref(c);
	tls_cert_unref(&same);
	assert_null(same);
	tls_cert_unref(&c);
	tls_cert_unref(&c);

	assert_int_equal(tls_back_new(none, none, &b), -ERR_MALFORMED);
	assert_int_equal(tls_back_new(VIEW_LIT("no certificate"), none, &b), -ERR_MALFORMED);
	assert_int_equal(tls_back_new(buf_view(&root.pem), VIEW_LIT("garbage"), &b), -ERR_MALFORMED);
	assert_null(b);
	/* A damaged one in the middle costs only itself. */
	struct buf pem = {0};
	assert_int_equal(buf_puts(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0);
	assert_int_equal(buf_put(&pem, buf_view(&root.pem)), 0);
	assert_int_equal(tls_back_new(buf_view(&pem), none, &b), 0);
	tls_back_free(&b);
	buf_free(&pem);
	buf_free(&leaf);
	buf_free(&leaf2);
	buf_free(&key);
	buf_free(&other);
}

static bool resumed_between(struct loop *l, struct tls_cert *c, struct tls_back *b, const char *host)
{
	struct link k;

	assert_int_equal(link_up(&k, l, front, c, b, host), 0);
	assert_int_equal(stream_put(k.a.s, VIEW_LIT("x")), 0);
	assert_int_equal(stream_put(k.b.s, VIEW_LIT("y")), 0);
	until(l, k.b.got.len == 1 && k.a.got.len == 1);
	bool r = stream_tls_resumed(k.b.s);
	assert_int_equal(stream_tls_resumed(k.a.s), r);
	link_down(&k);
	return r;
}

/* tcp_pair() takes a new port each time, which is part of the key: a listener that stays is needed here. */
struct fixed {
	struct loop *l;
	struct party srv;
	struct tls_cert *c;
};

static void serve(void *arg, int fd)
{
	struct fixed *f = arg;
	f->srv = (struct party){.l = f->l, .echo = true};
	f->srv.s = stream_accepted(f->l, fd, party_ready, &f->srv);
	assert_int_equal(stream_tls_server(f->srv.s, front, f->c), 0);
}

static bool call_resumed(struct fixed *f, const struct sockaddr_in *a, struct tls_back *b, const char *host)
{
	struct party p = {.l = f->l};

	assert_non_null(dial_to(&p, a, 5000));
	assert_int_equal(stream_tls_client(p.s, b, host), 0);
	assert_int_equal(stream_put(p.s, VIEW_LIT("hello")), 0);
	until(f->l, p.got.len == 5);
	bool r = stream_tls_resumed(p.s);
	assert_int_equal(stream_tls_resumed(f->srv.s), r);
	party_end(&p);
	party_end(&f->srv);
	return r;
}

static void test_resumption(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example,DNS:b.example", -HOUR, HOUR);
	struct tls_cert *d = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct fixed f = {.l = l, .c = c};
	struct sockaddr_in a;
	struct tls_back *mine;
	int at = listen_on(&a);

	assert_int_equal(tls_back_new(buf_view(&root.pem), view_of(NULL, 0), &mine), 0);
	assert_int_equal(loop_listen(l, at, serve, &f), 0);
	assert_false(call_resumed(&f, &a, mine, "a.example"));
	for (unsigned i = 0; i < 5; i++) /* also after resets: an abrupt end does not spoil a session */
		assert_true(call_resumed(&f, &a, mine, "a.example"));
	/* Verified for one host, not for another; under other trust, not at all. */
	assert_false(call_resumed(&f, &a, mine, "b.example"));
	assert_false(call_resumed(&f, &a, back, "a.example"));
	/* The ticket is bound to the certificate that was shown. */
	f.c = d;
	assert_false(call_resumed(&f, &a, mine, "a.example"));
	assert_true(call_resumed(&f, &a, mine, "a.example"));
	/* Another port is another server. */
	assert_false(resumed_between(l, c, mine, "a.example"));
	tls_back_free(&mine);
	loop_free(&l);
	tls_cert_unref(&c);
	tls_cert_unref(&d);
	close(at);
}

/* ---- against OpenSSL itself, over a pair of memory BIOs and a plain socket ---- */

struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	int fd;
	size_t chunk; /* how many bytes go over the wire at a time */
};

static struct peer peer_make(int fd, int version, const char *alpn, bool trusts, size_t chunk)
{
	struct peer p = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = fd, .chunk = chunk};

	SSL_CTX_set_max_proto_version(p.ctx, version);
	if (trusts)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(p.ctx), root.cert);
	SSL_CTX_set_verify(p.ctx, SSL_VERIFY_PEER, NULL);
	p.ssl = SSL_new(p.ctx);
	if (alpn)
		SSL_set_alpn_protos(p.ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	p.in = BIO_new(BIO_s_mem());
	p.out = BIO_new(BIO_s_mem());
	SSL_set_bio(p.ssl, p.in, p.out);
	SSL_set_connect_state(p.ssl);
	return p;
}

static void peer_free(struct peer *p)
{
	SSL_free(p->ssl);
	SSL_CTX_free(p->ctx);
	close(p->fd);
}

static void peer_move(struct peer *p, struct loop *l)
{
	uint8_t b[65536];
	int n;

	while ((n = BIO_read(p->out, b, (int)(p->chunk < sizeof(b) ? p->chunk : sizeof(b)))) > 0) {
		(void)!send(p->fd, b, (size_t)n, MSG_NOSIGNAL);
		assert_int_equal(loop_turn(l, p->chunk == 1 ? 1 : 0), 0);
	}
	assert_int_equal(loop_turn(l, 1), 0);
	ssize_t m = recv(p->fd, b, sizeof(b), MSG_DONTWAIT);
	if (m > 0)
		BIO_write(p->in, b, (int)m);
}

/* 1: up; 0: refused by the peer. */
static int peer_shake(struct peer *p, struct loop *l, struct party *srv)
{
	for (unsigned i = 0; i < 2000; i++) {
		ERR_clear_error();
		int r = SSL_do_handshake(p->ssl);
		int e = SSL_get_error(p->ssl, r);
		peer_move(p, l);
		if (r == 1 && (HAS(srv->s, STREAM_TLS_UP) || HAS(srv->s, STREAM_ERROR)))
			return 1;
		if (r != 1 && e != SSL_ERROR_WANT_READ) {
			until(l, HAS(srv->s, STREAM_ERROR));
			return 0;
		}
	}
	fail_msg("no end of the handshake");
	return 0;
}

static void test_hello_from_in_buffer(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (unsigned v = 0; v < 2; v++)
		for (size_t chunk = 1; chunk < 3000; chunk = chunk * 3 + 1) {
			int fd[2];
			tcp_pair(fd);
			struct party srv = {.l = l, .keep = true};
			srv.s = stream_accepted(l, fd[0], party_ready, &srv);
			struct peer p = peer_make(fd[1], versions[v], "\x02h2\x08http/1.1", true, chunk);
			/* The gate looks at the hello first; only then is TLS started, on the bytes that are there. */
			ERR_clear_error();
			SSL_do_handshake(p.ssl);
			size_t hello = BIO_ctrl_pending(p.out);
			while (stream_in(srv.s).n < hello / 2)
				peer_move(&p, l);
			assert_int_equal(stream_tls_server(srv.s, front, c), 0);
			assert_int_equal(stream_in(srv.s).n, 0);
			assert_int_equal(peer_shake(&p, l, &srv), 1);
			const unsigned char *alpn;
			unsigned alpn_len;
			SSL_get0_alpn_selected(p.ssl, &alpn, &alpn_len);
			assert_int_equal(alpn_len, 8);
			assert_memory_equal(alpn, "http/1.1", 8);
			assert_string_equal(SSL_get_version(p.ssl), v ? "TLSv1.3" : "TLSv1.2");
			if (v)
				assert_string_equal(SSL_get_cipher_name(p.ssl), "TLS_AES_128_GCM_SHA256");
			SSL_write(p.ssl, "in pieces", 9);
			while (stream_in(srv.s).n < 9)
				peer_move(&p, l);
			assert_memory_equal(stream_in(srv.s).p, "in pieces", 9);
			/* A connection that is cut is not a clean end. */
			shutdown(p.fd, SHUT_WR);
			until(l, HAS(srv.s, STREAM_EOF));
			assert_false(HAS(srv.s, STREAM_EOF_CLEAN));
			party_end(&srv);
			peer_free(&p);
		}
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_clients_refused(void **state)
{
	(void)state;
	static const struct {
		const char *alpn;
		int version;
		bool trusts;
		int err;
	} rows[] = {
		{"\x08http/1.1", TLS1_3_VERSION, true, 0},
		{NULL, TLS1_3_VERSION, true, 0},
		{"\x02h2", TLS1_3_VERSION, true, -ERR_TLS},
		{"\x02h2", TLS1_2_VERSION, true, -ERR_TLS},
		{"\x08http/1.1", TLS1_3_VERSION, false, -ERR_TLS_CLIENT_REFUSED},
		{"\x08http/1.1", TLS1_2_VERSION, false, -ERR_TLS_CLIENT_REFUSED},
		{"\x08http/1.1", TLS1_1_VERSION, true, -ERR_TLS},
	};
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd[2];
		tcp_pair(fd);
		struct party srv = {.l = l};
		srv.s = stream_accepted(l, fd[0], party_ready, &srv);
		assert_int_equal(stream_tls_server(srv.s, front, c), 0);
		struct peer p = peer_make(fd[1], rows[i].version, rows[i].alpn, rows[i].trusts, 100000);
		if (rows[i].version == TLS1_1_VERSION) {
			SSL_set_security_level(p.ssl, 0);
			SSL_set_min_proto_version(p.ssl, TLS1_1_VERSION);
			SSL_set_cipher_list(p.ssl, "ALL:@SECLEVEL=0");
		}
		assert_int_equal(peer_shake(&p, l, &srv), rows[i].err == 0);
		assert_int_equal(stream_error(srv.s), rows[i].err);
		party_end(&srv);
		peer_free(&p);
	}
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_garbage(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", 18},
		{"\x16\x03\x01\xff\xff\x01", 6},
		{"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10},
		{"\x00\x00\x00\x00\x00\x00\x00", 7},
		{"\x15\x03\x01\x00\x02\x02\x30", 7}, /* an alert before all: unknown_ca */
		{"\x16", 1},
	};
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd[2];
		tcp_pair(fd);
		struct party srv = {.l = l};
		srv.s = stream_accepted(l, fd[0], party_ready, &srv);
		assert_int_equal(send(fd[1], rows[i].bytes, rows[i].n, 0), rows[i].n);
		assert_int_equal(stream_tls_server(srv.s, front, c), 0);
		shutdown(fd[1], SHUT_WR);
		until(l, HAS(srv.s, STREAM_ERROR));
		int e = stream_error(srv.s);
		assert_true(e == -ERR_TLS || e == -ERR_TLS_CLIENT_REFUSED);
		assert_int_equal(srv.got.len, 0);
		party_end(&srv);
		close(fd[1]);
	}
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_tampered_record(void **state)
{
	(void)state;
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	int fd[2];

	tcp_pair(fd);
	struct party srv = {.l = l, .keep = true};
	srv.s = stream_accepted(l, fd[0], party_ready, &srv);
	assert_int_equal(stream_tls_server(srv.s, front, c), 0);
	struct peer p = peer_make(fd[1], TLS1_3_VERSION, NULL, true, 100000);
	assert_int_equal(peer_shake(&p, l, &srv), 1);
	SSL_write(p.ssl, "good", 4);
	peer_move(&p, l);
	SSL_write(p.ssl, "evil", 4);
	uint8_t b[256];
	int n = BIO_read(p.out, b, sizeof(b));
	b[n - 1] ^= 1;
	assert_int_equal(send(fd[1], b, (size_t)n, 0), n);
	until(l, HAS(srv.s, STREAM_ERROR));
	assert_int_equal(stream_error(srv.s), -ERR_TLS);
	assert_int_equal(stream_in(srv.s).n, 4);
	party_end(&srv);
	peer_free(&p);
	loop_free(&l);
	tls_cert_unref(&c);
}

/* ---- volume ---- */

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 11);
}

static void test_big_both_ways(void **state)
{
	(void)state;
	enum { ALL = 3 << 20 };
	static uint8_t chunk[70000];
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct link k;
	size_t put[2] = {0}, got[2] = {0};

	assert_int_equal(link_up(&k, l, front, c, back, "a.example"), 0);
	k.a.keep = k.b.keep = true;
	struct stream *s[2] = {k.a.s, k.b.s};
	for (unsigned turn = 0; got[0] < ALL || got[1] < ALL; turn++) {
		for (unsigned i = 0; i < 2; i++) {
			size_t n = stream_room(s[i]) < sizeof(chunk) ? stream_room(s[i]) : sizeof(chunk);
			n = n < ALL - put[i] ? n : ALL - put[i];
			for (size_t x = 0; x < n; x++)
				chunk[x] = byte_at(put[i] + x);
			assert_int_equal(stream_put(s[i], view_of(chunk, n)), 0);
			put[i] += n;
			assert_true(stream_in(s[i]).n <= STREAM_IN_MAX + 16384);
			if (turn % 9 && turn < 500)
				continue; /* a slow reader */
			struct view v = view_head(stream_in(s[i]), turn % 2 ? 4099 : 100000);
			for (size_t x = 0; x < v.n; x++)
				if (v.p[x] != byte_at(got[i] + x))
					fail_msg("byte %zu differs", got[i] + x);
			stream_consume(s[i], v.n);
			got[i] += v.n;
		}
		assert_int_equal(loop_turn(l, 0), 0);
		assert_true(turn < 10000000);
	}
	/* Both at once: close_notify with all before it. */
	stream_shut(s[0]);
	stream_shut(s[1]);
	until(l, HAS(s[0], STREAM_EOF_CLEAN | STREAM_FLUSHED) && HAS(s[1], STREAM_EOF_CLEAN | STREAM_FLUSHED));
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_close_flush(void **state)
{
	(void)state;
	static uint8_t chunk[STREAM_OUT_MAX];
	struct loop *l = loop_make(0);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	struct link k;

	/* An owner that answers and goes at once: the answer and the close_notify arrive whole. */
	assert_int_equal(link_up(&k, l, front, c, back, "a.example"), 0);
	until(l, BOTH_UP(&k));
	until(l, HAS(k.a.s, STREAM_FLUSHED)); /* the ticket took room, too */
	assert_int_equal(stream_put(k.a.s, view_of(chunk, sizeof(chunk))), 0);
	stream_close(&k.a.s, true);
	until(l, HAS(k.b.s, STREAM_EOF_CLEAN));
	assert_int_equal(k.b.got.len, sizeof(chunk));
	link_down(&k);
	loop_free(&l);
	tls_cert_unref(&c);
}

static void test_storm(void **state)
{
	(void)state;
	enum { N = 40, ROUNDS = 25 };
	unsigned before = open_fds();
	struct loop *l = loop_make(3 * N);
	struct tls_cert *c = cert_by(&root, "DNS:a.example", -HOUR, HOUR);
	static struct link k[N];

	/* A thousand connections, forty at a time, more than a turn may shake hands with; ended in every way. */
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(link_up(&k[i], l, front, c, back, "a.example"), 0);
			k[i].a.echo = true;
			assert_int_equal(stream_put(k[i].b.s, VIEW_LIT("ping")), 0);
		}
		if (r % 5 == 4) { /* in the middle of the handshakes */
			for (unsigned i = 0; i < r; i++)
				assert_int_equal(loop_turn(l, 0), 0);
		} else {
			for (unsigned i = 0; i < N; i++)
				until(l, k[i].b.got.len == 4);
		}
		for (unsigned i = 0; i < N; i++) {
			if (i % 3 == 0)
				stream_reset(&k[i].b.s);
			else if (i % 3 == 1)
				stream_close(&k[i].b.s, true);
			link_down(&k[i]);
		}
		until(l, open_fds() == before + 1);
	}
	loop_free(&l);
	assert_int_equal(open_fds(), before);
	tls_cert_unref(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bad_hosts),
		cmocka_unit_test(test_own_key_other_cert),
		cmocka_unit_test(test_material),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_hello_from_in_buffer),
		cmocka_unit_test(test_clients_refused),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_tampered_record),
		cmocka_unit_test(test_big_both_ways),
		cmocka_unit_test(test_close_flush),
		cmocka_unit_test(test_storm),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
