/* table.c - printing; see tools.h.  What is printed may have been chosen by somebody else: control characters are shown as '?'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

enum { CELL = 256, COLUMNS = 16 };

const char *tool_text(const json_t *v)
{
	static char ring[4][CELL];
	static unsigned next;
	char *out = ring[next++ % 4];

	if (!v || json_is_null(v)) {
		snprintf(out, CELL, "-");
	} else if (json_is_string(v)) {
		snprintf(out, CELL, "%s", json_string_value(v));
	} else {
		char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		snprintf(out, CELL, "%s", text ? text : "?");
		free(text);
	}
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return out;
}

static const json_t *at(const json_t *row, const char *key)
{
	char part[64];
	const char *dot;

	while ((dot = strchr(key, '.'))) {
		snprintf(part, sizeof(part), "%.*s", (int)(dot - key), key);
		row = json_object_get(row, part);
		key = dot + 1;
	}
	return json_object_get(row, key);
}

void tool_table(const struct tool_column *columns, size_t n, const json_t *rows)
{
	size_t width[COLUMNS], i;
	json_t *row;

	for (size_t c = 0; c < n; c++)
		width[c] = strlen(columns[c].title);
	json_array_foreach(rows, i, row)
		for (size_t c = 0; c < n; c++) {
			size_t len = strlen(tool_text(at(row, columns[c].key)));
			width[c] = len > width[c] ? len : width[c];
		}
	for (size_t c = 0; c < n; c++)
		printf("%-*s%s", c + 1 < n ? (int)width[c] : 0, columns[c].title, c + 1 < n ? "  " : "\n");
	json_array_foreach(rows, i, row)
		for (size_t c = 0; c < n; c++)
			printf("%-*s%s", c + 1 < n ? (int)width[c] : 0, tool_text(at(row, columns[c].key)), c + 1 < n ? "  " : "\n");
}

void tool_pairs(const json_t *object, int indent)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)object, key, v) {
		if (json_is_object(v)) {
			printf("%*s%s:\n", indent, "", key);
			tool_pairs(v, indent + 2);
		} else {
			printf("%*s%s: %s\n", indent, "", key, tool_text(v));
		}
	}
}

void tool_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	puts(text ? text : "null");
	free(text);
}
