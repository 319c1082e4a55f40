/*
 * loader.h - worlds are read and compiled by a thread of their own, so that the loop goes on serving.
 * Floor: gate.      Owns: the thread, what was handed to it and what it has made.
 *
 * The thread holds nothing but the memory files it was handed; it shares no world with the loop: one is its own until loader_take(),
 * and the loop's alone from then on.  Worlds come out in the order in which they went in.
 */
#ifndef GATE_LOADER_H
#define GATE_LOADER_H

#include "policy/world.h"

enum { WORLD_FILE_MAX = 64 << 20, LOADER_WHY = 256 };

struct loader;

/** loader_new(out): Start the thread, with the sandbox of the calling thread; it runs when this returns, so a stricter one may follow.  0 or negative errno. */
int loader_new(struct loader **out) __attribute__((warn_unused_result));
/** loader_free(l): End it, after the world that it is at. */
void loader_free(struct loader **l);

/** loader_bell(l): Readable when something can be taken.  Borrowed. */
int loader_bell(const struct loader *l);

/** loader_put(l, fd): Load this sealed file (policy/world.h); takes ${fd}, also on error.  0 or -ENOMEM. */
int loader_put(struct loader *l, int fd) __attribute__((warn_unused_result));

struct loaded {
	struct world *world; /* the caller's; NULL: not loaded */
	int err;             /* 0, or why not */
	char why[LOADER_WHY];
};

/** loader_take(l, out): The next one that is done: false when there is none. */
bool loader_take(struct loader *l, struct loaded *out);

#endif
