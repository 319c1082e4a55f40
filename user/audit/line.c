/* line.c - see line.h. */
#include <errno.h>
#include <stdlib.h>

#include "audit/line.h"

enum { REPLACEMENT = 0xfffd, DIGITS_63 = 18 };

/* The code point at the start of ${v} and its length; one byte and U+FFFD when it is no UTF-8 (RFC 3629). */
static uint32_t code_point(struct view v, size_t *used)
{
	uint8_t c = v.p[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	uint32_t out = n == 1 ? c : c & (0x7fu >> n);

	*used = 1;
	if (!n || n > v.n)
		return REPLACEMENT;
	for (size_t i = 1; i < n; i++) {
		if ((v.p[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		out = out << 6 | (v.p[i] & 0x3fu);
	}
	if ((n == 3 && (out < 0x800 || (out >= 0xd800 && out <= 0xdfff))) || (n == 4 && (out < 0x10000 || out > 0x10ffff)))
		return REPLACEMENT;
	*used = n;
	return out;
}

/* Controls of both kinds, what is invisible, what turns text around, what stands on another character. */
static bool harmful(uint32_t c)
{
	static const uint32_t ranges[][2] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x300, 0x36f}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
	    {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0x10ffff}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

/* Columns of a terminal: East Asian text and pictures take two. */
static size_t columns(uint32_t c)
{
	static const uint32_t wide[][2] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f},
	    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

	for (size_t i = 0; c >= wide[0][0] && i < sizeof(wide) / sizeof(wide[0]); i++)
		if (c >= wide[i][0] && c <= wide[i][1])
			return 2;
	return 1;
}

/* Long numbers outside of text, as text. */
static json_t *parse_long_numbers(struct view v)
{
	struct buf b = {0};
	bool quoted = false, failed = false;
	json_t *o = NULL;

	for (size_t i = 0; i < v.n && !failed;) {
		size_t n = 0;
		while (!quoted && i + n < v.n && v.p[i + n] >= '0' && v.p[i + n] <= '9')
			n++;
		bool quote = n > DIGITS_63;
		n = n ? n : 1;
		if (v.p[i] == '\\' && quoted && i + 1 < v.n)
			n = 2;
		else if (v.p[i] == '"')
			quoted = !quoted;
		failed = (quote && buf_puts(&b, "\"")) || buf_put(&b, view_of(v.p + i, n)) || (quote && buf_puts(&b, "\""));
		i += n;
	}
	if (!failed)
		o = json_loadb((const char *)buf_view(&b).p, b.len, JSON_ALLOW_NUL, NULL);
	buf_free(&b);
	return o;
}

json_t *line_parse(struct view line)
{
	json_error_t e;
	json_t *o = json_loadb((const char *)line.p, line.n, JSON_ALLOW_NUL, &e);

	if (!o && json_error_code(&e) == json_error_numeric_overflow)
		o = parse_long_numbers(line);
	if (o && !json_is_object(o)) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

static int put_escape(uint32_t c, struct buf *out)
{
	if (c < 0x10000)
		return buf_printf(out, "\\u%04x", c);
	c -= 0x10000;
	return buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

int line_safe(struct view v, struct buf *out)
{
	int r = 0;

	while (v.n && !r) {
		size_t used;
		uint32_t c = code_point(v, &used);
		if (harmful(c))
			r = put_escape(c, out);
		else if (c == REPLACEMENT)
			r = buf_puts(out, "\xef\xbf\xbd");
		else
			r = buf_put(out, view_head(v, used));
		v = view_skip(v, used);
	}
	return r;
}

static int pad(size_t n, struct buf *out)
{
	static const char spaces[] = "                                ";
	int r = 0;

	for (; n && !r; n -= n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1)
		r = buf_put(out, view_of(spaces, n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1));
	return r;
}

int line_cell(struct view v, size_t wide, struct buf *out)
{
	size_t at = 0;
	int r = 0;

	while (v.n && !r) {
		size_t used, c_wide;
		uint32_t c = code_point(v, &used);
		bool bad = harmful(c) || c == REPLACEMENT;
		c_wide = bad ? 1 : columns(c);
		/* The last column is kept for the sign that something was cut. */
		if (wide && at + c_wide + (v.n > used) > wide) {
			r = buf_puts(out, "…");
			at++;
			break;
		}
		r = bad ? buf_puts(out, "?") : buf_put(out, view_head(v, used));
		at += c_wide;
		v = view_skip(v, used);
	}
	return r || at >= wide ? r : pad(wide - at, out);
}
