/*
 * examine.h - is a bundle whole, and do its tables say what its records say?
 * Floor: evidence.      Owns: nothing of the caller's.      Memory: a line, and the seals that checkpoints name.
 *
 * More than verify.sh: the hash chain over every line, checkpoints against it, and every cell of call_log.csv that stands in a record against that record.
 * Files of a bundle may be hostile: any content is legal.
 */
#ifndef EVIDENCE_EXAMINE_H
#define EVIDENCE_EXAMINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct examine_opts {
	const char *bundle;
	struct view signer; /* PEM of the signer's key; n 0: the one in the bundle */
	const char *store;  /* where the segments are, when the bundle refers to them; NULL: in the bundle */
	void (*say)(void *arg, bool good, const char *text);
	void *arg;
};

struct examine_result {
	uint64_t files, segments, lines, seals, calls, checkpoints, bad;
	bool is_signed, own_key; /* signed; with a key that only the bundle tells */
};

/** examine_bundle(o, out): 0, see out->bad; or negative when it cannot be read. */
int examine_bundle(const struct examine_opts *o, struct examine_result *out) __attribute__((warn_unused_result));

#endif
