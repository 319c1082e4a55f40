/*
 * step_ended.c - a tools/call whose grant has ended: refused before it leaves, or finished without its answer.
 * States S_ENDED, S_WITHHELD.      Source: docs/WIRE.md "when a grant ends".
 */
#include <stdio.h>

#include "base/err.h"
#include "gate/approve.h"
#include "gate/call.h"
#include "gate/head.h"
#include "gate/outcome.h"
#include "gate/passing.h"
#include "gate/record.h"
#include "gate/server.h"
#include "gate/words.h"

static void decided(struct conn *c, const char *text)
{
	struct pol_decision *d = &c->g->decision;

	*d = (struct pol_decision){.verdict = POL_DENY, .rule_index = -1};
	snprintf(d->rule, sizeof(d->rule), "%s", c->call->ended_why);
	snprintf(d->text, sizeof(d->text), "%s", text);
}

enum step step_ended(struct conn *c)
{
	struct call *k = c->call;

	list_del(&c->ack);
	k->status = "aborted";
	k->err = -ERR_DENIED;
	k->detail = "the grant ended before the call had left";
	decided(c, "the grant for this server has ended");
	return say_denied(c);
}

/* Our own words in place of what the server said, or behind the events of it that have left already. */
static enum step instead(struct conn *c, bool late)
{
	struct gate *g = c->g;
	struct call *k = c->call;
	char call_id_text[WORDS_CALL_ID];
	int r;

	decided(c, "the grant for this server ended while the call ran, so its answer is withheld. The server may have carried it out");
	words_call_id(g->conf.ring_id, k->number, call_id_text);
	buf_reset(&g->text);
	r = words_denied(&g->text, call_id(c), k->new_era, &g->decision, call_id_text, NULL);
	if (!r && approve_streaming(k) && !late && (!k->chunk_down || (k->wrap && k->hold_back && !k->unread))) {
		/* Signs of life are all that has left on a stream of ours. */
		buf_reset(&k->answer);
		r = approve_event(k, buf_view(&g->text));
		r = r ? r : buf_puts(&k->answer, "0\r\n\r\n");
	} else if (!r && k->bytes_out && k->by_event && !late) {
		buf_reset(&g->out);
		r = buf_puts(&g->out, "event: message\ndata: ");
		r = r ? r : buf_put(&g->out, buf_view(&g->text));
		r = r ? r : buf_puts(&g->out, "\n\n");
		r = r ? r : passing_event(c, buf_view(&g->out));
		r = r ? r : buf_puts(&k->answer, "0\r\n\r\n");
	} else if (!r && !k->bytes_out) {
		buf_reset(&k->answer);
		r = head_own(&k->answer, 200, g->text.len, c->close_after || g->stopping);
		r = r ? r : buf_put(&k->answer, buf_view(&g->text));
	} else {
		return conn_reset(c); /* part of the answer's body has left: it cannot become another one */
	}
	return r ? conn_reset(c) : conn_goto(c, S_RELEASE, k->hold_back ? GATE_AUDIT_MS : 0);
}

enum step step_withheld(struct conn *c)
{
	struct call *k = c->call;
	bool late = k->result_done; /* the result stands among what waits to be flushed */

	if (conn_gone(c))
		return STEP_END;
	list_del(&c->ack);
	/* An answer in events has come with the event that answers, whenever the stream may end. */
	while (!k->result_done && !k->up_done && !(k->events && k->status)) {
		struct view data;
		long n = passing_body(c, stream_in(c->up), &data);
		if (n == 0 && !k->up_done)
			return STEP_WAIT;
		if (n < 0) {
			k->status = k->status ? k->status : "upstream_error";
			k->err = (int)n;
			break;
		}
		outcome_data(c, data, k->up_done);
		stream_consume(c->up, (size_t)n);
	}
	if (k->up_done && !k->result_done) {
		c->up_calls++;
		c->up_idle = mono_now();
		if (k->up_close)
			server_drop(c);
	}
	outcome_end(c);
	if (!k->result_done)
		k->result_done = record_result(c) == 0;
	if (!k->result_done && k->hold_back)
		return conn_reset(c);
	return instead(c, late);
}
