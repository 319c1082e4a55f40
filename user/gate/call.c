/* call.c - see call.h: a call's life, and what the gate itself answers. */
#include <errno.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"
#include "gate/approve.h"
#include "gate/ask.h"
#include "gate/bait.h"
#include "gate/downlink.h"
#include "gate/call.h"
#include "gate/head.h"
#include "gate/loan.h"
#include "gate/record.h"
#include "gate/server.h"
#include "gate/words.h"

enum { KEEP_MAX = 64 << 10, SPARE_MAX = 64 };

struct call *call_begin(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k;

	if (!list_empty(&g->spare_calls)) {
		k = LIST_ENTRY(g->spare_calls.next, struct call, node);
		list_del(&k->node);
	} else {
		k = calloc(1, sizeof(*k));
		if (!k)
			return NULL;
		list_init(&k->node);
		k->body.max = k->hold.max = GATE_BODY_MAX;
		k->answer.max = 2 * GATE_BODY_MAX;
		k->head.max = 2 * HTTP1_HEAD_MAX;
	}
	k->began = mono_now();
	k->world = world_ref(g->world);
	c->call = k;
	return k;
}

/* Back to zero, with the buffers' memory kept where it is small. */
static void clear(struct call *k)
{
	struct buf *bufs[] = {&k->body, &k->hold, &k->head, &k->answer, &k->tail, &k->endpoint};

	for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++) {
		if (bufs[i]->cap > KEEP_MAX)
			buf_free(bufs[i]);
		buf_reset(bufs[i]);
	}
	sse_free(&k->sse);
	struct buf body = k->body, hold = k->hold, head = k->head, answer = k->answer, tail = k->tail, endpoint = k->endpoint;
	/* The charge's arrays are large and say themselves how much of them counts. */
	memset(k, 0, offsetof(struct call, charge));
	k->charge.n = 0;
	k->charge.text[0] = '\0';
	memset(&k->charged, 0, sizeof(*k) - offsetof(struct call, charged));
	k->body = body;
	k->hold = hold;
	k->head = head;
	k->answer = answer;
	k->tail = tail;
	k->endpoint = endpoint;
	list_init(&k->node);
}

/* What the server said counts, whatever it said; silence is silence. */
static enum pol_outcome charge_outcome(const struct call *k)
{
	static const char *const known[] = {"ok", "tool_error", "rpc_error"};

	if (!k->sent)
		return POL_REFUND;
	for (size_t i = 0; k->status && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(k->status, known[i]) == 0)
			return POL_COMMIT;
	return k->http >= 400 ? POL_COMMIT : POL_UNCERTAIN;
}

void call_end(struct conn *c)
{
	struct call *k = c->call;
	struct gate *g = c->g;

	if (!k)
		return;
	timer_off(g->loop, &c->overdue);
	downlink_forget(c);
	if (k->allowed && k->number && !k->result_done) {
		if (!k->status)
			k->status = "aborted";
		record_closed(c);
	}
	if (k->charged)
		pol_settle(g->conf.limits, &k->charge, charge_outcome(k));
	/* A connection with half an exchange on it serves nobody. */
	if (k->allowed && k->sent && !k->up_done)
		server_drop(c);
	ask_forget(&c->lease);
	approve_end(c);
	loan_unref(&k->lease);
	world_unref(&k->world);
	/* The head held the credential. */
	if (k->head.mem)
		explicit_bzero(k->head.mem, k->head.cap);
	clear(k);
	c->call = NULL;
	list_add_head(&g->spare_calls, &k->node);
}

void call_free_spare(struct gate *g)
{
	LIST_EACH(it, &g->spare_calls) {
		struct call *k = LIST_ENTRY(it, struct call, node);
		list_del(&k->node);
		buf_free(&k->body);
		buf_free(&k->hold);
		buf_free(&k->head);
		buf_free(&k->answer);
		buf_free(&k->endpoint);
		buf_free(&k->tail);
		free(k);
	}
}

const struct http1_head *call_head(struct conn *c)
{
	struct gate *g = c->g;

	if (g->head_of != c) {
		/* It parsed when it came, and its bytes have not moved on since. */
		(void)!http1_request(stream_in(c->cl), &g->head);
		g->head_of = c;
	}
	return &g->head;
}

struct view call_body(struct conn *c)
{
	const struct call *k = c->call;

	if (k->chunked)
		return buf_view(&k->body);
	return view_head(view_skip(stream_in(c->cl), k->head_len), k->wire_len);
}

struct view call_id(struct conn *c)
{
	const struct call *k = c->call;

	return k->id_len ? view_head(view_skip(call_body(c), k->id_off), k->id_len) : view_of(NULL, 0);
}

enum step call_done(struct conn *c)
{
	struct call *k = c->call;
	bool close = c->close_after || c->g->stopping;

	if (k) {
		close = close || !k->whole;
		if (k->whole)
			stream_consume(c->cl, k->head_len + k->wire_len);
		if (k->chunked || k->head_len + k->wire_len > STREAM_IN_MAX)
			stream_need(c->cl, STREAM_IN_MAX);
		call_end(c);
	}
	c->g->head_of = NULL;
	return close ? conn_goto(c, S_LINGER, GATE_LINGER_MS) : conn_goto(c, S_HEAD, GATE_IDLE_MS);
}

enum step say_http(struct conn *c, unsigned status, struct view json, bool close)
{
	struct gate *g = c->g;
	struct call *k = c->call;

	if (close || (k && !k->whole))
		c->close_after = true;
	if (k && approve_streaming(k))
		return approve_say(c, json);
	buf_reset(&g->out);
	int r = head_own(&g->out, status, json.n, c->close_after || g->stopping);
	if (!k || !k->bodiless)
		r = r ? r : buf_put(&g->out, json);
	r = r ? r : stream_put(c->cl, buf_view(&g->out));
	if (r)
		return conn_reset(c);
	c->out += g->out.len;
	if (k) {
		k->http = (uint16_t)status;
		k->bytes_out += g->out.len;
	}
	return call_done(c);
}

/* An answer in JSON-RPC: in the POST's own answer, or where the transport of 2024-11-05 awaits it. */
static enum step say_message(struct conn *c, unsigned status, struct view json)
{
	struct call *k = c->call;

	if (k->reply_wanted && status == 200 && downlink_answer(c, json))
		return say_http(c, 202, view_of(NULL, 0), false);
	return say_http(c, status, json, false);
}

enum step say_refused(struct conn *c, unsigned status, int code, int err, const char *text)
{
	struct gate *g = c->g;
	struct view id = c->call ? call_id(c) : view_of(NULL, 0);

	if (c->call)
		bait_tell(c);
	record_refused(c, err, text, status);
	buf_reset(&g->text);
	int r = words_error(&g->text, id, code, text);
	return r ? conn_reset(c) : say_http(c, status, buf_view(&g->text), !c->call);
}

enum step say_fail(struct conn *c, int err, const char *why)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	unsigned status = k->kind == CALL_GET || k->kind == CALL_DELETE || k->kind == CALL_OTHER || !k->reply_wanted ? 502 : 200;
	char text[512];
	int r;

	k->status = k->sent ? "upstream_error" : "aborted";
	k->err = err;
	snprintf(text, sizeof(text), "Callgate could not complete this call: %s%s", why,
	    k->sent && k->kind == CALL_TOOL ? ". The server may have carried it out" : "");
	if (!k->number)
		record_refused(c, err, "the server or the vault could not serve a request", status);
	buf_reset(&g->text);
	if (k->kind == CALL_TOOL && k->reply_wanted)
		r = words_result(&g->text, call_id(c), k->new_era, text);
	else
		r = words_error(&g->text, call_id(c), WORDS_INTERNAL, text);
	return r ? conn_reset(c) : say_message(c, status, buf_view(&g->text));
}

/* What an agent is told when a method that is no tool call is refused. */
static int method_code(const struct conn *c)
{
	struct view m = c->g->rpc.method;

	if (view_is(m, "resources/read"))
		return c->call->new_era ? WORDS_PARAMS : WORDS_RESOURCE;
	return view_is(m, "prompts/get") ? WORDS_PARAMS : WORDS_METHOD;
}

enum step say_denied(struct conn *c)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	char call_id_text[WORDS_CALL_ID], text[POL_TEXT_MAX + POL_RULE_MAX + 128];
	struct view id = call_id(c);
	int r;

	g->denied++;
	words_call_id(g->conf.ring_id, k->number, call_id_text);
	const struct words_approval *approval = approve_words(k);
	words_denial(text, sizeof(text), &g->decision, call_id_text, approval);
	buf_reset(&g->text);
	if (k->kind == CALL_GET || k->kind == CALL_DELETE) {
		r = words_error(&g->text, id, WORDS_REQUEST, text);
		return r ? conn_reset(c) : say_http(c, 405, buf_view(&g->text), false);
	}
	if (!k->reply_wanted)
		return say_http(c, 202, view_of(NULL, 0), false);
	if (k->kind == CALL_TOOL && g->decision.unknown_tool) {
		snprintf(text, sizeof(text), "Unknown tool: %.*s", (int)(g->rpc.tool.n < 1024 ? g->rpc.tool.n : 1024),
		    (const char *)g->rpc.tool.p);
		r = words_error(&g->text, id, WORDS_PARAMS, text);
	} else if (k->kind == CALL_TOOL) {
		r = words_denied(&g->text, id, k->new_era, &g->decision, call_id_text, approval);
	} else {
		r = words_error(&g->text, id, method_code(c), text);
	}
	return r ? conn_reset(c) : say_message(c, 200, buf_view(&g->text));
}
