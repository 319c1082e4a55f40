/*
 * verify.h - is a stream's directory whole: numbers, chain, names, hashes, seals?
 * Floor: audit.      Memory: constant.
 */
#ifndef AUDIT_VERIFY_H
#define AUDIT_VERIFY_H

#include <stdint.h>

#include "audit/names.h"

struct verify_result {
	uint64_t files, lines, seals, raw;
	uint64_t first, last; /* lines seen */
	uint64_t open_lines;  /* of these, in files that are not sealed yet */
	int bad;              /* 1: ${why} at ${file}, line ${at} */
	uint64_t at;
	char file[NAMES_MAX];
	char why[160];
};

/** verify_dir(dir, v): Check every file of ${dir}, up to the first that is bad.  0 (see v->bad), or negative when it cannot be read. */
int verify_dir(int dir, struct verify_result *v) __attribute__((warn_unused_result));

#endif
