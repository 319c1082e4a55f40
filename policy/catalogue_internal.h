/*
 * catalogue_internal.h - what the files of the catalogue share.
 * Floor: policy, inside.
 */
#ifndef POLICY_CATALOGUE_INTERNAL_H
#define POLICY_CATALOGUE_INTERNAL_H

#include "policy/catalogue_words.h"

struct finding {
	enum risk risk;
	unsigned confidence;
	const struct word *floor; /* the verb in the usual place of the name, or NULL */
	char evidence[CATALOGUE_EVIDENCE];
};

/** catalogue_note(f, risk, weight, fmt, ...): Raise to ${risk} if that is more, and write down why. */
void catalogue_note(struct finding *f, enum risk risk, unsigned weight, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

void catalogue_describe(struct view text, struct finding *f);
void catalogue_schema(const struct json_doc *doc, const struct json_node *schema, struct finding *f);
void catalogue_hints(const struct json_doc *doc, const struct json_node *annotations, struct finding *f);

#endif
