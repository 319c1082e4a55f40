/*
 * toml.h - the texts in a TOML document, each under its path.
 * Floor: clients.      Source: TOML 1.0.0.      Any input is legal to pass.  No I/O, no globals, no allocation; what is lent is wiped.
 * Read for its strings alone: of numbers, dates and what is in arrays only the extent is looked at.  A key that is given twice is told twice.
 */
#ifndef CLIENTS_TOML_H
#define CLIENTS_TOML_H

#include "base/view.h"

enum { TOML_PATH = 16, TOML_NAMES = 2048, TOML_TEXT = 8192, TOML_DEPTH = 32 };

/** A text: path[0..n) and its value, both borrowed until the function returns.  One longer than TOML_TEXT is not told. */
typedef void toml_fn(void *arg, const struct view *path, size_t n, struct view value);

/** toml_read(in, fn, arg, line): 0; -ERR_MALFORMED, -ERR_TOO_DEEP or -ERR_TOO_LONG (a path), with the line in *${line}: then what was told is worth nothing. */
int toml_read(struct view in, toml_fn *fn, void *arg, size_t *line) __attribute__((warn_unused_result));

#endif
