/*
 * pol_limit_internal.h - the names of counters and the text of charges, shared by counting and counting again.
 * Floor: policy, inside.
 */
#ifndef POLICY_POL_LIMIT_INTERNAL_H
#define POLICY_POL_LIMIT_INTERNAL_H

#include "policy/pol_internal.h"
#include "policy/pol_limit.h"
#include "policy/quota_held.h"

struct pol_limits {
	struct quota_table *table, *once;
	struct quota_held *held;
	void *own; /* the memory, when it is not the caller's */
};

/** limit_name(hash, scope, who, tool): The counter's name: what the limit is called, and whose it is. */
quota_hash_t limit_name(quota_hash_t hash, enum pol_scope scope, const struct pol_who *who, struct view tool);
/** limit_note(charge, limit, claim): Append what was counted to the charge's text. */
void limit_note(struct pol_charge *charge, const struct pol_limit *limit, const struct quota_claim *claim);

#endif
