/*
 * replay.c - run a fuzz target over files, without a fuzzer: replay FILE...
 * Every committed seed, and every prefix of the short ones, must pass without a crash.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIX_MAX = 512 };

/* A copy that ends where an unreadable page begins: reading one byte too far is a fault, in every build. */
static void run_at_page_end(const uint8_t *data, size_t n)
{
	size_t page = 4096, room = (n + page - 1) / page * page;
	uint8_t *mem = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || mprotect(mem + room, page, PROT_NONE) != 0)
		abort();
	if (n)
		memcpy(mem + room - n, data, n);
	LLVMFuzzerTestOneInput(mem + room - n, n);
	munmap(mem, room + page);
}

int main(int argc, char **argv)
{
	unsigned long runs = 0;

	for (int i = 1; i < argc; i++) {
		struct buf b = {0};
		int r = fd_slurp(AT_FDCWD, argv[i], 64 << 20, &b);
		if (r) {
			fprintf(stderr, "replay: %s: %s\n", argv[i], strerror(-r));
			return 1;
		}
		struct view v = buf_view(&b);
		run_at_page_end(v.p, v.n);
		runs++;
		for (size_t n = 0; v.n <= PREFIX_MAX && n < v.n; n++, runs++)
			run_at_page_end(v.p, n);
		buf_free(&b);
	}
	if (argc < 2 || runs == 0) {
		fprintf(stderr, "replay: no input given\n");
		return 1;
	}
	printf("%s: %lu inputs\n", argv[0], runs);
	return 0;
}
