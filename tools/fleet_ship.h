/* fleet_ship.h - what fleet_ship.c (when, where to), fleet_out.c (what), fleet_come.c (receipts, the bundle) and fleet_outbox.c (what was fetched) share. */
#ifndef TOOLS_FLEET_SHIP_H
#define TOOLS_FLEET_SHIP_H

#include <jansson.h>

#include "tools/fleet_home.h"
#include "tools/fleet_run.h"

struct ship {
	int home, trail[LAYOUT_TRAILS];
	struct collector c;
	char host[NAMES_HOST];
	json_t *enrolled, *state; /* enrolled.json, ship.json */
	const char *to, *receipts, *bwlimit; /* to: a directory instead of ssh; receipts: the directory where its receipts come */
	char said[RUN_SAID];
	uint64_t segments, notes, policies, came, waiting;
};

/** ship_number(s, key): A number of ship.json, 0 when there is none; ship_set(): for its next writing. */
uint64_t ship_number(const struct ship *s, const char *key);
void ship_set(struct ship *s, const char *key, uint64_t n);

/** ship_rsync(s, from, list, to): Copy the files in ${list} (a line each) from below ${from} to below ${to}: "audit/" at the other side, or a directory.  0 or -EIO, s->said says why. */
int ship_rsync(struct ship *s, const char *from, struct view list, const char *to) __attribute__((warn_unused_result));
/* ship_fetch(s, list, to, renew): The other way; ${renew}: also in place of what is there. */
int ship_fetch(struct ship *s, struct view list, const char *to, bool renew) __attribute__((warn_unused_result));

/** ship_out(s): Hand over segments, checkpoints, policies.  ship_come(s): Take receipts in.  0 or negative. */
int ship_out(struct ship *s) __attribute__((warn_unused_result));
int ship_come(struct ship *s) __attribute__((warn_unused_result));

/** ship_outbox(s): Remove from the directory of --to the segments that have receipts, and the checkpoints that these have passed.  0 or negative, s->said says why. */
int ship_outbox(struct ship *s) __attribute__((warn_unused_result));

/** ship_unreceipted(s, t, list, suffix, n): Append a line for each sealed segment without a receipt, PREFIX NAME SUFFIX. */
int ship_unreceipted(const struct ship *s, enum layout_trail t, const char *prefix, const char *suffix, struct buf *list, uint64_t *n)
    __attribute__((warn_unused_result));

#endif
