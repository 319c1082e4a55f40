/* cert.c - see cert.h. */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "gate/ask.h"
#include "gate/cert.h"

struct cert {
	struct list node; /* gate.certs, newest use first */
	char name[HOST_LEN];
	struct tls_cert *tls;
	struct mono until;
	struct wall until_wall; /* the first clock stands still while the machine sleeps */
};

static struct cert *entry(struct list *node)
{
	return LIST_ENTRY(node, struct cert, node);
}

static void drop(struct gate *g, struct cert *k)
{
	list_del(&k->node);
	g->n_certs--;
	tls_cert_unref(&k->tls);
	free(k);
}

struct tls_cert *cert_find(struct gate *g, const char *name)
{
	struct mono now = mono_now();

	LIST_EACH(it, &g->certs) {
		struct cert *k = entry(it);
		if (strcmp(k->name, name) != 0)
			continue;
		if (now.ns >= k->until.ns || wall_now().ns >= k->until_wall.ns) {
			drop(g, k);
			return NULL;
		}
		list_del(&k->node);
		list_add_head(&g->certs, &k->node);
		return tls_cert_ref(k->tls);
	}
	return NULL;
}

void cert_ask(struct gate *g, struct conn *c)
{
	struct m_mint m = {0};
	uint8_t addr[16];

	snprintf(m.name, sizeof(m.name), "%s", c->host);
	m.is_ip = inet_pton(AF_INET, c->host, addr) == 1 || inet_pton(AF_INET6, c->host, addr) == 1;
	ask_send(g, &c->mint, &g->vault, M_MINT, view_of(&m, sizeof(m)));
}

int cert_minted(struct gate *g, const char *name, struct view body)
{
	const struct m_minted *m = (const void *)body.p;
	size_t room = body.n - offsetof(struct m_minted, der);
	struct tls_cert *tls = NULL;

	if (m->status)
		return m->status < 0 ? m->status : -ERR_MALFORMED;
	if (m->leaf_len > room || m->issuer_len > room - m->leaf_len || m->key_len > room - m->leaf_len - m->issuer_len)
		return -ERR_MALFORMED;
	const uint8_t *p = m->der;
	int r = tls_cert_new(view_of(p, m->leaf_len), view_of(p + m->leaf_len, m->issuer_len),
	    view_of(p + m->leaf_len + m->issuer_len, m->key_len), &tls);
	if (r)
		return r;
	struct cert *k = calloc(1, sizeof(*k));
	if (!k) {
		tls_cert_unref(&tls);
		return -ERR_UNAVAILABLE;
	}
	snprintf(k->name, sizeof(k->name), "%s", name);
	k->tls = tls;
	k->until = mono_after_ms(mono_now(), (uint64_t)m->ttl_s * 1000);
	k->until_wall.ns = wall_now().ns + (int64_t)m->ttl_s * 1000000000;
	list_add_head(&g->certs, &k->node);
	if (++g->n_certs > GATE_CERTS)
		drop(g, entry(g->certs.prev));
	return 0;
}

void cert_drop_all(struct gate *g)
{
	LIST_EACH(it, &g->certs)
		drop(g, entry(it));
}
