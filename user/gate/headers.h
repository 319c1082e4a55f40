/*
 * headers.h - the MCP headers that repeat what the body says.
 * Floor: gate.      Source: MCP 2026-07-28, basic/transports/streamable-http (SEP-2243).      Pure.
 * They are compared with the body and never believed: the verdict comes from the body alone.
 */
#ifndef GATE_HEADERS_H
#define GATE_HEADERS_H

#include "codec/http1.h"
#include "codec/jsonrpc.h"

/** headers_agree(h, doc, m, new_era): NULL, or in fixed words which header differs.  ${new_era}: the message is of revision 2026-07-28 or later. */
const char *headers_agree(const struct http1_head *h, const struct json_doc *doc, const struct rpc *m, bool *new_era);

/** headers_base64(v, out, cap): RFC 4648 4, padded or not: bytes written, or -1. */
int headers_base64(struct view v, uint8_t *out, size_t cap);

#endif
