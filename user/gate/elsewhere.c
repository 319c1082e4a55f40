/* elsewhere.c - see elsewhere.h. */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "gate/ask.h"
#include "gate/elsewhere.h"
#include "gate/flow.h"

/* ---- addresses ---- */

enum place { NOWHERE, HERE, AWAY };

static bool v4(const uint8_t a[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(a, prefix, sizeof(prefix)) == 0;
}

/* A link-local address is where tickets for the whole machine are handed out in clouds, and in IPv6 none without an interface. */
static enum place place_of(const uint8_t a[16])
{
	static const uint8_t zero[15];

	if (v4(a))
		return a[12] == 0 || a[12] >= 224 || (a[12] == 169 && a[13] == 254) ? NOWHERE : a[12] == 127 ? HERE : AWAY;
	if (memcmp(a, zero, 12) == 0)
		return memcmp(a, zero, 15) == 0 && a[15] == 1 ? HERE : NOWHERE;
	return a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) ? NOWHERE : AWAY;
}

/*
 * This machine is a place to go to only for who wanted to go there: then its port was let through by the kernel side as a registered server's, and
 * is no worker's.  The port is the same at every address.
 */
static bool may(const struct conn *c, const uint8_t a[16])
{
	enum place p = place_of(a);

	return p == AWAY || (p == HERE && place_of(c->flow.dst) == HERE);
}

static void offer(struct conn *c, const uint8_t a[16])
{
	struct elsewhere *e = &c->elsewhere;

	/* One place is kept for the first address once more. */
	if (e->n >= ELSEWHERE_TRIES - 1 || memcmp(a, e->at, 16) == 0)
		return;
	for (size_t i = 0; i < e->n; i++)
		if (memcmp(a, e->addr[i], 16) == 0)
			return;
	memcpy(e->addr[e->n++], a, 16);
}

void elsewhere_heard(struct conn *c, const struct m_addrs *m)
{
	struct elsewhere *e = &c->elsewhere;
	unsigned n = m->n < ADDRS_MAX ? m->n : ADDRS_MAX, at[2] = {0, 0};
	bool own = v4(e->at);

	if (memcmp(e->at, c->flow.dst, 16) != 0)
		offer(c, c->flow.dst);
	/* What fails is often a whole family: the other one first, then in turn. */
	for (bool family = !own; at[0] < n || at[1] < n; family = !family) {
		unsigned *i = &at[family];
		while (*i < n && (v4(m->addr[*i]) != family || !may(c, m->addr[*i])))
			++*i;
		if (*i < n)
			offer(c, m->addr[(*i)++]);
	}
}

/* ---- tries ---- */

static void on_time(void *arg)
{
	struct conn *c = arg;

	if (c->elsewhere.asked)
		ask_forget(&c->elsewhere.ask);
	c->elsewhere.hurried = true;
	conn_step(c);
}

static void dial(struct conn *c, unsigned ms)
{
	struct sockaddr_storage ss;
	socklen_t n = flow_addr(c->elsewhere.at, c->flow.dst_port, &ss);

	c->elsewhere.dialled = true;
	c->up = stream_dial(c->g->loop, (const struct sockaddr *)&ss, n, ms, conn_on_ready, c);
	if (!c->up)
		c->up_err = -ENOMEM;
}

void elsewhere_new(struct conn *c)
{
	struct elsewhere *e = &c->elsewhere;

	e->ask.conn = c;
	list_init(&e->ask.node);
	memcpy(e->reached, c->flow.dst, sizeof(e->reached));
	memcpy(e->at, c->flow.dst, sizeof(e->at));
}

void elsewhere_end(struct conn *c)
{
	ask_forget(&c->elsewhere.ask);
	timer_off(c->g->loop, &c->elsewhere.timer);
}

void elsewhere_dial(struct conn *c)
{
	struct elsewhere *e = &c->elsewhere;

	elsewhere_end(c);
	e->n = e->next = 0;
	e->asked = e->hurried = false;
	e->began = mono_now();
	memcpy(e->at, e->reached, sizeof(e->at));
	dial(c, GATE_DIAL_MS);
}

/* Nothing of the kind that a memory or a table of ours is full. */
static bool unreachable(int err)
{
	static const int list[] = {-ERR_TIMEOUT, -ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH, -ETIMEDOUT, -ECONNRESET, -ENETDOWN, -EHOSTDOWN,
	    -EADDRNOTAVAIL, -EAFNOSUPPORT, -EPERM, -EACCES};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] == err)
			return true;
	return false;
}

bool elsewhere_hope(const struct conn *c)
{
	unsigned f = c->up ? stream_flags(c->up) : 0;

	return (f & STREAM_ERROR) && !(f & STREAM_OPEN) && unreachable(stream_error(c->up));
}

bool elsewhere_pending(const struct conn *c)
{
	return c->elsewhere.ask.state == ASK_PENDING && elsewhere_hope(c);
}

bool elsewhere_is(const struct conn *c)
{
	return memcmp(c->elsewhere.reached, c->flow.dst, sizeof(c->flow.dst)) != 0;
}

static void arrived(struct conn *c)
{
	struct elsewhere *e = &c->elsewhere;

	if (!e->dialled)
		return;
	e->dialled = false;
	elsewhere_end(c);
	memcpy(e->reached, e->at, sizeof(e->reached));
	c->g->elsewhere += elsewhere_is(c);
}

static void ask(struct conn *c)
{
	struct elsewhere *e = &c->elsewhere;
	struct m_addrs_get m = {0};

	e->asked = true;
	snprintf(m.host, sizeof(m.host), "%s", c->host);
	ask_send(c->g, &e->ask, &c->g->fetch, M_ADDRS_GET, view_of(&m, sizeof(m)));
	if (e->ask.state == ASK_PENDING && timer_set(c->g->loop, &e->timer, ELSEWHERE_ASK_MS, on_time, c))
		ask_forget(&e->ask);
}

static void go_on(struct conn *c, bool failed)
{
	struct elsewhere *e = &c->elsewhere;
	uint64_t used = mono_since_us(e->began, mono_now()) / 1000;

	if (e->next == e->n || used >= GATE_DIAL_MS)
		return;
	/* It may only have been slow, and the others may be worse. */
	if (!failed)
		memcpy(e->addr[e->n++], e->at, sizeof(e->at));
	memcpy(e->at, e->addr[e->next++], sizeof(e->at));
	stream_close(&c->up, false);
	unsigned left = GATE_DIAL_MS - (unsigned)used;
	dial(c, e->next == e->n || left < ELSEWHERE_TRY_MS ? left : ELSEWHERE_TRY_MS);
}

void elsewhere_step(struct conn *c)
{
	struct elsewhere *e = &c->elsewhere;
	unsigned f = c->up ? stream_flags(c->up) : 0;
	bool failed = f & STREAM_ERROR;

	if (f & STREAM_OPEN)
		arrived(c);
	if (!c->up || (f & STREAM_OPEN) || !c->tls || c->proxy.len || (failed && !elsewhere_hope(c)))
		return;
	if (!e->asked && !failed && !e->hurried) {
		uint64_t used = mono_since_us(e->began, mono_now()) / 1000;
		if (e->timer.pos)
			return;
		if (used < ELSEWHERE_TRY_MS && timer_set(c->g->loop, &e->timer, ELSEWHERE_TRY_MS - used, on_time, c) == 0)
			return;
	}
	if (!e->asked)
		ask(c);
	/* A later try has a deadline of its own. */
	if (e->ask.state != ASK_PENDING && (failed || e->next == 0))
		go_on(c, failed);
}
