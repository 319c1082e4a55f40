/*
 * aead.h - AES-256-GCM over a whole text.
 * Floor: base.      Source: NIST SP 800-38D.      Owns: nothing.      A nonce must never come twice with one key; that is the caller's to see to.
 */
#ifndef BASE_AEAD_H
#define BASE_AEAD_H

#include "base/view.h"

enum { AEAD_KEY = 32, AEAD_NONCE = 12, AEAD_TAG = 16 };

/**
 * aead_seal(key, nonce, use, aad, text, out):
 * Ciphertext and tag to ${out}, text.n + AEAD_TAG bytes.  ${use}, then ${aad}, are authenticated with it: one box cannot stand in for
 * another.  0 or -EIO.
 */
int aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], const char *use, struct view aad, struct view text, uint8_t *out)
    __attribute__((warn_unused_result));

/** aead_open(key, nonce, use, aad, sealed, out): The text of ${sealed} (ciphertext, tag) to ${out}.  0, or -ERR_CORRUPT and ${out} cleared. */
int aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], const char *use, struct view aad, struct view sealed, uint8_t *out)
    __attribute__((warn_unused_result));

#endif
