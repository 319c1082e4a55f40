/* execs.c - see execs.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "ident/execs.h"

struct execs {
	uint64_t *consumer;
	const uint64_t *producer;
	const uint8_t *data;
	size_t size; /* a power of two */
	uint64_t peeked; /* as far as execs_peek() has come; less than ${consumer}: no further than that */
	void *map[2]; /* NULL: not ours to unmap */
	size_t map_len[2];
};

struct execs *execs_on(void *consumer, const void *producer, const void *data, size_t size)
{
	struct execs *x = calloc(1, sizeof(*x));

	if (x)
		*x = (struct execs){.consumer = consumer, .producer = producer, .data = data, .size = size};
	return x;
}

/* "max_entries:\t262144" */
static size_t ring_size(int procfs, int fd)
{
	char name[40], text[1024];
	static const char key[] = "\nmax_entries:\t";

	snprintf(name, sizeof(name), "self/fdinfo/%d", fd);
	int info = openat(procfs, name, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return 0;
	ssize_t n = read(info, text, sizeof(text) - 1);
	fd_close(&info);
	text[n < 0 ? 0 : n] = 0;
	const char *at = strstr(text, key);
	unsigned long size = at ? strtoul(at + sizeof(key) - 1, NULL, 10) : 0;
	return size <= (1u << 30) && (size & (size - 1)) == 0 ? size : 0;
}

int execs_open(int procfs, int fd, struct execs **out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = ring_size(procfs, fd);
	void *mine, *its;

	*out = NULL;
	if (size < page)
		return -ERR_NO_FEATURE;
	mine = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mine == MAP_FAILED)
		return -errno;
	its = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (its == MAP_FAILED) {
		int r = -errno;
		munmap(mine, page);
		return r;
	}
	struct execs *x = execs_on(mine, its, (const uint8_t *)its + page, size);
	if (!x) {
		munmap(mine, page);
		munmap(its, page + 2 * size);
		return -ENOMEM;
	}
	x->map[0] = mine;
	x->map[1] = its;
	x->map_len[0] = page;
	x->map_len[1] = page + 2 * size;
	*out = x;
	return 0;
}

void execs_free(struct execs **xp)
{
	struct execs *x = *xp;

	if (!x)
		return;
	for (int i = 0; i < 2; i++)
		if (x->map[i])
			munmap(x->map[i], x->map_len[i]);
	free(x);
	*xp = NULL;
}

/* The record at ${*at}, which is moved behind it: 1 when it is one of ${size} bytes, copied; 0 when it is none of ours; -EAGAIN: there is none yet. */
static int record(const struct execs *x, uint64_t *at, void *out, size_t size)
{
	uint64_t end = __atomic_load_n(x->producer, __ATOMIC_ACQUIRE);
	if (*at >= end)
		return -EAGAIN;
	const uint8_t *rec = x->data + (*at & (x->size - 1));
	uint32_t head = __atomic_load_n((const uint32_t *)(const void *)rec, __ATOMIC_ACQUIRE);
	if (head & BPF_RINGBUF_BUSY_BIT)
		return -EAGAIN; /* reserved, not yet written; the kernel wakes us when it is */
	uint64_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
	uint64_t whole = (len + BPF_RINGBUF_HDR_SZ + 7) & ~7ull;
	if (whole > x->size || whole > end - *at)
		return -ERR_CORRUPT;
	bool ours = !(head & BPF_RINGBUF_DISCARD_BIT) && len == size;
	if (ours)
		memcpy(out, rec + BPF_RINGBUF_HDR_SZ, size);
	*at += whole;
	return ours;
}

int execs_take(struct execs *x, void *out, size_t size)
{
	uint64_t at = __atomic_load_n(x->consumer, __ATOMIC_RELAXED);
	int r;

	do {
		r = record(x, &at, out, size);
		if (r >= 0)
			__atomic_store_n(x->consumer, at, __ATOMIC_RELEASE); /* the kernel may overwrite it from here on */
	} while (r == 0);
	return r == -EAGAIN ? 0 : r;
}

int execs_peek(struct execs *x, struct cg_exec *e)
{
	uint64_t at = __atomic_load_n(x->consumer, __ATOMIC_RELAXED);
	int r;

	if (x->peeked < at)
		x->peeked = at;
	do {
		r = record(x, &x->peeked, e, sizeof(*e));
	} while (r == 0);
	return r == -EAGAIN ? 0 : r;
}

int execs_next(struct execs *x, struct cg_exec *e)
{
	return execs_take(x, e, sizeof(*e));
}
