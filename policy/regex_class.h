/*
 * regex_class.h - what regex_gate.c and regex_class.c share: the gate's state, escapes, character classes.
 * Floor: policy, inside.
 */
#ifndef POLICY_REGEX_CLASS_H
#define POLICY_REGEX_CLASS_H

#include "policy/regex.h"

enum regex_flag { REGEX_I = 1, REGEX_M = 2, REGEX_S = 4, REGEX_U = 8 };

struct regex_gate {
	struct view in; /* what is left of the pattern */
	struct buf *out;
	char *why;
	int err; /* the first error; nothing more is written after it */
	uint8_t flags;
};

void regex_class_fail(struct regex_gate *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void regex_class_emit(struct regex_gate *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** regex_class_literal(g, c): Write the character ${c} so that PCRE2 gives it no other meaning. */
void regex_class_literal(struct regex_gate *g, uint32_t c);

/** regex_class_rune(g): Take one character; the pattern must not be empty. */
uint32_t regex_class_rune(struct regex_gate *g);

/** regex_class_escape(g): Take an escape that stands for one character, from its backslash on. */
uint32_t regex_class_escape(struct regex_gate *g);

/** regex_class_short(g): Take \d \w \s \p{..} and their negations if one stands here and write it as a class; else false. */
bool regex_class_short(struct regex_gate *g);

/** regex_class(g): Take a class from its '[' to its ']'. */
void regex_class(struct regex_gate *g);

#endif
