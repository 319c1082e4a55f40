/*
 * http1.h - strict HTTP/1.1 heads.
 * Floor: codec.      Source: RFC 9110, RFC 9112; docs/WIRE.md "strict profile".
 * Refused: bare CR or LF, obs-fold, space before the colon, control bytes, empty names, Content-Length with
 * Transfer-Encoding, differing or repeated Content-Length, any Transfer-Encoding but "chunked", HTTP versions other than
 * 1.0 and 1.1 (1.0 not in requests that are judged), two Host headers, more than HTTP1_HEADERS headers, more than 64 options in Connection, a head above HTTP1_HEAD_MAX.
 */
#ifndef CODEC_HTTP1_H
#define CODEC_HTTP1_H

#include "base/view.h"

enum { HTTP1_HEADERS = 100, HTTP1_HEAD_MAX = 32768 };

struct http1_header {
	struct view name, value; /* value without space at its edges */
};

enum http1_body { HTTP1_NO_BODY, HTTP1_LENGTH, HTTP1_CHUNKED, HTTP1_UNTIL_CLOSE };

struct http1_head {
	/* request */
	struct view method, target;
	/* response */
	uint16_t status;
	struct view reason;
	uint8_t minor; /* HTTP/1.minor */
	enum http1_body body; /* of a response: as if to a GET; the caller knows HEAD */
	uint64_t length; /* HTTP1_LENGTH; may be 0 */
	bool close; /* this message ends the connection (Connection: close, or 1.0 without keep-alive) */
	bool expect_continue;
	bool upgrade; /* an Upgrade header or Connection: upgrade is present */
	struct view host; /* Host header; empty when absent */
	struct http1_header h[HTTP1_HEADERS];
	size_t n;
};

/** http1_request(in, out): Bytes of the head when whole (> 0), 0 need more, negative: -ERR_MALFORMED, -ERR_AMBIGUOUS, -ERR_TOO_LONG, -ERR_UNSUPPORTED. */
int http1_request(struct view in, struct http1_head *out) __attribute__((warn_unused_result));
/** http1_request_old(in, out): The same, and HTTP/1.0 is taken as well: for what is passed on as it came. */
int http1_request_old(struct view in, struct http1_head *out) __attribute__((warn_unused_result));
int http1_response(struct view in, struct http1_head *out) __attribute__((warn_unused_result));

/** http1_get(h, name, count): The first value of header ${name} (any case) and, unless NULL, how often it appears.  An empty view when absent. */
struct view http1_get(const struct http1_head *h, const char *name, unsigned *count);

/** http1_has_token(v, token): Does the comma-separated list ${v} hold ${token} (any case)? */
bool http1_has_token(struct view v, const char *token);

/**
 * http1_media(v, type, charset):
 * Is the media type of Content-Type ${v}, without parameters, ${type}?  ${charset}, unless NULL: its charset parameter, or empty.
 * False also for parameters that could be read in two ways (two charsets, charset*, broken quotes).
 */
bool http1_media(struct view v, const char *type, struct view *charset);

/**
 * http1_looks_like(in):
 * 1: the first line is an HTTP/1 request line, also one that http1_request() will refuse; 0: cannot tell before the line is longer;
 * -1: not HTTP/1, such as the HTTP/2 preface or another protocol that speaks in lines.
 */
int http1_looks_like(struct view in);

#endif
