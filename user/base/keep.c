/* keep.c - see keep.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/keep.h"

/* Newer than the C library's headers; one number on every architecture that has it. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static void *map_secretmem(size_t len)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	void *p = MAP_FAILED;
	if (ftruncate(fd, (off_t)len) == 0)
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p;
}

int keep_open(struct keep *k, size_t cap)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (cap + page - 1) / page * page;

	*k = (struct keep){0};
	void *p = map_secretmem(len);
	if (p != MAP_FAILED) {
		k->secretmem = k->locked = true; /* such pages are unevictable by nature */
	} else {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return -ENOMEM;
		k->locked = mlock(p, len) == 0;
		(void)madvise(p, len, MADV_WIPEONFORK);
	}
	(void)madvise(p, len, MADV_DONTDUMP);
	k->mem = p;
	k->cap = cap;
	k->map_len = len;
	return 0;
}

void keep_wipe(struct keep *k)
{
	if (k->mem)
		explicit_bzero(k->mem, k->map_len);
	k->n = 0;
}

void keep_free(struct keep *k)
{
	keep_wipe(k);
	if (k->mem)
		munmap(k->mem, k->map_len);
	*k = (struct keep){0};
}
