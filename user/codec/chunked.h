/*
 * chunked.h - the chunked transfer coding, incremental.
 * Floor: codec.      Source: RFC 9112 7.1.  Chunk extensions and trailers are refused on requests.
 */
#ifndef CODEC_CHUNKED_H
#define CODEC_CHUNKED_H

#include "base/view.h"

enum { CHUNKED_TRAILERS_OK = 1 }; /* flags: a response may carry extensions and trailers; they are skipped, bounded */

struct chunked { /* zero it, set flags */
	unsigned flags;
	uint8_t state;
	uint8_t digits;
	uint16_t extra; /* bytes of this chunk's extension, or of the trailers, so far */
	uint64_t left;
};

/**
 * chunked_next(c, in, data, done):
 * Use bytes from the front of ${in}: returns how many (>= 0; 0: need more), and ${data}, borrowed from ${in}: body bytes among those used
 * (may be empty).  ${done} turns true with the last byte of the terminating chunk.  Negative: -ERR_MALFORMED, -ERR_TOO_LONG, -ERR_UNSUPPORTED.
 */
long chunked_next(struct chunked *c, struct view in, struct view *data, bool *done) __attribute__((warn_unused_result));

#endif
