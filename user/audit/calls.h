/*
 * calls.h - which calls of one ring are open: a set of call numbers.
 * Floor: audit.      Owns: its table.      Bounded by CALLS_MAX; the owner makes room before it adds.
 */
#ifndef AUDIT_CALLS_H
#define AUDIT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CALLS_MAX = 32768 };

struct calls {
	uint64_t *at; /* number << 1 | refused; 0: free.  Open addressing, cap a power of two. */
	size_t n, cap;
	size_t open; /* of the n, those that need closing */
	uint64_t last; /* highest number that was ever opened */
};

/** calls_add(c, call, refused): Open ${call}, which must be above c->last.  A refused one may be closed but needs no closing.  0, -EINVAL, -ENOSPC, -ENOMEM. */
int calls_add(struct calls *c, uint64_t call, bool refused) __attribute__((warn_unused_result));
/** calls_close(c, call): Was it open? */
bool calls_close(struct calls *c, uint64_t call);
/** calls_trim(c): Forget the refused ones. */
void calls_trim(struct calls *c);
/** calls_list(c, n): The open calls that need closing, ascending, ${n} of them; to be freed.  NULL when there are none or memory is out. */
uint64_t *calls_list(const struct calls *c, size_t *n);
void calls_free(struct calls *c);

#endif
