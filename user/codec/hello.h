/*
 * hello.h - what a TLS ClientHello says before anything is answered.
 * Floor: codec.      Source: RFC 8446 4.1.2, RFC 6066 3, RFC 7301.
 */
#ifndef CODEC_HELLO_H
#define CODEC_HELLO_H

#include "base/view.h"

enum { HELLO_MAX = 16384, HELLO_NAME = 256 };

struct hello {
	char name[HELLO_NAME]; /* SNI host_name in lower case, "" when absent; only letters, digits, '-', '_', '.' */
	bool ech;              /* encrypted_client_hello present */
	bool alpn_http11, alpn_h2, alpn_any;
};

/** hello_read(in, out): > 0 whole (bytes of its records), 0 need more, -ERR_MALFORMED (not a ClientHello), -ERR_TOO_LONG. */
int hello_read(struct view in, struct hello *out) __attribute__((warn_unused_result));

/** hello_looks_like(in): 1: starts like a TLS handshake record; 0: cannot tell yet; -1: not TLS. */
int hello_looks_like(struct view in);

#endif
