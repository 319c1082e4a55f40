/*
 * evidence_fuzz.c - the members of a line against another reader (jansson); cells of a table through the reader of tables; a manifest line.
 * What jansson takes as one object without a key twice, ours takes too and gives the same members.  Spans never leave the input.
 */
#include <jansson.h>
#include <stdlib.h>

#include "codec/csv.h"
#include "evidence/bundle.h"
#include "evidence/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) ((x) ? (void)0 : abort())

static const char *const name[FLD_N] = {
#define X(symbol, member) member,
    FIELDS(X)
#undef X
};

/* The trails' writer leaves no space between tokens, and ours reads nothing else; nor what is nested deeper than any writer of ours does. */
static bool compact(const uint8_t *p, size_t n)
{
	bool in = false;
	int deep = 0;

	for (size_t i = 0; i < n; i++) {
		if (!in && (p[i] == '{' || p[i] == '[') && ++deep > 60)
			return false;
		if (p[i] == '\\' && in)
			i++;
		else if (p[i] == '"')
			in = !in;
		else if (!in && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
			return false;
	}
	return true;
}

static void same(const struct fields *f, const json_t *o)
{
	for (int i = 0; i < FLD_N; i++) {
		const json_t *m = json_object_get(o, name[i]);
		struct view t = fields_text(f, (enum field)i);
		if (!json_is_string(m)) {
			CHECK(!t.n);
			continue;
		}
		if (memchr(t.p ? t.p : (const uint8_t *)"", '\\', t.n))
			continue;
		CHECK(view_eq(t, view_of(json_string_value(m), json_string_length(m))));
	}
}

static void cells(const uint8_t *data, size_t size)
{
	struct buf b = {0};
	struct csv c;

	CHECK(row_cell(&b, view_of(data, size)) == 0 && buf_puts(&b, ",x\r\n") == 0);
	csv_begin(&c, b.mem + b.off, b.len);
	CHECK(csv_row(&c) == 1 && c.n == 2 && view_is(c.field[1], "x"));
	bool formula = size && memchr("=+-@", data[0], 4);
	CHECK(view_eq(view_skip(c.field[0], formula), view_of(data, size)));
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fields f;

	int r = fields_read(&f, view_of(data, size));
	for (int i = 0; i < FLD_N; i++)
		CHECK(!f.raw[i].n || (f.raw[i].p >= data && f.raw[i].p + f.raw[i].n <= data + size));
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	/* An escaped name of a member is another name to ours: no writer of ours escapes one. */
	/* It takes a raw NUL for nothing. */
	if (json_is_object(o) && !memchr(data, 0, size) && compact(data, size) && !memmem(data, size, "\\u", 2)) {
		const char *key;
		json_t *v;
		bool escaped = false;
		json_object_foreach(o, key, v)
			escaped |= strpbrk(key, "\"\\/\b\f\n\r\t") != NULL;
		CHECK(escaped || r == 0);
		if (r == 0 && !escaped)
			same(&f, o);
	}
	json_decref(o);
	cells(data, size);
	return 0;
}
