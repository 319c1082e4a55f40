/*
 * http1.c - see http1.h.
 * Floor: codec.      Source: RFC 9112 2-7, RFC 9110 5.6, 7.6.1, 8.6, 10.1.1.
 * A head is read from its first byte at every call: it is short, and the parser keeps nothing that could go stale.
 * What can be read two ways is refused, not repaired.
 */
#include "base/err.h"
#include "codec/http1_internal.h"

enum { FIELD_OK = 0, METHOD_MAX = 32, LENGTH_DIGITS = 18, OPTIONS_MAX = 64 };

struct cursor {
	const uint8_t *p, *end;
	struct http1_head *out;
	bool request;
	uint8_t oldest; /* minor version, a digit */
	/* what the framing rules need to see together */
	unsigned lengths, codings, hosts, options;
	bool keep_alive, says_close;
};

const uint8_t http1_tchar[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
	['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1,
	['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

/* All scanning helpers return > 0 for done, 0 for more input, negative for an error. */

static int token(struct cursor *c, uint8_t stop, struct view *out)
{
	const uint8_t *from = c->p;
	while (c->p < c->end && http1_tchar[*c->p])
		c->p++;
	if (c->p == c->end)
		return 0;
	if (*c->p != stop || c->p == from)
		return -ERR_MALFORMED;
	*out = view_of(from, (size_t)(c->p - from));
	c->p++;
	return 1;
}

static int crlf(struct cursor *c)
{
	if (c->p == c->end)
		return 0;
	if (c->p[0] != '\r')
		return -ERR_MALFORMED;
	if (c->p + 1 == c->end)
		return 0;
	if (c->p[1] != '\n')
		return -ERR_MALFORMED;
	c->p += 2;
	return 1;
}

/* Text up to CRLF: no control byte but the tab. */
static int line_rest(struct cursor *c, struct view *out)
{
	const uint8_t *from = c->p;
	for (;;) {
		c->p = http1_text_run(c->p, c->end);
		if (c->p == c->end)
			return 0;
		if (*c->p != '\t')
			break;
		c->p++;
	}
	*out = view_of(from, (size_t)(c->p - from));
	return crlf(c);
}

static int exactly(struct cursor *c, const char *text)
{
	for (; *text; text++, c->p++) {
		if (c->p == c->end)
			return 0;
		if (*c->p != (uint8_t)*text)
			return -ERR_MALFORMED;
	}
	return 1;
}

/* From HTTP/1.${oldest} to HTTP/1.1. */
static int version(struct cursor *c)
{
	int r = exactly(c, "HTTP/");
	if (r <= 0)
		return r;
	if (c->end - c->p < 3) {
		for (int i = 0; c->p + i < c->end; i++)
			if (i == 1 ? c->p[i] != '.' : c->p[i] < '0' || c->p[i] > '9')
				return -ERR_MALFORMED;
		return 0;
	}
	if (c->p[1] != '.' || c->p[0] < '0' || c->p[0] > '9' || c->p[2] < '0' || c->p[2] > '9')
		return -ERR_MALFORMED;
	if (c->p[0] != '1' || c->p[2] > '1' || c->p[2] < c->oldest)
		return -ERR_UNSUPPORTED;
	c->out->minor = c->p[2] - '0';
	c->p += 3;
	return 1;
}

static int request_line(struct cursor *c)
{
	struct http1_head *h = c->out;
	int r = token(c, ' ', &h->method);
	if (r <= 0)
		return r;
	if (h->method.n > METHOD_MAX)
		return -ERR_MALFORMED;
	const uint8_t *from = c->p;
	while (c->p < c->end && *c->p > ' ' && *c->p < 0x7f)
		c->p++;
	if (c->p == c->end)
		return 0;
	if (*c->p != ' ' || c->p == from)
		return -ERR_MALFORMED;
	h->target = view_of(from, (size_t)(c->p - from));
	c->p++;
	r = version(c);
	return r <= 0 ? r : crlf(c);
}

static int status_line(struct cursor *c)
{
	int r = version(c);
	if (r <= 0 || (r = exactly(c, " ")) <= 0)
		return r;
	for (int i = 0; i < 3; i++, c->p++) {
		if (c->p == c->end)
			return 0;
		if (*c->p < (i ? '0' : '1') || *c->p > '9')
			return -ERR_MALFORMED;
		c->out->status = (uint16_t)(c->out->status * 10 + (*c->p - '0'));
	}
	if (c->p == c->end)
		return 0;
	if (*c->p == '\r') /* servers do leave out the space before an empty reason */
		return crlf(c);
	if (*c->p != ' ')
		return -ERR_MALFORMED;
	c->p++;
	return line_rest(c, &c->out->reason);
}

static int content_length(struct cursor *c, struct view v)
{
	uint64_t n = 0;
	if (c->lengths++)
		return -ERR_AMBIGUOUS;
	if (v.n == 0)
		return -ERR_MALFORMED;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == ',')
			return -ERR_AMBIGUOUS;
		if (v.p[i] < '0' || v.p[i] > '9')
			return -ERR_MALFORMED;
		n = i < LENGTH_DIGITS ? n * 10 + (v.p[i] - '0') : n;
	}
	if (v.n > LENGTH_DIGITS)
		return -ERR_TOO_LONG;
	c->out->length = n;
	return FIELD_OK;
}

static int transfer_encoding(struct cursor *c, struct view v)
{
	if (c->codings++)
		return -ERR_AMBIGUOUS;
	return view_ieq(v, VIEW_LIT("chunked")) ? FIELD_OK : -ERR_UNSUPPORTED;
}

/* Each field of a head is later looked for among these options: of both there must not be many. */
static int connection(struct cursor *c, struct view v)
{
	c->options++;
	for (size_t i = 0; i < v.n; i++)
		c->options += v.p[i] == ',';
	if (c->options > OPTIONS_MAX)
		return -ERR_TOO_LONG;
	c->says_close |= http1_has_token(v, "close");
	c->keep_alive |= http1_has_token(v, "keep-alive");
	c->out->upgrade |= http1_has_token(v, "upgrade");
	return FIELD_OK;
}

static int upgrade(struct cursor *c, struct view v)
{
	(void)v;
	c->out->upgrade = true;
	return FIELD_OK;
}

/* Only what can stand in an authority: a path, a user or a list here would be read differently by different servers. */
static int host(struct cursor *c, struct view v)
{
	if (!c->request)
		return FIELD_OK;
	if (c->hosts++)
		return -ERR_AMBIGUOUS;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f || strchr("/\\@#?,<>\"{}|^`", v.p[i]))
			return -ERR_MALFORMED;
	c->out->host = v;
	return FIELD_OK;
}

static int expect(struct cursor *c, struct view v)
{
	if (!c->request)
		return FIELD_OK;
	if (!view_ieq(v, VIEW_LIT("100-continue")))
		return -ERR_UNSUPPORTED;
	c->out->expect_continue = true;
	return FIELD_OK;
}

static const struct {
	struct view name;
	int (*read)(struct cursor *c, struct view v);
} known[] = {
	{VIEW_LIT("host"), host},
	{VIEW_LIT("content-length"), content_length},
	{VIEW_LIT("transfer-encoding"), transfer_encoding},
	{VIEW_LIT("connection"), connection},
	{VIEW_LIT("upgrade"), upgrade},
	{VIEW_LIT("expect"), expect},
};

/* One header line.  A line that begins with space would be obs-fold: its first byte is no token, so it is refused as well. */
static int field(struct cursor *c)
{
	struct view name, value;
	int r = token(c, ':', &name);
	if (r <= 0 || (r = line_rest(c, &value)) <= 0)
		return r;
	struct http1_head *h = c->out;
	if (h->n == HTTP1_HEADERS)
		return -ERR_TOO_LONG;
	value = http1_trim(value);
	h->h[h->n++] = (struct http1_header){name, value};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (view_ieq(name, known[i].name)) {
			r = known[i].read(c, value);
			return r < 0 ? r : 1;
		}
	return 1;
}

/* RFC 9112 6.3, with every case of doubt refused. */
static int framing(struct cursor *c)
{
	struct http1_head *h = c->out;
	if (c->codings && c->lengths)
		return -ERR_AMBIGUOUS;
	if (c->codings && h->minor == 0)
		return -ERR_MALFORMED;
	bool bare = h->status && (h->status < 200 || h->status == 204 || h->status == 304);
	h->body = bare ? HTTP1_NO_BODY : c->codings ? HTTP1_CHUNKED : c->lengths ? HTTP1_LENGTH :
		  c->request ? HTTP1_NO_BODY : HTTP1_UNTIL_CLOSE;
	h->close = c->says_close || (h->minor == 0 && !c->keep_alive) || h->body == HTTP1_UNTIL_CLOSE;
	return 1;
}

static int head(struct view in, struct http1_head *out, bool request, uint8_t oldest)
{
	bool over = in.n >= HTTP1_HEAD_MAX;
	struct cursor c = {.p = in.p, .out = out, .request = request, .oldest = oldest};

	memset(out, 0, offsetof(struct http1_head, h));
	out->n = 0;
	if (in.n == 0)
		return 0;
	c.end = in.p + (over ? HTTP1_HEAD_MAX : in.n);
	int r = request ? request_line(&c) : status_line(&c);
	while (r > 0 && c.p < c.end && *c.p != '\r')
		r = field(&c);
	if (r > 0 && (r = crlf(&c)) > 0 && (r = framing(&c)) > 0)
		return (int)(c.p - in.p);
	return r == 0 && over ? -ERR_TOO_LONG : r;
}

int http1_request(struct view in, struct http1_head *out)
{
	return head(in, out, true, '1');
}

int http1_request_old(struct view in, struct http1_head *out)
{
	return head(in, out, true, '0');
}

int http1_response(struct view in, struct http1_head *out)
{
	return head(in, out, false, '0');
}
