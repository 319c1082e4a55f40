/*
 * host.h - the one spelling of a host's name.
 * Floor: base.      Source: RFC 1123 section 2.1 for names, RFC 5952 for addresses.
 */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include <stdbool.h>

enum { HOST_TEXT = 256 }; /* with its NUL */

/** host_canonical(in, out, is_ip): Lower case without a final dot, or the one spelling of an address; brackets are taken off.  -ERR_MALFORMED. */
int host_canonical(const char *in, char out[HOST_TEXT], bool *is_ip) __attribute__((warn_unused_result));

#endif
