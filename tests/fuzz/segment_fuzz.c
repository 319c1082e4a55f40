/*
 * segment_fuzz.c - a segment file of any bytes: walking, finding where to cut, and the start of each line.
 * What is found must hold: the cut is inside the file, cutting there gives a file that needs no second cut.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/recover.h"
#include "audit/walk.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

/* The file cut at ${cut}, its member closed by hand. */
static void close_and_look(int fd, const struct walk_place *cut, uint64_t last)
{
	uint8_t end[10] = {3, 0};
	struct walk_place again;
	uint64_t last_again;

	check(ftruncate(fd, (off_t)cut->offset) == 0);
	for (int i = 0; i < 4; i++) {
		end[2 + i] = (uint8_t)(cut->crc >> (8 * i));
		end[6 + i] = (uint8_t)(cut->raw >> (8 * i));
	}
	if (cut->in_member)
		check(pwrite(fd, end, sizeof(end), (off_t)cut->offset) == sizeof(end));
	check(recover_cut(fd, 1, UINT64_MAX, &last_again, &again) == 0);
	check(last_again == last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walk *w;
	struct view line;
	struct walk_place cut;
	struct entry_head h;
	uint64_t last;

	int fd = memfd_create("segment", MFD_CLOEXEC);
	check(fd >= 0 && fd_write_all(fd, view_of(data, size)) == 0);
	check(walk_new(fd, &w) == 0);
	while (walk_next(w, &line) > 0)
		(void)!entry_head(line, &h);
	check(walk_next(w, &line) <= 0);
	walk_free(&w);
	(void)!entry_head(view_of(data, size), &h);
	int r = recover_cut(fd, 1, UINT64_MAX, &last, &cut);
	check(r >= 0 && cut.offset <= size);
	if (r == 1 && cut.offset)
		close_and_look(fd, &cut, last);
	close(fd);
	return 0;
}
