/* export_text.c - CEF and CSV.  See export.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/export_internal.h"
#include "ipc/rec.h"

/* ---- CEF: ArcSight Common Event Format, version 0 ---- */

static bool control(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f || (v.p[i] == 0xc2 && i + 1 < v.n && v.p[i + 1] < 0xa0))
			return true;
	return false;
}

/* Escaped for the header ('|' and '\') or for an extension's value ('=' and '\'); control characters become '?'. */
static int cef_escape(struct buf *out, struct view v, char mark)
{
	int r = 0;

	for (size_t i = 0; !r && i < v.n; i++) {
		uint8_t c = v.p[i];
		if (c == '\\' || c == (uint8_t)mark) {
			r = buf_put(out, view_of((const char[]){'\\', (char)c}, 2));
		} else if (c < 0x20 || c == 0x7f) {
			r = buf_puts(out, "?");
		} else if (c == 0xc2 && i + 1 < v.n && v.p[i + 1] < 0xa0) {
			r = buf_puts(out, "?");
			i++;
		} else {
			r = buf_put(out, view_of(&v.p[i], 1));
		}
	}
	return r;
}

static int cef_pair(struct buf *out, const char *key, struct view v)
{
	int r = buf_printf(out, " %s=", key);
	return r ? r : cef_escape(out, v, '=');
}

static int cef_value(struct buf *out, const char *key, const json_t *v)
{
	if (json_is_string(v))
		return cef_pair(out, key, view_of(json_string_value(v), json_string_length(v)));
	return buf_printf(out, " %s=%" JSON_INTEGER_FORMAT, key, json_integer_value(v));
}

/* A receiver takes spaces around a value for padding, an empty one for none: such a value must be kept exactly elsewhere. */
static bool exact(const json_t *v)
{
	if (json_is_integer(v))
		return true;
	if (!json_is_string(v))
		return false;
	struct view s = view_of(json_string_value(v), json_string_length(v));
	return s.n && !control(s) && s.p[0] != ' ' && s.p[s.n - 1] != ' ';
}

static int cef_labels(struct buf *out)
{
	return buf_puts(out, " cs1Label=tool cs2Label=callId cs3Label=grant cs4Label=rule cs5Label=policy cs6Label=unmapped flexString1Label=session");
}

static int cef_head(const json_t *rec, struct buf *out)
{
	static const int severity[] = {0, 2, 5, 6, 8};
	const char *kind = export_text(rec, "kind");

	int r = buf_puts(out, "CEF:0|Callgate|callgate|1|");
	if (!r)
		r = cef_escape(out, view_str(kind), '|');
	if (!r)
		r = buf_puts(out, "|MCP ");
	if (!r)
		r = cef_escape(out, view_str(kind), '|');
	return r ? r : buf_printf(out, "|%d|rt=%lld", severity[export_severity(rec)], (long long)(export_ns(rec) / 1000000));
}

int export_cef(const json_t *rec, struct buf *out)
{
	json_t *rest = json_object(), *v;
	const char *key;
	struct buf text = {0};

	int r = rest ? cef_head(rec, out) : -ENOMEM;
	json_object_foreach((json_t *)(uintptr_t)rec, key, v) {
		const struct export_row *row = export_row(key);
		if (row && row->cef && !r && (json_is_string(v) || json_is_integer(v)))
			r = cef_value(out, row->cef, v);
		if (!row || !row->cef || !exact(v))
			json_object_set(rest, key, v);
	}
	const char *addr = export_text(rec, "dst_addr");
	if (!r && *addr && strspn(addr, "0123456789.") == strlen(addr))
		r = cef_pair(out, "dst", view_str(addr));
	if (!r)
		r = export_json(rest, &text);
	if (!r)
		r = cef_pair(out, "cs6", buf_view(&text));
	if (!r)
		r = cef_labels(out);
	if (!r)
		r = buf_puts(out, "\n");
	buf_free(&text);
	json_decref(rest);
	return r;
}

/* ---- CSV: RFC 4180; a cell holds a text as JSON would write it, without the quotes around it ---- */

static const char *const base_columns[] = {"kind", "seq", "ts", "host", "boot", "id"};
enum { BASE = sizeof(base_columns) / sizeof(base_columns[0]) };

static const char *column(size_t i)
{
	if (i < BASE)
		return base_columns[i];
	const struct rec_row *row = i - BASE + 1 < REC_FIELDS ? rec_row((unsigned)(i - BASE + 1)) : NULL;
	return row ? row->json : NULL;
}

/* A spreadsheet runs a cell that begins so. */
static bool formula(struct view v)
{
	return v.n && strchr("=+-@'", v.p[0]) && v.p[0];
}

static int csv_text(struct buf *out, struct view json, bool text)
{
	int r = buf_puts(out, "\"");

	if (!r && text && formula(json))
		r = buf_puts(out, "'");
	for (size_t i = 0; !r && i < json.n; i++) {
		if (json.p[i] == '"')
			r = buf_puts(out, "\"");
		if (!r)
			r = buf_put(out, view_of(&json.p[i], 1));
	}
	return r ? r : buf_puts(out, "\"");
}

static int csv_cell(struct buf *out, const json_t *v)
{
	struct buf text = {0};

	if (!v)
		return 0;
	int r = export_json(v, &text);
	struct view s = buf_view(&text);
	if (json_is_string(v) && s.n >= 2)
		s = view_of(s.p + 1, s.n - 2);
	if (!r)
		r = json_is_integer(v) ? buf_put(out, s) : csv_text(out, s, json_is_string(v));
	buf_free(&text);
	return r;
}

static bool is_column(const char *key)
{
	for (size_t i = 0; i < BASE + REC_FIELDS - 1; i++)
		if (column(i) && strcmp(column(i), key) == 0)
			return true;
	return false;
}

int export_csv_head(struct buf *out)
{
	int r = 0;

	for (size_t i = 0; !r && i < BASE + REC_FIELDS - 1; i++)
		if (column(i))
			r = buf_printf(out, "%s,", column(i));
	return r ? r : buf_puts(out, "other\n");
}

int export_csv(const json_t *rec, struct buf *out)
{
	json_t *rest = json_object(), *v;
	const char *key;
	int r = rest ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < BASE + REC_FIELDS - 1; i++) {
		if (!column(i))
			continue;
		r = csv_cell(out, json_object_get(rec, column(i)));
		if (!r)
			r = buf_puts(out, ",");
	}
	json_object_foreach((json_t *)(uintptr_t)rec, key, v)
		if (!is_column(key))
			json_object_set(rest, key, v);
	if (!r && json_object_size(rest))
		r = csv_cell(out, rest);
	json_decref(rest);
	return r ? r : buf_puts(out, "\n");
}
