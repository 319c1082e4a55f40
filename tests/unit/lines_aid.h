/* lines_aid.h - how many lines of a stream are of a kind and hold a text. */
#ifndef LINES_AID_H
#define LINES_AID_H

#include "audit/entry.h"
#include "audit/read.h"

static inline unsigned lines_in(int dir, const char *kind, const char *with)
{
	struct read *r;
	struct view line;
	unsigned n = 0;

	assert_int_equal(read_new(dir, &r), 0);
	while (read_line(r, &line) > 0) {
		struct entry_head h;
		assert_int_equal(entry_head(line, &h), 0);
		n += view_is(h.kind, kind) && memmem(line.p, line.n, with, strlen(with));
	}
	read_free(&r);
	return n;
}

#endif
