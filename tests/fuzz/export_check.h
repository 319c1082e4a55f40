/*
 * export_check.h - what must hold of a line and of every export of it.  For export_fuzz.c and audit_export_test.c.
 * The readers here know the formats from their own descriptions, not from the code that writes them.
 */
#ifndef FUZZ_EXPORT_CHECK_H
#define FUZZ_EXPORT_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"
#include "audit/export.h"
#include "audit/line.h"
#include "audit/show.h"

static const char *check_what = "";

#define MUST(x)                                                                                                          \
	do {                                                                                                             \
		if (!(x)) {                                                                                              \
			fprintf(stderr, "export_check: %s: %s fails\n", check_what, #x);                                 \
			abort();                                                                                         \
		}                                                                                                        \
	} while (0)

/* One line, and nothing in it that a terminal obeys: controls of both kinds, DEL, what turns the reading direction (when ${strict}). */
static void check_harmless(struct view v, bool newline, bool strict)
{
	if (newline) {
		MUST(v.n && v.p[v.n - 1] == '\n');
		v.n--;
	}
	for (size_t i = 0; i < v.n; i++) {
		MUST(v.p[i] >= 0x20 && v.p[i] != 0x7f);
		if (strict && v.p[i] == 0xc2 && i + 1 < v.n)
			MUST(v.p[i + 1] >= 0xa0);
		if (strict && v.p[i] == 0xe2 && i + 2 < v.n && v.p[i + 1] == 0x80)
			MUST(v.p[i + 2] < 0x8b || (v.p[i + 2] > 0x8f && v.p[i + 2] < 0xa8) || v.p[i + 2] > 0xae);
	}
}

static json_t *check_as_text(const json_t *v, bool as_text)
{
	char number[32];

	if (!as_text || !json_is_integer(v))
		return json_incref((json_t *)(uintptr_t)v);
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return json_string(number);
}

static const json_t *check_reach(const json_t *at, const char *path)
{
	char part[64];

	if (strcmp(path, "@timestamp") == 0)
		return json_object_get(at, path);
	for (;;) {
		size_t n = strcspn(path, ".");
		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		bool array = n > 2 && part[n - 1] == ']';
		if (array)
			part[n - 2] = '\0';
		at = json_object_get(at, part);
		if (array)
			at = json_array_get(at, 0);
		if (!path[n])
			return at;
		path += n + 1;
	}
}

static const struct export_row *check_row(const char *field)
{
	size_t n;
	const struct export_row *rows = export_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].field, field) == 0)
			return &rows[i];
	return NULL;
}

/* Every member of ${rec} is at its place of ${path}, or below "unmapped". */
static void check_object(const json_t *rec, struct view line, bool ecs)
{
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL), *v;
	const char *key;

	MUST(o);
	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = check_row(key);
		const char *path = row ? (ecs ? row->ecs : row->ocsf) : NULL;
		const json_t *rest = json_object_get(json_object_get(o, "unmapped"), key);
		if (rest) {
			MUST(json_equal(rest, v));
			continue;
		}
		MUST(path);
		json_t *want = check_as_text(v, *path == '$');
		MUST(json_equal(check_reach(o, path + (strchr("$#%", *path) != NULL)), want));
		json_decref(want);
	}
	json_decref(o);
}

static json_t *check_any(const json_t *v)
{
	const json_t *x;
	json_t *out, *item;
	size_t i;

	if ((x = json_object_get(v, "stringValue")) || (x = json_object_get(v, "boolValue")) || (x = json_object_get(v, "doubleValue")))
		return json_incref((json_t *)(uintptr_t)x);
	if ((x = json_object_get(v, "intValue")))
		return json_integer(strtoll(json_string_value(x), NULL, 10));
	if ((x = json_object_get(v, "arrayValue"))) {
		out = json_array();
		json_array_foreach(json_object_get(x, "values"), i, item)
			json_array_append_new(out, check_any(item));
		return out;
	}
	if (!(x = json_object_get(v, "kvlistValue")))
		return json_null();
	out = json_object();
	json_array_foreach(json_object_get(x, "values"), i, item)
		json_object_set_new(out, json_string_value(json_object_get(item, "key")), check_any(json_object_get(item, "value")));
	return out;
}

static void check_otel(const json_t *rec, struct view line)
{
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL), *v, *a;
	const json_t *resource, *record;
	const char *key;
	char own[96];
	size_t i;

	MUST(o);
	const json_t *first = json_array_get(json_object_get(o, "resourceLogs"), 0);
	resource = json_object_get(json_object_get(first, "resource"), "attributes");
	record = json_array_get(json_object_get(json_array_get(json_object_get(first, "scopeLogs"), 0), "logRecords"), 0);
	MUST(json_is_array(resource) && json_is_object(record));
	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = check_row(key);
		bool found = false, as_text = row && row->otel && *row->otel == '$';
		snprintf(own, sizeof(own), "callgate.%.80s", key);
		const char *name = row && row->otel ? row->otel + (strchr("$#%", *row->otel) != NULL) : own;
		json_t *want = check_as_text(v, as_text);
		json_array_foreach(strcmp(name, "host.name") == 0 && json_is_string(v) ? resource : json_object_get(record, "attributes"), i, a) {
			const char *at = json_string_value(json_object_get(a, "key"));
			if (strcmp(at, name) != 0 && strcmp(at, own) != 0)
				continue;
			json_t *got = check_any(json_object_get(a, "value"));
			found = found || json_equal(got, want);
			json_decref(got);
		}
		MUST(found);
		json_decref(want);
	}
	json_decref(o);
}

/* Seven header fields, then KEY=VALUE: a value goes up to the last space before the next unescaped '='. */
static json_t *check_cef_parse(struct view v)
{
	json_t *o = json_object();
	char *value = malloc(v.n + 1);
	size_t i = 0, bars = 0;

	MUST(view_starts(v, VIEW_LIT("CEF:0|Callgate|callgate|1|")));
	for (; i < v.n && bars < 7; i++) {
		if (v.p[i] == '\\')
			i++;
		else if (v.p[i] == '|')
			bars++;
	}
	MUST(bars == 7);
	while (i < v.n && v.p[i] != '\n') {
		size_t k = i, end, n = 0;
		while (i < v.n && v.p[i] != '=')
			i++;
		MUST(i < v.n);
		char key[64];
		MUST(i - k < sizeof(key));
		snprintf(key, sizeof(key), "%.*s", (int)(i - k), (const char *)v.p + k);
		MUST(strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(key));
		size_t from = ++i, last_space = v.n;
		for (end = from; end < v.n && v.p[end] != '\n'; end++) {
			if (v.p[end] == '\\')
				end++;
			else if (v.p[end] == ' ')
				last_space = end;
			else if (v.p[end] == '=')
				break;
		}
		if (end < v.n && v.p[end] == '=') {
			MUST(last_space < v.n);
			end = last_space;
		}
		for (i = from; i < end; i++) {
			if (v.p[i] == '\\') {
				i++;
				MUST(v.p[i] == '\\' || v.p[i] == '=');
			}
			value[n++] = (char)v.p[i];
		}
		MUST(!json_object_get(o, key));
		json_object_set_new(o, key, json_stringn(value, n));
		i = end + (end < v.n && v.p[end] == ' ');
	}
	free(value);
	return o;
}

static void check_cef(const json_t *rec, struct view line)
{
	json_t *o = check_cef_parse(line), *v;
	const json_t *cs6 = json_object_get(o, "cs6");
	const char *key;

	MUST(cs6);
	json_t *rest = json_loadb(json_string_value(cs6), json_string_length(cs6), JSON_ALLOW_NUL, NULL);
	MUST(json_is_object(rest));
	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = check_row(key);
		if (json_object_get(rest, key)) {
			MUST(json_equal(json_object_get(rest, key), v));
			continue;
		}
		MUST(row && row->cef);
		json_t *want = check_as_text(v, true);
		MUST(json_equal(json_object_get(o, row->cef), want));
		json_decref(want);
	}
	json_decref(rest);
	json_decref(o);
}

/* The next cell of RFC 4180, taken off ${v}; into ${cell}. */
static bool check_csv_cell(struct view *v, char *cell, size_t *n)
{
	bool quoted = v->n && v->p[0] == '"';
	size_t i = quoted;

	*n = 0;
	for (; i < v->n; i++) {
		if (quoted && v->p[i] == '"') {
			if (i + 1 < v->n && v->p[i + 1] == '"')
				i++;
			else
				break;
		} else if (!quoted && (v->p[i] == ',' || v->p[i] == '\n')) {
			break;
		}
		cell[(*n)++] = (char)v->p[i];
	}
	i += quoted;
	MUST(i < v->n && (v->p[i] == ',' || v->p[i] == '\n'));
	bool more = v->p[i] == ',';
	*v = view_skip(*v, i + 1);
	return more;
}

static json_t *check_csv_value(const char *cell, size_t n, bool text)
{
	struct buf b = {0};

	if (!text)
		return json_loadb(cell, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (n && cell[0] == '\'') {
		cell++;
		n--;
	} else if (n) {
		MUST(!strchr("=+-@", cell[0]));
	}
	MUST(!buf_puts(&b, "\"") && !buf_put(&b, view_of(cell, n)) && !buf_puts(&b, "\""));
	json_t *v = json_loadb((const char *)b.mem, b.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	buf_free(&b);
	return v;
}

static void check_csv(const json_t *rec, struct view line)
{
	struct buf head = {0};
	json_t *seen = json_object(), *v;
	char *cell = malloc(line.n + 1), title[64];
	const char *key;
	bool more = true;

	MUST(export_head(EXPORT_CSV, &head) == 0);
	struct view titles = buf_view(&head);
	while (more) {
		size_t n, t;
		more = check_csv_cell(&line, cell, &n);
		char name[256];
		MUST(check_csv_cell(&titles, name, &t) == more && t < sizeof(title));
		snprintf(title, sizeof(title), "%.*s", (int)t, name);
		json_t *other = n && strcmp(title, "other") == 0 ? json_loadb(cell, n, JSON_ALLOW_NUL, NULL) : NULL;
		const json_t *want = json_object_get(rec, title);
		if (other)
			json_object_update(seen, other);
		else if (want)
			json_object_set_new(seen, title, check_csv_value(cell, n, json_is_string(want)));
		else
			MUST(n == 0);
		json_decref(other);
	}
	MUST(line.n == 0 && titles.n == 0);
	json_object_foreach((json_t *)(uintptr_t)rec, key, v)
		MUST(json_equal(json_object_get(seen, key), v));
	json_decref(seen);
	free(cell);
	buf_free(&head);
}

static void check_format(const json_t *rec, enum export_format f)
{
	struct buf out = {0}, again = {0};

	check_what = export_name(f);
	MUST(export_record(f, rec, &out) == 0 && export_record(f, rec, &again) == 0);
	struct view v = buf_view(&out);
	MUST(view_eq(v, buf_view(&again)));
	check_harmless(v, true, f != EXPORT_CEF);
	if (f == EXPORT_JSONL) {
		json_t *o = json_loadb((const char *)v.p, v.n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		MUST(o && json_equal(o, rec));
		json_decref(o);
	} else if (f == EXPORT_OCSF || f == EXPORT_ECS) {
		check_object(rec, v, f == EXPORT_ECS);
	} else if (f == EXPORT_OTEL) {
		check_otel(rec, v);
	} else if (f == EXPORT_CEF) {
		check_cef(rec, v);
	} else {
		check_csv(rec, v);
	}
	buf_free(&out);
	buf_free(&again);
}

/* ${line}: as it stands in a stream, without its newline. */
static void check_line(struct view line)
{
	struct buf out = {0};
	struct entry_head h;

	check_what = "the line";
	check_harmless(line, false, false);
	MUST(entry_head(line, &h) == 0);
	json_t *rec = line_parse(line);
	MUST(rec);
	check_what = "tail";
	MUST(show_record(rec, "", SHOW_PLAIN, &out) == 0);
	check_harmless(buf_view(&out), true, true);
	buf_reset(&out);
	check_what = "cat on a terminal";
	MUST(line_safe(line, &out) == 0);
	check_harmless(buf_view(&out), false, true);
	json_t *same = line_parse(buf_view(&out));
	MUST(same && json_equal(same, rec));
	json_decref(same);
	buf_free(&out);
	for (int f = 0; f < EXPORT_FORMATS; f++)
		check_format(rec, (enum export_format)f);
	json_decref(rec);
}

#endif
