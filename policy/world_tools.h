/*
 * world_tools.h - what is known of servers' tools, in the file of world.h: the journal's part of the catalogue.
 * Floor: policy.      Owns: nothing; everything lies in the arena that loads it.
 *
 *   "tools":[{"server","tool","class","hash"?:HEX,"by_person"?:true,"approved"?:[HEX...]}]
 */
#ifndef POLICY_WORLD_TOOLS_H
#define POLICY_WORLD_TOOLS_H

#include "policy/arena.h"
#include "policy/catalogue.h"

enum { WORLD_TOOLS_APPROVED = 8 };

struct world_tool {
	struct view server, name;
	enum risk risk;
	bool by_person;   /* a person said so, of the definition ${hash} (any, when there is none) */
	bool has_hash;
	uint8_t hash[CATALOGUE_HASH]; /* of the definition last seen by any worker */
	uint32_t n_approved;          /* 0: nobody has approved one, so none is refused */
	uint8_t approved[WORLD_TOOLS_APPROVED][CATALOGUE_HASH];
};

struct world_tools {
	struct world_tool *tool; /* sorted by server and name */
	size_t n;
};

/** world_tools_load(a, doc, list, out): ${list} NULL: none.  0, -ERR_MALFORMED, -ENOMEM. */
int world_tools_load(struct arena *a, const struct json_doc *doc, const struct json_node *list, struct world_tools *out) __attribute__((warn_unused_result));

/** world_tools_find(t, server, name): NULL: nothing known. */
const struct world_tool *world_tools_find(const struct world_tools *t, struct view server, struct view name);

/** world_tools_changed(t, hash): Has the tool approved definitions, and is this one (NULL: the one last seen) none of them? */
bool world_tools_changed(const struct world_tool *t, const uint8_t *hash);

/**
 * world_tools_risk(t, hash, seen):
 * The class that counts: what a person said of this definition; else what was approved; else the gravest of what is in force and what this
 * worker has ${seen} (with ${hash}; NULL: not listed here yet).  ${t} may be NULL.  RISK_UNKNOWN: nothing is known.
 */
enum risk world_tools_risk(const struct world_tool *t, const uint8_t *hash, enum risk seen);

#endif
