/* gate_upstream_test.c - a worker and its servers: kept connections, two versions of a credential, certificates, a client's own proxy, other hosts. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_run_aid.h"

/* Two versions of a credential: what the server refuses is sent once, and the other one then, in whichever order they come and go. */
static void two_versions(void **state)
{
	(void)state;
	int n = B.records, requests = B.up_requests, leases;
	_Static_assert(sizeof(SECRET) == sizeof(OLD_SECRET), "the aid lends both with one length");

	B.two_versions = B.brief_lease = refused[0] = true;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	const char *a = client_answer(&C);
	HOLDS(a, "\"text\":\"hi\"");
	LACKS(a, "WWW-Authenticate");
	assert_int_equal(B.up_requests, requests + 2);
	assert_int_equal(B.said_refused, 7);
	assert_int_equal(record_wait(n + 2)->cred_ver, 6);
	/* the next call does not meet the refusal again, though it asks for a lease of its own */
	leases = B.leases;
	client_post(&C, "/mcp", "", CALL("2", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.up_requests, requests + 3);
	assert_int_equal(B.leases, leases + 1);
	assert_int_equal(B.said_refused, 7);
	record_wait(n + 4);
	/* the server has the new one now, and the old one no more */
	refused[0] = false;
	refused[1] = true;
	client_post(&C, "/mcp", "", CALL("3", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.said_refused, 6);
	assert_int_equal(B.up_requests, requests + 5);
	assert_int_equal(record_wait(n + 6)->cred_ver, 7);
	client_post(&C, "/mcp", "", CALL("3", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.said_refused, 0);
	assert_int_equal(B.up_requests, requests + 6);
	record_wait(n + 8);
	/* neither: two requests, never a third, and a denial in words */
	refused[0] = true;
	client_post(&C, "/mcp", "", CALL("4", "echo", "{}"));
	HOLDS(client_answer(&C), "refused the credential");
	assert_int_equal(B.up_requests, requests + 8);
	record_wait(n + 10);
	B.two_versions = B.brief_lease = refused[0] = refused[1] = false;
	client_close(&C);
}

/* Leases are dropped, and with them the connections that carried the credential. */
static void revoke_all(void)
{
	uint8_t any[sizeof(struct m_revoke)] = {0};

	assert_int_equal(edge_send(&B.vault, M_REVOKE, 0, view_of(any, sizeof(any)), -1), 0);
	usleep(20000);
	world("enforce", 4242);
}

static void kept_connections(void **state)
{
	(void)state;
	revoke_all();
	/* The server has ended a connection before: it shows first that it keeps them (user/gate/keeps.h). */
	for (int i = 0, more = 1; more && i < 100; i++) {
		int n = B.records, conns = B.up_conns;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		HOLDS(client_answer(&C), "\"text\":\"hi\"");
		record_wait(n + 2);
		client_close(&C);
		more = B.up_conns - conns;
		usleep(200000);
	}
	revoke_all();
	for (int i = 0; i < 4; i++) {
		int n = B.records, conns = B.up_conns;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		HOLDS(client_answer(&C), "\"text\":\"hi\"");
		record_wait(n + 2);
		client_close(&C);
		assert_int_equal(B.up_conns, i ? conns : conns + 1);
		usleep(20000); /* the worker sees the close */
	}
	/* without the credential: a connection of its own */
	int conns = B.up_conns;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_send(&C, "GET /other HTTP/1.1\r\nHost: " HOST "\r\n\r\n");
	HOLDS(client_answer(&C), "\r\n\r\nother");
	assert_int_equal(B.up_conns, conns + 1);
	client_close(&C);
	revoke_all();
	conns = B.up_conns;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.up_conns, conns + 1);
	client_close(&C);
}

static void vault_refuses(void **state)
{
	(void)state;
	revoke_all();
	B.no_lease = true;
	int n = B.records, up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "the vault did not lend the credential");
	assert_string_equal(record_wait(n + 2)->status, "aborted");
	assert_int_equal(B.up_requests, up);
	B.no_lease = false;
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	record_wait(n + 4);
	client_close(&C);
}

static void bad_certificates(void **state)
{
	struct ca stranger = ca_make("nobody's authority");
	const struct {
		SSL_CTX *ctx;
		const char *text;
	} table[] = {
	    {server_ctx(&stranger, "DNS:" HOST, -3600, 3600), "is not signed by a trusted authority"},
	    {server_ctx(&B.outer, "DNS:" HOST, -7200, -3600), "not valid at this time"},
	    {server_ctx(&B.outer, "DNS:other.test", -3600, 3600), "is for another name"},
	    {server_ctx(&B.inner, "DNS:" HOST, -3600, 3600), "is not signed by a trusted authority"},
	};
	SSL_CTX *good = B.up_ctx;

	(void)state;
	revoke_all();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int n = B.records, up = B.up_requests;
		B.up_ctx = table[i].ctx;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
		const char *a = client_answer(&C);
		HOLDS(a, "\"isError\":true");
		HOLDS(a, table[i].text);
		HOLDS(record_wait(n + 2)->err, "tls-");
		client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/list\"}");
		HOLDS(client_answer(&C), "\"id\":5,\"error\"");
		HOLDS(record_wait(n + 3)->err, "tls-");
		assert_int_equal(B.up_requests, up);
		client_close(&C);
	}
	B.up_ctx = good;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		SSL_CTX_free(table[i].ctx);
	ca_free(&stranger);
}

static void client_refuses_us(void **state)
{
	(void)state;
	int n = B.records;
	assert_false(client_tls(&C, HOST, &B.outer));
	client_close(&C);
	const struct seen_record *r = record_wait(n + 1);
	assert_int_equal(r->kind, REC_REFUSED);
	assert_string_equal(r->err, "tls-client-refused");
	assert_string_equal(r->host, HOST);
}

/* A client whose own proxy stands between: the same judgement, and the proxy sees TLS. */
static void through_proxy(void)
{
	char connect[256], strange[512];
	int n = B.records;

	snprintf(connect, sizeof(connect), "CONNECT " HOST ":%d HTTP/1.1\r\nHost: " HOST ":%d\r\nProxy-Authorization: Basic eDp5\r\n\r\n", B.up_port, B.up_port);
	up_forget();
	C.fd = client_tcp();
	snprintf(strange, sizeof(strange), "CONNECT " HOST ":%d HTTP/1.1\r\nHost: " HOST "\r\nX-No: 1\r\n\r\n", B.up_port);
	client_send(&C, strange);
	HOLDS(client_answer(&C), " 407 ");
	client_send(&C, connect);
	HOLDS(client_until(&C, "established\r\n\r\n"), "HTTP/1.1 200 ");
	assert_true(client_shake(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "Proxy-Authorization: Basic eDp5\r\n", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	client_post(&C, "/mcp", "", CALL("1", "pay", "{\"amount\":101}"));
	HOLDS(client_answer(&C), "too much");
	assert_true(up_saw("Authorization: Bearer " SECRET "\r\n"));
	assert_true(up_saw("CONNECT " HOST));
	record_wait(n + 3);
	assert_string_equal(B.rec[n + 2].verdict, "deny");
	/* the server's connection ends: the next call makes the tunnel anew */
	int up = B.up_requests;
	client_post(&C, "/mcp?close", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "without an answer");
	client_post(&C, "/mcp", "", CALL("1", "echo", "{}"));
	HOLDS(client_answer(&C), "\"text\":\"hi\"");
	assert_int_equal(B.up_requests, up + 3);
	record_wait(n + 7);
	client_close(&C);
	/* what is no TLS for that name goes nowhere */
	static const char *const inside[] = {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 2\r\n\r\n{}", "SSH-2.0-x\r\n"};
	for (size_t i = 0; i < 2; i++) {
		up = B.up_requests;
		n = B.records;
		C.fd = client_tcp();
		client_send(&C, connect);
		client_until(&C, "established\r\n\r\n");
		client_send(&C, inside[i]);
		C.n = 0;
		client_until(&C, "never");
		assert_int_equal(C.n, 0);
		assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
		assert_int_equal(B.up_requests, up + 1);
		client_close(&C);
	}
	n = B.records;
	C.fd = client_tcp();
	client_send(&C, connect);
	client_until(&C, "established\r\n\r\n");
	assert_false(client_shake(&C, "else.test", &B.inner));
	assert_string_equal(record_wait(n + 1)->detail, "another server name in a tunnel to a registered server");
	client_close(&C);
}

static void other_hosts(void **state)
{
	SSL_CTX *good = B.up_ctx;

	(void)state;
	/* an unregistered name: the server's own certificate comes through */
	B.up_ctx = server_ctx(&B.outer, "DNS:else.test", -3600, 3600);
	int n = B.records;
	assert_true(client_tls(&C, "else.test", &B.outer));
	client_send(&C, "GET /other HTTP/1.1\r\nHost: else.test\r\n\r\n");
	HOLDS(client_answer(&C), "Set-Cookie: kept=1");
	client_close(&C);
	const struct seen_record *r = record_wait(n + 1);
	assert_int_equal(r->kind, REC_CONNECTION);
	assert_string_equal(r->verdict, "relay");
	assert_string_equal(r->host, "else.test");
	assert_true(r->in > 100 && r->out > 100);
	SSL_CTX_free(B.up_ctx);
	B.up_ctx = good;
	/* plain HTTP: one host passes; the registered one on the same connection does not */
	B.up_plain = true;
	n = B.records;
	C.fd = client_tcp();
	client_send(&C, "GET /other HTTP/1.1\r\nHost: else.test\r\n\r\n");
	HOLDS(client_answer(&C), "\r\n\r\nother");
	int up = B.up_requests;
	client_send(&C, "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Length: 2\r\n\r\n{}");
	HOLDS(client_answer(&C), " 400 ");
	assert_int_equal(record_wait(n + 1)->kind, REC_REFUSED);
	assert_int_equal(B.up_requests, up);
	client_close(&C);
	/* a CONNECT to a registered name gets an answer */
	C.fd = client_tcp();
	client_send(&C, "CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST ":443\r\n\r\n");
	HOLDS(client_answer(&C), " 502 ");
	assert_int_equal(record_wait(n + 2)->kind, REC_REFUSED);
	client_close(&C);
	through_proxy();
	B.up_plain = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_versions),
	    cmocka_unit_test(kept_connections),
	    cmocka_unit_test(vault_refuses),
	    cmocka_unit_test(bad_certificates),
	    cmocka_unit_test(client_refuses_us),
	    cmocka_unit_test(other_hosts),
	};

	return cmocka_run_group_tests(tests, start, bench_end);
}
