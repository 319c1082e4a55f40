/*
 * pol_vectors.h - run a file of conformance vectors: calls, and what the last of them must be answered.
 * Floor: policy.      Source: docs/POLICY.md "vectors".      No I/O: the caller reads the file and prints the lines.
 */
#ifndef POLICY_POL_VECTORS_H
#define POLICY_POL_VECTORS_H

#include "policy/pol.h"

/* One line without a newline: "vector 13: ...", and at the end "N passed, N failed". */
typedef void pol_vectors_line(void *arg, const char *line);

enum pol_vectors_flags { POL_VECTORS_KEEP_ON_ERROR = 1 }; /* do not give a reservation back when the server answers an error */

/**
 * pol_vectors_run(file, flags, line, arg):
 * The number of vectors that failed, 0 for none; negative when ${file} is no file of vectors, after a line that says why.
 */
int pol_vectors_run(struct view file, unsigned flags, pol_vectors_line *line, void *arg) __attribute__((warn_unused_result));

#endif
