/*
 * policy_check.h - a policy document, checked on the spot.  Apart from policy.c because jansson and codec/json.h use the same names.
 */
#ifndef TOOLS_POLICY_CHECK_H
#define TOOLS_POLICY_CHECK_H

#include "base/view.h"

/** policy_check(file, doc): Print every problem as FILE:LINE:COLUMN: /pointer: text on standard error; 0 when it loads.  hash: 65 bytes. */
int policy_check(const char *file, struct view doc, char *hash);

#endif
