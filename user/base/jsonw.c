/* jsonw.c - see jsonw.h. */
#include <inttypes.h>
#include <stdio.h>

#include "base/jsonw.h"

static void put(struct jsonw *w, struct view v)
{
	if (!w->err)
		w->err = buf_put(w->out, v);
}

/* Length of the well-formed UTF-8 sequence at the start of ${v}, or 0.  RFC 3629: no overlong forms, no surrogates. */
static size_t utf8_len(struct view v)
{
	uint8_t c = v.p[0];
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	if (n == 0 || n > v.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((v.p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && v.p[1] < 0xa0) || (c == 0xed && v.p[1] > 0x9f) || (c == 0xf0 && v.p[1] < 0x90) ||
	    (c == 0xf4 && v.p[1] > 0x8f))
		return 0;
	return n;
}

static void put_quoted(struct jsonw *w, struct view v)
{
	put(w, VIEW_LIT("\""));
	while (v.n) {
		size_t n = 0;
		while (n < v.n && v.p[n] >= 0x20 && v.p[n] < 0x7f && v.p[n] != '"' && v.p[n] != '\\')
			n++;
		put(w, view_head(v, n));
		v = view_skip(v, n);
		if (!v.n)
			break;
		uint8_t c = v.p[0];
		size_t used = utf8_len(v);
		char esc[8];
		if (c == '"' || c == '\\') {
			put(w, view_of((char[]){'\\', (char)c}, 2));
		} else if (c < 0x20 || c == 0x7f) {
			snprintf(esc, sizeof(esc), "\\u%04x", c);
			put(w, view_str(esc));
		} else if (used) {
			put(w, view_head(v, used));
		} else {
			put(w, VIEW_LIT("\xef\xbf\xbd"));
			used = 1;
		}
		v = view_skip(v, used);
	}
	put(w, VIEW_LIT("\""));
}

static void lead(struct jsonw *w, const char *key)
{
	if (w->comma)
		put(w, VIEW_LIT(","));
	w->comma = true;
	if (key) {
		put_quoted(w, view_str(key));
		put(w, VIEW_LIT(":"));
	}
}

void jsonw_open(struct jsonw *w, const char *key, char bracket)
{
	lead(w, key);
	put(w, view_of(&bracket, 1));
	w->comma = false;
}

void jsonw_close(struct jsonw *w, char bracket)
{
	put(w, view_of(&bracket, 1));
	w->comma = true;
}

void jsonw_text(struct jsonw *w, const char *key, struct view v)
{
	lead(w, key);
	put_quoted(w, v);
}

void jsonw_str(struct jsonw *w, const char *key, const char *s)
{
	if (s)
		jsonw_text(w, key, view_str(s));
	else
		jsonw_null(w, key);
}

void jsonw_int(struct jsonw *w, const char *key, int64_t n)
{
	char t[24];
	snprintf(t, sizeof(t), "%" PRId64, n);
	jsonw_raw(w, key, view_str(t));
}

void jsonw_uint(struct jsonw *w, const char *key, uint64_t n)
{
	char t[24];
	snprintf(t, sizeof(t), "%" PRIu64, n);
	jsonw_raw(w, key, view_str(t));
}

void jsonw_bool(struct jsonw *w, const char *key, bool b)
{
	jsonw_raw(w, key, b ? VIEW_LIT("true") : VIEW_LIT("false"));
}

void jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_raw(w, key, VIEW_LIT("null"));
}

void jsonw_raw(struct jsonw *w, const char *key, struct view v)
{
	lead(w, key);
	put(w, v);
}

void jsonw_wall(struct jsonw *w, const char *key, struct wall t)
{
	char text[WALL_TEXT];

	wall_text(t, text);
	jsonw_str(w, key, text);
}

void jsonw_hex(struct jsonw *w, const char *key, struct view v)
{
	static const char digits[] = "0123456789abcdef";
	lead(w, key);
	put(w, VIEW_LIT("\""));
	for (size_t i = 0; i < v.n; i++)
		put(w, view_of((char[]){digits[v.p[i] >> 4], digits[v.p[i] & 15]}, 2));
	put(w, VIEW_LIT("\""));
}

int jsonw_end(const struct jsonw *w)
{
	return w->err;
}
