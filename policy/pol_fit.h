/*
 * pol_fit.h - does a policy fit the tools that a server really has?
 * Floor: policy.      Source: docs/POLICY.md "warnings".      No I/O.      All findings are warnings: a server's list is a claim, and may change.
 */
#ifndef POLICY_POL_FIT_H
#define POLICY_POL_FIT_H

#include "policy/pol.h"

/**
 * pol_fit(document, tools, report, arg):
 * ${document} is a policy that loads, ${tools} what tools/list answered: an array of tools, an object with "tools", or the whole answer.
 * Reports tools that the server does not have (and the name that it has in another case), conditions that no argument of the tool's
 * schema can ever meet, and what is Destructive or Financial by its whole definition and not bounded.  The number of findings, or
 * negative: -ERR_MALFORMED (${tools} is no such list), -ENOMEM, or what is wrong with the document.
 */
int pol_fit(struct view document, struct view tools, pol_problem_fn *report, void *arg) __attribute__((warn_unused_result));

#endif
