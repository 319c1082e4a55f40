/* fleet.h - the verbs of `callgate fleet`, a file each.  Those with --store run at the collector, the others on a workstation. */
#ifndef TOOLS_FLEET_H
#define TOOLS_FLEET_H

#include "tools/tools.h"

int fleet_init(int argc, char **argv);
int fleet_accept(int argc, char **argv);
int fleet_revoke(int argc, char **argv);
int fleet_keys(int argc, char **argv);
int fleet_ingest(int argc, char **argv);
int fleet_enroll(int argc, char **argv);
int fleet_ship(int argc, char **argv);
int fleet_status(int argc, char **argv);
int fleet_bundle_key(int argc, char **argv);
int fleet_bundle(int argc, char **argv);
int fleet_trust(int argc, char **argv);
int fleet_apply(int argc, char **argv);

/** fleet_trust_file(path, replace, answer): Bundles signed with the key in this file count from now on.  EXIT_YES after a line for people, with --json nothing is printed: ${answer} has the "signer". */
int fleet_trust_file(const char *path, bool replace, json_t **answer);

/** fleet_dir(what, path): Open a directory, or say why not and return -1. */
int fleet_dir(const char *what, const char *path);

/** fleet_number(verb, option, text, most, out): A number from 0 to ${most}; false after a message.  ${text} NULL leaves ${out}. */
bool fleet_number(const char *verb, const char *option, const char *text, long most, long *out);

#endif
