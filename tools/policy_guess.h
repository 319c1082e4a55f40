/*
 * policy_guess.h - a policy asked about calls of which only the names of the arguments are known.
 * (Apart from the files that use jansson, whose names clash with those of codec/json.h.)
 */
#ifndef TOOLS_POLICY_GUESS_H
#define TOOLS_POLICY_GUESS_H

#include "base/view.h"

struct guess;
enum guess_says { GUESS_DENIES, GUESS_PASSES, GUESS_DEPENDS };

/** guess_new(document, why, cap, out): 0, or negative with one line in ${why}. */
int guess_new(struct view document, char *why, size_t cap, struct guess **out) __attribute__((warn_unused_result));
void guess_free(struct guess **g);

/** guess_call(g, tool, keys, n, rule, limits): See pol_guess() of policy/pol_explain.h.  ${rule} is borrowed from ${g}. */
enum guess_says guess_call(const struct guess *g, struct view tool, const struct view *keys, size_t n, const char **rule, uint32_t *limits);

#endif
