/* request.c - see request.h. */
#include <stdarg.h>
#include <stdio.h>

#include "admin/request.h"
#include "base/err.h"

static const struct {
	const char *name;
	unsigned flags;
} row[R_COUNT] = {
#define X(sym, name, flags) [sym] = {name, flags},
#include "admin/request.tbl.h"
#undef X
};

/* Members of "args": type 's' text, 'o' object, 'a' array, 'b' true or false, 'u' number or null; upper case: must be there. */
static const struct {
	int kind;
	const char *name;
	char type;
} field[] = {
    {R_CA_ROTATE, "stage", 'S'},
    {R_SERVER_SHOW, "name", 'S'},
    {R_SERVER_ADD, "server", 'O'},
    {R_SERVER_REMOVE, "name", 'S'},
    {R_GRANT_LIST, "uid", 'u'},
    {R_GRANT_LIST, "server", 's'},
    {R_GRANT_SHOW, "id", 'S'},
    {R_GRANT_ADD, "grant", 'O'},
    {R_GRANT_REVOKE, "id", 'S'},
    {R_GRANT_REVIEW, "id", 'S'},
    {R_GRANT_REVIEW, "decision", 'S'},
    {R_POLICY_CHECK, "document", 'S'},
    {R_POLICY_APPLY, "document", 'S'},
    {R_POLICY_APPLY, "name", 'S'},
    {R_POLICY_SHOW, "name", 'S'},
    {R_POLICY_SHOW, "version", 'u'},
    {R_POLICY_HISTORY, "name", 'S'},
    {R_POLICY_EXPLAIN, "uid", 'U'},
    {R_POLICY_EXPLAIN, "login_uid", 'u'},
    {R_POLICY_EXPLAIN, "agent", 's'},
    {R_POLICY_EXPLAIN, "server", 'S'},
    {R_POLICY_EXPLAIN, "tool", 'S'},
    {R_POLICY_EXPLAIN, "arguments", 's'},
    {R_POLICY_ROLLBACK, "name", 'S'},
    {R_POLICY_ROLLBACK, "version", 'u'},
    {R_CATALOG_LIST, "server", 's'},
    {R_CATALOG_SHOW, "server", 'S'},
    {R_CATALOG_SHOW, "tool", 'S'},
    {R_CATALOG_OVERRIDE, "server", 'S'},
    {R_CATALOG_OVERRIDE, "tool", 'S'},
    {R_CATALOG_OVERRIDE, "class", 'S'},
    {R_CATALOG_APPROVE, "server", 'S'},
    {R_CATALOG_APPROVE, "tools", 'a'},
    {R_CATALOG_APPROVE, "hash", 's'},
    {R_CATALOG_FORGET, "server", 'S'},
    {R_CATALOG_FORGET, "tools", 'a'},
    {R_PROPOSAL_SHOW, "id", 'S'},
    {R_PROPOSAL_CONFIRM, "id", 'S'},
    {R_PROPOSAL_WITHDRAW, "id", 'S'},
    {R_APPROVE_YES, "id", 'S'},
    {R_APPROVE_NO, "id", 'S'},
    {R_VAULT_SET, "name", 'S'},
    {R_VAULT_SET, "type", 's'},
    {R_VAULT_SET, "hosts", 'a'},
    {R_VAULT_SET, "overlap", 'u'},
    {R_VAULT_REMOVE, "name", 'S'},
    {R_VAULT_REVERT, "name", 'S'},
    {R_PLACEHOLDER_ADD, "credential", 'S'},
    {R_PLACEHOLDER_ADD, "prefix", 's'},
    {R_PLACEHOLDER_ADD, "length", 'u'},
    {R_PLACEHOLDER_ADD, "for", 's'},
    {R_PLACEHOLDER_REMOVE, "id", 'S'},
    {R_BUNDLE_TRUST, "signer", 'S'},
    {R_BUNDLE_TRUST, "replace", 'b'},
    {R_BUNDLE_APPLY, "bundle", 'S'},
};
enum { FIELDS = sizeof(field) / sizeof(*field) };

const char *request_name(int kind)
{
	return kind >= 0 && kind < R_COUNT ? row[kind].name : "?";
}

unsigned request_flags(int kind)
{
	return kind >= 0 && kind < R_COUNT ? row[kind].flags : 0;
}

size_t request_limit(struct view in)
{
	for (int i = 0; i < R_COUNT; i++) {
		char head[64];
		int n = snprintf(head, sizeof(head), "{\"do\":\"%s\"", row[i].name);
		if ((row[i].flags & REQ_BIG) && view_starts(in, view_of(head, (size_t)n)))
			return REQUEST_BIG;
	}
	return REQUEST_LINE;
}

static void say(struct request *out, const char *error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(struct request *out, const char *error, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
	out->error = error;
	out->kind = -1;
}

static bool is_type(const json_t *v, char type)
{
	switch (type | 0x20) {
	case 's':
		return json_is_string(v);
	case 'o':
		return json_is_object(v);
	case 'a':
		return json_is_array(v);
	case 'b':
		return json_is_boolean(v);
	default:
		return json_is_integer(v) || json_is_null(v);
	}
}

/* Every change may say why it is made. */
static char field_type(int kind, const char *name)
{
	if ((row[kind].flags & REQ_CHANGE) && (strcmp(name, "reason") == 0 || strcmp(name, "ticket") == 0))
		return 's';
	for (size_t i = 0; i < FIELDS; i++)
		if (field[i].kind == kind && strcmp(field[i].name, name) == 0)
			return field[i].type;
	return 0;
}

static void check_args(struct request *out)
{
	const char *key;
	json_t *v;

	json_object_foreach(out->args, key, v) {
		char type = field_type(out->kind, key);
		if (!type) {
			say(out, "unknown-field", "%s takes no field \"%.64s\"", row[out->kind].name, key);
			return;
		}
		if (!is_type(v, type)) {
			say(out, "malformed", "the field \"%s\" of %s has the wrong type", key, row[out->kind].name);
			return;
		}
	}
	for (size_t i = 0; i < FIELDS; i++) {
		if (field[i].kind != out->kind || field[i].type > 'Z' || json_object_get(out->args, field[i].name))
			continue;
		say(out, "malformed", "%s needs the field \"%s\"", row[out->kind].name, field[i].name);
		return;
	}
}

static int kind_of(const char *name)
{
	for (int i = 0; name && i < R_COUNT; i++)
		if (strcmp(row[i].name, name) == 0)
			return i;
	return -1;
}

static void check_line_members(const json_t *line, struct request *out)
{
	const char *name = json_string_value(json_object_get(line, "do")), *key;
	json_t *v;

	out->kind = kind_of(name);
	if (out->kind < 0) {
		say(out, "unknown-request", "no such request: %.64s", name ? name : "(\"do\" is missing)");
		return;
	}
	/* The object is only read. */
	json_object_foreach((json_t *)(uintptr_t)line, key, v) {
		if (strcmp(key, "do") == 0 || (strcmp(key, "args") == 0 && json_is_object(v)) ||
		    (strcmp(key, "secret_bytes") == 0 && (row[out->kind].flags & REQ_SECRET)))
			continue;
		say(out, "unknown-field", "a request has no \"%.64s\", or not of this type", key);
		return;
	}
	json_t *args = json_object_get(line, "args");
	out->args = args ? json_incref(args) : json_object();
	check_args(out);
}

/* How many raw bytes follow the line, or -1. */
static long secret_bytes(const json_t *line)
{
	const json_t *v = json_object_get(line, "secret_bytes");
	json_int_t n = json_integer_value(v);

	if (!v)
		return 0;
	return json_is_integer(v) && n >= 1 && n <= REQUEST_SECRET ? (long)n : -1;
}

static long fatal(struct request *out, int err, const char *error, const char *text)
{
	say(out, error, "%s", text);
	return err;
}

long request_take(struct view in, struct request *out)
{
	size_t limit = request_limit(in);
	struct view head = view_head(in, limit + 1);
	const uint8_t *end = head.n ? memchr(head.p, '\n', head.n) : NULL;
	json_error_t err;

	*out = (struct request){.kind = -1};
	if (!end && in.n > limit)
		return fatal(out, -ERR_TOO_LONG, "too-long", "the request line is too long");
	if (!end)
		return 0;
	size_t used = (size_t)(end - in.p) + 1;
	json_t *line = json_loadb((const char *)in.p, used - 1, JSON_REJECT_DUPLICATES, &err);
	long extra = json_is_object(line) ? secret_bytes(line) : -1;
	long r = 0;
	if (extra < 0) {
		/* What follows may be a secret of unknown length: nothing after this can be read as a request. */
		r = fatal(out, -ERR_MALFORMED, "malformed", line ? "the request is no object, or secret_bytes is not a number from 1 to 16384"
		                                              : "the request is not one line of JSON");
	} else if (in.n - used >= (size_t)extra) {
		check_line_members(line, out);
		out->secret = view_of(in.p + used, (size_t)extra);
		if (out->kind >= 0 && (row[out->kind].flags & REQ_SECRET) && !extra)
			say(out, "malformed", "%s needs the secret's bytes after its line", row[out->kind].name);
		r = (long)used + extra;
	}
	json_decref(line);
	if (r <= 0 && !out->error)
		request_clear(out);
	return r;
}

void request_clear(struct request *r)
{
	json_decref(r->args);
	*r = (struct request){.kind = -1};
}
