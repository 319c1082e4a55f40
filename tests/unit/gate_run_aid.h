/* gate_run_aid.h - a worker with one policy, and an upstream that answers by the tool or method that is called. */
#ifndef TESTS_GATE_RUN_AID_H
#define TESTS_GATE_RUN_AID_H

#include "gate_aid.h"

#define POLICY                                                                                                              \
	"{\"version\":\"1\",\"default\":\"deny\",\"hide\":[\"danger\"],\"tools\":{\"echo\":{},\"pay\":{\"deny_if\":["       \
	"{\"conditions\":[{\"path\":\"args.amount\",\"op\":\"gt\",\"value\":100}],\"on_deny\":\"too much\"}]}}}"

static inline void world(const char *mode, uint32_t grant_uid)
{
	bench_grant(mode, grant_uid, POLICY);
}

static char __attribute__((unused)) answer[8192];

static inline const char *json_answer(const char *body)
{
	snprintf(answer, sizeof(answer),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nAlt-Svc: h3\r\nMcp-Session-Id: s1\r\nKeep-Alive: timeout=5\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	return answer;
}

static atomic_bool refused[2]; /* SECRET, OLD_SECRET */

/* What the upstream says, by tool name or method. */
static inline const char *upstream(const struct http1_head *h, struct view body, bool *close)
{
	static const char events[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "13\r\ndata: {\"hello\":1}\n\n\r\n3e\r\nid: 7\ndata: {\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"content\":[]}}\n\n\r\n0\r\n\r\n";
	char text[256];

	snprintf(text, sizeof(text), VIEW_FMT, VIEW_ARG(view_head(body, 250)));
	if (view_is(h->target, "/other"))
		return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: kept=1\r\n\r\nother";
	if (refused[0] && view_is(http1_get(h, "authorization", NULL), "Bearer " SECRET))
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
	if (refused[1] && view_is(http1_get(h, "authorization", NULL), "Bearer " OLD_SECRET))
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
	if (view_is(h->target, "/mcp?401"))
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
	if (view_is(h->target, "/mcp?close")) {
		*close = true;
		return NULL;
	}
	if (view_is(h->method, "CONNECT"))
		return http1_get(h, "x-no", NULL).n ? "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n";
	if (view_is(h->target, "/mcp?quiet"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n";
	if (view_is(h->target, "/mcp?half"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\na\r\n: hi\nid: 5\n\r\n";
	if (view_is(h->method, "GET"))
		return events;
	if (strstr(text, "subscriptions/listen"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n11\r\ndata: {\"ack\":1}\n\n\r\n";
	if (strstr(text, "list-elsewhere"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "58\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{\"tools\":[{\"name\":\"danger\"},{\"name\":\"echo\"}]}}\n\n\r\n0\r\n\r\n";
	if (strstr(text, "lea-events"))
		return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "c\r\ndata: s3cr3t\r\n10\r\n-of-the-vault x\n\r\n1\r\n\n\r\n0\r\n\r\n";
	if (strstr(text, "leak"))
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Echo: Bearer " SECRET "\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "a\r\n\"s3cr3t-of\r\n1d\r\n-the-vault\",\"and the rest\":12\r\n0\r\n\r\n";
	if (strstr(text, "tools/list"))
		return json_answer("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"tools\":[{\"name\":\"danger\"},{\"name\":\"echo\", \"x\":1},"
		                   "{\"name\":\"get_note\"}],\"nextCursor\":\"\"}}");
	if (strstr(text, "\"stream\""))
		return events;
	if (strstr(text, "fail"))
		return json_answer("{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[],\"isError\":true}}");
	return json_answer("{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]},\"jsonrpc\":\"2.0\",\"id\":1}");
}

#define CALL(id, tool, args)                                                                                                 \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\",\"params\":{\"name\":\"" tool "\",\"arguments\":" args "}}"

static struct client C;

static inline void up_forget(void)
{
	pthread_mutex_lock(&B.lock);
	buf_reset(&B.up_log);
	pthread_mutex_unlock(&B.lock);
}

#define HOLDS(text, what)                                                                                                     \
	do {                                                                                                                    \
		if (!strstr(text, what))                                                                                            \
			fail_msg("no \"%s\" in: %s", what, text);                                                                       \
	} while (0)
#define LACKS(text, what)                                                                                                   \
	do {                                                                                                                    \
		if (strstr(text, what))                                                                                             \
			fail_msg("\"%s\" in: %s", what, text);                                                                          \
	} while (0)

static inline int start(void **state)
{
	(void)state;
	B.answer = upstream;
	bench_start(GATE_ASYNC);
	world("enforce", 4242);
	return 0;
}

#endif
