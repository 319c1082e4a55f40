/*
 * pol_limit.h - counters of calls and money: reserved, committed, uncertain.
 * Floor: policy.      Memory: one mapped file shared by all worker slots and survived by it; the caller maps it.
 * Source: docs/POLICY.md "limits".      All or nothing: a refused call consumes nothing anywhere.
 */
#ifndef POLICY_POL_LIMIT_H
#define POLICY_POL_LIMIT_H

#include "base/mtime.h"
#include "policy/pol.h"

enum { POL_LIMITS_MAX = 16, POL_CHARGES_MAX = POL_LIMITS_MAX + 1, POL_CHARGES_TEXT = 2048, POL_LIMIT_SCALE = 11 };

struct pol_limits; /* a view on the mapped counters */

struct pol_charge { /* what one call holds */
	unsigned __int128 amount[POL_CHARGES_MAX]; /* in units of 10^-POL_LIMIT_SCALE */
	uint64_t slot[POL_CHARGES_MAX], window[POL_CHARGES_MAX];
	int held[POL_CHARGES_MAX]; /* of quota_held.h; -1: a use noted for idempotency */
	uint32_t n, worker;
	/*
	 * counter=amount@window, joined by 0x1f, for the record: "pay=12.5@2026-11-03T10" is an hour.  Before the counter stands
	 * "all_tools/", "x-callgate/SCOPE/" or "x-callgate/all/SCOPE/"; a sliding window is written "START~minute".
	 */
	char text[POL_CHARGES_TEXT];
};

/* Who calls: what a counter may belong to. */
struct pol_who {
	const char *grant, *server;
	uint32_t uid;
	uint32_t worker; /* the caller's slot: no two processes that live at the same time may share one */
	struct wall now;
};

/** pol_limits_open(mem, len, out): Use ${mem} (shared, page aligned, zeroed when new).  pol_limits_size(): how long it must be. */
size_t pol_limits_size(void);
int pol_limits_open(void *mem, size_t len, struct pol_limits **out) __attribute__((warn_unused_result));
void pol_limits_close(struct pol_limits **l);

/**
 * pol_limits_claim(l, worker): A new process takes this slot: what the one before it had reserved and not settled turns uncertain.
 * How many reservations that were.
 */
unsigned pol_limits_claim(struct pol_limits *l, uint32_t worker);

/**
 * pol_reserve(l, p, who, tool, doc, args, decision, charge):
 * Step 6 of docs/POLICY.md "order of evaluation" for an allowed call: the time it may be made at, no repetition, then every limit that
 * applies.  When one refuses, ${decision} becomes that denial and nothing is held.
 */
void pol_reserve(struct pol_limits *l, const struct pol *p, const struct pol_who *who, struct view tool, const struct json_doc *doc,
    const struct json_node *args, struct pol_decision *decision, struct pol_charge *charge);

enum pol_outcome {
	POL_REFUND = 0,    /* certainly never sent: give it back */
	POL_COMMIT = 1,    /* sent and answered: keep it */
	POL_UNCERTAIN = 2, /* sent, and nobody knows what came of it: keep it, and say so */
};

/** pol_settle(l, charge, outcome): The call's end. */
void pol_settle(struct pol_limits *l, struct pol_charge *charge, enum pol_outcome outcome);

struct pol_sum { /* of one counter in one window; committed is what is left of used */
	unsigned __int128 used, reserved, uncertain;
};

/** pol_limits_sum(l, charge, i, out): How the counter stands that the charge's ${i}th limit counts in. */
void pol_limits_sum(struct pol_limits *l, const struct pol_charge *charge, uint32_t i, struct pol_sum *out);

/**
 * pol_limits_again(out): Counters in memory of one's own, all at nothing, to be made up by pol_limits_replay(); pol_limits_close() frees them.
 * pol_limits_replay(l, text, who, tool): Count again what records say that calls were charged: their ${text}, grant, server, uid and tool.
 * How many charges of ${text} were counted.
 * pol_limits_raise(l, again, worker): After a power cut, when the file may be older than the records: let no counter of ${l} stand lower
 * than in ${again}.  What both count is counted once, and doing it again changes nothing.  False: there is no room for one of them.
 */
int pol_limits_again(struct pol_limits **out) __attribute__((warn_unused_result));
unsigned pol_limits_replay(struct pol_limits *l, struct view text, const struct pol_who *who, struct view tool);
bool pol_limits_raise(struct pol_limits *l, struct pol_limits *again, uint32_t worker) __attribute__((warn_unused_result));

#endif
