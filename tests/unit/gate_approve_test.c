/* gate_approve_test.c - calls that a person has to approve: who is held, how it ends, and that nothing leaves before. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gate_aid.h"

#define POLICY(extra)                                                                                                       \
	"{\"version\":\"1\",\"default\":\"deny\",\"tools\":{\"echo\":{},\"free\":{}},\"x-callgate\":{\"version\":1,\"tools\":{" extra "}}}"
#define ASKED POLICY("\"echo\":{\"approve\":true}")
#define CALL(id, args) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":" args "}}"
#define RULE "/x-callgate/tools/echo/approve"
#define WAITING "Not yet: waiting for approval a-test: a person has to approve this call"

#define HOLDS(text, what)                                                                                                   \
	do {                                                                                                                \
		if (!strstr(text, what))                                                                                    \
			fail_msg("no \"%s\" in: %s", what, text);                                                           \
	} while (0)

static struct client C;

/* ---- callgate-admin, as each test wants it ---- */

static atomic_int word, asks;
static int32_t status;
static struct m_approval_ask last;
static char last_tail[512];

static void on_ask(const struct frame *f)
{
	struct m_approval m = {.word = (uint32_t)word, .status = status, .id = "a-test"};

	memcpy(&last, f->body.p, sizeof(last));
	snprintf(last_tail, sizeof(last_tail), VIEW_FMT, VIEW_ARG(view_skip(f->body, sizeof(last))));
	if (m.word == APPROVAL_CANNOT)
		m.id[0] = '\0';
	if (m.word == APPROVAL_NO)
		snprintf(m.reason, sizeof(m.reason), "too risky");
	asks++;
	if (word >= 0) /* else it says nothing */
		assert_int_equal(edge_send(&B.admin, M_APPROVAL, f->tag, view_of(&m, sizeof(m)), -1), 0);
}

static void news(const char *id)
{
	struct m_approval_news n = {.id = ""};

	snprintf(n.id, sizeof(n.id), "%s", id);
	assert_int_equal(edge_send(&B.admin, M_APPROVAL_NEWS, 0, view_of(&n, sizeof(n)), -1), 0);
}

/* Longer than what is kept back to be read: an answer of many lines. */
enum { LINES = 60000 };
static char large[LINES * 8 + 256];

static void make_large(void)
{
	size_t n = (size_t)snprintf(large, sizeof(large), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n[", LINES * 8 + 3);

	for (int i = 0; i < LINES; i++)
		n += (size_t)snprintf(large + n, sizeof(large) - n, "\n\"abcd\",");
	snprintf(large + n, sizeof(large) - n, "1]");
}

static const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	(void)h;
	(void)close;
	if (memmem(body.p, body.n, "events", 6))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "13\r\ndata: {\"hello\":1}\n\n\r\n38\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n\r\n0\r\n\r\n";
	if (memmem(body.p, body.n, "large", 5))
		return large;
	if (memmem(body.p, body.n, "broken", 6))
		return "HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
	if (memmem(body.p, body.n, "lines", 5))
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 47\r\n\r\n{\n\"jsonrpc\":\"2.0\",\r\n\"id\":1,\r\"result\":{\"x\":\"y\"}}";
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 43\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"x\":\"y\"}}";
}

static int start(void **state)
{
	(void)state;
	make_large();
	B.answer = upstream;
	B.on_ask = on_ask;
	B.hold_ms = 60000;
	B.beat_ms = 50;
	bench_start(GATE_CLASS);
	bench_grant("enforce", 4242, ASKED);
	return 0;
}

/* Another worker, which holds for so long and records in this way. */
static void again(unsigned hold_ms, enum gate_strict strict)
{
	bench_stop();
	B.hold_ms = hold_ms;
	B.office_stop = 0;
	B.records = 0;
	bench_start(strict);
	bench_grant("enforce", 4242, ASKED);
}

static void post_accept(const char *accept, const char *body)
{
	char head[512];

	snprintf(head, sizeof(head), "POST /mcp HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n", accept, strlen(body));
	client_send(&C, head);
	client_send(&C, body);
}

/* A call is on its way and its client hears that it waits. */
static void hold(const char *args)
{
	char body[256];

	word = APPROVAL_WAITING;
	snprintf(body, sizeof(body), CALL("1", "%s"), args);
	C.n = 0;
	client_post(&C, "/mcp", "", body);
	HOLDS(client_until(&C, ": waiting for approval a-test\n"), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
}

static void approve(void)
{
	word = APPROVAL_YES;
	news("a-test");
}

static void held_and_approved(void **state)
{
	static const struct {
		const char *args, *answer;
	} t[] = {
	    {"{\"b\":\"v4lue\",\"a\":1}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"x\":\"y\"}}"},
	    {"{\"how\":\"lines\"}", "{ \"jsonrpc\":\"2.0\",  \"id\":1, \"result\":{\"x\":\"y\"}}"},
	    {"{\"how\":\"events\"}", "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n"},
	    {"{\"how\":\"broken\"}", "the server answered with HTTP status 500 and no message. The server may have carried it out\"}],\"isError\":true"},
	};

	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int n = B.records, up = B.up_requests;
		hold(t[i].args);
		assert_int_equal(B.records, n);
		assert_int_equal(B.up_requests, up);
		news("a-other");
		approve();
		/* on the connection that was held, which then serves the next call */
		HOLDS(client_until(&C, "0\r\n\r\n"), t[i].answer);
		const struct seen_record *r = record_wait(n + 2);
		assert_string_equal(r[-1].verdict, "allow");
		assert_string_equal(r[-1].approval, "a-test");
		assert_string_equal(r[-1].rule, "");
		assert_int_equal(r->kind, REC_RESULT);
		assert_int_equal(B.up_requests, up + 1);
	}
	client_close(&C);
}

/* Whatever its length and however it is recorded, it is one event; no line end of the server's breaks it. */
static void held_and_large(void **state)
{
	static const char first[] = "event: message\ndata: ";

	(void)state;
	for (int i = 0; i < 2; i++) {
		again(60000, i ? GATE_ASYNC : GATE_CLASS);
		assert_true(client_tls(&C, HOST, &B.inner));
		hold("{\"how\":\"large\"}");
		approve();
		char *a = (char *)(uintptr_t)client_until(&C, "\r\n0\r\n\r\n"); /* in our own buffer */
		char *at = strstr(a, first);
		assert_non_null(at);
		at += sizeof(first) - 1;
		size_t strings = 0, data_ends = 0;
		/* without the lines of the chunks */
		for (char *p = at; *p; p++) {
			strings += strncmp(p, "\"abcd\",", 7) == 0;
			data_ends += p[0] == '\n' && p[-1] != '\r';
		}
		assert_true(strings > LINES - 100 && strings <= LINES); /* a chunk may end inside one */
		assert_int_equal(data_ends, 2);
		assert_string_equal(record_wait(2)->status, "unread");
		client_close(&C);
	}
	again(60000, GATE_ASYNC);
	held_and_approved(state);
	again(60000, GATE_CLASS);
}

static void what_is_asked(void **state)
{
	uint8_t canon[32];

	(void)state;
	word = APPROVAL_NO;
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "{\"b\":\"v4lue\", \"a\":10}"));
	HOLDS(client_answer(&C), "a person said no to this call (approval a-test): too risky (rule " RULE);
	assert_int_equal(last.uid, 4242);
	assert_string_equal(last.server, "mock");
	assert_string_equal(last.grant, "g1");
	assert_int_equal(strlen(last.policy), 64);
	assert_string_equal(last.tool, "echo");
	assert_string_equal(last_tail, "a\x1f" "b{\"b\":\"v4lue\", \"a\":10}");
	memcpy(canon, last.canon, sizeof(canon));
	client_post(&C, "/mcp", "", CALL("\"z\"", "{\"\\u0061\":1e1,\"b\":\"v4lue\"}"));
	client_answer(&C);
	assert_memory_equal(canon, last.canon, sizeof(canon));
	client_post(&C, "/mcp", "", CALL("1", "{\"b\":\"v4lue\",\"a\":\"10\"}"));
	client_answer(&C);
	assert_memory_not_equal(canon, last.canon, sizeof(canon));
	client_close(&C);
}

static void refusals(void **state)
{
	static const struct {
		int word;
		int32_t status;
		const char *answer, *approval;
	} t[] = {
	    {APPROVAL_NO, 0, "a person said no", "a-test"},
	    {APPROVAL_CANNOT, -ERR_FULL, "too many calls wait for an approval already", ""},
	    {APPROVAL_CANNOT, -ERR_DENIED, "the rules have just changed", ""},
	    {APPROVAL_CANNOT, -ERR_UNAVAILABLE, "nobody can be asked now", ""},
	    {99, 0, "nobody can be asked now", "a-test"},
	};

	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int n = B.records, up = B.up_requests;
		word = t[i].word;
		status = t[i].status;
		client_post(&C, "/mcp", "", CALL("1", "{}"));
		const char *a = client_answer(&C);
		HOLDS(a, "Content-Type: application/json");
		HOLDS(a, t[i].answer);
		HOLDS(a, "\"isError\":true");
		const struct seen_record *r = record_wait(n + 1);
		assert_string_equal(r->verdict, "deny");
		assert_string_equal(r->rule, RULE);
		assert_string_equal(r->approval, t[i].approval);
		assert_int_equal(B.up_requests, up);
	}
	status = 0;
	/* A notification awaits nothing: nobody is asked. */
	int n = B.records, before = asks;
	client_post(&C, "/mcp", "", "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}");
	HOLDS(client_answer(&C), "HTTP/1.1 202");
	assert_string_equal(record_wait(n + 1)->rule, RULE);
	assert_int_equal(asks, before);
	client_close(&C);
}

static void who_can_be_held(void **state)
{
	static const struct {
		const char *accept;
		bool held;
	} t[] = {
	    {"Accept: application/json, text/event-stream\r\n", true}, {"accept: text/event-stream,application/json\r\n", true},
	    {"Accept: application/json\r\nAccept: TEXT/Event-Stream;q=0.5\r\n", true}, {"Accept: text/event-stream; charset=utf-8\r\n", true},
	    {"", false}, {"Accept: */*\r\n", false}, {"Accept: text/*\r\n", false}, {"Accept: application/json\r\n", false},
	    {"Accept: text/event-stream;q=0, application/json\r\n", false}, {"Accept: text/event-stream;q=0.000\r\n", false},
	    {"Accept: x/text/event-stream\r\n", false}, {"X-Accept: text/event-stream\r\n", false}, {"Accept: ,,;,\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		word = APPROVAL_WAITING;
		assert_true(client_tls(&C, HOST, &B.inner));
		post_accept(t[i].accept, CALL("1", "{}"));
		const char *a = client_until(&C, "waiting for approval a-test");
		if (!strstr(a, "Content-Type: text/event-stream") == t[i].held)
			fail_msg("row %zu: %s", i, a);
		if (!t[i].held)
			HOLDS(client_until(&C, "\"waiting\":true"), WAITING);
		client_close(&C);
	}
}

/* Its time is over: the stream ends with what the agent has to do, after more than one sign of life. */
static void the_hold_ends(void **state)
{
	(void)state;
	again(400, GATE_CLASS);
	int up = B.up_requests;
	assert_true(client_tls(&C, HOST, &B.inner));
	int before = asks;
	hold("{}");
	const char *a = client_until(&C, "0\r\n\r\n");
	HOLDS(a, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"" WAITING);
	HOLDS(a, "\"approval\":\"a-test\",\"waiting\":true");
	HOLDS(strstr(a, ": waiting for approval") + 1, ": waiting for approval");
	assert_true(asks > before + 1); /* with each sign it asks again, should the news have been lost */
	assert_string_equal(record_wait(1)->rule, RULE);
	assert_string_equal(record_wait(1)->verdict, "deny");
	assert_int_equal(B.up_requests, up);
	/* The same connection goes on: approved meanwhile, the same call passes, and as a plain answer. */
	word = APPROVAL_YES;
	client_post(&C, "/mcp", "", CALL("1", "{}"));
	HOLDS(client_answer(&C), "Content-Type: application/json");
	assert_string_equal(record_wait(3)[-1].approval, "a-test");
	client_close(&C);
}

static void a_client_that_leaves(void **state)
{
	int n = B.records, up = B.up_requests;

	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	hold("{}");
	client_close(&C);
	const struct seen_record *r = record_wait(n + 1);
	assert_string_equal(r->verdict, "deny");
	assert_string_equal(r->rule, RULE);
	assert_string_equal(r->approval, "a-test");
	approve();
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "{\"next\":1}"));
	HOLDS(client_answer(&C), "\"result\":{\"x\":\"y\"}");
	assert_int_equal(B.up_requests, up + 1);
	client_close(&C);
}

/* Other rules while it waits: it is judged by these, and a yes for the old ones is none. */
static void other_rules(void **state)
{
	int n = B.records;

	(void)state;
	assert_true(client_tls(&C, HOST, &B.inner));
	hold("{}");
	bench_grant("enforce", 4242, POLICY(""));
	HOLDS(client_until(&C, "0\r\n\r\n"), "\"result\":{\"x\":\"y\"}");
	assert_string_equal(record_wait(n + 2)[-1].approval, "a-test");
	bench_grant("enforce", 4242, ASKED);
	hold("{}");
	bench_grant("enforce", 77, ASKED);
	HOLDS(client_until(&C, "0\r\n\r\n"), "(rule (no grant)");
	bench_grant("enforce", 4242, ASKED);
	hold("{}");
	bench_world("{\"generation\":6,\"mode\":\"enforce\",\"servers\":[],\"grants\":[],\"policies\":{}}");
	client_until(&C, "no such text"); /* the server is none any more: the connection ends, and that is a record */
	assert_int_equal(record_wait(n + 4)->kind, REC_REFUSED);
	client_close(&C);
	bench_grant("enforce", 4242, ASKED);
}

static void observed(void **state)
{
	int n = B.records, before = asks;

	(void)state;
	bench_grant("observe", 4242, ASKED);
	assert_true(client_tls(&C, HOST, &B.inner));
	client_post(&C, "/mcp", "", CALL("1", "{}"));
	HOLDS(client_answer(&C), "\"result\":{\"x\":\"y\"}");
	const struct seen_record *r = record_wait(n + 2);
	assert_string_equal(r[-1].verdict, "deny");
	assert_string_equal(r[-1].rule, RULE);
	assert_int_equal(asks, before);
	client_close(&C);
	bench_grant("enforce", 4242, ASKED);
}

/* The worker is told to stop: who is held gets an answer first. */
static void the_worker_stops(void **state)
{
	uint64_t one = 1;

	(void)state;
	again(60000, GATE_CLASS);
	assert_true(client_tls(&C, HOST, &B.inner));
	hold("{}");
	assert_int_equal(write(B.stop_fd, &one, sizeof(one)), sizeof(one));
	HOLDS(client_until(&C, "0\r\n\r\n"), WAITING);
	client_close(&C);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(held_and_approved),
	    cmocka_unit_test(held_and_large),
	    cmocka_unit_test(what_is_asked),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(who_can_be_held),
	    cmocka_unit_test(a_client_that_leaves),
	    cmocka_unit_test(other_rules),
	    cmocka_unit_test(observed),
	    cmocka_unit_test(the_hold_ends),
	    cmocka_unit_test(the_worker_stops),
	};
	return cmocka_run_group_tests_name("gate_approve", tests, start, bench_end);
}
