/*
 * export_internal.h - what the export formats share.
 * Floor: audit.
 */
#ifndef AUDIT_EXPORT_INTERNAL_H
#define AUDIT_EXPORT_INTERNAL_H

#include "audit/export.h"

const struct export_row *export_row(const char *field);

/** export_text(rec, key): The member's text, or "" when it is none. */
const char *export_text(const json_t *rec, const char *key);

/** export_place(path, value): ${path} of export_row without its mark; NULL when there is none or ${value} is not of its type. */
const char *export_place(const char *path, const json_t *value);

/** export_put(root, path, value): Put a copy of ${value} at ${path} of export_row.  False when it does not fit or something else is there. */
bool export_put(json_t *root, const char *path, const json_t *value);

/** export_set(root, path, value): The same with a value of any type at a path without a mark. */
bool export_set(json_t *root, const char *path, const json_t *value);

/** export_value(path, value): A new reference: ${value}, as text where ${path} says so. */
json_t *export_value(const char *path, const json_t *value);

/** export_json(value, out): Compact, ASCII only, no control character. */
int export_json(const json_t *value, struct buf *out) __attribute__((warn_unused_result));

/** export_ms(rec): "ts" in milliseconds since 1970; export_ns(): in nanoseconds; 0 when there is none. */
int64_t export_ns(const json_t *rec);

/** export_severity(rec): 1 information, 2 low (refused, failed), 3 medium (cannot be told), 4 high (a rule broken). */
int export_severity(const json_t *rec);

/** export_outcome(rec): "success", "failure" or "unknown". */
const char *export_outcome(const json_t *rec);

int export_ocsf(const json_t *rec, struct buf *out) __attribute__((warn_unused_result));
int export_ecs(const json_t *rec, struct buf *out) __attribute__((warn_unused_result));
int export_cef(const json_t *rec, struct buf *out) __attribute__((warn_unused_result));
int export_otel(const json_t *rec, struct buf *out) __attribute__((warn_unused_result));
int export_csv(const json_t *rec, struct buf *out) __attribute__((warn_unused_result));
int export_csv_head(struct buf *out) __attribute__((warn_unused_result));

#endif
