/* loan.c - see loan.h. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "gate/ask.h"
#include "gate/call.h"
#include "gate/loan.h"
#include "gate/spare.h"

static struct loan *entry(struct list *node)
{
	return LIST_ENTRY(node, struct loan, node);
}

void loan_unref(struct loan **lp)
{
	struct loan *l = *lp;

	*lp = NULL;
	if (!l || --l->refs)
		return;
	secret_free(&l->secret);
	free(l);
}

static void uncache(struct gate *g, struct loan *l)
{
	list_del(&l->node);
	g->n_loans--;
	loan_unref(&l);
}

struct loan *loan_find(struct gate *g, const char *credential, const char *server, const char *host, uint16_t port)
{
	struct mono now = mono_now();

	LIST_EACH(it, &g->loans) {
		struct loan *l = entry(it);
		if (l->port != port || strcmp(l->credential, credential) != 0 || strcmp(l->server, server) != 0 ||
		    strcmp(l->host, host) != 0)
			continue;
		if (now.ns >= l->until.ns) {
			uncache(g, l);
			return NULL;
		}
		if (g->loans.next != &l->node) {
			list_del(&l->node);
			list_add_head(&g->loans, &l->node);
		}
		l->refs++;
		return l;
	}
	return NULL;
}

/*
 * A version that a server refused, and the vault then lent the one before.  For a while that one is asked for at once, so that the server
 * does not see a refused key with each new lease; then one call tries the newer version again while the others go on.
 */
enum { HELD_MS = 120000, TRY_MS = 5000, REFUSALS = 64 };

struct refusal {
	struct list node;
	char credential[NAME_LEN], server[NAME_LEN], host[HOST_LEN];
	uint16_t port;
	uint32_t version;
	bool trying;
	struct mono until;
};

static struct refusal *refusal(struct list *node)
{
	return LIST_ENTRY(node, struct refusal, node);
}

static void drop_refusal(struct gate *g, struct refusal *f)
{
	list_del(&f->node);
	g->n_refusals--;
	free(f);
}

static struct refusal *refusal_of(const struct gate *g, const struct conn *c)
{
	LIST_EACH(it, &g->refusals) {
		struct refusal *f = refusal(it);
		if (f->port == c->port && strcmp(f->credential, c->call->credential) == 0 && strcmp(f->server, c->call->server->name) == 0 &&
		    strcmp(f->host, c->host) == 0)
			return f;
	}
	return NULL;
}

/* Without memory each new lease meets a refusal first. */
static void note_refusal(struct gate *g, const struct conn *c)
{
	struct refusal *f = refusal_of(g, c);

	if (!f && (f = calloc(1, sizeof(*f)))) {
		snprintf(f->credential, sizeof(f->credential), "%s", c->call->credential);
		snprintf(f->server, sizeof(f->server), "%s", c->call->server->name);
		snprintf(f->host, sizeof(f->host), "%s", c->host);
		f->port = c->port;
		list_add_head(&g->refusals, &f->node);
		if (++g->n_refusals > REFUSALS)
			drop_refusal(g, refusal(g->refusals.prev));
	}
	if (!f)
		return;
	f->version = c->call->refused;
	f->trying = false;
	f->until = mono_after_ms(mono_now(), HELD_MS);
}

/* The version that the server is known to refuse; 0: none, or this call is to try. */
static uint32_t known_refusal(struct gate *g, const struct conn *c)
{
	struct refusal *f = refusal_of(g, c);
	struct mono now = mono_now();

	if (!f)
		return 0;
	if (now.ns < f->until.ns)
		return f->version;
	if (f->trying) { /* and was not refused since */
		drop_refusal(g, f);
		return 0;
	}
	f->trying = true;
	f->until = mono_after_ms(now, TRY_MS);
	return 0;
}

void loan_ask(struct gate *g, struct conn *c)
{
	struct m_lease_get m = {.port = c->port, .ring = g->conf.ring_id, .call = c->call->number};

	m.refused = c->call->refused ? c->call->refused : known_refusal(g, c);
	snprintf(m.credential, sizeof(m.credential), "%s", c->call->credential);
	snprintf(m.server, sizeof(m.server), "%s", c->call->server->name);
	snprintf(m.host, sizeof(m.host), "%s", c->host);
	ask_send(g, &c->lease, &g->vault, M_LEASE_GET, view_of(&m, sizeof(m)));
}

int loan_came(struct gate *g, struct conn *c, struct view body)
{
	const struct m_lease *m = (const void *)body.p;

	if (!c->call || !c->call->credential)
		return -ERR_NOT_FOUND;
	if (m->status)
		return m->status < 0 ? m->status : -ERR_MALFORMED;
	if (m->len > body.n - offsetof(struct m_lease, secret) || !view_fits_header(view_of(m->secret, m->len)))
		return -ERR_MALFORMED;
	struct loan *l = calloc(1, sizeof(*l));
	if (!l)
		return -ERR_UNAVAILABLE;
	l->secret = secret_new(view_of(m->secret, m->len));
	if (!l->secret) {
		free(l);
		return -ERR_UNAVAILABLE;
	}
	snprintf(l->credential, sizeof(l->credential), "%s", c->call->credential);
	snprintf(l->server, sizeof(l->server), "%s", c->call->server->name);
	snprintf(l->host, sizeof(l->host), "%s", c->host);
	l->port = c->port;
	l->version = m->version;
	l->again = m->again != 0;
	l->until = mono_after_ms(mono_now(), m->ttl_ms);
	struct refusal *f = refusal_of(g, c);
	if (m->version < c->call->refused)
		note_refusal(g, c);
	else if (f && !f->trying && m->version >= f->version)
		drop_refusal(g, f); /* the one before was refused, or is gone */
	l->refs = 2; /* the cache's and the call's: even a lease of no time serves the call it was asked for */
	list_add_head(&g->loans, &l->node);
	g->n_loans++;
	loan_unref(&c->call->lease);
	c->call->lease = l;
	c->call->lease_fresh = true;
	if (g->n_loans > GATE_LOANS)
		uncache(g, entry(g->loans.prev));
	return 0;
}

void loan_revoke(struct gate *g, struct view body)
{
	struct m_revoke m;

	memcpy(&m, body.p, sizeof(m));
	m.credential[NAME_LEN - 1] = '\0';
	LIST_EACH(it, &g->loans)
		if (!m.credential[0] || strcmp(entry(it)->credential, m.credential) == 0)
			uncache(g, entry(it));
	LIST_EACH(it, &g->refusals)
		if (!m.credential[0] || strcmp(refusal(it)->credential, m.credential) == 0)
			drop_refusal(g, refusal(it));
	spare_forget(g, m.credential);
}

void loan_forget(struct gate *g, struct loan *of)
{
	LIST_EACH(it, &g->loans) {
		struct loan *l = entry(it);
		if (l->version == of->version && l->port == of->port && strcmp(l->credential, of->credential) == 0 &&
		    strcmp(l->server, of->server) == 0 && strcmp(l->host, of->host) == 0)
			uncache(g, l);
	}
}

void loan_sweep(struct gate *g)
{
	struct mono now = mono_now();

	LIST_EACH(it, &g->loans)
		if (now.ns >= entry(it)->until.ns)
			uncache(g, entry(it));
}

void loan_drop_all(struct gate *g)
{
	LIST_EACH(it, &g->loans)
		uncache(g, entry(it));
	LIST_EACH(it, &g->refusals)
		drop_refusal(g, refusal(it));
}
