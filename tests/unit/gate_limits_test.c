/*
 * gate_limits_test.c - a worker that counts: what is charged waits for its record under "class", also when it only reads; without
 * counters a tool with limits is refused.  And a world that takes long to load holds nobody up.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define POLICY "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"get_note\":{},\"get_page\":{\"limits\":[{\"counter\":\"c\",\"window\":\"day\",\"max\":5}]}}}"
#define TOOLS "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[{\"name\":\"get_note\",\"description\":\"Returns a note.\"},{\"name\":\"get_page\",\"description\":\"Returns a page.\"}]}}"
#define CALL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{}}}"

static struct client C;
static char answer[1024];

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	const char *text = memmem(body.p, body.n, "tools/list", 10) ? TOOLS : "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
	(void)h;
	(void)close;
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(text), text);
	return answer;
}

static const char *call(const char *tool)
{
	char text[256];
	snprintf(text, sizeof(text), CALL, tool);
	client_post(&C, "/mcp", "", text);
	return client_answer(&C);
}

static int start(void **state)
{
	(void)state;
	B.answer = upstream;
	assert_int_equal(pol_limits_again(&B.limits), 0);
	bench_start(GATE_CLASS);
	bench_grant("enforce", 4242, POLICY);
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}");
	assert_non_null(strstr(client_answer(&C), "get_page"));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	client_close(&C);
	bench_stop();
	pol_limits_close(&B.limits);
	return 0;
}

static void what_is_charged_waits_for_its_record(void **state)
{
	(void)state;
	int up = B.up_requests, n = B.records;
	B.hold_acks = true;
	assert_non_null(strstr(call("get_note"), "\"result\":{}"));
	assert_string_equal(record_wait(n + 1)->risk, "Read");
	assert_int_equal(B.up_requests, up + 1);
	record_wait(n + 2); /* its result, which nobody waits for */
	n = B.records;
	assert_non_null(strstr(call("get_page"), "did not reach the disk"));
	assert_string_equal(record_wait(n + 1)->risk, "Read");
	assert_int_equal(B.up_requests, up + 1);
	B.hold_acks = false;
	assert_non_null(strstr(call("get_page"), "\"result\":{}"));
	assert_int_equal(B.up_requests, up + 2);
}

/* A policy of so many tools that it takes most of a second; meanwhile calls are judged by the world before it. */
static void a_large_world_holds_nobody_up(void **state)
{
	struct pol *p = NULL;
	struct buf doc = {0}, quoted = {0}, world = {0};
	struct jsonw w = jsonw_on(&quoted);
	(void)state;
	assert_int_equal(buf_puts(&doc, "{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"get_note\":{\"deny_if\":[{\"conditions\":[]}]}"), 0);
	for (int i = 0; i < 60000; i++)
		assert_int_equal(buf_printf(&doc, ",\"tool-%d\":{\"deny_if\":[{\"conditions\":[{\"path\":\"args.x\",\"op\":\"regex\",\"value\":\"^(a|b)+%d\"}]}]}", i, i), 0);
	assert_int_equal(buf_puts(&doc, "}}"), 0);
	assert_int_equal(pol_load(buf_view(&doc), NULL, NULL, &p), 0);
	jsonw_text(&w, NULL, buf_view(&doc));
	assert_int_equal(jsonw_end(&w), 0);
	assert_int_equal(buf_printf(&world, "{\"generation\":6,\"mode\":\"enforce\",\"servers\":[{\"name\":\"mock\",\"match\":[{\"host\":\"" HOST "\",\"port\":%d,\"path\":\"/mcp\"}]}],"
	    "\"grants\":[{\"id\":\"g1\",\"uid\":4242,\"server\":\"mock\",\"policy\":\"%s\"}],\"policies\":{\"%s\":" VIEW_FMT "}}", B.up_port, pol_hash(p), pol_hash(p),
	    VIEW_ARG(buf_view(&quoted))), 0);
	assert_int_equal(buf_put(&world, view_of("", 1)), 0);
	int before = B.worlds, served = 0;
	bench_world_send((const char *)buf_view(&world).p);
	for (int i = 0; i < 3; i++) {
		const char *a = call("get_note");
		served += B.worlds == before && strstr(a, "\"result\":{}") != NULL;
	}
	assert_int_equal(served, 3);
	for (int i = 0; i < 60000 && B.worlds == before; i++)
		usleep(1000);
	assert_non_null(strstr(call("get_note"), "Denied by policy")); /* and then by the new one */
	bench_world_send("{\"generation\":7}");
	bench_world_send((const char *)buf_view(&world).p); /* a bad one in between changes nothing */
	for (int i = 0; i < 20000 && B.worlds == before + 1; i++)
		usleep(1000);
	assert_int_equal(B.worlds, before + 2);
	pol_free(&p);
	buf_free(&doc);
	buf_free(&quoted);
	buf_free(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_charged_waits_for_its_record),
	    cmocka_unit_test(a_large_world_holds_nobody_up),
	};

	log_open("gate_limits_test", LOG_ERROR);
	return cmocka_run_group_tests(tests, start, stop);
}
