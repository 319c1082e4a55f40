/* spare.c - see spare.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "gate/flow.h"
#include "gate/spare.h"

struct spare {
	struct list node; /* gate.spares, newest first */
	struct gate *g;
	struct stream *s;
	struct timer timer;
	uint8_t dst[16];
	__be16 port;
	uint16_t timeout; /* as conn.up_timeout */
	uint32_t uid;
	char host[HOST_LEN], credential[NAME_LEN];
};

static struct spare *entry(struct list *node)
{
	return LIST_ENTRY(node, struct spare, node);
}

static void drop(struct spare *p)
{
	timer_off(p->g->loop, &p->timer);
	if (p->s)
		stream_close(&p->s, true);
	list_del(&p->node);
	p->g->n_spares--;
	free(p);
}

static void shown(struct spare *p, bool stays)
{
	keeps_say(&p->g->keeps, p->host, ntohs(p->port), stays, mono_now());
}

/* An idle connection has nothing to say: whatever happens on it ends it. */
static void on_ready(void *owner, struct stream *s)
{
	struct spare *p = owner;
	bool ended = stream_flags(s) & (STREAM_EOF | STREAM_ERROR);

	if (ended)
		shown(p, false);
	if (ended || stream_in(s).n)
		drop(p);
}

static void on_time(void *arg)
{
	struct spare *p = arg;

	shown(p, !stream_ending(p->s));
	drop(p);
}

/* May its server be trusted not to end it before its time? */
static bool trusted(const struct gate *g, const char *host, __be16 port, uint16_t timeout)
{
	enum keeps_word w = keeps_ask(&g->keeps, host, ntohs(port), mono_now());

	return w == KEEPS_SHOWN || (w == KEEPS_UNKNOWN && timeout);
}

/* One is enough to see whether it stays. */
static bool watched(const struct gate *g, const char *host, __be16 port)
{
	LIST_EACH(it, &g->spares)
		if (entry(it)->port == port && strcmp(entry(it)->host, host) == 0)
			return true;
	return false;
}

static bool same_place(const struct spare *p, const struct cg_flow *f)
{
	return p->uid == f->uid && p->port == f->dst_port && memcmp(p->dst, f->dst, sizeof(p->dst)) == 0;
}

static bool fit(const struct conn *c)
{
	unsigned f = c->up ? stream_flags(c->up) : 0, good = STREAM_TLS_UP | STREAM_FLUSHED, bad = STREAM_EOF | STREAM_ERROR | STREAM_SHUT;
	size_t mine = 0;

	if (!c->tls || c->proxy.len || !c->up_calls || c->up_mixed || c->g->stopping || (f & good) != good || (f & bad) || stream_in(c->up).n)
		return false;
	if (c->up_timeout && c->up_timeout * 1000u <= SPARE_MS)
		return false;
	if (!trusted(c->g, c->host, c->flow.dst_port, c->up_timeout) && watched(c->g, c->host, c->flow.dst_port))
		return false;
	LIST_EACH(it, &c->g->spares)
		mine += entry(it)->uid == c->flow.uid;
	return mine < SPARE_PER_USER;
}

void spare_keep(struct conn *c)
{
	struct gate *g = c->g;

	/* What its server has done to one that still had a client it will do to one that has none. */
	if (c->tls && c->up && c->up_calls && !c->proxy.len && stream_ending(c->up) && mono_since_us(c->up_idle, mono_now()) / 1000 < SPARE_MS)
		keeps_say(&g->keeps, c->host, flow_port(&c->flow), false, mono_now());
	if (!fit(c))
		return;
	struct spare *p = calloc(1, sizeof(*p));
	if (!p || timer_set(g->loop, &p->timer, SPARE_MS, on_time, p)) {
		free(p);
		return;
	}
	p->g = g;
	p->s = c->up;
	c->up = NULL;
	memcpy(p->dst, c->elsewhere.reached, sizeof(p->dst));
	p->port = c->flow.dst_port;
	p->timeout = c->up_timeout;
	p->uid = c->flow.uid;
	snprintf(p->host, sizeof(p->host), "%s", c->host);
	snprintf(p->credential, sizeof(p->credential), "%s", c->up_credential);
	list_add_head(&g->spares, &p->node);
	stream_own(p->s, on_ready, p);
	if (++g->n_spares > SPARE_MAX)
		drop(entry(g->spares.prev));
}

bool spare_has(const struct gate *g, const struct cg_flow *flow)
{
	LIST_EACH(it, &g->spares)
		if (same_place(entry(it), flow) && trusted(g, entry(it)->host, entry(it)->port, entry(it)->timeout))
			return true;
	return false;
}

bool spare_take(struct conn *c, const char *credential)
{
	LIST_EACH(it, &c->g->spares) {
		struct spare *p = entry(it);
		if (!same_place(p, &c->flow) || strcmp(p->host, c->host) != 0 || strcmp(p->credential, credential ? credential : "") != 0)
			continue;
		if (stream_ending(p->s) || stream_in(p->s).n)
			continue; /* its own ready() comes in this turn, or the next */
		if (!trusted(c->g, p->host, p->port, p->timeout))
			continue;
		c->up = p->s;
		p->s = NULL;
		stream_own(c->up, conn_on_ready, c);
		c->up_calls = 1;
		snprintf(c->up_credential, sizeof(c->up_credential), "%s", p->credential);
		c->up_mixed = false;
		c->up_kept = true;
		c->up_timeout = p->timeout;
		memcpy(c->elsewhere.reached, p->dst, sizeof(p->dst));
		drop(p);
		return true;
	}
	return false;
}

void spare_failed(struct conn *c)
{
	if (c->up_kept)
		keeps_say(&c->g->keeps, c->host, flow_port(&c->flow), false, mono_now());
}

void spare_forget(struct gate *g, const char *credential)
{
	LIST_EACH(it, &g->spares)
		if (!credential[0] || strcmp(entry(it)->credential, credential) == 0)
			drop(entry(it));
}

void spare_drop_all(struct gate *g)
{
	LIST_EACH(it, &g->spares)
		drop(entry(it));
}
