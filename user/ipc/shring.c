/*
 * shring.c - see shring.h.
 *
 * Data file: one page of writer state, then SHRING_DATA bytes, mapped twice in a row so that a record that wraps is contiguous.
 * Ack file: one page of reader state.  The two sides share no cache line that both write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "ipc/shring.h"

enum { PAGE = 4096, LEN_BYTES = 8 };

struct write_page {
	_Atomic uint64_t head;
};
struct ack_page {
	_Atomic uint64_t acked;    /* safe: the writer may use the room again, a new reader starts here */
	_Atomic uint32_t sleeping; /* the reader wants the bell */
	_Atomic uint64_t mark_pos, mark_seq; /* the reader's own note; a seq of 0 means none */
	_Atomic uint32_t hold;     /* enum shring_why */
};

struct shring {
	struct write_page *w;
	struct ack_page *a;
	uint8_t *data; /* SHRING_DATA bytes, twice */
	int bell;      /* the other side's eventfd */
	bool reader;
	uint64_t head, tail; /* own copies: what the other side writes over them does not count */
	uint8_t rec[SHRING_REC_MAX];
};

static int make_file(int dirfd, const char *name, const char *end, off_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s.%s", name, end);
	int fd = openat(dirfd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int shring_create(int dirfd, const char *name, int *data_fd, int *ack_fd)
{
	*data_fd = *ack_fd = -1;
	int d = make_file(dirfd, name, "data", PAGE + SHRING_DATA);
	if (d < 0)
		return d;
	int a = make_file(dirfd, name, "ack", PAGE);
	if (a < 0) {
		close(d);
		return a;
	}
	*data_fd = d;
	*ack_fd = a;
	return 0;
}

static void ring_bell(int fd)
{
	uint64_t one = 1;
	/* Full means it rings already; nothing else can go wrong with an eventfd of ours. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

/* Map the data twice in a row behind the writer's page; 0 or negative errno. */
static int map_data(struct shring *r, int fd, int prot)
{
	uint8_t *base = mmap(NULL, PAGE + 2 * SHRING_DATA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	if (mmap(base, PAGE + SHRING_DATA, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(base + PAGE + SHRING_DATA, SHRING_DATA, prot, MAP_SHARED | MAP_FIXED, fd, PAGE) == MAP_FAILED) {
		int e = -errno;
		munmap(base, PAGE + 2 * SHRING_DATA);
		return e;
	}
	r->w = (struct write_page *)base;
	r->data = base + PAGE;
	return 0;
}

static bool size_is(int fd, off_t size)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_size == size;
}

static int open_end(int data_fd, int ack_fd, int bell, bool reader, struct shring **out)
{
	*out = NULL;
	/* A short file would fault later, in the middle of the loop. */
	if (!size_is(data_fd, PAGE + SHRING_DATA) || !size_is(ack_fd, PAGE))
		return -ERR_CORRUPT;
	struct shring *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	int e = map_data(r, data_fd, PROT_READ | (reader ? 0 : PROT_WRITE));
	if (e) {
		free(r);
		return e;
	}
	void *a = mmap(NULL, PAGE, PROT_READ | (reader ? PROT_WRITE : 0), MAP_SHARED, ack_fd, 0);
	if (a == MAP_FAILED) {
		e = -errno;
		munmap(r->w, PAGE + 2 * SHRING_DATA);
		free(r);
		return e;
	}
	r->a = a;
	r->bell = bell;
	r->reader = reader;
	r->head = atomic_load(&r->w->head);
	r->tail = atomic_load(&r->a->acked);
	*out = r;
	return 0;
}

int shring_writer(int data_fd, int ack_fd, int bell_fd, struct shring **r)
{
	return open_end(data_fd, ack_fd, bell_fd, false, r);
}

int shring_reader(int data_fd, int ack_fd, int ackbell_fd, struct shring **r)
{
	return open_end(data_fd, ack_fd, ackbell_fd, true, r);
}

void shring_free(struct shring **rp)
{
	struct shring *r = *rp;
	if (!r)
		return;
	munmap(r->w, PAGE + 2 * SHRING_DATA);
	munmap(r->a, PAGE);
	free(r);
	*rp = NULL;
}

static size_t padded(size_t n)
{
	return (LEN_BYTES + n + 7) & ~(size_t)7;
}

int shring_room(const struct shring *r, size_t n)
{
	/* Not tail: what was read but is not safe yet must be there for a reader that starts anew. */
	uint64_t acked = atomic_load_explicit(&r->a->acked, memory_order_acquire);
	return r->head - acked + padded(n) <= SHRING_DATA;
}

int shring_put(struct shring *r, struct view rec, uint64_t *pos)
{
	if (rec.n == 0 || rec.n > SHRING_REC_MAX)
		return -ERR_TOO_LONG;
	if (!shring_room(r, rec.n))
		return -EAGAIN;
	uint8_t *p = r->data + r->head % SHRING_DATA;
	uint64_t len = rec.n;
	memcpy(p, &len, LEN_BYTES);
	memcpy(p + LEN_BYTES, rec.p, rec.n);
	r->head += padded(rec.n);
	*pos = r->head;
	/* Sequentially consistent on both sides with shring_sleep(): either the reader sees this head, or we see it asleep. */
	atomic_store(&r->w->head, r->head);
	if (atomic_load(&r->a->sleeping))
		ring_bell(r->bell);
	return 0;
}

uint64_t shring_acked(const struct shring *r)
{
	return atomic_load_explicit(&r->a->acked, memory_order_acquire);
}

int shring_get(struct shring *r, struct view *rec, uint64_t *pos)
{
	uint64_t head = atomic_load_explicit(&r->w->head, memory_order_acquire);

	*rec = view_of(NULL, 0);
	if (head == r->tail)
		return 0;
	if (head - r->tail > SHRING_DATA || head % 8)
		return -ERR_CORRUPT;
	const uint8_t *p = r->data + r->tail % SHRING_DATA;
	uint64_t len;
	memcpy(&len, p, LEN_BYTES); /* read once: the writer may change it under us */
	if (len == 0 || len > SHRING_REC_MAX || padded(len) > head - r->tail)
		return -ERR_CORRUPT;
	memcpy(r->rec, p + LEN_BYTES, len);
	r->tail += padded(len);
	*rec = view_of(r->rec, len);
	*pos = r->tail;
	return 1;
}

void shring_ack(struct shring *r, uint64_t pos)
{
	atomic_store_explicit(&r->a->acked, pos, memory_order_release);
	if (r->bell >= 0)
		ring_bell(r->bell);
}

void shring_hold(struct shring *r, enum shring_why why)
{
	atomic_store(&r->a->hold, (uint32_t)why);
}

enum shring_why shring_held(const struct shring *r)
{
	uint32_t why = atomic_load_explicit(&r->a->hold, memory_order_acquire);
	/* Another word is a newer reader's: it wants nothing to begin. */
	return why <= SHRING_FAILING ? (enum shring_why)why : SHRING_FAILING;
}

void shring_mark(struct shring *r, uint64_t pos, uint64_t seq)
{
	/* A reader that dies between these stores leaves no mark rather than a mixed one. */
	atomic_store(&r->a->mark_seq, 0);
	atomic_store(&r->a->mark_pos, pos);
	atomic_store(&r->a->mark_seq, seq);
}

int shring_marked(const struct shring *r, uint64_t *pos, uint64_t *seq)
{
	*seq = atomic_load(&r->a->mark_seq);
	*pos = atomic_load(&r->a->mark_pos);
	return *seq && *pos > r->tail && *pos <= r->head;
}

void shring_skip(struct shring *r, uint64_t pos)
{
	r->tail = pos;
	shring_ack(r, pos);
}

int shring_sleep(struct shring *r)
{
	atomic_store(&r->a->sleeping, 1);
	if (atomic_load(&r->w->head) == r->tail)
		return 1;
	atomic_store(&r->a->sleeping, 0);
	return 0;
}

void shring_wake(struct shring *r)
{
	atomic_store(&r->a->sleeping, 0);
}

int shring_drained(int data_fd, int ack_fd)
{
	uint64_t head, acked;

	if (pread(data_fd, &head, sizeof(head), offsetof(struct write_page, head)) != sizeof(head) ||
	    pread(ack_fd, &acked, sizeof(acked), offsetof(struct ack_page, acked)) != sizeof(acked))
		return 0;
	return head == acked;
}
