/* check.c - see check.h.  Names, hosts, and whole servers. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "admin/check.h"
#include "base/err.h"

static bool in_set(const char *s, size_t n, const char *set)
{
	return strspn(s, set) >= n;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"

bool check_name(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	return n >= 1 && n <= CHECK_NAME_MAX && in_set(s, 1, LOWER DIGIT) && in_set(s, n, LOWER DIGIT "._-");
}

/* The one spelling that inet_ntop writes, so that two spellings cannot be two servers. */
static bool literal(const char *s)
{
	unsigned char addr[16];
	char text[INET6_ADDRSTRLEN];
	int family = strchr(s, ':') ? AF_INET6 : AF_INET;

	return strncmp(s, "::ffff:", 7) != 0 && inet_pton(family, s, addr) == 1 && inet_ntop(family, addr, text, sizeof(text)) &&
	       strcmp(s, text) == 0;
}

bool check_host(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > 253)
		return false;
	if (literal(s))
		return true;
	for (const char *label = s;;) {
		size_t len = strcspn(label, ".");
		if (len == 0 || len > 63 || !in_set(label, len, LOWER DIGIT "-_") || label[0] == '-' || label[len - 1] == '-')
			return false;
		/* A last label of digits alone would be read as an address by some. */
		if (!label[len])
			return !in_set(label, len, DIGIT);
		label += len + 1;
	}
}

bool check_line(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (n == 0 || n > CHECK_TEXT_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return true;
}

/* A prefix of paths: compared byte for byte, so nothing that has a second spelling. */
static bool check_path(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > 255 || s[0] != '/' || strstr(s, "//") || strstr(s, "/./") || strstr(s, "/../"))
		return false;
	if ((n >= 2 && strcmp(s + n - 2, "/.") == 0) || (n >= 3 && strcmp(s + n - 3, "/..") == 0))
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= 0x20 || s[i] >= 0x7f || strchr("?#%\\\"", s[i]))
			return false;
	return true;
}

static void *fail(char why[CHECK_WHY], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void *fail(char why[CHECK_WHY], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, CHECK_WHY, fmt, ap);
	va_end(ap);
	return NULL;
}

static bool known_only(const json_t *o, const char *const *keys, const char *where, char why[CHECK_WHY])
{
	const char *key;
	json_t *v;

	/* The object is only read. */
	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		const char *const *k = keys;
		while (*k && strcmp(*k, key) != 0)
			k++;
		if (!*k)
			return fail(why, "%s/%.64s: unknown field", where, key);
	}
	return true;
}

static json_t *check_match(const json_t *m, size_t i, char why[CHECK_WHY])
{
	static const char *const keys[] = {"host", "port", "path", NULL};
	char where[32];
	const json_t *host = json_object_get(m, "host"), *port = json_object_get(m, "port"), *path = json_object_get(m, "path");
	const char *p = json_string_value(path);

	snprintf(where, sizeof(where), "/match/%zu", i);
	if (!json_is_object(m))
		return fail(why, "%s: must be an object", where);
	if (!known_only(m, keys, where, why))
		return NULL;
	if (!check_host(json_string_value(host)))
		return fail(why, "%s/host: must be a host name in lower case or an address, without port and final dot", where);
	json_int_t n = port ? json_integer_value(port) : 443;
	if (n < 1 || n > 65535)
		return fail(why, "%s/port: must be a number from 1 to 65535", where);
	if (path && (!p || !check_path(p)))
		return fail(why, "%s/path: must begin with '/', without '%%', '?', '#' and dot segments", where);
	return json_pack("{s:s s:I s:s*}", "host", json_string_value(host), "port", n, "path", p);
}

static bool same_place(const json_t *a, const json_t *b)
{
	const char *pa = json_string_value(json_object_get(a, "path")), *pb = json_string_value(json_object_get(b, "path"));

	return strcmp(json_string_value(json_object_get(a, "host")), json_string_value(json_object_get(b, "host"))) == 0 &&
	       json_integer_value(json_object_get(a, "port")) == json_integer_value(json_object_get(b, "port")) &&
	       strcmp(pa ? pa : "", pb ? pb : "") == 0;
}

static const char *taken_by(const struct roster *r, const json_t *match)
{
	const char *name;
	json_t *server, *other;
	size_t i;

	json_object_foreach(r->servers, name, server)
		json_array_foreach(json_object_get(server, "match"), i, other)
			if (same_place(match, other))
				return name;
	return NULL;
}

static json_t *check_matches(const json_t *list, const struct roster *r, char why[CHECK_WHY])
{
	size_t n = json_array_size(list);
	json_t *out = json_array();

	if (n < 1 || n > CHECK_MATCHES) {
		fail(why, "/match: must be a list of 1 to %d places", CHECK_MATCHES);
		goto bad;
	}
	for (size_t i = 0; i < n; i++) {
		json_t *m = check_match(json_array_get(list, i), i, why);
		if (!m)
			goto bad;
		const char *name = taken_by(r, m);
		for (size_t j = 0; !name && j < i; j++)
			name = same_place(m, json_array_get(out, j)) ? "this one" : NULL;
		json_array_append_new(out, m);
		if (name) {
			fail(why, "/match/%zu: server %s answers at the same place already", i, name);
			goto bad;
		}
	}
	return out;
bad:
	json_decref(out);
	return NULL;
}

/* Headers that the gate writes itself, or that would change how a message is read. */
static bool header_ok(const char *s)
{
	static const char *const never[] = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer",
	    "upgrade", "keep-alive", "proxy-connection", "proxy-authorization", "content-type", "accept", "expect",
	    "accept-encoding", "mcp-session-id", "mcp-method", "mcp-name", "mcp-protocol-version"};
	size_t n = strlen(s);

	if (n == 0 || n > 64 || !in_set(s, n, LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGIT "-_"))
		return false;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (view_ieq(view_str(s), view_str(never[i])))
			return false;
	return true;
}

static bool format_ok(const char *s)
{
	const char *at = strstr(s, "{secret}");

	if (!check_line(s) || !at || strstr(at + 1, "{secret}"))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s > 0x7e)
			return false;
	return true;
}

static json_t *check_inject(const json_t *inject, char why[CHECK_WHY])
{
	static const char *const keys[] = {"header", "format", NULL};
	const json_t *h = json_object_get(inject, "header"), *f = json_object_get(inject, "format");
	const char *header = h ? json_string_value(h) : "Authorization";
	const char *format = f ? json_string_value(f) : h ? "{secret}" : "Bearer {secret}";

	if (inject && !json_is_object(inject))
		return fail(why, "/inject: must be an object");
	if (inject && !known_only(inject, keys, "/inject", why))
		return NULL;
	if (!header || !header_ok(header))
		return fail(why, "/inject/header: must be the name of a header that carries a credential");
	if (!format || !format_ok(format))
		return fail(why, "/inject/format: must hold {secret} exactly once, in printable ASCII");
	if (h && !f && view_ieq(view_str(header), VIEW_LIT("authorization")))
		format = "Bearer {secret}";
	return json_pack("{s:s s:s}", "header", header, "format", format);
}

/* A member that may be absent and otherwise must pass ${ok}; *out borrows. */
static bool optional(const json_t *args, const char *key, bool (*ok)(const char *), const char **out, const char *must,
    char why[CHECK_WHY])
{
	const json_t *v = json_object_get(args, key);

	*out = json_string_value(v);
	if (v && (!*out || !ok(*out)))
		return fail(why, "/%s: %s", key, must);
	return true;
}

static bool is_mode(const char *s)
{
	return strcmp(s, "enforce") == 0 || strcmp(s, "observe") == 0;
}

json_t *check_server(const json_t *args, const struct roster *r, char why[CHECK_WHY])
{
	static const char *const keys[] = {"name", "match", "credential", "inject", "mode", "owner", NULL};
	const char *name = json_string_value(json_object_get(args, "name")), *credential, *mode, *owner;
	json_t *inject = json_object_get(args, "inject");

	if (!known_only(args, keys, "", why))
		return NULL;
	if (!check_name(name))
		return fail(why, "/name: must be 1 to %d of a-z 0-9 . _ -, beginning with a letter or digit", CHECK_NAME_MAX);
	if (json_object_get(r->servers, name))
		return fail(why, "server %s exists already; remove it first to change it", name);
	if (!optional(args, "credential", check_name, &credential, "must be the name of a credential", why) ||
	    !optional(args, "mode", is_mode, &mode, "must be \"enforce\" or \"observe\"", why) ||
	    !optional(args, "owner", check_line, &owner, "must be one line of text", why))
		return NULL;
	/* A grant may bring a credential of its own, so the place for one is described even if the server has none. */
	json_t *place = check_inject(inject, why);
	json_t *match = place ? check_matches(json_object_get(args, "match"), r, why) : NULL;
	if (!match) {
		json_decref(place);
		return NULL;
	}
	return json_pack("{s:s s:o s:s* s:o s:s* s:s*}", "name", name, "match", match, "credential", credential, "inject",
	    place, "mode", mode, "owner", owner);
}

int check_server_gone(const char *name, const struct roster *r, char why[CHECK_WHY])
{
	struct grant_ref g = {0};

	if (!json_object_get(r->servers, name)) {
		fail(why, "no server is named %.64s", name);
		return -ERR_NOT_FOUND;
	}
	while (grants_next(&r->grants, &g)) {
		if (strcmp(grant_ref_text(&g, GT_SERVER), name) != 0)
			continue;
		fail(why, "grant %s is for server %s: revoke its grants first (callgate grant list)", grant_ref_text(&g, GT_ID), name);
		return -ERR_EXISTS;
	}
	return 0;
}
