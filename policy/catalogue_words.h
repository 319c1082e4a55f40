/*
 * catalogue_words.h - names and sentences in words, and what a word says about a tool.
 * Floor: policy, inside.
 */
#ifndef POLICY_CATALOGUE_WORDS_H
#define POLICY_CATALOGUE_WORDS_H

#include "codec/json.h"
#include "policy/catalogue.h"

enum { WORDS_MAX = 48, WORD_LEN = 32 };

struct words {
	char w[WORDS_MAX][WORD_LEN]; /* lower case; longer ones are cut */
	uint8_t stop[WORDS_MAX];     /* of a sentence: WORD_COMMA behind it */
	size_t n;
};
enum { WORD_COMMA = 1 };

/** words_name(name, out): Split at everything that is no letter or digit, and where small letters turn into capitals. */
void words_name(struct view name, struct words *out);
/** words_sentence(text, out): The words of the first sentence. */
void words_sentence(struct view text, struct words *out);

enum word_flag {
	WORD_FLOOR = 1,  /* counts as one of the first two words of a name, whatever stands behind it */
	WORD_ANY = 2,    /* counts wherever it stands in a name */
	WORD_NOUN = 4,   /* is a noun as often: says nothing at the beginning of a description */
	WORD_LIGHT = 8,  /* in a description: what is done depends on what follows ("run a search", "perform ...") */
};
struct word {
	const char *text;
	enum risk risk;
	unsigned flags;
};

/** words_verb(w): What the verb says, or NULL.  words_verb_s(): the same, also in the third person. */
const struct word *words_verb(const char *w);
const struct word *words_verb_s(const char *w);

/** words_money(w): 2: a word of payments; 1: one stands inside it; 0: none. */
int words_money(const char *w);
/** words_in(w, list): Is it one of a NULL-ended list? */
bool words_in(const char *w, const char *const *list);

#endif
