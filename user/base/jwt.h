/*
 * jwt.h - signed claims: a JSON Web Token by RS256.
 * Floor: base.      Source: RFC 7515, 7519; RFC 7518 section 3.3 (keys of 2048 bits or more).      Owns: nothing.
 */
#ifndef BASE_JWT_H
#define BASE_JWT_H

#include <stdbool.h>

enum { JWT_MAX = 2048, JWT_CLAIMS_MAX = 512 };

/** jwt_key_ok(pem): Is it the private key to sign with: RSA of 2048 to 4096 bits in PEM, without a passphrase? */
bool jwt_key_ok(const char *pem);

/** jwt_sign(pem, claims, out): ${claims}: JSON of at most JWT_CLAIMS_MAX bytes.  0, -EIO: that key cannot sign it; ${out} is then no token.  Wipe ${out}. */
int jwt_sign(const char *pem, const char *claims, char out[JWT_MAX]) __attribute__((warn_unused_result));

#endif
