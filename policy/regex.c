/*
 * regex.c - see regex.h.  Compiles what the gate let through, and matches.
 *
 * The pattern is searched by one anchored pass over (?s:.)*?(?:PATTERN), not by a try at every offset: that keeps the
 * search linear in the subject.  One that can match at the start only is not searched for.  pcre2_dfa_match() works in the caller's workspace; the few hundred bytes that PCRE2
 * wants for its match data come from a block on the stack, since one compiled pattern may serve several threads.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "policy/regex.h"

struct regex {
	pcre2_code *code;
};

/* PCRE2 takes a block of 2 + 3 n integers for each of two lists of n states, and first 2 for itself. */
enum { WORKSPACE = 2 + 2 * 3 * (2 * REGEX_STATES), STACK_BLOCK = 1024 };

static int compile(struct view pcre, pcre2_code **out, char why[REGEX_WHY])
{
	uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_CIRCUMFLEX | PCRE2_NO_AUTO_CAPTURE |
	    PCRE2_NO_DOTSTAR_ANCHOR;
	pcre2_compile_context *ctx = pcre2_compile_context_create(NULL);
	int code;
	size_t off;

	if (!ctx)
		return -ENOMEM;
	pcre2_set_newline(ctx, PCRE2_NEWLINE_LF);
	*out = pcre2_compile(pcre.p, pcre.n, options, &code, &off, ctx);
	pcre2_compile_context_free(ctx);
	if (*out)
		return 0;
	uint8_t text[120];
	if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
		text[0] = '\0';
	snprintf(why, REGEX_WHY, "the pattern does not compile: %s", (char *)text);
	return -ERR_REGEX;
}

int regex_new(struct view pattern, struct regex **out, char why[REGEX_WHY])
{
	struct buf b = {.max = 64 * REGEX_PATTERN_MAX};
	struct regex *r = NULL;
	static const char search[] = "(?s:.)*?(?:";
	bool anchored = false;
	int e;

	*out = NULL;
	why[0] = '\0';
	e = buf_puts(&b, search);
	if (!e)
		e = regex_gate(pattern, &b, &anchored, why);
	if (!e)
		e = buf_puts(&b, ")");
	if (e == -ENOBUFS) {
		snprintf(why, REGEX_WHY, "the pattern is too large");
		e = -ERR_REGEX;
	}
	if (e)
		goto out;
	r = calloc(1, sizeof(*r));
	/* "(?:" stays. */
	e = r ? compile(view_skip(buf_view(&b), anchored ? sizeof(search) - 4 : 0), &r->code, why) : -ENOMEM;
	if (!e) {
		*out = r;
		r = NULL;
	}
out:
	free(r);
	buf_free(&b);
	return e;
}

void regex_free(struct regex **r)
{
	if (!*r)
		return;
	pcre2_code_free((*r)->code);
	free(*r);
	*r = NULL;
}

/* A heap of one block on the caller's stack: what is taken from it is never given back. */
struct block {
	size_t used;
	_Alignas(16) uint8_t mem[STACK_BLOCK];
};

static void *block_take(size_t n, void *arg)
{
	struct block *b = arg;
	n = (n + 15) & ~(size_t)15;
	if (n > sizeof(b->mem) - b->used)
		return NULL;
	b->used += n;
	return b->mem + b->used - n;
}

static void block_leave(void *p, void *arg)
{
	(void)p;
	(void)arg;
}

int regex_match(const struct regex *r, struct view subject)
{
	struct block block;
	int work[WORKSPACE];

	if (subject.n > REGEX_SUBJECT_MAX)
		return -ERR_TOO_LONG;
	block.used = 0;
	pcre2_general_context *heap = pcre2_general_context_create(block_take, block_leave, &block);
	pcre2_match_context *limits = heap ? pcre2_match_context_create(heap) : NULL;
	pcre2_match_data *md = limits ? pcre2_match_data_create(1, heap) : NULL;
	if (!md)
		return -ERR_STEPS;
	pcre2_set_heap_limit(limits, 0);
	int rc = pcre2_dfa_match(r->code, subject.n ? subject.p : (const uint8_t *)"", subject.n, 0,
	    PCRE2_ANCHORED | PCRE2_DFA_SHORTEST, md, limits, work, WORKSPACE);
	if (rc >= 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	return rc <= PCRE2_ERROR_UTF8_ERR1 && rc >= PCRE2_ERROR_UTF8_ERR21 ? -ERR_ENCODING : -ERR_STEPS;
}
