/*
 * csv.h - read comma-separated values.
 * Floor: codec.
 * Source: RFC 4180; line ends may be LF or CRLF.      Owns: nothing; fields are unescaped in the caller's buffer.
 */
#ifndef CODEC_CSV_H
#define CODEC_CSV_H

#include "base/view.h"

enum { CSV_FIELDS = 64 };

struct csv {
	uint8_t *p, *end;
	unsigned line; /* of the row taken last, from 1 */
	unsigned next;
	struct view field[CSV_FIELDS];
	size_t n;
};

/** csv_begin(c, p, n): Read ${n} bytes at ${p}, which are overwritten. */
void csv_begin(struct csv *c, uint8_t *p, size_t n);
/** csv_column(c, name): Which field of the row, a header, has that name, whatever the case; -1: none. */
int csv_column(const struct csv *c, const char *name);
/** csv_row(c): The next row that is not empty: 1; 0 at the end; negative: -ERR_MALFORMED (a quote in the wrong place), -ERR_TOO_LONG. */
int csv_row(struct csv *c) __attribute__((warn_unused_result));

#endif
