/*
 * world.h - what is in force, and telling everyone.
 * Process: callgate-admin.      Floor: admin.
 */
#ifndef ADMIN_WORLD_H
#define ADMIN_WORLD_H

#include "admin/admin.h"
#include "admin/check.h"

/** world_try(a, next, generation, why): Would the workers take ${next}?  The world's file, or negative with ${why}. */
int world_try(struct admin *a, const struct roster *next, uint64_t generation, char why[CHECK_WHY]) __attribute__((warn_unused_result));
/** world_adopt(a, next, generation, fd): It is in force now: tell workers, vault and callgated.  Takes ${next} and ${fd}. */
void world_adopt(struct admin *a, struct roster *next, uint64_t generation, int fd);
void world_to_worker(struct admin *a, struct admin_worker *w);
void world_to_vault(struct admin *a);
void world_to_sup(struct admin *a);
/** world_taken(a, generation): Have all connected workers answered for it? */
bool world_taken(const struct admin *a, uint64_t generation);

#endif
