/* parcel.c - see parcel.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/check.h"
#include "admin/parcel.h"
#include "audit/names.h"
#include "base/err.h"

static const char head[] = "callgate-bundle/v1\n";

static int no(int err, char why[PARCEL_WHY], const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int no(int err, char why[PARCEL_WHY], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, PARCEL_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static int sum_hex(struct view v, char out[CHAIN_HEX])
{
	struct chain_sum *s = chain_sum_new();
	uint8_t sum[CHAIN_LEN];
	int r = s ? chain_sum_add(s, v) : -ENOMEM;

	out[0] = '\0';
	if (!r)
		r = chain_sum_end(s, sum);
	chain_sum_free(&s);
	if (!r)
		chain_hex(sum, CHAIN_LEN, out);
	return r;
}

bool parcel_signer(const char *name)
{
	char host[NAMES_HOST];

	if (strncmp(name, PARCEL_SIGNER, strlen(PARCEL_SIGNER)) != 0)
		return false;
	names_host(name + strlen(PARCEL_SIGNER), host);
	return strcmp(host, name + strlen(PARCEL_SIGNER)) == 0;
}

bool parcel_kind(const char *s)
{
	static const char *const kind[] = {"servers", "grants", "policies", "credentials"};

	for (size_t i = 0; s && i < sizeof(kind) / sizeof(*kind); i++)
		if (strcmp(kind[i], s) == 0)
			return true;
	return false;
}

void parcel_what(uint64_t version, const char *host, const char *name, char out[BOX_WHAT])
{
	snprintf(out, BOX_WHAT, "bundle %llu %.63s %.63s", (unsigned long long)version, host, name);
}

/* ---- the signature ---- */

/* The manifest's line and what follows the signature. */
static int signed_parts(struct view file, const char *vkey, struct view *line, struct view *boxes, char why[PARCEL_WHY])
{
	char name[NOTE_NAME], text[2 * SIGN_LEN + 1];
	uint8_t key[SIGN_PUBLIC];
	struct view signature;
	struct buf end = {0};

	if (note_key(view_str(vkey), name, key) || !parcel_signer(name))
		return no(-ERR_DENIED, why, "no key of a signer was given to this workstation; see: callgate fleet trust");
	if (!view_starts(file, view_of(head, sizeof(head) - 1)))
		return no(-ERR_DENIED, why, "it is no bundle of this format");
	if (!note_signature(file, name, key, &signature) || signature.n >= sizeof(text))
		return no(-ERR_DENIED, why, "it is not signed with the key of %s that was given to this workstation, or it was changed", name);
	const uint8_t *gap = memmem(file.p, file.n, "\n\n", 2);
	struct view body = view_head(file, (size_t)(gap - file.p) + 1), rest = view_skip(file, body.n);
	snprintf(text, sizeof(text), VIEW_FMT, VIEW_ARG(signature));
	int r = note_signed_by(name, text, &end);
	/* Directly behind the text, and alone: no byte may be added that the signature says nothing about. */
	if (!r && !view_starts(rest, buf_view(&end)))
		r = no(-ERR_DENIED, why, "something stands between its text and its signature");
	*boxes = view_skip(rest, end.len);
	buf_free(&end);
	*line = view_skip(body, sizeof(head) - 1);
	line->n--;
	return r;
}

/* ---- the manifest ---- */

static const struct {
	const char *name;
	json_type type;
} member[] = {{"credentials", JSON_ARRAY}, {"grants", JSON_ARRAY}, {"host", JSON_STRING}, {"local", JSON_ARRAY}, {"made", JSON_STRING},
    {"policies", JSON_OBJECT}, {"servers", JSON_ARRAY}, {"vault", JSON_STRING}, {"version", JSON_INTEGER}};
enum { MEMBERS = sizeof(member) / sizeof(*member) };

static bool hex_key(const char *s)
{
	return strlen(s) == 2 * BOX_KEY && strspn(s, "0123456789abcdef") == 2 * BOX_KEY;
}

static int members_ok(const json_t *o, char why[PARCEL_WHY])
{
	const json_t *v;
	size_t i;

	for (i = 0; i < MEMBERS; i++)
		if (!(v = json_object_get(o, member[i].name)) || json_typeof(v) != member[i].type)
			return no(-ERR_MALFORMED, why, "/%s: is missing or of the wrong type", member[i].name);
	if (json_object_size(o) != MEMBERS)
		return no(-ERR_MALFORMED, why, "it has a member that this version of Callgate does not know");
	if (json_integer_value(json_object_get(o, "version")) < 1)
		return no(-ERR_MALFORMED, why, "/version: must be 1 or more");
	if (json_array_size(json_object_get(o, "servers")) > PARCEL_ITEMS || json_array_size(json_object_get(o, "grants")) > PARCEL_ITEMS ||
	    json_object_size(json_object_get(o, "policies")) > PARCEL_ITEMS || json_array_size(json_object_get(o, "credentials")) > PARCEL_CREDENTIALS)
		return no(-ERR_MALFORMED, why, "it has more than %d servers, grants or policies, or than %d credentials", PARCEL_ITEMS, PARCEL_CREDENTIALS);
	json_array_foreach(json_object_get(o, "local"), i, v)
		if (!parcel_kind(json_string_value(v)))
			return no(-ERR_MALFORMED, why, "/local/%zu: must be servers, grants, policies or credentials", i);
	const char *vault = json_string_value(json_object_get(o, "vault"));
	if (*vault ? !hex_key(vault) : json_array_size(json_object_get(o, "credentials")) > 0)
		return no(-ERR_MALFORMED, why, "/vault: must be the public key of the workstation's vault");
	return 0;
}

/* One text for one meaning: what is signed is what any reader reads. */
static int manifest_of(struct view line, json_t **out, char why[PARCEL_WHY])
{
	json_error_t err;
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &err);
	char *again = json_is_object(o) ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	bool same = again && view_is(line, again);
	int r;

	*out = o;
	free(again);
	if (!o)
		return no(-ERR_MALFORMED, why, "its manifest is not JSON: line %d, column %d", err.line, err.column);
	if (!same)
		return no(-ERR_MALFORMED, why, "its manifest is not written in the one way that counts: one object, sorted, without spaces");
	r = members_ok(o, why);
	return r;
}

static int credential_ok(const json_t *list, size_t i, char why[PARCEL_WHY])
{
	const json_t *c = json_array_get(list, i);
	const char *name = json_string_value(json_object_get(c, "name"));

	if (!json_is_object(c) || json_object_size(c) != 4 || !check_name(name) || strlen(name) > PARCEL_NAME_MAX ||
	    !json_is_string(json_object_get(c, "type")) || !json_is_string(json_object_get(c, "sha256")) || !json_is_integer(json_object_get(c, "bytes")))
		return no(-ERR_MALFORMED, why, "/credentials/%zu: must have name (at most %d of a-z 0-9 . _ -), type, bytes and sha256", i, PARCEL_NAME_MAX);
	for (size_t k = 0; k < i; k++)
		if (json_equal(json_object_get(json_array_get(list, k), "name"), json_object_get(c, "name")))
			return no(-ERR_MALFORMED, why, "/credentials/%zu: %s is there twice", i, name);
	return 0;
}

static int take_boxes(struct parcel *p, struct view rest, char why[PARCEL_WHY])
{
	const json_t *list = json_object_get(p->manifest, "credentials");
	char hex[CHAIN_HEX];

	for (p->n = 0; p->n < json_array_size(list); p->n++) {
		const json_t *c = json_array_get(list, p->n);
		int r = credential_ok(list, p->n, why);
		if (r)
			return r;
		json_int_t bytes = json_integer_value(json_object_get(c, "bytes"));
		if (bytes < 1 || (uint64_t)bytes > rest.n)
			return no(-ERR_DENIED, why, "it ends before its credentials do");
		p->box[p->n] = view_head(rest, (size_t)bytes);
		rest = view_skip(rest, (size_t)bytes);
		if ((r = sum_hex(p->box[p->n], hex)))
			return no(r, why, "%s", err_text(r));
		if (strcmp(hex, json_string_value(json_object_get(c, "sha256"))) != 0)
			return no(-ERR_DENIED, why, "credential %s was changed after it was signed", json_string_value(json_object_get(c, "name")));
	}
	return rest.n ? no(-ERR_DENIED, why, "it does not end where its credentials do") : 0;
}

int parcel_open(struct view file, const char *vkey, struct parcel *p, char why[PARCEL_WHY])
{
	struct view line, boxes;

	*p = (struct parcel){0};
	why[0] = '\0';
	if (file.n > PARCEL_MAX)
		return no(-ERR_DENIED, why, "it is larger than %d MiB", PARCEL_MAX >> 20);
	int r = sum_hex(file, p->sha256);
	if (r)
		return no(r, why, "%s", err_text(r));
	r = signed_parts(file, vkey, &line, &boxes, why);
	if (!r)
		r = manifest_of(line, &p->manifest, why);
	if (r)
		return r;
	p->version = (uint64_t)json_integer_value(json_object_get(p->manifest, "version"));
	p->host = json_string_value(json_object_get(p->manifest, "host"));
	p->vault = json_string_value(json_object_get(p->manifest, "vault"));
	p->made = json_string_value(json_object_get(p->manifest, "made"));
	return take_boxes(p, boxes, why);
}

void parcel_free(struct parcel *p)
{
	json_decref(p->manifest);
	*p = (struct parcel){0};
}

int parcel_fits(const struct parcel *p, const char *host, uint64_t version, char why[PARCEL_WHY])
{
	if (strcmp(p->host, host) != 0)
		return no(-ERR_DENIED, why, "it was made for %.64s, and this is %.64s", p->host, host);
	if (p->version <= version)
		return no(-ERR_DENIED, why, "bundle %llu is in force: %s bundle %llu is not taken", (unsigned long long)version,
		    p->version == version ? "another" : "the older", (unsigned long long)p->version);
	return 0;
}

/* ---- making one ---- */

int parcel_make(json_t *manifest, const struct buf *box, size_t n, const char *name, const uint8_t seed[SIGN_SEED], struct buf *out)
{
	json_t *list = json_object_get(manifest, "credentials");
	size_t from = out->len;
	char hex[CHAIN_HEX], why[PARCEL_WHY];
	int r = json_array_size(list) == n && parcel_signer(name) ? 0 : -ERR_MALFORMED;

	for (size_t i = 0; !r && i < n; i++) {
		json_t *c = json_array_get(list, i);
		r = sum_hex(buf_view(&box[i]), hex);
		json_object_set_new(c, "bytes", json_integer((json_int_t)box[i].len));
		json_object_set_new(c, "sha256", json_string(hex));
		if (!r)
			r = credential_ok(list, i, why);
	}
	if (!r)
		r = members_ok(manifest, why);
	char *text = r ? NULL : json_dumps(manifest, JSON_COMPACT | JSON_SORT_KEYS);
	if (!r)
		r = text ? buf_printf(out, "%s", head) : -ENOMEM;
	if (!r)
		r = buf_puts(out, text);
	if (!r)
		r = buf_puts(out, "\n");
	if (!r)
		r = note_sign(name, seed, from, out);
	for (size_t i = 0; !r && i < n; i++)
		r = buf_put(out, buf_view(&box[i]));
	free(text);
	return !r && out->len - from > PARCEL_MAX ? -ERR_TOO_LONG : r;
}
