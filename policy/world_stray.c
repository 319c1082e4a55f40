/* world_stray.c - placeholders that are not where they belong: world_baited(), world_stray() and world_blank() of world.h. */
#include "policy/world_internal.h"

struct place {
	const struct world *w;
	const struct world_server *server; /* NULL: any at ${host} and ${port} */
	struct view host;
	uint16_t port;
};

static bool uses(const struct world *w, const struct world_server *s, const char *credential)
{
	if (s->credential && strcmp(s->credential, credential) == 0)
		return true;
	for (size_t i = world_run_start(w, s->name); i < w->grants && strcmp(w->grant[i].server, s->name) == 0; i++)
		if (w->grant[i].credential && strcmp(w->grant[i].credential, credential) == 0)
			return true;
	return false;
}

static bool at_home(const void *arg, const struct placeholder *p)
{
	const struct place *at = arg;
	const struct world *w = at->w;

	if (at->server)
		return uses(w, at->server, p->credential);
	for (size_t i = 0; i < w->servers; i++)
		for (size_t j = 0; j < w->server[i].matches; j++)
			if (world_same_place(&w->server[i].match[j], at->host, at->port) && uses(w, &w->server[i], p->credential))
				return true;
	return false;
}

bool world_baited(const struct world *w)
{
	return w->placeholders.n > 0;
}

const struct placeholder *world_stray(const struct world *w, struct view text, const struct world_server *server, struct view host, uint16_t port)
{
	const struct place at = {w, server, host, port};

	return world_baited(w) ? placeholder_find(&w->placeholders, text, server || host.n ? at_home : NULL, &at) : NULL;
}

void world_blank(const struct world *w, uint8_t *p, size_t n)
{
	if (world_baited(w))
		placeholder_blank(&w->placeholders, p, n);
}
