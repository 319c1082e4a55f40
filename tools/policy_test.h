/*
 * policy_test.h - run a file of conformance vectors.  Apart from policy.c because jansson and codec/json.h use the same names.
 */
#ifndef TOOLS_POLICY_TEST_H
#define TOOLS_POLICY_TEST_H

#include "base/view.h"

/** policy_test(file): A line on standard output for each vector that fails, and the sum.  How many failed; negative: no file of vectors. */
int policy_test(struct view file);

#endif
