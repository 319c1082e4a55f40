/* outcome.c - see outcome.h. */
#include <stdio.h>

#include "gate/outcome.h"
#include "gate/passing.h"
#include "gate/tasks.h"

static bool answers(struct conn *c, const struct json_node *msg)
{
	const struct json_doc *doc = &c->g->doc;
	struct call *k = c->call;

	if (msg->type != JSON_OBJECT)
		return false;
	const struct json_node *error = json_get(doc, msg, VIEW_LIT("error"));
	const struct json_node *result = json_get(doc, msg, VIEW_LIT("result"));
	if (!error && !result)
		return false;
	k->status = "ok";
	if (error) {
		const struct json_node *code = error->type == JSON_OBJECT ? json_get(doc, error, VIEW_LIT("code")) : NULL;
		struct view v = code && code->type == JSON_NUMBER ? json_raw(doc, code) : view_of(NULL, 0);
		k->status = "rpc_error";
		snprintf(k->rpc_code, sizeof(k->rpc_code), VIEW_FMT, VIEW_ARG(view_head(v, sizeof(k->rpc_code) - 1)));
	} else if (result->type == JSON_OBJECT) {
		const struct json_node *flag = json_get(doc, result, VIEW_LIT("isError"));
		if (flag && flag->type == JSON_TRUE)
			k->status = "tool_error";
		if (c->call->server)
			tasks_heard(c, result);
	}
	return true;
}

bool outcome_message(struct conn *c, struct view msg)
{
	struct gate *g = c->g;

	if (json_scan(&g->doc, msg, g->nodes, GATE_NODES, NULL)) {
		c->call->unread = true;
		return false;
	}
	const struct json_node *root = &g->doc.node[0];
	if (root->type != JSON_ARRAY)
		return answers(c, root);
	for (const struct json_node *m = json_first(&g->doc, root); m; m = json_next(&g->doc, root, m))
		if (answers(c, m))
			return true;
	return false;
}

static void events(struct conn *c, struct view data)
{
	struct call *k = c->call;
	struct sse_event ev;

	while (data.n && !k->unread) {
		long n = sse_next(&k->sse, data, &ev);
		if (n <= 0 || k->sse.line.len + k->sse.data.len > PASSING_EVENT) {
			k->unread = true;
			sse_free(&k->sse);
			return;
		}
		data = view_skip(data, (size_t)n);
		if (ev.data.p && ev.data.n)
			outcome_message(c, ev.data);
	}
}

void outcome_data(struct conn *c, struct view data, bool last)
{
	struct call *k = c->call;

	if (k->kind != CALL_TOOL || k->unread || !data.n)
		return;
	if (k->events) {
		events(c, data);
		return;
	}
	if (!k->json)
		return;
	/* Usually the whole body stands in one piece: then it need not be copied. */
	if (last && !k->hold.len) {
		outcome_message(c, data);
		return;
	}
	if (k->hold.len + data.n > PASSING_HOLD || buf_put(&k->hold, data)) {
		k->unread = true;
		buf_free(&k->hold);
	} else if (last) {
		outcome_message(c, buf_view(&k->hold));
	}
}

void outcome_end(struct conn *c)
{
	struct call *k = c->call;

	if (k->status)
		return;
	if (k->http >= 400)
		k->status = "upstream_error";
	else
		k->status = k->unread ? "unread" : k->reply_wanted ? "unanswered" : "ok";
}
