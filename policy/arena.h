/*
 * arena.h - memory that is taken piece by piece and given back at once.
 * Floor: policy, inside.      Owns: all it handed out; arena_free() releases it.      Everything is zeroed and 16-aligned.
 */
#ifndef POLICY_ARENA_H
#define POLICY_ARENA_H

#include "base/view.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *head;
};

/** arena_take(a, n, size): ${n} zeroed things of ${size} bytes, or NULL when memory is out.  ${n} may be 0. */
void *arena_take(struct arena *a, size_t n, size_t size);

/** arena_copy(a, v): A copy of ${v} with a NUL behind it, or NULL. */
char *arena_copy(struct arena *a, struct view v);

void arena_free(struct arena *a);

#endif
