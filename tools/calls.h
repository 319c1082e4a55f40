/*
 * calls.h - the recorded calls of an audit directory, one after the other, some of them.
 */
#ifndef TOOLS_CALLS_H
#define TOOLS_CALLS_H

#include "tools/tools.h"

struct calls_wanted { /* NULL: any */
	const char *server, *user, *policy;
};

/* One `call` record of a tools/call.  Borrowed. */
typedef void calls_fn(void *arg, const json_t *record);

/** calls_each(dir, wanted, fn, arg, seen): Every call in the directory (NULL: this machine's) that fits.  An exit status, after a message. */
int calls_each(const char *dir, const struct calls_wanted *wanted, calls_fn *fn, void *arg, size_t *seen);

#endif
