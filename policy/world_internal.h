/* world_internal.h - what world.c and world_table.c share.      Floor: policy. */
#ifndef POLICY_WORLD_INTERNAL_H
#define POLICY_WORLD_INTERNAL_H

#include "policy/world.h"

struct named_policy {
	const char *hash;
	struct pol *pol;
};

struct world {
	struct arena arena;
	unsigned refs;
	uint64_t generation;
	bool observe;
	struct world_server *server;
	size_t servers;
	struct world_grant *grant;
	size_t grants;
	struct named_policy *policy;
	size_t policies;
	struct world_tools tools;
};

/** world_policy(w, hash): Or NULL. */
const struct named_policy *world_policy(const struct world *w, const char *hash);

/** world_table_load(w, doc, table, why, why_len): The grants of ${w}, whose servers and policies are there; ${doc}: the text.  0, -ENOMEM, or -ERR_MALFORMED with a line in ${why}. */
int world_table_load(struct world *w, const struct json_doc *doc, struct view table, char *why, size_t why_len) __attribute__((warn_unused_result));

#endif
