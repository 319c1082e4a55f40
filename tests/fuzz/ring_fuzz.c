/*
 * ring_fuzz.c - a record ring whose writer's half holds anything: the reader takes whole records out of what was written, or says that the
 * ring is broken, and never reads elsewhere.
 * Input: where the ring stands (its place within it), how far the writer says that it is, then bytes as they stand behind the reader.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "ipc/rec.h"
#include "ipc/shring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

enum { PAGE = 4096 };

static struct shring *ring;
static uint8_t *file; /* the data file, as its writer sees it */

static void open_ring(void)
{
	int d = memfd_create("data", MFD_CLOEXEC), a = memfd_create("ack", MFD_CLOEXEC);

	CHECK(d >= 0 && a >= 0 && ftruncate(d, PAGE + SHRING_DATA) == 0 && ftruncate(a, PAGE) == 0);
	file = mmap(NULL, PAGE + SHRING_DATA, PROT_READ | PROT_WRITE, MAP_SHARED, d, 0);
	CHECK(file != MAP_FAILED && shring_reader(d, a, -1, &ring) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rec_seen seen;
	uint32_t at;
	uint64_t said, pos = 0, before;
	struct view rec;
	int r;

	if (!ring)
		open_ring();
	if (size < 12)
		return 0;
	memcpy(&at, data, 4);
	memcpy(&said, data + 4, 8);
	data += 12;
	size -= 12;
	uint64_t tail = ((uint64_t)at << 3) % (4ull * SHRING_DATA);
	uint64_t head = said >> 63 ? said : tail + said % (size + 16);
	for (size_t i = 0; i < size && i < SHRING_DATA; i++)
		file[PAGE + (tail + i) % SHRING_DATA] = data[i];
	memcpy(file, &head, sizeof(head));
	shring_skip(ring, tail);
	before = tail;
	while ((r = shring_get(ring, &rec, &pos)) == 1) {
		CHECK(rec.n > 0 && rec.n <= SHRING_REC_MAX && pos > before && pos % 8 == 0 && pos - tail <= head - tail);
		size_t from = (size_t)(before - tail) + 8;
		if (from + rec.n <= size)
			CHECK(memcmp(rec.p, data + from, rec.n) == 0);
		before = pos;
		(void)!rec_parse(rec, &seen);
		shring_ack(ring, pos);
		CHECK(shring_acked(ring) == pos);
	}
	CHECK(r == 0 || r == -ERR_CORRUPT);
	return 0;
}
