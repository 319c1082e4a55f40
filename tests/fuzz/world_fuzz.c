/*
 * world_fuzz.c - any bytes as the file of what is in force: servers and policies as text, grants as a table behind it.  It loads or says why
 * not; what loads can be asked, and a grant that it gives is the subject's.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct subject who[] = {{.uid = 0, .login_uid = UINT32_MAX, .agent = ""}, {.uid = 1001, .login_uid = 1001, .agent = "codex", .exe_sha256 = "aa", .unit = "u", .cgroup = "/c", .token_sha256 = "t"}};
	char why[256] = "";
	struct world *w;

	if (world_load(view_of(data, size), why, sizeof(why), &w)) {
		if (w || !why[0] || !memchr(why, '\0', sizeof(why)))
			abort();
		return 0;
	}
	const struct world_server *s = world_server(w, VIEW_LIT("one.example"), 443, VIEW_LIT("/mcp"));
	for (size_t i = 0; s && i < sizeof(who) / sizeof(*who); i++) {
		const char *rule = NULL;
		const struct world_grant *g = world_grant(w, &who[i], s, (struct wall){1}, &rule);
		if (g ? strcmp(g->server, s->name) != 0 || !g->id[0] || (!g->any_uid && g->uid != who[i].uid) : !rule)
			abort();
		if (g && g->policy && strcmp(pol_hash(g->policy), g->policy_hash) != 0)
			abort();
	}
	world_brokered(w, VIEW_LIT("one.example"), 443);
	world_unref(&w);
	return 0;
}
