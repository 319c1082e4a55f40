/* fleet_run.h - the programs of others that `callgate fleet` runs: ssh-keygen, rsync (which runs ssh). */
#ifndef TOOLS_FLEET_RUN_H
#define TOOLS_FLEET_RUN_H

#include "base/view.h"

enum { RUN_WORDS = 40, RUN_SAID = 300 };

/** fleet_run(argv, in, said): Run argv[0] of the PATH with ${in} on its standard input; ${said} gets the last line of its standard error.  Its exit status, or negative. */
int fleet_run(const char *const argv[], struct view in, char said[RUN_SAID]);

#endif
