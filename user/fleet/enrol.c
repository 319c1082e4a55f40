/* enrol.c - see enrol.h. */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/keys.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/jsonw.h"
#include "fleet/enrol.h"

static int take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || strlen(s) >= cap)
		return -ERR_MALFORMED;
	snprintf(out, cap, "%s", s);
	return 0;
}

/* "ssh-ed25519 BASE64" and nothing else: it goes into a line of sshd's authorized_keys. */
static bool ssh_key_ok(const char *s)
{
	static const char type[] = "ssh-ed25519 ", base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	size_t n = strlen(type);

	return !*s || (strncmp(s, type, n) == 0 && strlen(s + n) == 68 && strspn(s + n, base64) == 68);
}

/* One seal key, which must be one, and of this host and trail. */
static int take_key(const json_t *key, const char *host, enum layout_trail t, struct buf *out)
{
	char want[NOTE_NAME], *text = json_dumps(key, JSON_COMPACT);
	struct keys_export k;
	int r = text ? keys_parse(view_str(text), &k) : -ENOMEM;

	snprintf(want, sizeof(want), "callgate/%s/%s", host, layout_trail(t));
	if (!r && strcmp(k.name, want) != 0)
		r = -ERR_MALFORMED;
	if (!r)
		r = buf_puts(out, text);
	if (!r)
		r = buf_puts(out, "\n");
	OPENSSL_cleanse(&k, sizeof(k));
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
	return r;
}

static int take_keys(const json_t *o, struct enrol *e)
{
	const json_t *keys = json_object_get(o, "keys");
	int r = 0;

	for (enum layout_trail t = 0; !r && t < LAYOUT_TRAILS; t++) {
		const json_t *list = json_object_get(keys, layout_trail(t));
		if (!json_is_array(list) || json_array_size(list) > ENROL_KEYS)
			return -ERR_MALFORMED;
		for (size_t i = 0; !r && i < json_array_size(list); i++)
			r = take_key(json_array_get(list, i), e->host, t, &e->keys[t]);
	}
	return r;
}

int enrol_parse(struct view text, struct enrol *e)
{
	struct wall at;

	*e = (struct enrol){0};
	json_t *o = text.n <= ENROL_MAX ? json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	int r = json_integer_value(json_object_get(o, "callgate_enrol")) == 1 ? 0 : -ERR_MALFORMED;
	if (!r)
		r = take_text(o, "host", e->host, sizeof(e->host));
	if (!r)
		r = take_text(o, "enrolled_at", e->at, sizeof(e->at));
	if (!r)
		r = take_text(o, "push", e->push, sizeof(e->push));
	if (!r)
		r = take_text(o, "fetch", e->fetch, sizeof(e->fetch));
	if (!r)
		r = take_text(o, "vault", e->vault, sizeof(e->vault));
	if (!r && (!layout_host(e->host) || wall_parse(e->at, &at) || !ssh_key_ok(e->push) || !ssh_key_ok(e->fetch) ||
	    (*e->vault && (strlen(e->vault) != 64 || strspn(e->vault, "0123456789abcdef") != 64))))
		r = -ERR_MALFORMED;
	if (!r)
		r = take_keys(o, e);
	json_decref(o);
	if (r)
		enrol_free(e);
	return r;
}

/* The lines of ${b} as the elements of an array. */
static void put_keys(struct jsonw *w, const char *name, struct view v)
{
	jsonw_open(w, name, '[');
	while (v.n) {
		const uint8_t *nl = memchr(v.p, '\n', v.n);
		struct view line = view_head(v, nl ? (size_t)(nl - v.p) : v.n);
		jsonw_raw(w, NULL, line);
		v = view_skip(v, line.n + 1);
	}
	jsonw_close(w, ']');
}

int enrol_text(const struct enrol *e, struct buf *out)
{
	struct jsonw w = jsonw_on(out);

	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "callgate_enrol", 1);
	jsonw_str(&w, "host", e->host);
	jsonw_str(&w, "enrolled_at", e->at);
	jsonw_str(&w, "push", e->push);
	jsonw_str(&w, "fetch", e->fetch);
	jsonw_str(&w, "vault", e->vault);
	jsonw_open(&w, "keys", '{');
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++)
		put_keys(&w, layout_trail(t), buf_view(&e->keys[t]));
	jsonw_close(&w, '}');
	jsonw_close(&w, '}');
	int r = jsonw_end(&w);
	return r ? r : buf_puts(out, "\n");
}

int enrol_read(int store, const char *host, struct enrol *e)
{
	struct buf b = {0};
	char path[LAYOUT_PATH];

	*e = (struct enrol){0};
	if (!layout_host(host))
		return -ERR_MALFORMED;
	snprintf(path, sizeof(path), "hosts/%s/enrol.json", host);
	int r = fd_slurp(store, path, ENROL_MAX, &b);
	if (!r)
		r = enrol_parse(buf_view(&b), e);
	if (!r && strcmp(e->host, host) != 0) {
		enrol_free(e);
		r = -ERR_MALFORMED;
	}
	buf_wipe(&b);
	buf_free(&b);
	return r;
}

void enrol_free(struct enrol *e)
{
	for (enum layout_trail t = 0; t < LAYOUT_TRAILS; t++) {
		buf_wipe(&e->keys[t]);
		buf_free(&e->keys[t]);
	}
	*e = (struct enrol){0};
}
