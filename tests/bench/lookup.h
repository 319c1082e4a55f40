/* lookup.h - how long a worker looks for the grant of a call.  Apart from roster.c: what it reads of JSON and what the world does have the same names. */
#ifndef BENCH_LOOKUP_H
#define BENCH_LOOKUP_H

#include "base/view.h"

/** lookup_us(world, grants): us of CPU for one of the users 10000 to 10000 + ${grants}, each of whom has a grant on the server "mcp"; negative: one has none. */
double lookup_us(struct view world, unsigned long grants);

#endif
