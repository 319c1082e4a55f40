/*
 * export.h - a bundle for an auditor, from a store.
 * Floor: evidence.      Owns: nothing of the caller's.      Errors: negative, with a text in words.
 *
 * The same store, lists and options give the same bytes, but for ipe/run.json.
 */
#ifndef EVIDENCE_EXPORT_H
#define EVIDENCE_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mtime.h"
#include "base/view.h"

struct export_opts {
	const char *store, *out;
	struct wall from, to, as_of;
	struct view hr, assets, vendor;       /* texts; p NULL: not given */
	const uint8_t *seed;                  /* 32 bytes of the Ed25519 key that signs the manifest; NULL: not signed */
	unsigned leaver_hours, vendor_ms, gap_s, quiet_days; /* hours to end a leaver's grants; clocks may differ by; a silence that is told; days without a record */
	bool no_segments;                     /* refer to segments by hash instead of copying them */
	const char *command, *operator;       /* for ipe/run.json */
};

enum { EXPORT_WHY = 512 };

struct export_result {
	uint64_t hosts, lines, calls, findings, files;
	char why[EXPORT_WHY];
};

/** export_bundle(o, out): 0; or negative, out->why says what and where. */
int export_bundle(const struct export_opts *o, struct export_result *out) __attribute__((warn_unused_result));

#endif
