/*
 * pol_canon.h - one digest for all spellings of the same arguments: what makes two calls identical.
 * Floor: policy (uses codec, base, libcrypto).      Source: docs/POLICY.md "x-callgate".      Allocates nothing.
 *
 * Members are taken in the order of their names, strings unescaped, numbers by their plain decimal text; types stay apart, so that
 * 1 and "1" differ here.
 */
#ifndef POLICY_POL_CANON_H
#define POLICY_POL_CANON_H

#include "codec/json.h"

enum { POL_CANON_LEN = 32, POL_CANON_MEMBERS = 256 };

/** pol_canon(doc, args, out): ${args} may be NULL: as an empty object.  0, or -ERR_TOO_LONG: more members in one object, or longer text, than is compared. */
int pol_canon(const struct json_doc *doc, const struct json_node *args, uint8_t out[POL_CANON_LEN]) __attribute__((warn_unused_result));

#endif
