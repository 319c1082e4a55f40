/*
 * stream_tls_test.c - TLS on streams: both sides of one loop against each other, and against a plain OpenSSL client.
 */
#include "io_aid.h"
#include "tls_aid.h"

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
	struct keeper srv;
	struct tls_cert *c;
};

static void serve(void *arg, int fd)
{
	struct fixed *f = arg;
	f->srv = (struct keeper){.l = f->l, .echo = true};
	f->srv.s = stream_accepted(f->l, fd, keeper_ready, &f->srv);
	assert_int_equal(stream_tls_server(f->srv.s, front, f->c), 0);
}

static bool call_resumed(struct fixed *f, const struct sockaddr_in *a, struct tls_back *b, const char *host)
{
	struct keeper p = {.l = f->l};

	assert_non_null(dial_to(&p, a, 5000));
	assert_int_equal(stream_tls_client(p.s, b, host), 0);
	assert_int_equal(stream_put(p.s, VIEW_LIT("hello")), 0);
	until(f->l, p.got.len == 5);
	bool r = stream_tls_resumed(p.s);
	assert_int_equal(stream_tls_resumed(f->srv.s), r);
	keeper_end(&p);
	keeper_end(&f->srv);
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
	assert_false(resumed_between(l, d, mine, "a.example"));
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
static int peer_shake(struct peer *p, struct loop *l, struct keeper *srv)
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
			struct keeper srv = {.l = l, .keep = true};
			srv.s = stream_accepted(l, fd[0], keeper_ready, &srv);
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
			keeper_end(&srv);
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
		struct keeper srv = {.l = l};
		srv.s = stream_accepted(l, fd[0], keeper_ready, &srv);
		assert_int_equal(stream_tls_server(srv.s, front, c), 0);
		struct peer p = peer_make(fd[1], rows[i].version, rows[i].alpn, rows[i].trusts, 100000);
		if (rows[i].version == TLS1_1_VERSION) {
			SSL_set_security_level(p.ssl, 0);
			SSL_set_min_proto_version(p.ssl, TLS1_1_VERSION);
			SSL_set_cipher_list(p.ssl, "ALL:@SECLEVEL=0");
		}
		assert_int_equal(peer_shake(&p, l, &srv), rows[i].err == 0);
		assert_int_equal(stream_error(srv.s), rows[i].err);
		keeper_end(&srv);
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
		struct keeper srv = {.l = l};
		srv.s = stream_accepted(l, fd[0], keeper_ready, &srv);
		assert_int_equal(send(fd[1], rows[i].bytes, rows[i].n, 0), rows[i].n);
		assert_int_equal(stream_tls_server(srv.s, front, c), 0);
		shutdown(fd[1], SHUT_WR);
		until(l, HAS(srv.s, STREAM_ERROR));
		int e = stream_error(srv.s);
		assert_true(e == -ERR_TLS || e == -ERR_TLS_CLIENT_REFUSED);
		assert_int_equal(srv.got.len, 0);
		keeper_end(&srv);
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
	struct keeper srv = {.l = l, .keep = true};
	srv.s = stream_accepted(l, fd[0], keeper_ready, &srv);
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
	keeper_end(&srv);
	peer_free(&p);
	loop_free(&l);
	tls_cert_unref(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_hello_from_in_buffer),
		cmocka_unit_test(test_clients_refused),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_tampered_record),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
