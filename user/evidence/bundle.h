/*
 * bundle.h - the files of a bundle as they are written: hashes, rows, times, for the manifest.
 * Floor: evidence.      Owns: the directory's descriptor, open files, the list.
 * CSV: RFC 4180, CRLF, UTF-8.  A text stands as JSON writes it, without the quotes, so that no control character is in it; one that a spreadsheet
 * would run as a formula gets a ' in front.
 * Errors stick: after the first nothing more is written, bundle_err() returns it and bundle_where() the file.
 */
#ifndef EVIDENCE_BUNDLE_H
#define EVIDENCE_BUNDLE_H

#include "audit/chain.h"
#include "base/buf.h"
#include "base/mtime.h"
#include "evidence/sheets.h"

enum { BUNDLE_PATH = 400 };

struct bundle_file {
	char path[BUNDLE_PATH], sha256[CHAIN_HEX];
	uint64_t bytes;
	bool is_csv;
	uint64_t rows;
	char first[WALL_TEXT], last[WALL_TEXT]; /* times in it; empty: none */
};

struct bundle;

/** bundle_new(path, b): Make the directory; -EEXIST when it is there and not empty. */
int bundle_new(const char *path, struct bundle **b) __attribute__((warn_unused_result));
void bundle_free(struct bundle **b);
int bundle_err(const struct bundle *b);
const char *bundle_where(const struct bundle *b);
/** bundle_fail(b, err, where): Stop for a reason of one's own. */
void bundle_fail(struct bundle *b, int err, const char *where);

/* One row of a sheet: cells from left to right, then row_end().  Each sheet is opened with its header when the bundle is made. */
void row_text(struct bundle *b, enum sheet s, struct view v); /* as JSON writes it */
void row_str(struct bundle *b, enum sheet s, const char *v);  /* plain text, which is escaped first; NULL: an empty cell */
void row_num(struct bundle *b, enum sheet s, uint64_t n);
void row_int(struct bundle *b, enum sheet s, int64_t n);
/** row_raw(b, s, v, cells): Cells that row_cell() made. */
void row_raw(struct bundle *b, enum sheet s, struct view v);
void row_end(struct bundle *b, enum sheet s, const char *ts);
uint64_t bundle_rows(const struct bundle *b, enum sheet s);

/** row_cell(out, v): Append one cell's bytes, without a comma.  0 or -ENOMEM. */
int row_cell(struct buf *out, struct view v) __attribute__((warn_unused_result));

/** bundle_put(b, path, v): A whole file, in the manifest. */
void bundle_put(struct bundle *b, const char *path, struct view v);
/** bundle_put_apart(b, path, v, mode): One that the manifest does not name. */
void bundle_put_apart(struct bundle *b, const char *path, struct view v, unsigned mode);
/** bundle_copy(b, path, from, at): A copy of a file, in the manifest; bytes hashed as they are written. */
void bundle_copy(struct bundle *b, const char *path, int dir, const char *at);
/** bundle_close_sheets(b): All rows are written. */
void bundle_close_sheets(struct bundle *b);
/** bundle_files(b, n): What the manifest names, by path.  Borrowed. */
const struct bundle_file *bundle_files(struct bundle *b, size_t *n);

#endif
