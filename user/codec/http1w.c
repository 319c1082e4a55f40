/*
 * http1w.c - see http1w.h.
 * Floor: codec.      Source: RFC 9112 3, 4, 5.
 */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "codec/http1_internal.h"
#include "codec/http1w.h"

/* Room for all parts or for none. */
static int put(struct buf *b, const struct view *part, size_t parts)
{
	size_t n = 0;
	for (size_t i = 0; i < parts; i++)
		n += part[i].n;
	uint8_t *p = buf_reserve(b, n);
	if (!p)
		return b->max && (n > b->max || b->len > b->max - n) ? -ENOBUFS : -ENOMEM;
	for (size_t i = 0; i < parts; i++) {
		if (part[i].n)
			memcpy(p, part[i].p, part[i].n);
		p += part[i].n;
	}
	buf_commit(b, n);
	return 0;
}

/* No control byte but the tab. */
static bool is_text(struct view v)
{
	const uint8_t *p = v.p, *end = v.n ? p + v.n : p;
	while ((p = http1_text_run(p, end)) < end)
		if (*p++ != '\t')
			return false;
	return true;
}

static bool is_target(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f)
			return false;
	return v.n > 0;
}

int http1w_request(struct buf *b, struct view method, struct view target)
{
	if (!http1_is_token(method) || !is_target(target))
		return -ERR_MALFORMED;
	return put(b, (struct view[]){method, VIEW_LIT(" "), target, VIEW_LIT(" HTTP/1.1\r\n")}, 4);
}

int http1w_status(struct buf *b, unsigned status, struct view reason)
{
	char code[16];
	if (status < 100 || status > 999 || !is_text(reason))
		return -ERR_MALFORMED;
	snprintf(code, sizeof(code), "%u ", status);
	return put(b, (struct view[]){VIEW_LIT("HTTP/1.1 "), view_str(code), reason, VIEW_LIT("\r\n")}, 4);
}

int http1w_header(struct buf *b, struct view name, struct view value)
{
	if (!http1_is_token(name) || !is_text(value))
		return -ERR_MALFORMED;
	return put(b, (struct view[]){name, VIEW_LIT(": "), http1_trim(value), VIEW_LIT("\r\n")}, 4);
}

int http1w_number(struct buf *b, struct view name, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return http1w_header(b, name, view_str(text));
}

static bool listed(struct view name, const char *const *list)
{
	for (; list && *list; list++)
		if (view_ieq(name, view_str(*list)))
			return true;
	return false;
}

int http1w_headers(struct buf *b, const struct http1_head *h, const char *const *skip)
{
	size_t before = b->len;
	for (size_t i = 0; i < h->n; i++) {
		if (listed(h->h[i].name, skip))
			continue;
		int r = http1w_header(b, h->h[i].name, h->h[i].value);
		if (r) {
			buf_truncate(b, before);
			return r;
		}
	}
	return 0;
}

int http1w_end(struct buf *b)
{
	return put(b, &VIEW_LIT("\r\n"), 1);
}
