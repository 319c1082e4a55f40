/* table.c - values on a terminal.  See tools.h.  Everything shown may have been written by someone hostile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/line.h"
#include "tools/tools.h"

enum { CELLS = 4, CELL = 512, COLUMNS = 16 };

/* What is harmful becomes one byte: it is never longer. */
void tool_clean(char *s)
{
	struct buf b = {0};
	size_t n = strlen(s);

	if (line_cell(view_of(s, n), 0, &b) || b.len > n)
		buf_reset(&b);
	if (b.len)
		memcpy(s, buf_view(&b).p, b.len);
	s[b.len] = '\0';
	buf_free(&b);
}

/* Elements of a list, joined. */
static void join(const json_t *list, char *out, size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i < json_array_size(list) && at < cap; i++) {
		const json_t *v = json_array_get(list, i);
		char *text = json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		int n = snprintf(out + at, cap - at, "%s%s", i ? " " : "", text ? text : "?");
		free(text);
		at += n > 0 ? (size_t)n : 0;
	}
}

const char *tool_text(const json_t *v)
{
	static char cell[CELLS][CELL];
	static unsigned next;
	char *out = cell[next++ % CELLS];

	out[0] = '\0';
	if (!v || json_is_null(v)) {
		strcpy(out, "-");
	} else if (json_is_string(v)) {
		snprintf(out, CELL, "%s", json_string_value(v));
	} else if (json_is_boolean(v)) {
		strcpy(out, json_is_true(v) ? "yes" : "no");
	} else if (json_is_array(v)) {
		join(v, out, CELL);
	} else {
		char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		snprintf(out, CELL, "%s", text ? text : "?");
		free(text);
	}
	tool_clean(out);
	return out[0] ? out : "-";
}

static const json_t *reach(const json_t *row, const char *key)
{
	char part[64];

	for (;;) {
		size_t n = strcspn(key, ".");
		snprintf(part, sizeof(part), "%.*s", (int)n, key);
		row = json_object_get(row, part);
		if (!key[n])
			return row;
		key += n + 1;
	}
}

/* Columns of a terminal: continuation bytes of UTF-8 take none. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void put(const char *s, size_t wide, bool last)
{
	fputs(s, stdout);
	for (size_t n = width(s); !last && n < wide + 2; n++)
		putchar(' ');
	if (last)
		putchar('\n');
}

void tool_table(const struct tool_column *columns, size_t n, const json_t *rows)
{
	size_t wide[COLUMNS] = {0};

	if (n > COLUMNS)
		n = COLUMNS;
	for (size_t c = 0; c < n; c++) {
		wide[c] = width(columns[c].title);
		for (size_t i = 0; i < json_array_size(rows); i++) {
			size_t w = width(tool_text(reach(json_array_get(rows, i), columns[c].key)));
			wide[c] = w > wide[c] ? w : wide[c];
		}
	}
	for (size_t c = 0; c < n; c++)
		put(columns[c].title, wide[c], c + 1 == n);
	for (size_t i = 0; i < json_array_size(rows); i++)
		for (size_t c = 0; c < n; c++)
			put(tool_text(reach(json_array_get(rows, i), columns[c].key)), wide[c], c + 1 == n);
}

static bool flat(const json_t *v)
{
	return !json_is_object(v) && !(json_is_array(v) && json_is_object(json_array_get(v, 0)));
}

void tool_pairs(const json_t *object, int indent)
{
	const char *name;
	char key[CELL];
	json_t *v, *item;
	size_t i, wide = 0;

	/* The object is only read. */
	json_object_foreach((json_t *)(uintptr_t)object, name, v)
		if (flat(v) && width(name) > wide)
			wide = width(name);
	json_object_foreach((json_t *)(uintptr_t)object, name, v) {
		snprintf(key, sizeof(key), "%s", name);
		tool_clean(key);
		if (flat(v)) {
			printf("%*s%s:%*s %s\n", indent, "", key, (int)(wide < width(key) ? 0 : wide - width(key)), "", tool_text(v));
			continue;
		}
		printf("%*s%s:\n", indent, "", key);
		if (json_is_object(v))
			tool_pairs(v, indent + 2);
		json_array_foreach(v, i, item) {
			tool_pairs(item, indent + 4);
			if (i + 1 < json_array_size(v))
				puts("");
		}
	}
}

void tool_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
}
