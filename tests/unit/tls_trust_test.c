/* tls_trust_test.c - whom a client stream believes: a table of names and certificates, and what the stream must say. */
#include "io_aid.h"
#include "tls_aid.h"

static int last_error;

static void close_on_error(struct keeper *p)
{
	last_error = stream_error(p->s);
	if (last_error)
		stream_close(&p->s, false);
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
		{"name in the subject only", "", "leaf.example", &root, -HOUR, HOUR, -ERR_TLS_NAME},
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
		assert_int_equal(e, 0);
		if (rows[i].err) {
			/* A secret that waits to be sent must not leave. */
			assert_int_equal(stream_put(k.b.s, VIEW_LIT("secret")), 0);
			k.b.then = close_on_error;
			until(l, !k.b.s);
			if (last_error != rows[i].err)
				fail_msg("%s: %s", rows[i].what, err_name(last_error));
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
	struct keeper p = {.l = l};
	p.s = stream_accepted(l, fd[0], keeper_ready, &p);
	/* Without a name there is nothing to verify: never a handshake without one. */
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_int_equal(stream_tls_client(p.s, back, hosts[i]), -EINVAL);
	assert_int_equal(stream_tls_client(p.s, back, lengthy), -EINVAL);
	assert_false(HAS(p.s, STREAM_TLS));
	assert_int_equal(stream_tls_client(p.s, back, "a.example"), 0);
	assert_int_equal(stream_tls_client(p.s, back, "a.example"), -EALREADY);
	keeper_end(&p);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bad_hosts),
		cmocka_unit_test(test_own_key_other_cert),
		cmocka_unit_test(test_material),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
