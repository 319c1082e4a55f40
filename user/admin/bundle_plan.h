/*
 * bundle_plan.h - what a signed bundle changes on this workstation, as events of the journal.
 * Floor: admin.      Pure, but for random ids of grants.
 *
 * What the bundle says holds afterwards, as it says it; what an earlier bundle brought and this one does not is gone; what is the workstation's own
 * stays where the bundle permits that ("local"), but for what stands in its way.  What is there already, as it is to be, is left alone: a grant
 * keeps its id.  Policies that nothing names any more stay: they do nothing.
 */
#ifndef ADMIN_BUNDLE_PLAN_H
#define ADMIN_BUNDLE_PLAN_H

#include "admin/check.h"
#include "admin/parcel.h"

/* The vault's names for a credential of a bundle: of two, the one that is not in force takes the next version. */
enum { BUNDLE_ITEM = 64 };
#define BUNDLE_ITEM_A ".bundle-a"
#define BUNDLE_ITEM_B ".bundle-b"

/** bundle_item_next(r, credential, out): Where the vault is to put the next version.      bundle_item(name): Is ${name} such a one? */
void bundle_item_next(const struct roster *r, const char *credential, char out[BUNDLE_ITEM]);
bool bundle_item(const char *name);

struct bundle_plan {
	json_t *events;   /* without "kind" and "by"; those of credentials with "version" 0, which the vault will tell; the last one is "bundle.apply" */
	json_t *left_out; /* [text]: grants for accounts that this machine does not have, or that are over */
};

/**
 * bundle_plan(p, r, signer, names, now, out, why):
 * ${names}: uid in decimal -> account.  0, or -ERR_MALFORMED with a line in ${why}: this cannot be in force; -ENOMEM.
 * Release with bundle_plan_free() in any case.
 */
int bundle_plan(const struct parcel *p, const struct roster *r, const char *signer, json_t *names, struct wall now, struct bundle_plan *out, char why[CHECK_WHY])
    __attribute__((warn_unused_result));
void bundle_plan_free(struct bundle_plan *plan);

#endif
