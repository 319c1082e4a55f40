/*
 * json_read.c - reading a scanned document; see json.h.
 * Floor: codec.
 */
#include "base/err.h"
#include "codec/json_internal.h"

int json_utf8(const uint8_t *p, const uint8_t *end)
{
	/* RFC 3629 4: the range of the second byte depends on the first; all others are 80..BF. */
	uint8_t c = *p, low = 0x80, high = 0xbf;
	int n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4)
		return -1;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	for (int i = 1; i < n; i++, low = 0x80, high = 0xbf) {
		if (p + i == end)
			return 0;
		if (p[i] < low || p[i] > high)
			return -1;
	}
	return n;
}

long json_hex4(const uint8_t *p)
{
	long u = 0;
	for (int i = 0; i < 4; i++) {
		uint8_t c = p[i], l = c | 0x20;
		if (c >= '0' && c <= '9')
			u = u << 4 | (c - '0');
		else if (l >= 'a' && l <= 'f')
			u = u << 4 | (l - 'a' + 10);
		else
			return -1;
	}
	return u;
}

static uint8_t put_utf8(uint8_t *out, long u)
{
	if (u < 0x80) {
		out[0] = (uint8_t)u;
		return 1;
	}
	int n = u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
	static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (int i = n - 1; i > 0; i--, u >>= 6)
		out[i] = 0x80 | (u & 0x3f);
	out[0] = lead[n] | (uint8_t)u;
	return (uint8_t)n;
}

/* p stands behind a backslash of a string that was scanned, so the escape is whole and legal. */
static void unescape(struct json_bytes *it)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	uint8_t c = *it->p++;
	it->i = 0;
	if (c != 'u') {
		const char *at = strchr(from, c);
		it->out[0] = at ? (uint8_t)to[at - from] : c;
		it->n = 1;
		return;
	}
	long u = json_hex4(it->p);
	it->p += 4;
	if (u >= 0xd800 && u <= 0xdbff) {
		u = 0x10000 + ((u - 0xd800) << 10) + (json_hex4(it->p + 2) - 0xdc00);
		it->p += 6;
	}
	it->n = put_utf8(it->out, u);
}

int json_bytes_next(struct json_bytes *it)
{
	if (it->i < it->n)
		return it->out[it->i++];
	if (it->p == it->end)
		return -1;
	uint8_t c = *it->p++;
	if (c != '\\')
		return c;
	unescape(it);
	return it->out[it->i++];
}

static int copy_out(struct view raw, bool esc, uint8_t *out, size_t cap)
{
	if (!esc) {
		if (raw.n > cap)
			return -ERR_TOO_LONG;
		if (raw.n)
			memcpy(out, raw.p, raw.n);
		return (int)raw.n;
	}
	struct json_bytes it = {.p = raw.p, .end = raw.p + raw.n};
	size_t n = 0;
	for (int c; (c = json_bytes_next(&it)) >= 0; out[n++] = (uint8_t)c)
		if (n == cap)
			return -ERR_TOO_LONG;
	return (int)n;
}

static bool equal(struct view raw, bool esc, struct view v)
{
	if (!esc)
		return view_eq(raw, v);
	if (raw.n < v.n) /* an escape is never shorter than what it stands for */
		return false;
	struct json_bytes it = {.p = raw.p, .end = raw.p + raw.n};
	for (size_t i = 0; i < v.n; i++)
		if (json_bytes_next(&it) != v.p[i])
			return false;
	return json_bytes_next(&it) < 0;
}

static struct view between_quotes(const struct json_doc *doc, const struct json_node *n)
{
	return view_of(doc->in.p + n->off + 1, n->len - 2);
}

struct view json_raw(const struct json_doc *doc, const struct json_node *n)
{
	return view_of(doc->in.p + n->off, n->len);
}

int json_str(const struct json_doc *doc, const struct json_node *n, void *out, size_t cap)
{
	return n->type != JSON_STRING ? -ERR_MALFORMED : copy_out(between_quotes(doc, n), n->esc, out, cap);
}

int json_key(const struct json_doc *doc, const struct json_node *n, void *out, size_t cap)
{
	return copy_out(json_key_view(doc, n), n->key_esc, out, cap);
}

bool json_plain(const struct json_doc *doc, const struct json_node *n, struct view *out)
{
	if (n->type != JSON_STRING || n->esc)
		return false;
	*out = between_quotes(doc, n);
	return true;
}

bool json_str_eq(const struct json_doc *doc, const struct json_node *n, struct view v)
{
	return n && n->type == JSON_STRING && equal(between_quotes(doc, n), n->esc, v);
}

bool json_key_eq(const struct json_doc *doc, const struct json_node *n, struct view v)
{
	return equal(json_key_view(doc, n), n->key_esc, v);
}

const struct json_node *json_first(const struct json_doc *doc, const struct json_node *n)
{
	(void)doc;
	return n && n->count ? n + 1 : NULL;
}

const struct json_node *json_next(const struct json_doc *doc, const struct json_node *parent, const struct json_node *child)
{
	(void)doc;
	const struct json_node *next = child + child->span;
	return next < parent + parent->span ? next : NULL;
}

const struct json_node *json_get(const struct json_doc *doc, const struct json_node *obj, struct view key)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	for (const struct json_node *n = json_first(doc, obj); n; n = json_next(doc, obj, n))
		if (json_key_eq(doc, n, key))
			return n;
	return NULL;
}

struct json_error json_where(struct view in, uint32_t off)
{
	struct json_error e = {.off = off, .line = 1, .column = 1};
	for (uint32_t i = 0; i < off && i < in.n; i++) {
		e.column++;
		if (in.p[i] == '\n') {
			e.line++;
			e.column = 1;
		}
	}
	return e;
}
