/*
 * token.h - the errand of tokens: a token endpoint is asked once, for what the vault keeps.
 * Floor: fetch.      Sources: RFC 6749 sections 2.3.1, 4.4, 5 and 6, RFC 8707 (resource), GitHub's documentation, "Generating an
 * installation access token for a GitHub App".
 *
 * Runs in an errand's process (errand.h), where also what the endpoint answers is read.  https alone, verified against the system's trust
 * store; no redirect is followed; no proxy variable is there to follow.
 */
#ifndef FETCH_TOKEN_H
#define FETCH_TOKEN_H

#include "fetch/errand.h"
#include "ipc/msg.h"

enum { TOKEN_MS = 15000, TOKEN_ANSWER = 32768 };

struct token_query { /* what is sent; each is released by token_query_free() */
	struct buf url, head, body;
};

/** token_query(ask, q): The request for M_TOKEN_GET's ${ask}.  0, -ERR_MALFORMED, -ENOMEM. */
int token_query(struct view ask, struct token_query *q) __attribute__((warn_unused_result));
void token_query_free(struct token_query *q);

/** token_answer(http, body, now_s, out): M_TOKEN for the endpoint's answer, appended to ${out}; any bytes are legal.  0 or -ENOMEM. */
int token_answer(unsigned http, struct view body, int64_t now_s, struct buf *out) __attribute__((warn_unused_result));

/* The question: M_TOKEN_GET's body.  The answer: M_TOKEN's. */
extern const struct errand_kind token_kind;

#endif
