/*
 * keep.h - a page or more of memory for plaintext: writable, locked, never in a core file, and where the kernel has
 * memfd_secret(2) also absent from the kernel's own map of memory.
 * Floor: base.      Units: bytes.      Owns: its memory, wiped by keep_free().
 * The bytes can be copied by write(2) and sendmsg(2); whatever pins pages (ptrace, zero copy) gets a fault.
 */
#ifndef BASE_KEEP_H
#define BASE_KEEP_H

#include "base/view.h"

struct keep {
	uint8_t *mem;
	size_t cap;
	size_t n; /* bytes in use; set by whoever fills it */
	size_t map_len;
	bool secretmem; /* the kernel's own map does not hold it */
	bool locked;    /* it cannot be swapped out */
};

/** keep_open(k, cap): Room for ${cap} bytes.  0 or -ENOMEM.  A weaker kind of memory is no failure: see the flags. */
int keep_open(struct keep *k, size_t cap) __attribute__((warn_unused_result));

/** keep_wipe(k): Clear the content; the memory stays. */
void keep_wipe(struct keep *k);

/** keep_free(k): Wipe and release.  Safe on a zeroed struct. */
void keep_free(struct keep *k);

static inline struct view keep_view(const struct keep *k)
{
	return view_of(k->mem, k->n);
}

#endif
