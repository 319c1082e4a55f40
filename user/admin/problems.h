/*
 * problems.h - the policy floor's judgement of a document, and of a whole world.
 * Floor: admin.      Pure.      Used by callgate-admin and by the command line, so that both say the same.
 * (Apart from the files that use jansson, whose names clash with those of codec/json.h.)
 */
#ifndef ADMIN_PROBLEMS_H
#define ADMIN_PROBLEMS_H

#include "base/buf.h"

enum { PROBLEMS_MAX = 200, PROBLEMS_HASH = 65 };

struct problems {
	struct buf json; /* [{"line","column","pointer","text","warning"}], the first PROBLEMS_MAX */
	size_t errors, warnings;
	char hash[PROBLEMS_HASH]; /* of a good document, else empty */
};

/** problems_find(doc, p): Load ${doc}: 0 when it is good, else the first error.  p->json is to be freed in any case. */
int problems_find(struct view doc, struct problems *p) __attribute__((warn_unused_result));

/** problems_fit(doc, tools, p): Whether ${doc} fits the answer to tools/list in ${tools} (policy/pol_fit.h): 0 with the warnings in ${p}, or negative.  p->json is to be freed in any case. */
int problems_fit(struct view doc, struct view tools, struct problems *p) __attribute__((warn_unused_result));

/** problems_world(json, why, why_len): Would a worker take this world? */
int problems_world(struct view json, char *why, size_t why_len) __attribute__((warn_unused_result));

#endif
