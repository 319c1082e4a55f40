/*
 * diff.h - what differs between two policy documents, for people.
 */
#ifndef TOOLS_DIFF_H
#define TOOLS_DIFF_H

#include "base/buf.h"

/**
 * diff_print(old, new, name_old, name_new):
 * Print a unified diff of two JSON documents, both laid out alike, one member a line; numbers and texts stand as they are written.
 * When they differ in layout only, says so.  0: no difference in content, 1: some, or a negative error.  Uses diff(1).
 */
int diff_print(struct view old, struct view new, const char *name_old, const char *name_new);

/** diff_layout(doc, out): The document with one member a line.  Any bytes are legal. */
int diff_layout(struct view doc, struct buf *out) __attribute__((warn_unused_result));

#endif
