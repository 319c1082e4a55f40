/*
 * explain.h - why a call is allowed or denied, as JSON.
 * Floor: admin.      Pure.      Used by callgate-admin for what is in force, and by the command line for a document that is not.
 * (Apart from the files that use jansson, whose names clash with those of codec/json.h.)
 *
 * {"verdict","rule","authorised_by","text","limits":N,"steps":[{"rule","says","text"}], and for what is in force:
 *  "grant","grant_policy","policy","mode","listed"}; says: "denies" "passes" "after" (not reached) "counts" (a limit; counters are not read).
 */
#ifndef ADMIN_EXPLAIN_H
#define ADMIN_EXPLAIN_H

#include "base/buf.h"

enum { EXPLAIN_WHY = 256 };

struct explain_call {
	struct view server, tool, args; /* args: one JSON object; empty: none */
	uint32_t uid, login_uid;
	const char *agent; /* "" none */
};

/** explain_world(world, call, why, out): By the file of policy/world.h.  0, or negative with one line in ${why}. */
int explain_world(struct view world, const struct explain_call *call, char why[EXPLAIN_WHY], struct buf *out) __attribute__((warn_unused_result));

/** explain_document(document, call, why, out): By one policy; server, uids and agent do not count. */
int explain_document(struct view document, const struct explain_call *call, char why[EXPLAIN_WHY], struct buf *out) __attribute__((warn_unused_result));

#endif
