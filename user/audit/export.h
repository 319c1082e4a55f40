/*
 * export.h - a line of a stream in the shape that other systems take.
 * Floor: audit.      Owns: nothing.      Pure: the same record gives the same bytes.
 *
 * One record is one line of output, whatever names and values it holds.  No field is lost: what a format has no place for stands
 * below "unmapped" (OCSF, ECS, CEF), in the column "other" (CSV) or under its own name (OpenTelemetry).  docs/AUDIT.md "Exporting".
 */
#ifndef AUDIT_EXPORT_H
#define AUDIT_EXPORT_H

#include <jansson.h>

#include "base/buf.h"

enum export_format { EXPORT_JSONL, EXPORT_CSV, EXPORT_OCSF, EXPORT_ECS, EXPORT_CEF, EXPORT_OTEL, EXPORT_FORMATS };

/** export_find(name): The format, or -1.  export_name(f): "jsonl", "csv", ... */
int export_find(const char *name);
const char *export_name(enum export_format f);

/** export_head(f, out): What stands before the first record: the CSV's titles, else nothing. */
int export_head(enum export_format f, struct buf *out) __attribute__((warn_unused_result));

/** export_record(f, rec, out): Append ${rec}, an object as it stands in a stream, and a newline.  0, -ENOMEM or -ENOBUFS. */
int export_record(enum export_format f, const json_t *rec, struct buf *out) __attribute__((warn_unused_result));

/* Where a field goes.  A path is keys joined by dots; "[]" after a key: the first element of an array.  A leading '$': text or a
 * number, as text; '#': a number only; '%': an IP address only; else text only.  What does not fit goes where unmapped fields go. */
struct export_row {
	const char *field;
	const char *ocsf, *ecs, *otel, *cef; /* NULL: no place */
};

/** export_rows(n): The table. */
const struct export_row *export_rows(size_t *n);

#endif
