/*
 * world.h - what is in force, and telling everyone.
 * Process: callgate-admin.      Floor: admin.
 */
#ifndef ADMIN_WORLD_H
#define ADMIN_WORLD_H

#include "admin/admin.h"
#include "admin/check.h"

enum { WORLD_MAX = 64 << 20 }; /* bytes of a world that a worker reads */

/** world_try(a, next, why): Would the workers take ${next}, and does it fit the frames?  0, or negative with ${why}. */
int world_try(struct admin *a, const struct roster *next, char why[CHECK_WHY]) __attribute__((warn_unused_result));
/**
 * world_adopt(a, next, generation):
 * ${next} (taken over) is in force now, as of journal sequence ${generation}: tell workers, vault and callgated.  Without memory
 * for that the process ends: callgated starts it anew, and the journal holds the change.
 */
void world_adopt(struct admin *a, struct roster *next, uint64_t generation);
/** world_adopt_tried(a, next, generation): The same with the roster of the last world_try(), whose text need not be made again. */
void world_adopt_tried(struct admin *a, struct roster *next, uint64_t generation);
/** world_same(a, next): Would the workers get of ${next} what they have?  world_hold(a, next): Then it is (taken over) in force and nobody is told. */
bool world_same(struct admin *a, const struct roster *next);
void world_hold(struct admin *a, struct roster *next);
/** world_untry(a): What was tried is not what would be published any more. */
void world_untry(struct admin *a);
/* To one party: when its edge is new, or its queue was full. */
void world_to_worker(struct admin *a, struct admin_worker *w);
void world_to_vault(struct admin *a);
void world_to_audit(struct admin *a); /* the hash of what is in force */
void world_to_sup(struct admin *a);
/** world_names_to(a, e): The host names of registered servers, to callgate-fetch or callgate-ident. */
void world_names_to(struct admin *a, struct edge *e);
/** world_taken(a, generation): Have the vault and all connected workers answered for it? */
bool world_taken_by(const struct admin_worker *w, uint64_t generation);
bool world_taken(const struct admin *a, uint64_t generation);

#endif
