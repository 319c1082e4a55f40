/*
 * argmac.h - what tells, to who has the key, whether an argument had a value, without holding it.
 * Floor: policy.      Units: 128 bits, in base64url without padding.      Owns: nothing.      Source: RFC 2104, FIPS 180-4, RFC 4648.
 *
 * HMAC-SHA256(key, tag, value), the first half.  The tag is what the value is, so that 1 and "1" are two things:
 *	s  a string, unescaped        n  a number, as it stands        b  "true" or "false"        z  null, without a value
 *	j  an array or an object, as it stands
 */
#ifndef POLICY_ARGMAC_H
#define POLICY_ARGMAC_H

#include "base/view.h"

struct json_doc; /* codec/json.h */
struct json_node;

enum { ARGMAC_KEY = 32, ARGMAC_TEXT = 23, ARGMAC_ID = 9 };

/** argmac_id(key, out): The name of a key: 8 digits of SHA-256("callgate argument key", key).  0 or -ENOMEM. */
int argmac_id(const uint8_t key[ARGMAC_KEY], char out[ARGMAC_ID]) __attribute__((warn_unused_result));

/** argmac_of(key, doc, value, out): 0, or -ENOMEM. */
int argmac_of(const uint8_t key[ARGMAC_KEY], const struct json_doc *doc, const struct json_node *value, char out[ARGMAC_TEXT])
    __attribute__((warn_unused_result));

/** argmac_text(key, json, out): The same of a text that is one JSON value: 0, -ENOMEM, or what json_scan() says. */
int argmac_text(const uint8_t key[ARGMAC_KEY], struct view json, char out[ARGMAC_TEXT]) __attribute__((warn_unused_result));

#endif
