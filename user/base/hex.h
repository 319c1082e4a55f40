/*
 * hex.h - bytes out of hexadecimal digits.
 * Floor: base.      Pure.
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/view.h"

/** hex_bytes(hex, out, n): Exactly ${n} bytes out of 2${n} digits of either case.  0 or -ERR_MALFORMED. */
int hex_bytes(struct view hex, uint8_t *out, size_t n) __attribute__((warn_unused_result));

#endif
