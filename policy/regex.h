/*
 * regex.h - patterns of the RE2 syntax, matched in bounded time and without the heap.
 * Floor: policy (uses base, PCRE2).      Owns: a regex owns its compiled code.
 * Source: the RE2 syntax page; docs/POLICY.md "patterns".
 *
 * A gate (regex_gate.c) reads the pattern as RE2 would, refuses what RE2 refuses, and writes it anew in explicit PCRE2
 * terms.  The matching is PCRE2's breadth-first one: it follows every alternative at once, so that its time is at most
 * (bytes of the subject) x (states alive at once), and both are bounded here.
 */
#ifndef POLICY_REGEX_H
#define POLICY_REGEX_H

#include "base/buf.h"

enum {
	REGEX_PATTERN_MAX = 4096,
	REGEX_SUBJECT_MAX = 8192,
	REGEX_STATES = 400, /* alive at once */
	REGEX_REPEAT_MAX = 1000,
	REGEX_DEPTH = 100,
	REGEX_WHY = 160,
};

struct regex;

/** regex_new(pattern, out, why): Compile.  0, -ENOMEM, or -ERR_REGEX with one line in ${why}. */
int regex_new(struct view pattern, struct regex **out, char why[REGEX_WHY]) __attribute__((warn_unused_result));
void regex_free(struct regex **r);

/**
 * regex_match(r, subject):
 * Does the pattern occur anywhere?  1, 0, or negative when that cannot be told within the bounds: -ERR_TOO_LONG,
 * -ERR_STEPS, -ERR_ENCODING.  Safe to call from several threads.
 */
int regex_match(const struct regex *r, struct view subject) __attribute__((warn_unused_result));

/** regex_gate(pattern, out, anchored, why): Append ${pattern} in PCRE2's words to ${out}.  *${anchored}: it can match at the text's start only.  0, -ERR_REGEX, -ENOMEM. */
int regex_gate(struct view pattern, struct buf *out, bool *anchored, char why[REGEX_WHY]) __attribute__((warn_unused_result));

#endif
