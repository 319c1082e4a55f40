/* grant.h - the parts of callgate grant: grant.c, grant_past.c (journal and audit), grant_review.c, grant_tools.c (policy and catalogue). */
#ifndef TOOLS_GRANT_H
#define TOOLS_GRANT_H

#include <jansson.h>

/** grant_uid(user, uid): The number of an account, given as name or number.  EXIT_YES, or a status after a message. */
int grant_uid(const char *user, json_t **uid);

/** grant_as_of(time, filter, answer): {"grants":[...],"as_of"} as the journal's events up to ${time} make it; ${filter} may have uid and server. */
int grant_as_of(const char *time, const json_t *filter, json_t **answer);

/** grant_use(grants): Add "used" (how often), "first_use" and "last_use" to each, from the audit. */
int grant_use(json_t *grants);

/**
 * grant_tools(grants): Add "tools" to each: [{"tool","class","state"?,"reach":"yes"|"if"}], what its policy reaches of the catalogue, what only
 * the policy names, and "(any other)".  An exit status, after a message.  grant_tools_print(): a row for each tool of each grant.
 */
int grant_tools(json_t *grants);
void grant_tools_print(const json_t *grants);

int grant_review(int argc, char **argv);

#endif
