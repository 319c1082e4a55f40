/* credential.c - see credential.h. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admin/credential.h"

enum { WHY = 160, FIELDS = 7, FIELD_MAX = 4096, NUMBER_MAX = 19 };

static const struct kind {
	const char *type;
	const char *field[FIELDS]; /* with '?' in front: may be left out */
} kinds[] = {
    {"oauth-client", {"token_url", "client_id", "client_secret", "?scope", "?audience", "?resource"}},
    {"oauth-refresh", {"token_url", "client_id", "refresh_token", "?client_secret", "?scope", "?resource"}},
    {"github-app", {"app_id", "installation_id", "private_key", "?api_url"}},
};

static bool https(const char *url)
{
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#' || *p == '@')
			return false;
	return strncmp(url, "https://", 8) == 0 && strcspn(url + 8, "/?") > 0;
}

static const char *wrong_value(const char *name, const char *v)
{
	size_t n = strlen(name);

	if (n > 4 && strcmp(name + n - 4, "_url") == 0 && !https(v))
		return "must begin with https:// and have neither a user nor a #";
	if ((strcmp(name, "app_id") == 0 || strcmp(name, "installation_id") == 0) && (strspn(v, "0123456789") != strlen(v) || strlen(v) > NUMBER_MAX))
		return "must be a number, as a text";
	return NULL;
}

static bool fields_ok(const struct kind *k, const json_t *o, char why[WHY])
{
	size_t known = 0;

	for (size_t i = 0; i < FIELDS && k->field[i]; i++) {
		bool optional = k->field[i][0] == '?';
		const char *name = k->field[i] + optional, *bad = NULL;
		const json_t *v = json_object_get(o, name);
		known += v != NULL;
		if (!v && optional)
			continue;
		if (!json_is_string(v) || json_string_length(v) == 0 || json_string_length(v) > FIELD_MAX)
			bad = v ? "must be a text of 1 to 4096 bytes" : "is missing";
		else
			bad = wrong_value(name, json_string_value(v));
		if (bad) {
			snprintf(why, WHY, "the secret of type %s: /%s: %s", k->type, name, bad);
			return false;
		}
	}
	if (known != json_object_size(o))
		snprintf(why, WHY, "the secret of type %s: it has a field that this type does not know; see the manual, \"vault\"", k->type);
	return known == json_object_size(o);
}

bool credential_ok(const char *type, struct view secret, char why[160])
{
	const struct kind *k = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (type && strcmp(kinds[i].type, type) == 0)
			k = &kinds[i];
	if (!k)
		return true; /* not made of fields; the vault knows which types there are */
	json_error_t err;
	json_t *o = json_loadb((const char *)secret.p, secret.n, JSON_REJECT_DUPLICATES, &err);
	bool ok = json_is_object(o);
	if (ok)
		ok = fields_ok(k, o, why);
	else
		snprintf(why, WHY, "the secret of type %s is a JSON object; this is none, at line %d, column %d", k->type, err.line, err.column);
	json_decref(o);
	return ok;
}
