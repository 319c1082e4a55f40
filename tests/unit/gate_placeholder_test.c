/*
 * gate_placeholder_test.c - a fake key through a worker: passed where it belongs, elsewhere refused with an alert that names it and does not hold it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define MARK "Qz7xKw"
#define CORE MARK "0123456789abcdefghijABCDEFGHIJ"
#define KEY "ghp_" CORE
#define BASIC "dTpnaHBfUXo3eEt3MDEyMzQ1Njc4OWFiY2RlZmdoaWpBQkNERUZHSElK" /* u:KEY */
#define POLICY "{\"version\":\"1\",\"default\":\"allow\",\"tools\":{}}"
#define CALL(args) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":" args "}}"
#define INIT "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{}}"
#define POST(path, more, length, body) "POST " path " HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\n" more "Content-Length: " length "\r\n\r\n" body

static struct client C;

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)body;
	(void)close;
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
}

static void world(const char *mode)
{
	struct pol *p = NULL;
	struct buf out = {0};
	char hex[65], quoted[256] = "";
	uint8_t sum[32];
	unsigned n = 0;

	assert_int_equal(EVP_Digest(CORE, sizeof(CORE) - 1, sum, &n, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	for (const char *s = POLICY; *s; s++)
		snprintf(quoted + strlen(quoted), 3, *s == '"' ? "\\\"" : "%c", *s);
	assert_int_equal(pol_load(view_str(POLICY), NULL, NULL, &p), 0);
	assert_int_equal(buf_printf(&out,
	    "{\"generation\":5,\"mode\":\"enforce\",\"servers\":["
	    "{\"name\":\"mine\",\"mode\":\"%s\",\"match\":[{\"host\":\"" HOST "\",\"port\":%d,\"path\":\"/mcp\"}],\"credential\":\"bot\",\"inject\":{\"header\":\"Authorization\",\"format\":\"Bearer {secret}\"}},"
	    "{\"name\":\"other\",\"mode\":\"%s\",\"match\":[{\"host\":\"" HOST "\",\"port\":%d,\"path\":\"/else\"}],\"credential\":\"bot2\",\"inject\":{\"header\":\"Authorization\",\"format\":\"Bearer {secret}\"}}],"
	    "\"grants\":[{\"id\":\"g1\",\"uid\":4242,\"server\":\"mine\",\"policy\":\"%s\",\"policy_name\":\"p\"},{\"id\":\"g2\",\"uid\":4242,\"server\":\"other\",\"policy\":\"%s\",\"policy_name\":\"p\"}],"
	    "\"policies\":{\"%s\":\"%s\"},\"placeholders\":[{\"id\":\"p-1\",\"credential\":\"bot\",\"mark\":\"" MARK "\",\"sha256\":\"%s\"}]}",
	    mode, B.up_port, mode, B.up_port, pol_hash(p), pol_hash(p), pol_hash(p), quoted, hex), 0);
	assert_int_equal(buf_put(&out, view_of("", 1)), 0);
	bench_world((const char *)buf_view(&out).p);
	buf_free(&out);
	pol_free(&p);
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_ASYNC);
	world("enforce");
	return 0;
}

enum { BEARER = 5 };

static const struct {
	const char *request, *answer;
	const char *where; /* of the alert; NULL: none */
	uint16_t kind;     /* of the record that stands beside the alert */
	bool forwarded;
} cases[] = {
    {POST("/mcp", "Authorization: Bearer " KEY "\r\n", "91", CALL("{\"a\":1}")), "\"result\":{}", NULL, REC_CALL, true},
    {POST("/mcp", "X-Api-Key: " KEY "\r\n", "91", CALL("{\"a\":1}")), "\"result\":{}", NULL, REC_CALL, true},
    {POST("/mcp", "User-Agent: " KEY "\r\n", "91", CALL("{\"a\":1}")), "\"result\":{}", NULL, REC_CALL, true}, /* a claim in the record */
    /* the mark at a text's end, where the next field's number looks like a letter: what is blanked is the text alone */
    {POST("/mcp", "", "95", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"xx" MARK "\",\"arguments\":{\"a\":1}}}"), "\"result\":{}", NULL, REC_CALL, true},
    {POST("/else", "Authorization: Bearer ghp_Qz7xKw0123456789abcdefghijABCDEFGHIK\r\n", "91", CALL("{\"a\":1}")), "\"result\":{}", NULL, REC_CALL, true},
    [BEARER] = {POST("/else", "Authorization: Bearer " KEY "\r\n", "91", CALL("{\"a\":1}")), "rule (placeholder)", "head of a request", REC_CALL, false},
    {POST("/else", "x-any: abc" KEY "def\r\n", "91", CALL("{\"a\":1}")), "rule (placeholder)", "head of a request", REC_CALL, false},
    {POST("/else?k=" KEY, "", "91", CALL("{\"a\":1}")), "rule (placeholder)", "head of a request", REC_CALL, false},
    {POST("/else", "Authorization: Basic " BASIC "\r\n", "91", CALL("{\"a\":1}")), "rule (placeholder)", "head of a request", REC_CALL, false},
    {POST("/else", "Authorization: Bearer " KEY "\r\n", "58", INIT), "\"error\"", "head of a request", REC_CALL, false},
    {"GET /else HTTP/1.1\r\nHost: " HOST "\r\nAuthorization: Bearer " KEY "\r\n\r\n", " 405 ", "head of a request", REC_CALL, false},
    {POST("/else", "Authorization: Bearer " KEY "\r\n", "2", "{]"), " 400 ", "head of a request", REC_REFUSED, false},
    {POST("/mcp", "", "132", CALL("{\"a\":\"" KEY "\"}")), "rule (placeholder)", "body of a request", REC_CALL, false},
    {POST("/mcp", "Authorization: Bearer " KEY "\r\n", "130", CALL("{\"" KEY "\":1}")), "rule (placeholder)", "body of a request", REC_CALL, false},
    {"POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
     "62\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"a\":\"" MARK "0123\r\n25\r\n456789abcdefghijABCDEFGHIJ\"}}}       \r\n0\r\n\r\n",
     "rule (placeholder)", "body of a request", REC_CALL, false},
    {POST("/files", "Authorization: Bearer " KEY "\r\n", "2", "{}"), "\"result\":{}", NULL, 0, true}, /* the same host */
    {POST("/files", "", "47", "{\"\":\"" KEY "\"}"), " 403 ", "body of a request", REC_REFUSED, false},
};

/* Everything that the worker put on the ring, as bytes. */
static void no_key_in_records(void)
{
	for (int i = 0; i < B.records; i++)
		if (memmem(&B.rec[i], sizeof(B.rec[i]), MARK, sizeof(MARK) - 1))
			fail_msg("record %d holds the key", i);
}

static void the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int n = B.records, up = B.up_requests;
		const struct seen_record *alert = NULL, *other = NULL;
		assert_true(client_tls(&C, HOST, &B.inner));
		client_send(&C, cases[i].request);
		const char *a = client_answer(&C);
		if (!strstr(a, cases[i].answer) || strstr(a, CORE))
			fail_msg("case %zu: %s", i, a);
		client_close(&C);
		int want = !cases[i].kind ? 0 : cases[i].kind == REC_CALL && cases[i].forwarded ? 2 : 1 + (cases[i].where != NULL);
		if (want)
			record_wait(n + want);
		assert_int_equal(B.records, n + want);
		for (int k = n; k < B.records; k++)
			if (B.rec[k].kind == REC_ALERT)
				alert = &B.rec[k];
			else if (B.rec[k].kind == cases[i].kind)
				other = &B.rec[k];
		if (!alert != !cases[i].where || (cases[i].kind && !other) || B.up_requests != up + cases[i].forwarded)
			fail_msg("case %zu: %s alert, %s record, %d requests forwarded", i, alert ? "an" : "no", other ? "a" : "no", B.up_requests - up);
		if (!alert)
			continue;
		assert_non_null(strstr(alert->detail, cases[i].where));
		assert_non_null(strstr(alert->detail, "placeholder p-1, "));
		assert_string_equal(alert->rule, "(placeholder)");
		assert_string_equal(alert->verdict, "refuse");
		assert_int_equal(alert->uid, 4242);
		assert_int_equal(alert->call, other->call);
		if (other->kind == REC_CALL) {
			assert_string_equal(other->verdict, "deny");
			assert_string_equal(other->rule, "(placeholder)");
		}
	}
	no_key_in_records();
}

/* Where calls are only watched, this is too. */
static void observed(void **state)
{
	(void)state;
	world("observe");
	int n = B.records, up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_send(&C, cases[BEARER].request);
	assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
	client_close(&C);
	record_wait(n + 3);
	assert_int_equal(B.up_requests, up + 1);
	assert_int_equal(B.rec[n].kind, REC_CALL);
	assert_string_equal(B.rec[n].verdict, "deny");
	assert_int_equal(B.rec[n + 1].kind, REC_ALERT);
	assert_string_equal(B.rec[n + 1].verdict, "allow");
	world("enforce");
}

/* In the clear to anybody: the whole head, and a later request of the same connection. */
static void in_the_clear(void **state)
{
	static const char *const bad[] = {"GET /x HTTP/1.1\r\nHost: else.test\r\nAuthorization: Bearer " KEY "\r\n\r\n", "GET /x?" KEY " HTTP/1.1\r\nHost: else.test\r\n\r\n",
	    "GET /x HTTP/1.1\r\nHost: else.test\r\nAuthorization: basic " BASIC "\r\n\r\n",
	    "CONNECT else.test:443 HTTP/1.1\r\nHost: else.test:443\r\nProxy-Authorization: Basic " BASIC "\r\n\r\n",
	    "CONNECT " HOST ":443 HTTP/1.1\r\nHost: " HOST ":443\r\nProxy-Authorization: Bearer " KEY "\r\n\r\n"};
	(void)state;
	B.up_plain = true;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = B.records;
		C.fd = client_tcp();
		client_send(&C, "GET /x HTTP/1.1\r\nHost: else.test\r\nAuthorization: Bearer none\r\n\r\n");
		assert_non_null(strstr(client_answer(&C), "\"result\":{}"));
		int up = B.up_requests;
		client_send(&C, bad[i]);
		const char *a = client_answer(&C);
		if (!strstr(a, " 403 "))
			fail_msg("%zu: %s", i, a);
		client_close(&C);
		record_wait(n + 2);
		assert_int_equal(B.rec[n].kind, REC_ALERT);
		assert_string_equal(B.rec[n].host, i == 4 ? HOST : "else.test");
		assert_string_equal(B.rec[n].detail, "placeholder p-1, in the head of a request without TLS");
		assert_int_equal(B.rec[n + 1].kind, REC_REFUSED);
		assert_int_equal(B.up_requests, up);
	}
	B.up_plain = false;
	no_key_in_records();
}

/* A body in the clear, wherever the network cut it; whoever sends it is cut off, and the key has not left whole. */
static void in_a_clear_body(void **state)
{
	static const struct {
		const char *head, *first, *second;
		bool bad;
	} row[] = {
	    {"Content-Length: 44\r\n", "{\"k\":\"", CORE "\"}", true},
	    {"Content-Length: 60\r\n", "{\"k\":\"" MARK "0123", "456789abcdefghijABCDEFGHIJ\"}                  ", true},
	    {"Content-Length: 60\r\n", "{\"k\":\"" MARK "0123456789abcdefghijABCDEFGHI", "J\"}                  ", true},
	    {"Transfer-Encoding: chunked\r\n", "10\r\n{\"k\":\"" MARK "0123\r\n", "1c\r\n456789abcdefghijABCDEFGHIJ\"}\r\n0\r\n\r\n", true},
	    {"Transfer-Encoding: chunked\r\n", "10\r\n{\"k\":\"" MARK "0123\r\n", "1c\r\n456789abcdefghijABCDEFGHIK\"}\r\n0\r\n\r\n", false},
	    {"Content-Length: 44\r\n", "{\"k\":\"" MARK "0123", "456789abcdefghijABCDEFGHI-\"}", false},
	};
	char head[128], all[384];

	(void)state;
	pthread_mutex_lock(&B.lock);
	buf_reset(&B.up_log);
	pthread_mutex_unlock(&B.lock);
	B.up_plain = true;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int n = B.records;
		C.fd = client_tcp();
		snprintf(head, sizeof(head), "POST /x HTTP/1.1\r\nHost: else.test\r\n%s\r\n", row[i].head);
		if (row[i].head[0] == 'T') { /* at once: the server of this test does not wait for a chunked body */
			snprintf(all, sizeof(all), "%s%s%s", head, row[i].first, row[i].second);
			client_send(&C, all);
		} else {
			client_send(&C, head);
			client_send(&C, row[i].first);
			usleep(50000); /* mostly its own piece; the outcome is the same if not */
			client_send(&C, row[i].second);
		}
		if (!row[i].bad) {
			assert_non_null(strstr(client_until(&C, "\"result\":{}"), "\"result\":{}"));
			client_close(&C);
			assert_int_equal(record_wait(n + 1)->kind, REC_CONNECTION);
			continue;
		}
		record_wait(n + 2);
		assert_int_equal(B.rec[n].kind, REC_ALERT);
		assert_string_equal(B.rec[n].detail, "placeholder p-1, in the body of a request without TLS");
		assert_int_equal(B.rec[n + 1].kind, REC_REFUSED);
		client_until(&C, "never");
		client_close(&C);
	}
	pthread_mutex_lock(&B.lock);
	assert_null(memmem(buf_view(&B.up_log).p, B.up_log.len, CORE, sizeof(CORE) - 1));
	pthread_mutex_unlock(&B.lock);
	B.up_plain = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table),
	    cmocka_unit_test(observed),
	    cmocka_unit_test(in_the_clear),
	    cmocka_unit_test(in_a_clear_body),
	};

	log_open("gate_placeholder_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, bench_end);
}
