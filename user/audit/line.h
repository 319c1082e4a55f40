/*
 * line.h - a line of a stream read as JSON, and made fit for a terminal.
 * Floor: audit.      Owns: nothing.
 * Names and values in a line were chosen by somebody else, perhaps by somebody hostile.
 */
#ifndef AUDIT_LINE_H
#define AUDIT_LINE_H

#include <jansson.h>

#include "base/buf.h"

/** line_parse(line): The object, to be freed with json_decref(), or NULL: not JSON.  A number beyond 63 bits comes as text. */
json_t *line_parse(struct view line);

/** line_safe(line, out): Append ${line}, with every harmful code point as JSON may write it (\uXXXX); bytes that are no UTF-8 become U+FFFD. */
int line_safe(struct view line, struct buf *out) __attribute__((warn_unused_result));

/** line_cell(text, wide, out): Append ${text} in at most ${wide} columns and padded to them, harmful code points as '?'; ${wide} 0: whole, without padding. */
int line_cell(struct view text, size_t wide, struct buf *out) __attribute__((warn_unused_result));

#endif
