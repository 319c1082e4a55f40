/* owed.c - see owed.h. */
#include <string.h>

#include "base/log.h"
#include "gate/owed.h"
#include "gate/worker.h"

static void on_time(void *arg);

/* Without a timer it is paid with the next record. */
static void later(struct gate *g)
{
	if (timer_set(g->loop, &g->owed.timer, OWED_MS, on_time, g))
		log_warning("no timer for records that found the ring full; they go with the next one");
}

static void on_time(void *arg)
{
	struct gate *g = arg;

	if (!owed_pay(g))
		later(g);
}

void owed_lose(struct gate *g)
{
	struct owed *o = &g->owed;

	o->to = mono_now();
	if (!o->lost++) {
		o->from = o->to;
		log_error("callgate-audit takes no records and no more can be kept here: from now on they are counted");
		later(g);
	}
}

void owed_keep(struct gate *g, struct view rec)
{
	struct owed *o = &g->owed;
	uint32_t n = (uint32_t)rec.n;
	bool first = !o->recs.len;

	/* Once something was lost, what comes after it would tell a story with a hole that is not where the loss record says. */
	if (o->lost || o->recs.len + sizeof(n) + rec.n > OWED_MAX || !buf_reserve(&o->recs, sizeof(n) + rec.n) ||
	    buf_put(&o->recs, view_of(&n, sizeof(n))) || buf_put(&o->recs, rec)) {
		owed_lose(g);
		return;
	}
	if (first)
		later(g);
}

/* What was lost, once all that came before it is in the ring. */
static void tell(struct gate *g)
{
	struct owed *o = &g->owed;
	static struct rec r; /* one thread; not g->rec, which holds the record that comes next */
	uint64_t pos;

	rec_begin(&r, REC_LOSS, 0, o->to.ns);
	rec_u64(&r, F_COUNT, o->lost);
	rec_u64(&r, F_DUR_US, mono_since_us(o->from, o->to));
	if (shring_put(g->conf.ring, rec_end(&r), &pos) == 0)
		o->lost = 0;
}

bool owed_pay(struct gate *g)
{
	struct owed *o = &g->owed;
	uint64_t pos;
	uint32_t n;

	while (o->recs.len) {
		struct view v = buf_view(&o->recs);
		memcpy(&n, v.p, sizeof(n));
		if (shring_put(g->conf.ring, view_head(view_skip(v, sizeof(n)), n), &pos))
			return false;
		buf_consume(&o->recs, sizeof(n) + n);
	}
	buf_free(&o->recs);
	if (o->lost)
		tell(g);
	return !o->lost;
}

bool owed_much(const struct gate *g)
{
	return g->owed.lost || g->owed.recs.len >= OWED_MUCH;
}

void owed_free(struct gate *g)
{
	struct owed *o = &g->owed;

	if (g->loop)
		timer_off(g->loop, &o->timer);
	if (!owed_pay(g))
		log_error("%zu bytes of records and %llu that were only counted end with this worker: callgate-audit did not take them", o->recs.len,
		    (unsigned long long)o->lost);
	buf_free(&o->recs);
}
