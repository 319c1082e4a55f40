/*
 * charges.h - what the records say was charged in windows that are not over: the counters of limits are made up from it.
 * Floor: audit.      Owns: its table.      Source: docs/POLICY.md "limits".
 * A line that was charged names grant, server, user, tool, and COUNTER=AMOUNT@WINDOW; here amounts of one counter are added up.
 */
#ifndef AUDIT_CHARGES_H
#define AUDIT_CHARGES_H

#include "base/buf.h"
#include "base/mtime.h"

struct charges;

/** charges_new(now, c): Nothing yet.  ${now}: the machine's time, by which a window is over unless the records end before it. */
int charges_new(struct wall now, struct charges **c) __attribute__((warn_unused_result));
void charges_free(struct charges **c);

/** charges_since(now): Records from before this cannot matter: the month's first day, and what a sliding day reaches back. */
struct wall charges_since(struct wall now);

/**
 * charges_line(c, line):
 * Take in a line of the stream; any other than of a charged call changes nothing.  0; -ENOMEM; -ENOSPC: more counters than CHARGE_ROWS;
 * -ERR_CORRUPT: the line cannot be read.
 */
int charges_line(struct charges *c, struct view line) __attribute__((warn_unused_result));

/** charges_rows(c, out, rows): Append the rows of windows that are not over (ipc/charge_row.h). */
int charges_rows(struct charges *c, struct buf *out, size_t *rows) __attribute__((warn_unused_result));

/** charges_calls(c): How many lines were charged.  charges_unread(c): charges in them that say nothing that can be counted. */
uint64_t charges_calls(const struct charges *c);
uint64_t charges_unread(const struct charges *c);

#endif
