/* lookup.c - see lookup.h. */
#include <time.h>

#include "lookup.h"
#include "policy/world.h"

enum { LOOKUPS = 2000 };

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double lookup_us(struct view world, unsigned long grants)
{
	struct world *w;
	char why[256];
	const char *rule;
	unsigned found = 0;

	if (world_load(world, why, sizeof(why), &w))
		return -1;
	const struct world_server *s = world_server_named(w, VIEW_LIT("mcp"));
	double t = now_us();
	for (unsigned long i = 0; s && i < LOOKUPS; i++) {
		struct subject who = {.uid = (uint32_t)(10000 + i * 2654435761u % grants), .login_uid = UINT32_MAX, .agent = "claude-code"};
		found += world_grant(w, &who, s, (struct wall){1}, &rule) != NULL;
	}
	t = (now_us() - t) / LOOKUPS;
	world_unref(&w);
	return found == LOOKUPS ? t : -1;
}
