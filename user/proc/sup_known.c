/*
 * sup_known.c - where registered servers are: what callgate-admin has by configuration, callgate-fetch by looking names up, and
 * callgate-ident from answers that processes got.  Each has a list of its own here; the kernel gets all of them as one.
 * Only sizes are checked: an address too many costs somebody's connection a look, and no more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "proc/sup.h"

enum { LIST_MAX = 4096 };

struct sup_known {
	struct kern_dest *list[P_COUNT];
	size_t n[P_COUNT];
};

size_t sup_known_count(const struct sup *s, enum party from)
{
	return s->known ? s->known->n[from] : 0;
}

static struct sup_known *table(struct sup *s)
{
	if (!s->known)
		s->known = calloc(1, sizeof(*s->known));
	return s->known;
}

static int publish(struct sup *s)
{
	const struct sup_known *k = s->known;
	size_t n = 0, at = 0;

	for (int i = 0; i < P_COUNT; i++)
		n += k->n[i];
	struct kern_dest *all = calloc(n ? n : 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (int i = 0; i < P_COUNT; i++) {
		if (k->n[i])
			memcpy(all + at, k->list[i], k->n[i] * sizeof(*all));
		at += k->n[i];
	}
	int r = kern_dests(s->kern, all, n);
	free(all);
	return r;
}

/* ${list} is taken over. */
static int replace(struct sup *s, enum party from, struct kern_dest *list, size_t n)
{
	free(s->known->list[from]);
	s->known->list[from] = list;
	s->known->n[from] = n;
	return publish(s);
}

int sup_known_dests(struct sup *s, struct view list)
{
	size_t n = list.n / sizeof(struct m_dest);
	struct kern_dest *d = calloc(n ? n : 1, sizeof(*d));

	if (list.n % sizeof(struct m_dest) || !d || !table(s)) {
		free(d);
		return d ? -ERR_MALFORMED : -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		struct m_dest m;
		memcpy(&m, list.p + i * sizeof(m), sizeof(m));
		memcpy(d[i].addr, m.addr, sizeof(m.addr));
		d[i].prefix = m.prefix;
		d[i].port = ntohs(m.port_be);
	}
	return replace(s, P_ADMIN, d, n);
}

static bool has(const struct kern_dest *list, size_t n, const struct kern_dest *d)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].port == d->port && memcmp(list[i].addr, d->addr, sizeof(d->addr)) == 0)
			return true;
	return false;
}

int sup_known_add(struct sup *s, enum party from, struct view frame)
{
	static const uint8_t any[16];
	struct m_known_head head;
	struct m_known m;

	memcpy(&head, frame.p, sizeof(head));
	frame = view_skip(frame, sizeof(head));
	if (frame.n % sizeof(m))
		return -ERR_MALFORMED;
	struct sup_known *k = table(s);
	size_t n = 0, old = k && !head.whole ? k->n[from] : 0;
	struct kern_dest *list = k ? calloc(old + frame.n / sizeof(m) + 1, sizeof(*list)) : NULL;
	if (!list)
		return -ENOMEM;
	if (old)
		memcpy(list, k->list[from], old * sizeof(*list));
	for (n = old; frame.n && n < LIST_MAX; frame = view_skip(frame, sizeof(m))) {
		memcpy(&m, frame.p, sizeof(m));
		list[n] = (struct kern_dest){.prefix = 128, .port = ntohs(m.port_be)};
		memcpy(list[n].addr, m.addr, sizeof(m.addr));
		/* The zero address is every address. */
		if (memcmp(m.addr, any, sizeof(any)) != 0 && !has(list, old, &list[n]))
			n++;
	}
	return replace(s, from, list, n);
}
