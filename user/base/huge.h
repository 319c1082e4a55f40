/*
 * huge.h - large blocks of memory in large pages.
 * Floor: base.      A block that is filled at once costs one page fault for 2 MiB then, not one for each 4 KiB.
 */
#ifndef BASE_HUGE_H
#define BASE_HUGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/** huge_pages(p, n): A wish for the block of ${n} bytes at ${p}, which is nobody's yet; smaller than 4 MiB: nothing.  A kernel that knows no large pages leaves it as it is. */
static inline void huge_pages(void *p, size_t n)
{
	enum { LARGE = 2 << 20 };
	size_t skip = -(uintptr_t)p & (LARGE - 1);

	if (p && n >= 2 * LARGE)
		(void)madvise((uint8_t *)p + skip, (n - skip) & ~(size_t)(LARGE - 1), MADV_HUGEPAGE);
}

#endif
