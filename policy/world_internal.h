/* world_internal.h - what world.c, world_table.c, world_index.c and world_stray.c share.      Floor: policy. */
#ifndef POLICY_WORLD_INTERNAL_H
#define POLICY_WORLD_INTERNAL_H

#include "policy/world.h"

struct named_policy {
	const char *hash;
	struct pol *pol;
};

struct world_index { /* chains of grants: an index into world.grant and one; 0: the end */
	uint32_t *first, *next;
	size_t mask; /* of the slots in ${first} */
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
	struct world_index index;
	struct named_policy *policy;
	size_t policies;
	struct world_tools tools;
	struct placeholders placeholders;
};

static inline bool world_same_place(const struct world_match *m, struct view host, uint16_t port)
{
	return m->port == port && view_ieq(host, view_str(m->host));
}

/** world_run_start(w, server): The first grant of the run for a server. */
size_t world_run_start(const struct world *w, const char *server);

/** world_index_make(w): Once the grants are there, in their order.  0 or -ENOMEM. */
int world_index_make(struct world *w) __attribute__((warn_unused_result));

/** world_policy(w, hash): Or NULL. */
const struct named_policy *world_policy(const struct world *w, const char *hash);

/** world_table_load(w, doc, table, why, why_len): The grants of ${w}, whose servers and policies are there; ${doc}: the text.  0, -ENOMEM, or -ERR_MALFORMED with a line in ${why}. */
int world_table_load(struct world *w, const struct json_doc *doc, struct view table, char *why, size_t why_len) __attribute__((warn_unused_result));

#endif
