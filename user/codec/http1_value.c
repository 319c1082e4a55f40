/*
 * http1_value.c - looking into a parsed head: headers by name, lists, media types; and what HTTP looks like.
 * Floor: codec.      Source: RFC 9110 5.6, 8.3.1; docs/WIRE.md "strict profile".
 */
#include "codec/http1_internal.h"

enum { LOOKS_METHOD_MAX = 32 };

struct view http1_get(const struct http1_head *h, const char *name, unsigned *count)
{
	struct view want = view_str(name), first = {NULL, 0};
	unsigned n = 0;
	for (size_t i = 0; i < h->n; i++) {
		if (!view_ieq(h->h[i].name, want))
			continue;
		if (n++ == 0)
			first = h->h[i].value;
		if (!count)
			break;
	}
	if (count)
		*count = n;
	return first;
}

/* Cut ${rest} at the first ${sep}: the trimmed front; ${rest} keeps what is behind, NULL at the end. */
static struct view cut(struct view *rest, uint8_t sep)
{
	const uint8_t *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	struct view front = *rest;
	if (at) {
		front.n = (size_t)(at - rest->p);
		*rest = view_of(at + 1, rest->n - front.n - 1);
	} else {
		*rest = view_of(NULL, 0);
	}
	return http1_trim(front);
}

bool http1_has_token(struct view v, const char *token)
{
	struct view want = view_str(token);
	while (v.p)
		if (view_ieq(cut(&v, ','), want))
			return true;
	return false;
}

/* ${v} is a token or a quoted string without escapes and separators; unquoted in place. */
static bool parameter_value(struct view *v)
{
	if (v->n < 2 || v->p[0] != '"')
		return http1_is_token(*v);
	if (v->p[v->n - 1] != '"')
		return false;
	*v = view_of(v->p + 1, v->n - 2);
	for (size_t i = 0; i < v->n; i++)
		if (v->p[i] == '"' || v->p[i] == '\\')
			return false;
	return true;
}

/*
 * One parameter.  A second charset, or RFC 2231's charset*, could be read in two ways: false.
 * A ';' inside a quoted string is cut apart by the caller and then fails here, which is the safe side.
 */
static bool parameter(struct view p, struct view *charset)
{
	if (p.n == 0)
		return true;
	const uint8_t *eq = memchr(p.p, '=', p.n);
	if (!eq)
		return false;
	struct view name = view_of(p.p, (size_t)(eq - p.p)), value = view_of(eq + 1, p.n - name.n - 1);
	if (!http1_is_token(name) || !parameter_value(&value))
		return false;
	if (view_ieq(view_head(name, 7), VIEW_LIT("charset"))) {
		if (name.n > 7 || charset->p)
			return false;
		*charset = value;
	}
	return true;
}

bool http1_media(struct view v, const char *type, struct view *charset)
{
	struct view found = {NULL, 0};
	if (charset)
		*charset = found;
	if (!v.p || !view_ieq(cut(&v, ';'), view_str(type)))
		return false;
	while (v.p)
		if (!parameter(cut(&v, ';'), &found))
			return false;
	if (charset)
		*charset = found;
	return true;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\f' && c != '\n');
}

/*
 * Decided by the whole first line, "METHOD target HTTP/1.", because other line protocols begin with a word and a space too.
 * Deliberately lenient (empty lines in front, any method, any white space): what a lenient server would take for a request must reach
 * the strict parser and be refused there, and not pass as something that is not HTTP.
 */
int http1_looks_like(struct view in)
{
	size_t i = 0, from;
	while (i < in.n && i < HTTP1_HEAD_MAX && (in.p[i] == '\r' || in.p[i] == '\n'))
		i++;
	for (from = i; i < in.n && http1_tchar[in.p[i]]; i++)
		if (i - from == LOOKS_METHOD_MAX)
			return -1;
	if (i >= HTTP1_HEAD_MAX)
		return 1;
	if (i == in.n)
		return 0;
	if (i == from || !is_space(in.p[i]))
		return -1;
	for (; i < in.n && in.p[i] != '\n'; i++) {
		if (i >= HTTP1_HEAD_MAX)
			return 1;
		if (is_space(in.p[i - 1]) && view_ieq(view_head(view_skip(in, i), 7), VIEW_LIT("HTTP/1.")))
			return 1;
	}
	return i < in.n ? -1 : i < HTTP1_HEAD_MAX ? 0 : 1;
}
