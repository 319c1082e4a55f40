/*
 * inforce.h - what is in force: the world, the own CA.  Swapped between steps; calls in flight keep the world they began with.
 * Floor: gate.
 */
#ifndef GATE_INFORCE_H
#define GATE_INFORCE_H

#include "gate/worker.h"

/** inforce_begin(g): Before the first frame: start the thread that loads, unless it runs, and listen to it. */
int inforce_begin(struct gate *g) __attribute__((warn_unused_result));
/** inforce_world(g, fd): An M_WORLD frame; takes ${fd}.  It is in force, and acknowledged, once it is loaded.  A bad one leaves the old one in force, and says so to admin. */
void inforce_world(struct gate *g, int fd);
/** inforce_ca(g, pem): An M_CA frame: our own root, never to be trusted upstream. */
void inforce_ca(struct gate *g, struct view pem);

#endif
