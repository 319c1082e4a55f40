/* token.c - see token.h. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/wipe.h"
#include "ipc/msg.h"
#include "vault/token.h"

enum { LENT_MAX_MS = 30000, UNSAID_MS = 300000 /* how long a token lives that does not say it */, LIFE_MAX_S = 86400 };

struct token { /* without bytes: the endpoint refused, and is left in peace until then */
	char name[WRAP_NAME];
	struct keep keep;
	struct mono made, until;
};

struct token_book {
	struct token token[TOKEN_MAX];
};

struct token_book *token_new(void)
{
	return calloc(1, sizeof(struct token_book));
}

static struct token *find(struct token_book *b, const char *name)
{
	for (size_t i = 0; i < TOKEN_MAX; i++)
		if (strcmp(b->token[i].name, name) == 0)
			return &b->token[i];
	return NULL;
}

/* Its place, or the one whose time is over first. */
static struct token *claim(struct token_book *b, const char *name)
{
	struct token *t = find(b, name);

	if (!t) {
		t = &b->token[0];
		for (size_t i = 1; i < TOKEN_MAX; i++)
			if (b->token[i].until.ns < t->until.ns)
				t = &b->token[i];
	}
	if (!t->keep.mem && keep_open(&t->keep, TOKEN_LEN))
		return NULL;
	keep_wipe(&t->keep);
	snprintf(t->name, sizeof(t->name), "%s", name);
	return t;
}

int token_get(struct token_book *b, const char *name, bool refused, struct mono now, struct keep *out, uint32_t *ttl_ms)
{
	struct token *t = find(b, name);

	if (!t)
		return -EINPROGRESS;
	if (!t->keep.n)
		return now.ns < t->until.ns ? -ERR_UNAVAILABLE : -EINPROGRESS;
	if (mono_after_ms(now, TOKEN_EARLY_MS).ns >= t->until.ns || (refused && now.ns >= mono_after_ms(t->made, TOKEN_YOUNG_MS).ns)) {
		token_drop(b, name);
		return -EINPROGRESS;
	}
	uint64_t left = (t->until.ns - now.ns) / 1000000 - TOKEN_EARLY_MS;
	*ttl_ms = left < LENT_MAX_MS ? (uint32_t)left : LENT_MAX_MS;
	memcpy(out->mem, t->keep.mem, t->keep.n); /* TOKEN_LEN < WRAP_BODY_MAX */
	out->n = t->keep.n;
	return 0;
}

void token_failed(struct token_book *b, const char *name, struct mono now)
{
	struct token *t = claim(b, name);

	if (t)
		t->until = mono_after_ms(now, TOKEN_AGAIN_MS);
}

void token_drop(struct token_book *b, const char *name)
{
	struct token *t = find(b, name);

	if (!t)
		return;
	keep_wipe(&t->keep);
	t->name[0] = 0;
	t->until = (struct mono){0};
}

static int take(struct token_book *b, const char *name, struct view token, uint32_t life_s, struct mono now)
{
	struct token *t = claim(b, name);
	uint64_t ms = life_s > LIFE_MAX_S ? LIFE_MAX_S * 1000ull : life_s ? life_s * 1000ull : UNSAID_MS;

	if (!t)
		return -ENOMEM;
	memcpy(t->keep.mem, token.p, token.n);
	t->keep.n = token.n;
	t->made = now;
	/* One that lives for less than the reserve is lent for half its life: better than never. */
	t->until = mono_after_ms(now, ms > 2 * TOKEN_EARLY_MS ? ms : TOKEN_EARLY_MS + ms / 2);
	return 0;
}

static int renew(struct view fresh, struct view secret, struct buf *kept)
{
	json_t *o = json_loadb((const char *)secret.p, secret.n, 0, NULL), *now = json_stringn((const char *)fresh.p, fresh.n);
	int r = o && now ? 0 : -ERR_MALFORMED;

	if (!r && !json_equal(json_object_get(o, "refresh_token"), now)) {
		json_object_set(o, "refresh_token", now);
		char *text = json_dumps(o, JSON_COMPACT);
		kept->max = WRAP_BODY_MAX;
		r = text ? buf_put(kept, view_str(text)) : -ENOMEM;
		wipe_free(text);
	}
	json_decref(now);
	json_decref(o);
	return r;
}

int token_came(struct token_book *b, const struct wrap_head *h, struct view answer, struct view secret, struct mono now, struct buf *kept)
{
	struct m_token m;

	memcpy(&m, answer.p, sizeof(m));
	struct view rest = view_skip(answer, sizeof(m)), token = view_of(rest.p, m.token_len < rest.n ? m.token_len : rest.n);
	struct view fresh = view_skip(rest, token.n);
	int r = m.status ? (m.status < 0 ? m.status : -ERR_MALFORMED) : view_fits_header(token) && token.n <= TOKEN_LEN ? 0 : -ERR_MALFORMED;
	if (!r)
		r = take(b, h->name, token, m.life_s, now);
	if (!r && fresh.n && strcmp(h->type, "oauth-refresh") == 0)
		r = renew(fresh, secret, kept);
	if (r)
		token_failed(b, h->name, now);
	return r;
}
