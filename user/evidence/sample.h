/*
 * sample.h - draw calls from a bundle so that neither side can steer the draw, and put together what a tester needs of each.
 * Floor: evidence.      Owns: nothing of the caller's.      Source: docs/EVIDENCE.md "Samples".
 *
 * seed = SHA-256(SHA-256(MANIFEST.json) || nonce): the bundle is fixed before the auditor says the nonce, and the auditor says it before he sees the draw.
 * Of each stratum (class, host, month) the call with the least SHA-256(seed || "HOST\nSEQ\nID\n"); when there are more strata than wanted, those whose
 * SHA-256(seed || "CLASS\nHOST\nMONTH\n") is least; when there are fewer, the calls with the least hashes of the rest.
 */
#ifndef EVIDENCE_SAMPLE_H
#define EVIDENCE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

enum { SAMPLE_MAX = 1000, SAMPLE_NONCE = 256, SAMPLE_WHY = 300 };

struct sample_opts {
	const char *bundle;
	const char *store; /* where the segments are, when the bundle refers to them; NULL: in the bundle */
	struct view nonce;
	size_t size;
};

struct sample_result {
	uint64_t population, strata;
	size_t drawn;
	char seed[65], why[SAMPLE_WHY];
};

/** sample_draw(o, out): Write samples/ into the bundle, which must not have it.  0; or negative, out->why says what and where. */
int sample_draw(const struct sample_opts *o, struct sample_result *out) __attribute__((warn_unused_result));

#endif
