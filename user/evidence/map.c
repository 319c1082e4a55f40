/* map.c - see map.h. */
#include <stdlib.h>
#include <sys/random.h>

#include "evidence/map.h"

uint64_t map_hash(struct view v)
{
	static uint64_t secret;
	size_t i = 0;

	if (!secret && getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		secret = 1;
	uint64_t h = (0xcbf29ce484222325u ^ v.n) * (secret | 1);
	for (; i + 8 <= v.n; i += 8) {
		uint64_t w;
		memcpy(&w, v.p + i, 8);
		h = ((h ^ w) + secret) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	for (; i < v.n; i++)
		h = (h ^ v.p[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

void map_init(struct map *m, size_t size, size_t max)
{
	*m = (struct map){.size = size, .max = max};
	m->last = &m->first;
}

void map_free(struct map *m)
{
	for (struct map_entry *e = m->first, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	free(m->slot);
	map_init(m, m->size, m->max);
}

static struct map_entry **place(const struct map *m, struct view key, uint64_t h)
{
	size_t i = h & (m->slots - 1);

	while (m->slot[i] && (m->slot[i]->hash != h || !view_eq(m->slot[i]->key, key)))
		i = (i + 1) & (m->slots - 1);
	return &m->slot[i];
}

static bool grow(struct map *m)
{
	struct map_entry **old = m->slot;
	size_t n = m->slots ? 2 * m->slots : 64;
	struct map_entry **slot = calloc(n, sizeof(*slot));

	if (!slot)
		return false;
	m->slot = slot;
	m->slots = n;
	for (struct map_entry *e = m->first; e; e = e->next)
		*place(m, e->key, e->hash) = e;
	free(old);
	return true;
}

void *map_find(const struct map *m, struct view key)
{
	struct map_entry *e = m->slots ? *place(m, key, map_hash(key)) : NULL;
	return e ? e->data : NULL;
}

void *map_get(struct map *m, struct view key)
{
	uint64_t h = map_hash(key);
	struct map_entry *e = m->slots ? *place(m, key, h) : NULL;

	if (e)
		return e->data;
	if (m->max && m->n >= m->max) {
		m->turned_away++;
		return NULL;
	}
	if (4 * (m->n + 1) > 3 * m->slots && !grow(m))
		return NULL;
	size_t head = sizeof(*e) + (m->size + 15) / 16 * 16;
	e = calloc(1, head + key.n + 1);
	if (!e)
		return NULL;
	if (key.n)
		memcpy((unsigned char *)e + head, key.p, key.n);
	e->key = view_of((unsigned char *)e + head, key.n);
	e->hash = h;
	*place(m, key, h) = e;
	*m->last = e;
	m->last = &e->next;
	m->n++;
	return e->data;
}

static int by_key(const void *a, const void *b)
{
	const struct map_entry *x = *(struct map_entry *const *)a, *y = *(struct map_entry *const *)b;
	size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
	int c = n ? memcmp(x->key.p, y->key.p, n) : 0;

	return c ? c : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

struct map_entry **map_sorted(const struct map *m)
{
	struct map_entry **at = m->n ? malloc(m->n * sizeof(struct map_entry *)) : NULL;
	size_t i = 0;

	for (struct map_entry *e = m->first; at && e; e = e->next)
		at[i++] = e;
	if (at)
		qsort(at, m->n, sizeof(struct map_entry *), by_key);
	return at;
}
