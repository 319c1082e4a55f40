/*
 * world_index.c - which grant counts for whom: world_grant() of world.h.
 * A chain for each server and user, and one for each server and everybody: of 100,000 grants on a server those of one user are looked at.
 */
#include <errno.h>

#include "policy/world_internal.h"

static size_t slot_of(const struct world_index *x, const char *server, bool any_uid, uint32_t uid)
{
	uint64_t h = 14695981039346656037u;

	for (; *server; server++)
		h = (h ^ (uint8_t)*server) * 1099511628211u;
	h = (h ^ (any_uid ? UINT64_MAX : uid)) * 0x9e3779b97f4a7c15u;
	return (size_t)(h >> 32) & x->mask;
}

int world_index_make(struct world *w)
{
	struct world_index *x = &w->index;
	size_t slots = 1;

	while (slots < w->grants)
		slots *= 2;
	x->mask = slots - 1;
	x->first = arena_take(&w->arena, slots, sizeof(*x->first));
	x->next = arena_take(&w->arena, w->grants, sizeof(*x->next));
	if (!x->first || !x->next)
		return -ENOMEM;
	/* From the last one on, so that a chain has the order of the grants. */
	for (size_t i = w->grants; i--;) {
		const struct world_grant *g = &w->grant[i];
		uint32_t *first = &x->first[slot_of(x, g->server, g->any_uid, g->uid)];
		x->next[i] = *first;
		*first = (uint32_t)i + 1;
	}
	return 0;
}

const struct world_grant *world_grant(const struct world *w, const struct subject *who, const struct world_server *server,
    struct wall now, const char **why)
{
	const struct world_index *x = &w->index;
	const struct world_grant *best = NULL;
	size_t own = slot_of(x, server->name, false, who->uid), all = slot_of(x, server->name, true, 0);
	uint32_t at[2] = {x->first[own], own == all ? 0 : x->first[all]};
	int most = -1;

	*why = "(no grant)";
	while (at[0] || at[1]) {
		/* Both chains as one, in the order of the grants: of equals the first counts. */
		size_t k = !at[0] || (at[1] && at[1] < at[0]);
		const struct world_grant *g = &w->grant[at[k] - 1];
		at[k] = x->next[at[k] - 1];
		if (strcmp(g->server, server->name) != 0 || !subject_addressed(g, who))
			continue;
		if (!subject_fits(g, who)) {
			*why = "(identity mismatch)";
			continue;
		}
		if (g->expires.ns && g->expires.ns <= now.ns) {
			*why = "(expired)";
			continue;
		}
		int weight = subject_weight(g);
		if (weight > most) {
			most = weight;
			best = g;
		}
	}
	return best;
}
