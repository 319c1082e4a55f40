/*
 * proxy_limits.h - the mapped file of the limit counters, in a worker.
 * Process: callgate-proxy.
 */
#ifndef PROC_PROXY_LIMITS_H
#define PROC_PROXY_LIMITS_H

#include "gate/gate.h"
#include "proc/child.h"

/**
 * proxy_limits_open(c, wait):
 * Map the file that ${c} was handed; before the sandbox.  ${wait}: nobody may count until what the audit says was charged has come.
 * A file that is no table of counters is left alone: calls with limits are refused then, in words.
 */
void proxy_limits_open(struct child *c, bool wait);

/** proxy_limits_turn(c, g): Take what was charged, if it came, and let ${g} count once it may. */
void proxy_limits_turn(struct child *c, struct gate *g);

void proxy_limits_close(void);

#endif
