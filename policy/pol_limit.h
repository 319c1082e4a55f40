/*
 * pol_limit.h - counters of calls and money: reserved, committed, uncertain.
 * Floor: policy.      Memory: one mapped file shared by all worker slots and survived by it; the caller maps it.
 * Source: docs/POLICY.md "limits".      All or nothing: a refused call consumes nothing anywhere.
 */
#ifndef POLICY_POL_LIMIT_H
#define POLICY_POL_LIMIT_H

#include "base/mtime.h"
#include "policy/pol.h"

enum { POL_LIMITS_MAX = 16, POL_CHARGES_TEXT = 2048, POL_LIMIT_SCALE = 11 };

struct pol_limits; /* a view on the mapped counters */

struct pol_charge { /* what one call holds */
	unsigned __int128 amount[POL_LIMITS_MAX]; /* in units of 10^-POL_LIMIT_SCALE */
	uint64_t slot[POL_LIMITS_MAX], window[POL_LIMITS_MAX];
	uint32_t n;
	char text[POL_CHARGES_TEXT]; /* counter=amount@window, joined by 0x1f, for the record: "pay=12.5@2026-11-03T10" is an hour */
};

/** pol_limits_open(mem, len, out): Use ${mem} (shared, page aligned, zeroed when new).  pol_limits_size(): how long it must be. */
size_t pol_limits_size(void);
int pol_limits_open(void *mem, size_t len, struct pol_limits **out) __attribute__((warn_unused_result));
void pol_limits_close(struct pol_limits **l);

/**
 * pol_reserve(l, p, grant, tool, doc, args, now, worker, decision, charge):
 * Reserve every limit that applies to an allowed call.  When one refuses, ${decision} becomes that denial and nothing is held.
 * ${worker} is the caller's slot: no two processes that live at the same time may share one.
 */
void pol_reserve(struct pol_limits *l, const struct pol *p, const char *grant, struct view tool, const struct json_doc *doc,
    const struct json_node *args, struct wall now, uint32_t worker, struct pol_decision *decision, struct pol_charge *charge);

/** pol_settle(l, charge, delivered): The call's end.  delivered false: certainly never sent, give it back; true: keep it. */
void pol_settle(struct pol_limits *l, struct pol_charge *charge, bool delivered);

#endif
