/*
 * inforce.h - what is in force: the world, the own CA.  Swapped between steps; calls in flight keep the world they began with.
 * Floor: gate.
 */
#ifndef GATE_INFORCE_H
#define GATE_INFORCE_H

#include "gate/worker.h"

enum { WORLD_FILE_MAX = 64 << 20 };

/** inforce_world(g, fd): An M_WORLD frame; takes ${fd}.  A bad one leaves the old one in force, and says so to admin. */
void inforce_world(struct gate *g, int fd);
/** inforce_ca(g, pem): An M_CA frame: our own root, never to be trusted upstream. */
void inforce_ca(struct gate *g, struct view pem);

#endif
