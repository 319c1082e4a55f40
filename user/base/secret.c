/* secret.c - see secret.h.  One mapping per secret: mlock and MADV_DONTDUMP work on whole pages. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/secret.h"

struct secret {
	size_t map_len;
	size_t n;
	uint8_t bytes[];
};

struct secret *secret_new(struct view v)
{
	size_t len = (sizeof(struct secret) + v.n + 4095) & ~(size_t)4095;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* Best effort: RLIMIT_MEMLOCK is small on some hosts; callgate-vault reports what it got. */
	(void)mlock(p, len);
	(void)madvise(p, len, MADV_DONTDUMP);
	(void)madvise(p, len, MADV_WIPEONFORK);
	struct secret *s = p;
	s->map_len = len;
	s->n = v.n;
	if (v.n)
		memcpy(s->bytes, v.p, v.n);
	return s;
}

struct view secret_view(const struct secret *s)
{
	return s ? view_of(s->bytes, s->n) : view_of(NULL, 0);
}

void secret_free(struct secret **sp)
{
	struct secret *s = *sp;
	if (!s)
		return;
	size_t len = s->map_len;
	explicit_bzero(s, len);
	munmap(s, len);
	*sp = NULL;
}
