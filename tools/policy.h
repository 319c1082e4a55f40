/*
 * policy.h - the verbs of callgate policy, a file a group.
 */
#ifndef TOOLS_POLICY_H
#define TOOLS_POLICY_H

#include "tools/tools.h"

int policy_do_history(int argc, char **argv);
int policy_do_diff(int argc, char **argv);
int policy_do_rollback(int argc, char **argv);
int policy_do_explain(int argc, char **argv);
int policy_do_simulate(int argc, char **argv);
int policy_do_suggest(int argc, char **argv);
int policy_do_import(int argc, char **argv);

/** policy_version(name, version, policy): Ask for a version (0: the one in force); ${policy} is to be freed.  An exit status, after a message. */
int policy_version(const char *name, long version, json_t **policy);
/** policy_show_change(name, before): Print what is in force now against ${before} (NULL: nothing was). */
void policy_show_change(const char *name, const json_t *before);

#endif
