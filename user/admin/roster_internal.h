/* roster_internal.h - what roster.c and roster_bundle.c share.      Floor: admin. */
#ifndef ADMIN_ROSTER_INTERNAL_H
#define ADMIN_ROSTER_INTERNAL_H

#include "admin/roster.h"

/** roster_one(r, event): roster_apply() of an event that stands for itself. */
int roster_one(struct roster *r, const json_t *event) __attribute__((warn_unused_result));
/** roster_document(r, event, out): The document of an event: in it, or in pieces before it; new. */
int roster_document(struct roster *r, const json_t *event, json_t **out) __attribute__((warn_unused_result));

/** roster_hold(r, event): Keep one of several that count together (roster_of_bundle()) until the last one is there. */
int roster_hold(struct roster *r, const json_t *event) __attribute__((warn_unused_result));
/* The events "bundle.trust" and "bundle.apply". */
int roster_bundle_trust(struct roster *r, const json_t *event) __attribute__((warn_unused_result));
int roster_bundle_apply(struct roster *r, const json_t *event) __attribute__((warn_unused_result));

#endif
