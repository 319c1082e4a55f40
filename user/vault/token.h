/*
 * token.h - credentials that are not kept but made when they are wanted: access tokens, which an endpoint gives for what is kept.
 * Floor: vault.      Owns: the tokens, in memory like that of struct keep, wiped when their time is over.
 * Sources: RFC 6749 sections 4.4 (client credentials) and 6 (refresh), RFC 7515 and 7519 (JWT, RS256), GitHub's documentation,
 * "Generating an installation access token for a GitHub App".
 *
 * What is kept is a JSON object, whose fields callgate-admin has checked (admin/credential.h); callgate-fetch asks the endpoint.
 */
#ifndef VAULT_TOKEN_H
#define VAULT_TOKEN_H

#include "base/keep.h"
#include "base/mtime.h"
#include "vault/wrap.h"

enum {
	TOKEN_MAX = 64,         /* tokens held at once */
	TOKEN_LEN = 8192,       /* of one */
	TOKEN_EARLY_MS = 60000, /* a token is not lent in its last minute */
	TOKEN_YOUNG_MS = 5000,  /* one that young is not given up because a server refused it */
	TOKEN_AGAIN_MS = 5000,  /* after a refusal the endpoint is left in peace */
};

struct token_book;
struct token_book *token_new(void);

/** token_kind_ok(type, secret, why): Is ${type} known, and ${secret} of its form?  0 or -ERR_MALFORMED and a line in *${why}. */
int token_kind_ok(const char *type, struct view secret, const char **why) __attribute__((warn_unused_result));

/** token_made(type): Is it made when it is wanted? */
bool token_made(const char *type);

/** token_plain(type, secret): What is kept, turned into what a header holds: `basic` is encoded. */
void token_plain(const char *type, struct keep *secret);

/**
 * token_get(b, name, refused, now, out, ttl_ms):
 * A token into ${out}, and how long it may be lent.  ${refused}: the server did not take the last one.
 * 0; -EINPROGRESS: one must be asked for; -ERR_UNAVAILABLE: that failed a moment ago.
 */
int token_get(struct token_book *b, const char *name, bool refused, struct mono now, struct keep *out, uint32_t *ttl_ms)
    __attribute__((warn_unused_result));

/** token_ask(h, secret, now, out): The question for callgate-fetch, see M_TOKEN_GET.  A private key does not go along: what it signed does. */
int token_ask(const struct wrap_head *h, struct view secret, struct wall now, struct buf *out) __attribute__((warn_unused_result));

/**
 * token_came(b, h, answer, secret, now, kept):
 * An M_TOKEN frame.  ${kept}, at first empty, is what is to be stored instead of ${secret}, before the token is lent: the endpoint replaced
 * the refresh token, and the old one may be good for nothing.  0; what the frame says; -ERR_MALFORMED: no token that fits a header; -ENOMEM.
 */
int token_came(struct token_book *b, const struct wrap_head *h, struct view answer, struct view secret, struct mono now, struct buf *kept)
    __attribute__((warn_unused_result));

/** token_failed(b, name, now): There is no token.      token_drop(b, name): The item was changed or removed. */
void token_failed(struct token_book *b, const char *name, struct mono now);
void token_drop(struct token_book *b, const char *name);

#endif
