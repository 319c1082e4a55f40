/*
 * head.h - rebuild an HTTP head from parsed fields: what leaves is what we understood, spelled once.
 * Floor: gate.      Source: RFC 9110 section 7.6, RFC 9112; docs/WIRE.md "strict profile".      Pure.
 */
#ifndef GATE_HEAD_H
#define GATE_HEAD_H

#include "base/buf.h"
#include "codec/http1.h"

enum head_flag {
	HEAD_AS_SENT = 2,  /* a path that is none of ours: encodings stay */
	HEAD_BROKERED = 1, /* ours speaks for the client: its own credentials go, the server's cookies and challenges too */
};

struct head_inject { /* header NULL: nothing */
	const char *header, *format; /* format holds "{secret}" once */
	struct view secret;
};

/** head_request(out, h, flags, inject, body): Append the head for the server.  ${body}: its Content-Length, -1: none. */
int head_request(struct buf *out, const struct http1_head *h, unsigned flags, const struct head_inject *inject, int64_t body)
    __attribute__((warn_unused_result));

/** head_response(out, h, flags, length, close): Append the head for the client.  ${length}: Content-Length, -1: chunked, -2: no body and no such field, -3: head_finish() follows. */
int head_response(struct buf *out, const struct http1_head *h, unsigned flags, int64_t length, bool close)
    __attribute__((warn_unused_result));

/** head_finish(out, length): Complete such a head with its Content-Length. */
int head_finish(struct buf *out, size_t length) __attribute__((warn_unused_result));

/** head_own(out, status, n, close): Append the head of an answer of ours: application/json of ${n} bytes. */
int head_own(struct buf *out, unsigned status, size_t n, bool close) __attribute__((warn_unused_result));

/** head_own_events(out, close): Append the head of an event stream of ours, chunked. */
int head_own_events(struct buf *out, bool close) __attribute__((warn_unused_result));

/** head_nominates(h): Does Connection name a field that a hop must not drop unseen (Mcp-*, Content-*, Host, Authorization)? */
bool head_nominates(const struct http1_head *h);

#endif
