/* weight.c - see weight.h. */
#include "base/err.h"
#include "gate/call.h"
#include "gate/record.h"
#include "gate/server.h"
#include "gate/weight.h"
#include "gate/words.h"

#define WHY "what this user's connections hold in memory is as much as one user may"

static size_t buffers(const struct call *k)
{
	const struct buf *const all[] = {&k->body, &k->head, &k->hold, &k->tail, &k->answer, &k->endpoint, &k->sse.line, &k->sse.data, &k->sse.name, &k->sse.id};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		n += buf_held(all[i]);
	return n;
}

/* Its user's connections hold so much in all, when this one holds ${now}. */
static size_t weigh(struct conn *c, size_t now)
{
	size_t all = crowd_hold(&c->g->crowd, c->flow.uid, c->weight, now);

	c->weight = now;
	return all;
}

enum step weight_step(struct conn *c)
{
	struct gate *g = c->g;
	size_t before = c->weight, max = g->conf.held_max ? g->conf.held_max : WEIGHT_USER;
	size_t now = (c->cl ? stream_held(c->cl) : 0) + (c->up ? stream_held(c->up) : 0) + (c->call ? buffers(c->call) : 0);

	if (now == before)
		return STEP_WAIT;
	if (weigh(c, now) <= max || now < before || now <= WEIGHT_SMALL || c->state == S_LINGER)
		return STEP_WAIT;
	g->too_heavy++;
	if (c->state == S_BODY)
		return say_refused(c, 503, WORDS_INTERNAL, -ERR_FULL, WHY);
	if (c->state == S_HOLD) {
		server_drop(c);
		return say_fail(c, -ERR_FULL, WHY);
	}
	if (c->state == S_RELAY)
		record_connection(c, "relay", -ERR_FULL);
	else
		record_refused(c, -ERR_FULL, WHY, 0);
	return conn_reset(c);
}

void weight_leave(struct conn *c)
{
	(void)weigh(c, 0);
}
