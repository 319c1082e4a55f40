/*
 * http1w.h - write HTTP/1.1 heads.
 * Floor: codec.      Source: RFC 9112 3, 4, 5.      Units: bytes.
 * A head is a first line, headers, http1w_end().  Every part is checked before anything is written, so that no part can start a
 * line of its own: -ERR_MALFORMED for a byte that does not belong there (CR, LF, NUL, other controls; space in a method, target or
 * name).  Errors of the buffer: -ENOMEM, -ENOBUFS.  On any error the buffer is unchanged.
 */
#ifndef CODEC_HTTP1W_H
#define CODEC_HTTP1W_H

#include "base/buf.h"
#include "codec/http1.h"

/** http1w_request(b, method, target): "METHOD target HTTP/1.1". */
int http1w_request(struct buf *b, struct view method, struct view target) __attribute__((warn_unused_result));

/** http1w_status(b, status, reason): "HTTP/1.1 200 reason"; ${status} is 100 to 999, ${reason} may be empty. */
int http1w_status(struct buf *b, unsigned status, struct view reason) __attribute__((warn_unused_result));

/** http1w_header(b, name, value): One header; ${value} may be empty, space at its edges is dropped. */
int http1w_header(struct buf *b, struct view name, struct view value) __attribute__((warn_unused_result));

/** http1w_number(b, name, value): A header whose value is a number, such as Content-Length. */
int http1w_number(struct buf *b, struct view name, uint64_t value) __attribute__((warn_unused_result));

/** http1w_headers(b, h, skip): The headers of ${h} in order, without those named (any case) in the NULL-terminated list ${skip}. */
int http1w_headers(struct buf *b, const struct http1_head *h, const char *const *skip) __attribute__((warn_unused_result));

/** http1w_end(b): The empty line. */
int http1w_end(struct buf *b) __attribute__((warn_unused_result));

#endif
