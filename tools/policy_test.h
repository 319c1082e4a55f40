/* policy_test.h - a file of vectors, run by the policy floor.  Apart because jansson and codec/json.h use the same names. */
#ifndef TOOLS_POLICY_TEST_H
#define TOOLS_POLICY_TEST_H

#include "base/view.h"

/** policy_test(file, keep, line, arg): As pol_vectors_run(); ${keep}: an error of the server gives no reservation back. */
int policy_test(struct view file, bool keep, void (*line)(void *arg, const char *text), void *arg) __attribute__((warn_unused_result));

#endif
