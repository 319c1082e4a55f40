/*
 * chain.h - the hash chain of a stream, and the running hash of a file.
 * Floor: audit.      Units: bytes.      Source: FIPS 180-4 (SHA-256); the leading zero byte keeps a chained line apart from
 * any other use of the hash.
 *
 * head(n) = SHA-256(0x00 || head(n-1) || line n without its newline).  It is not stored per line: a reader computes it.
 */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include "base/view.h"

enum { CHAIN_LEN = 32, CHAIN_HEX = 2 * CHAIN_LEN + 1 };

struct chain {
	uint8_t head[CHAIN_LEN]; /* all zero before the first line */
};

/** chain_ready(): Load the algorithm: once, and before a sandbox closes the files of libcrypto.  0 or -ERR_UNAVAILABLE. */
int chain_ready(void) __attribute__((warn_unused_result));

/** chain_add(c, line): Move the head over one ${line}, given without its newline.  0 or -ENOMEM, the head then unchanged. */
int chain_add(struct chain *c, struct view line) __attribute__((warn_unused_result));

/** chain_hex(bytes, n, out): ${out} gets 2n digits and NUL.  chain_unhex() is the way back: 0 or -ERR_MALFORMED. */
void chain_hex(const uint8_t *bytes, size_t n, char *out);
int chain_unhex(struct view hex, uint8_t *out, size_t n) __attribute__((warn_unused_result));

/* A running SHA-256. */
struct chain_sum;
struct chain_sum *chain_sum_new(void);
void chain_sum_free(struct chain_sum **s);
int chain_sum_add(struct chain_sum *s, struct view v) __attribute__((warn_unused_result));
/** chain_sum_end(s, out): The hash of everything added; ${s} starts again. */
int chain_sum_end(struct chain_sum *s, uint8_t out[CHAIN_LEN]) __attribute__((warn_unused_result));

/** chain_sum_fd(fd, out, bytes): The hash of a whole file from its beginning, wherever ${fd} stands, and its length (may be NULL).  0, -ENOMEM, errno. */
int chain_sum_fd(int fd, uint8_t out[CHAIN_LEN], uint64_t *bytes) __attribute__((warn_unused_result));

#endif
