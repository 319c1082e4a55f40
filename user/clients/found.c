/*
 * found.c - what the members of a server say: where it is, and where a key for it is.  See clients_internal.h.
 * A header whose name speaks of a secret is taken for one; which others are, only their owner knows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/clients_internal.h"

void clients_text(char *out, size_t cap, struct view v)
{
	size_t n = v.n < cap ? v.n : cap - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(v.p[i] < 0x20 || v.p[i] >= 0x7f ? '?' : v.p[i]);
	if (n < v.n && n >= 3)
		memcpy(out + n - 3, "...", 3);
	out[n] = '\0';
}

static struct clients_server *server_of(struct clients_found *f, struct view name)
{
	struct clients_server *s;

	for (size_t i = 0; i < f->n; i++)
		if (view_eq(name, view_of(f->server[i]->name, f->server[i]->name_len)))
			return f->server[i];
	s = f->n == CLIENTS_SERVERS || name.n > sizeof(s->name) ? NULL : calloc(1, sizeof(*s));
	if (!s) {
		f->lost = true;
		return NULL;
	}
	f->server[f->n++] = s;
	if (name.n)
		memcpy(s->name, name.p, name.n);
	s->name_len = name.n;
	return s;
}

static bool any_of(struct view v, const char *const *list)
{
	for (; *list; list++)
		if (view_is(v, *list))
			return true;
	return false;
}

static bool holds(struct view v, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= v.n; i++)
		if (view_ieq(view_of(v.p + i, n), view_of(word, n)))
			return true;
	return false;
}

static bool secret_name(struct view header)
{
	static const char *const words[] = {"auth", "key", "token", "secret", "cookie", "passw", "credential", "session", "signature"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (holds(header, words[i]))
			return true;
	return false;
}

static void add_key(struct clients_found *f, struct clients_server *s, struct view first, struct view second, struct view header, struct view value, bool variable)
{
	if (s->keys == CLIENTS_KEYS || value.n > sizeof(s->key[0].value) || header.n >= sizeof(s->key[0].header)) {
		f->lost = true;
		return;
	}
	struct clients_key *k = &s->key[s->keys++];
	clients_text(k->at, sizeof(k->at), first);
	size_t n = strlen(k->at);
	if (second.n && n + 2 < sizeof(k->at)) {
		k->at[n] = '.';
		clients_text(k->at + n + 1, sizeof(k->at) - n - 1, second);
	}
	clients_text(k->header, sizeof(k->header), header);
	k->variable = variable;
	k->len = (uint32_t)value.n;
	if (value.n)
		memcpy(k->value, value.p, value.n);
}

void clients_leaf(struct clients_found *f, struct view server, struct view first, struct view second, struct view value)
{
	static const char *const urls[] = {"url", "httpUrl", "serverUrl", NULL}, *const headers[] = {"headers", "http_headers", NULL};
	bool url = !second.n && any_of(first, urls), variables = view_is(first, "env_http_headers");
	bool bearer = !second.n && view_is(first, "bearer_token"), bearer_variable = !second.n && view_is(first, "bearer_token_env_var");
	bool header = second.n && (any_of(first, headers) || variables);

	if (!url && !bearer && !bearer_variable && !(header && (variables || secret_name(second))))
		return;
	struct clients_server *s = server_of(f, server);
	if (!s)
		return;
	if (url)
		s->has_url = url_read(value, &s->url) == 0;
	else if (header)
		add_key(f, s, first, second, second, value, variables);
	else
		add_key(f, s, first, second, VIEW_LIT("Authorization"), value, bearer_variable);
}

/* ---- rows ---- */

/* A name that may be shown: who filled in a template wrongly has the key itself where the name of a variable should be, and keys are not all capitals. */
static bool is_name(struct view v)
{
	if (view_starts(v, VIEW_LIT("input:")) || view_starts(v, VIEW_LIT("file:")))
		return true;
	if (view_starts(v, VIEW_LIT("env:")))
		v = view_skip(v, 4);
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != '_' && !(v.p[i] >= 'A' && v.p[i] <= 'Z') && !(i && v.p[i] >= '0' && v.p[i] <= '9'))
			return false;
	return v.n > 0;
}

/* Where in ${v} a reference in braces begins, v.n: nowhere; ${name}: what it names. */
static size_t braces(struct view v, struct view *name)
{
	static const char *const open[] = {"${", "{env:", "{file:"};

	for (size_t i = 0; i < v.n; i++)
		for (size_t k = 0; k < sizeof(open) / sizeof(open[0]); k++) {
			struct view rest = view_skip(v, i);
			if (!view_starts(rest, view_str(open[k])))
				continue;
			rest = view_skip(rest, rest.p[0] == '$' ? 2 : 1);
			const uint8_t *end = rest.n ? memchr(rest.p, '}', rest.n) : NULL;
			*name = view_head(rest, end ? (size_t)(end - rest.p) : rest.n);
			return i;
		}
	return v.n;
}

/* The name in "${NAME}", "${env:NAME}", "{env:NAME}", "$NAME", or in the first of these in the midst of something else; ${fallback}: what "${NAME:-TEXT}" falls back to. */
static bool reference(struct view v, struct view *name, struct view *fallback)
{
	*fallback = *name = view_of(NULL, 0);
	size_t at = braces(v, name);
	if (at == v.n) {
		*name = view_skip(v, 1);
		return view_starts(v, VIEW_LIT("$"));
	}
	for (size_t i = 0; i + 2 <= name->n; i++)
		if (memcmp(name->p + i, ":-", 2) == 0) {
			struct view text = view_skip(*name, i + 2);
			/* That is all there is, or it is the fallback of a part. */
			*fallback = text.n && at == 0 && text.p + text.n + 1 == v.p + v.n ? text : *fallback;
			*name = view_head(*name, i);
			break;
		}
	return true;
}

static bool fits_header(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] >= 0x7f)
			return false;
	return v.n > 0;
}

/* "Bearer KEY" is a key and its form; in another header all of it is the key. */
static struct view split(struct clients_row *row, struct view v)
{
	size_t n = 0;

	while (n < v.n && ((v.p[n] >= 'a' && v.p[n] <= 'z') || (v.p[n] >= 'A' && v.p[n] <= 'Z')))
		n++;
	if (n && n <= 32 && n + 1 < v.n && v.p[n] == ' ' && view_ieq(view_str(row->header), VIEW_LIT("authorization"))) {
		snprintf(row->format, sizeof(row->format), "%.*s {secret}", (int)n, (const char *)v.p);
		return view_skip(v, n + 1);
	}
	snprintf(row->format, sizeof(row->format), "{secret}");
	return v;
}

static void judge(struct clients_row *row, const struct clients_key *k, bool bearer)
{
	struct view v = view_of(k->value, k->len), name, fallback;

	if (k->variable || bearer)
		snprintf(row->format, sizeof(row->format), bearer ? "Bearer {secret}" : "{secret}");
	else
		v = split(row, v);
	row->state = CLIENTS_REF;
	if (k->variable) {
		name = v;
	} else if (!reference(v, &name, &fallback)) {
		row->state = !v.n ? CLIENTS_NONE : fits_header(v) ? CLIENTS_LIVE : CLIENTS_BAD;
	} else if (fallback.n) {
		row->state = fits_header(fallback) ? CLIENTS_LIVE : CLIENTS_BAD;
		v = fallback;
	}
	if (row->state == CLIENTS_REF)
		clients_text(row->ref, sizeof(row->ref), is_name(name) ? name : VIEW_LIT("(not shown, for it may be the key)"));
	if (row->state != CLIENTS_LIVE)
		return;
	memcpy(row->value, v.p, v.n);
	row->value_len = (uint32_t)v.n;
}

static void tell_key(struct clients_found *f, const struct clients_server *s, const struct clients_key *k, struct clients_row *row)
{
	char name[64];

	clients_text(name, sizeof(name), view_of(s->name, s->name_len));
	snprintf(row->header, sizeof(row->header), "%s", k->header);
	snprintf(row->at, sizeof(row->at), "%.120s.%s.%.63s", f->under, name, k->at);
	judge(row, k, strncmp(k->at, "bearer_token", 12) == 0);
	f->fn(f->arg, row);
	explicit_bzero(row->value, sizeof(row->value));
	row->value_len = 0;
	row->ref[0] = '\0';
}

void clients_forget(struct clients_found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		explicit_bzero(f->server[i], sizeof(*f->server[i]));
		free(f->server[i]);
	}
	f->n = 0;
}

void clients_tell(struct clients_found *f)
{
	static struct clients_row row;

	for (size_t i = 0; i < f->n; i++) {
		struct clients_server *s = f->server[i];
		if (!s->has_url)
			continue;
		row = (struct clients_row){.state = s->url.more ? CLIENTS_URL : CLIENTS_NONE, .url = s->url};
		clients_text(row.client, sizeof(row.client), view_str(f->client));
		clients_text(row.file, sizeof(row.file), view_str(f->shown));
		clients_text(row.name, sizeof(row.name), view_of(s->name, s->name_len));
		if (s->url.more || !s->keys)
			f->fn(f->arg, &row);
		for (size_t k = 0; k < s->keys; k++)
			tell_key(f, s, &s->key[k], &row);
	}
	clients_forget(f);
}

static bool shown(const char *s, size_t cap)
{
	size_t n = strnlen(s, cap);

	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] >= 0x7f)
			return false;
	return n < cap;
}

/* What came from elsewhere is not a bool before it was looked at. */
static bool yes_or_no(const bool *b)
{
	uint8_t v;

	memcpy(&v, b, sizeof(v));
	return v <= 1;
}

#define SHOWN(member) shown(row->member, sizeof(row->member))

bool clients_row_ok(const struct clients_row *row)
{
	return row->state < CLIENTS_STATES && row->value_len < sizeof(row->value) && yes_or_no(&row->url.tls) && yes_or_no(&row->url.more) && SHOWN(client) && SHOWN(file) && SHOWN(name) && SHOWN(url.host) &&
	       SHOWN(url.path) && SHOWN(at) && SHOWN(header) && SHOWN(format) && SHOWN(ref);
}
