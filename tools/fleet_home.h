/*
 * fleet_home.h - STATE/fleet of a workstation that ships.
 *	collector.json      whom it ships to            push, push.pub, fetch, fetch.pub, known_hosts      ssh
 *	enrolled.json       what was handed over        ship.json      what was shipped, and when to try again
 *	out/                what is made for the next transfer: the newest checkpoints, documents of policies
 *	come/               receipts as they came; those that are good go to TRAIL/receipts/; bundle: the newest signed bundle
 */
#ifndef TOOLS_FLEET_HOME_H
#define TOOLS_FLEET_HOME_H

#include "fleet/collector.h"
#include "fleet/layout.h"

/** fleet_home(): Open it, made when it is not there.  fleet_trail(t): the directory of a trail.  A descriptor or negative errno. */
int fleet_home(void);
int fleet_trail(enum layout_trail t);

/** fleet_collector(home, c): 0; -ENOENT: this workstation has not been enrolled; -ERR_MALFORMED. */
int fleet_collector(int home, struct collector *c) __attribute__((warn_unused_result));

#endif
