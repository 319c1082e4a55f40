/*
 * box.h - a text that one receiver alone can read: sealed to an X25519 key.
 * Floor: base.      Source: RFC 7748 (X25519), RFC 5869 (HKDF-SHA256), NIST SP 800-38D (AES-256-GCM).      Owns: nothing.
 *
 *	callgate-box/v1 WHAT
 *	BASE64(the sender's one-time public key 32, ciphertext, tag 16)
 * The key of AES is HKDF(shared secret, salt: both public keys, info: the first line); it is used once, so the nonce is zero.  WHAT says
 * what is inside and for what: a box for one thing does not open as another.  Nothing tells who sealed it.
 */
#ifndef BASE_BOX_H
#define BASE_BOX_H

#include "base/buf.h"

enum { BOX_KEY = 32, BOX_MAX = 1 << 20, BOX_WHAT = 256 /* bytes of WHAT, its NUL included */ };

/** box_new(key, public): A key pair.  0 or negative. */
int box_new(uint8_t key[BOX_KEY], uint8_t public[BOX_KEY]) __attribute__((warn_unused_result));

/** box_public(key, public): The public half of ${key}.  0 or negative. */
int box_public(const uint8_t key[BOX_KEY], uint8_t public[BOX_KEY]) __attribute__((warn_unused_result));

/** box_seal(public, what, text, out): Append.  ${what}: one line.  0, -ERR_TOO_LONG, -ERR_UNAVAILABLE or -ENOMEM. */
int box_seal(const uint8_t public[BOX_KEY], const char *what, struct view text, struct buf *out) __attribute__((warn_unused_result));

/** box_open(key, what, box, out): 0; -ERR_MALFORMED: no box of that kind; -ERR_CORRUPT: sealed to another key, or changed. */
int box_open(const uint8_t key[BOX_KEY], const char *what, struct view box, struct buf *out) __attribute__((warn_unused_result));

#endif
