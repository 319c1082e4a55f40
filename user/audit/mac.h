/*
 * mac.h - the keyed hash of seals, whose key only moves forward, and the signature of checkpoints.
 * Floor: audit.      Units: bytes.      Source: RFC 2104 with SHA-256; RFC 8032 (Ed25519).
 *
 * The key of seal n+1 is HMAC(key of seal n, "evolve").  Who has a key can make those of all later seals and of no earlier one.
 */
#ifndef AUDIT_MAC_H
#define AUDIT_MAC_H

#include "base/view.h"

enum { MAC_LEN = 32, MAC_HEX = 2 * MAC_LEN + 1, MAC_ID = 17, SIGN_SEED = 32, SIGN_PUBLIC = 32, SIGN_LEN = 64 };

/** mac_of(key, v, out): HMAC-SHA256.  0 or -ENOMEM. */
int mac_of(const uint8_t key[MAC_LEN], struct view v, uint8_t out[MAC_LEN]) __attribute__((warn_unused_result));

/** mac_evolve(key, steps): The key of the seal that is ${steps} later; the old one is gone.  0 or -ENOMEM. */
int mac_evolve(uint8_t key[MAC_LEN], uint64_t steps) __attribute__((warn_unused_result));

/** mac_id(key, out): The name of a stream's first key: half of SHA-256("callgate seal key" || key) in hex, cut to 16 digits. */
int mac_id(const uint8_t key[MAC_LEN], char out[MAC_ID]) __attribute__((warn_unused_result));

/** mac_same(a, b): In constant time. */
bool mac_same(const uint8_t a[MAC_LEN], const uint8_t b[MAC_LEN]);

/** sign_public(seed, out): The public half.  0 or -ERR_UNAVAILABLE. */
int sign_public(const uint8_t seed[SIGN_SEED], uint8_t out[SIGN_PUBLIC]) __attribute__((warn_unused_result));
int sign_text(const uint8_t seed[SIGN_SEED], struct view text, uint8_t out[SIGN_LEN]) __attribute__((warn_unused_result));
/** sign_forget(): The last key is kept for the next signature; wipe it. */
void sign_forget(void);
bool sign_good(const uint8_t key[SIGN_PUBLIC], struct view text, const uint8_t sig[SIGN_LEN]);

#endif
