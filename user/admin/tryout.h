/*
 * tryout.h - would the policy floor take this?
 * Floor: admin.      Apart from the other files because jansson and codec/json.h use the same names.
 */
#ifndef ADMIN_TRYOUT_H
#define ADMIN_TRYOUT_H

#include "base/buf.h"

enum { TRYOUT_HASH = 65 };

/** tryout_world(json, why, len): 0, or what world_load() says. */
int tryout_world(struct view json, char *why, size_t len) __attribute__((warn_unused_result));

/**
 * tryout_policy(doc, problems, hash):
 * Load a policy document; every error and warning goes into ${problems} as a JSON array of {"warning","line","column","pointer","text"}.
 * 0 and the document's hash, or the first error.
 */
int tryout_policy(struct view doc, struct buf *problems, char hash[TRYOUT_HASH]) __attribute__((warn_unused_result));

#endif
