/*
 * show.h - a record in the columns that people read.
 * Floor: audit.      Pure, but for the time zone of the machine: times are shown in UTC.
 */
#ifndef AUDIT_SHOW_H
#define AUDIT_SHOW_H

#include <jansson.h>

#include "base/buf.h"

enum show_flag { SHOW_PLAIN = 0, SHOW_COLOUR = 1 };

/** show_titles(flags, out): The line above the columns. */
int show_titles(enum show_flag flags, struct buf *out) __attribute__((warn_unused_result));

/** show_record(rec, user, flags, out): One line: time, kind, ${user}, agent, server, what, how it ended, why.  Nothing in it that a terminal obeys but colours of ours. */
int show_record(const json_t *rec, const char *user, enum show_flag flags, struct buf *out) __attribute__((warn_unused_result));

#endif
