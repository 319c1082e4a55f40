/* export.c - see export.h: the table, and what the formats share. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/export_internal.h"
#include "base/mtime.h"

static const struct export_row rows[] = {
#define X(field, ocsf, ecs, otel, cef) {field, ocsf, ecs, otel, cef},
#include "audit/export.tbl.h"
#undef X
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static int put_jsonl(const json_t *rec, struct buf *out)
{
	int r = export_json(rec, out);
	return r ? r : buf_puts(out, "\n");
}

static const struct {
	const char *name;
	int (*record)(const json_t *rec, struct buf *out);
	int (*head)(struct buf *out);
} formats[EXPORT_FORMATS] = {
    [EXPORT_JSONL] = {"jsonl", put_jsonl, NULL},
    [EXPORT_CSV] = {"csv", export_csv, export_csv_head},
    [EXPORT_OCSF] = {"ocsf", export_ocsf, NULL},
    [EXPORT_ECS] = {"ecs", export_ecs, NULL},
    [EXPORT_CEF] = {"cef", export_cef, NULL},
    [EXPORT_OTEL] = {"otel", export_otel, NULL},
};

int export_find(const char *name)
{
	for (int i = 0; i < EXPORT_FORMATS; i++)
		if (strcmp(formats[i].name, name) == 0)
			return i;
	return -1;
}

const char *export_name(enum export_format f)
{
	return formats[f].name;
}

int export_head(enum export_format f, struct buf *out)
{
	return formats[f].head ? formats[f].head(out) : 0;
}

int export_record(enum export_format f, const json_t *rec, struct buf *out)
{
	return formats[f].record(rec, out);
}

const struct export_row *export_rows(size_t *n)
{
	*n = ROWS;
	return rows;
}

const struct export_row *export_row(const char *field)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].field, field) == 0)
			return &rows[i];
	return NULL;
}

const char *export_text(const json_t *rec, const char *key)
{
	const char *s = json_string_value(json_object_get(rec, key));
	return s ? s : "";
}

/* The object or array element named ${key} of ${at}, made when it is missing; NULL when something else stands there. */
static json_t *below(json_t *at, const char *key, bool array)
{
	json_t *next = json_object_get(at, key);

	if (!next) {
		next = array ? json_pack("[{}]") : json_object();
		if (json_object_set_new(at, key, next))
			return NULL;
	}
	if (array)
		next = json_array_get(next, 0);
	return json_is_object(next) ? next : NULL;
}

static bool is_address(const json_t *v)
{
	uint8_t bytes[16];
	const char *s = json_string_value(v);

	return s && strlen(s) == json_string_length(v) && (inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1);
}

const char *export_place(const char *path, const json_t *v)
{
	if (!path)
		return NULL;
	switch (*path) {
	case '$':
		return json_is_string(v) || json_is_integer(v) ? path + 1 : NULL;
	case '#':
		return json_is_integer(v) ? path + 1 : NULL;
	case '%':
		return is_address(v) ? path + 1 : NULL;
	default:
		return json_is_string(v) ? path : NULL;
	}
}

json_t *export_value(const char *path, const json_t *v)
{
	char number[32];

	if (*path != '$' || !json_is_integer(v))
		return json_deep_copy(v);
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return json_string(number);
}

bool export_set(json_t *root, const char *path, const json_t *value)
{
	char key[64];

	for (;;) {
		size_t n = strcspn(path, ".");
		bool array = n > 2 && path[n - 1] == ']';
		if (!root || n >= sizeof(key))
			return false;
		snprintf(key, sizeof(key), "%.*s", (int)(array ? n - 2 : n), path);
		if (!path[n])
			break;
		root = below(root, key, array);
		path += n + 1;
	}
	return !json_object_get(root, key) && json_object_set_new(root, key, json_deep_copy(value)) == 0;
}

bool export_put(json_t *root, const char *path, const json_t *value)
{
	const char *place = export_place(path, value);
	json_t *v = place ? export_value(path, value) : NULL;
	bool good = v && export_set(root, place, v);

	json_decref(v);
	return good;
}

/* jansson leaves DEL as it is: it can only stand inside text. */
int export_json(const json_t *value, struct buf *out)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	int r = text ? 0 : -ENOMEM;

	for (const char *p = text; !r && *p;) {
		size_t n = strcspn(p, "\x7f");
		r = buf_put(out, view_of(p, n));
		p += n;
		if (!r && *p) {
			r = buf_puts(out, "\\u007f");
			p++;
		}
	}
	free(text);
	return r;
}

int64_t export_ns(const json_t *rec)
{
	struct wall t;
	return wall_parse(export_text(rec, "ts"), &t) ? 0 : t.ns;
}

static bool one_of(const char *s, const char *const words[])
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

int export_severity(const json_t *rec)
{
	const char *kind = export_text(rec, "kind"), *verdict = export_text(rec, "verdict");

	if (one_of(kind, (const char *const[]){"alert", "io_error", "audit_pause", "loss", NULL}))
		return 4;
	if (strcmp(kind, "abandoned") == 0)
		return 3;
	if (one_of(verdict, (const char *const[]){"deny", "refuse", NULL}) || strcmp(kind, "refused") == 0)
		return 2;
	return strcmp(export_outcome(rec), "failure") == 0 ? 2 : 1;
}

const char *export_outcome(const json_t *rec)
{
	const char *status = export_text(rec, "status"), *verdict = export_text(rec, "verdict"), *kind = export_text(rec, "kind");

	if (*status)
		return strcmp(status, "ok") == 0 ? "success" : "failure";
	if (one_of(verdict, (const char *const[]){"deny", "refuse", NULL}) || one_of(kind, (const char *const[]){"refused", "io_error", "audit_pause", NULL}))
		return "failure";
	return one_of(verdict, (const char *const[]){"allow", "relay", NULL}) ? "success" : "unknown";
}
