/* token_kind.c - the types of credentials, what is kept for each, and the question for a token.  See token.h. */
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/err.h"
#include "base/jwt.h"
#include "base/wipe.h"
#include "vault/token.h"

enum { JWT_BACK_S = 60, JWT_LIFE_S = 540 /* GitHub takes ten minutes at most */ };

static const struct {
	const char *type;
	bool made;
} kinds[] = {{"bearer", false}, {"header", false}, {"basic", false}, {"oauth-client", true}, {"oauth-refresh", true}, {"github-app", true}};

static int kind_of(const char *type)
{
	for (int i = 0; i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return i;
	return -1;
}

bool token_made(const char *type)
{
	int k = kind_of(type);
	return k >= 0 && kinds[k].made;
}

static const char *text(const json_t *o, const char *field)
{
	return json_string_value(json_object_get(o, field));
}

/* ---- what is kept ---- */

int token_kind_ok(const char *type, struct view secret, const char **why)
{
	int k = kind_of(type);

	*why = NULL;
	if (k < 0) {
		*why = "a credential's type is bearer, header, basic, oauth-client, oauth-refresh or github-app";
	} else if (kinds[k].made) {
		json_t *o = json_loadb((const char *)secret.p, secret.n, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(o))
			*why = "for this type the secret is a JSON object, with no field twice";
		else if (strcmp(type, "github-app") == 0 && !(text(o, "private_key") && jwt_key_ok(text(o, "private_key"))))
			*why = "\"private_key\" is an RSA key of 2048 to 4096 bits in PEM, without a passphrase";
		json_decref(o);
	} else if (!view_fits_header(secret)) {
		*why = "a secret is not empty and holds no line end or other control character";
	} else if (strcmp(type, "basic") == 0 && (!memchr(secret.p, ':', secret.n) || secret.n > TOKEN_LEN / 2)) {
		*why = "for basic the secret is USER:PASSWORD, of at most 4096 bytes";
	}
	return *why ? -ERR_MALFORMED : 0;
}

void token_plain(const char *type, struct keep *secret)
{
	size_t n = secret->n;

	if (strcmp(type, "basic") != 0 || n > TOKEN_LEN / 2)
		return;
	/* Behind the text that it reads, then to the front. */
	secret->n = (size_t)EVP_EncodeBlock(secret->mem + n, secret->mem, (int)n);
	memmove(secret->mem, secret->mem + n, secret->n);
	explicit_bzero(secret->mem + secret->n, secret->cap - secret->n);
}

/* ---- the question ---- */

static int sign(const char *app, const char *pem, struct wall now, char out[JWT_MAX])
{
	char claims[160];
	long long s = (long long)(now.ns / 1000000000);

	snprintf(claims, sizeof(claims), "{\"iat\":%lld,\"exp\":%lld,\"iss\":\"%.20s\"}", s - JWT_BACK_S, s + JWT_LIFE_S, app);
	return jwt_sign(pem, claims, out);
}

int token_ask(const struct wrap_head *h, struct view secret, struct wall now, struct buf *out)
{
	json_t *o = json_loadb((const char *)secret.p, secret.n, JSON_REJECT_DUPLICATES, NULL);
	const char *pem = text(o, "private_key"), *app = text(o, "app_id");
	char jwt[JWT_MAX];
	int r = !json_is_object(o) ? -ERR_CORRUPT : pem && app ? sign(app, pem, now, jwt) : 0;

	if (!r && pem)
		json_object_set_new(o, "jwt", app ? json_string(jwt) : NULL);
	if (!r) {
		json_object_del(o, "private_key");
		json_object_set_new(o, "type", json_string(h->type));
		char *body = json_dumps(o, JSON_COMPACT);
		r = body ? buf_put(out, view_str(body)) : -ENOMEM;
		wipe_free(body);
	}
	json_decref(o);
	explicit_bzero(jwt, sizeof(jwt));
	return r;
}
