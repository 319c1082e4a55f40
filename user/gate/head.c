/* head.c - see head.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "gate/claim.h"
#include "gate/head.h"

/* Of this hop only, or said anew by us. */
static const char *const hop[] = {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
    "proxy-authentication-info", "te", "trailer", "transfer-encoding", "content-length", "upgrade", "http2-settings"};
static const char *const request_drop[] = {"expect", "host"};
static const char *const request_read[] = {"accept-encoding", "x-http-method-override", "x-http-method", "x-method-override"};
static const char *const request_brokered[] = {"authorization", "cookie", "cookie2"};
static const char *const response_drop[] = {"alt-svc"};
static const char *const response_brokered[] = {"www-authenticate", "set-cookie", "set-cookie2", "authentication-info"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Names equal when case and '_' against '-' are ignored: gateways that speak CGI fold them together. */
static bool same_name(struct view a, struct view b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		uint8_t x = a.p[i] == '_' ? '-' : a.p[i], y = b.p[i] == '_' ? '-' : b.p[i];
		if (!view_ieq(view_of(&x, 1), view_of(&y, 1)))
			return false;
	}
	return true;
}

static bool listed(struct view name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_name(name, view_str(list[i])))
			return true;
	return false;
}

static bool nominated(const struct http1_head *h, struct view name)
{
	char text[64];

	if (name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	for (size_t i = 0; i < h->n; i++)
		if (view_ieq(h->h[i].name, VIEW_LIT("connection")) && http1_has_token(h->h[i].value, text))
			return true;
	return false;
}

static int field(struct buf *out, struct view name, struct view value)
{
	uint8_t *p = buf_reserve(out, name.n + value.n + 4);

	if (!p)
		return -ENOMEM;
	memcpy(p, name.p, name.n);
	p += name.n;
	*p++ = ':';
	*p++ = ' ';
	if (value.n)
		memcpy(p, value.p, value.n);
	p += value.n;
	*p++ = '\r';
	*p = '\n';
	buf_commit(out, name.n + value.n + 4);
	return 0;
}

static int length_field(struct buf *out, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return field(out, VIEW_LIT("Content-Length"), view_str(text));
}

static int inject_field(struct buf *out, const struct head_inject *in)
{
	const char *at = strstr(in->format, "{secret}");
	int r = buf_puts(out, in->header);

	r = r ? r : buf_puts(out, ": ");
	r = r ? r : buf_put(out, view_of(in->format, at ? (size_t)(at - in->format) : strlen(in->format)));
	if (at) {
		r = r ? r : buf_put(out, in->secret);
		r = r ? r : buf_puts(out, at + 8);
	}
	return r ? r : buf_puts(out, "\r\n");
}

static bool kept_up(const struct http1_head *h, struct view name, unsigned flags, const struct head_inject *inject)
{
	if (listed(name, hop, COUNT(hop)) || listed(name, request_drop, COUNT(request_drop)))
		return false;
	if (!(flags & HEAD_AS_SENT) && listed(name, request_read, COUNT(request_read)))
		return false;
	if ((flags & HEAD_BROKERED) && listed(name, request_brokered, COUNT(request_brokered)))
		return false;
	if (inject && inject->header && same_name(name, view_str(inject->header)))
		return false;
	return !nominated(h, name);
}

int head_request(struct buf *out, const struct http1_head *h, unsigned flags, const struct head_inject *inject, int64_t body)
{
	int r = buf_put(out, h->method);

	r = r ? r : buf_put(out, VIEW_LIT(" "));
	r = r ? r : buf_put(out, h->target);
	r = r ? r : buf_put(out, VIEW_LIT(" HTTP/1.1\r\n"));
	r = r ? r : field(out, VIEW_LIT("Host"), h->host);
	for (size_t i = 0; !r && i < h->n; i++)
		if (kept_up(h, h->h[i].name, flags, inject) &&
		    !(same_name(h->h[i].name, VIEW_LIT("authorization")) && claim_is_token(h->h[i].value)))
			r = field(out, h->h[i].name, h->h[i].value);
	if (!r && inject && inject->header)
		r = inject_field(out, inject);
	if (!r && !(flags & HEAD_AS_SENT))
		r = buf_put(out, VIEW_LIT("Accept-Encoding: identity\r\n"));
	if (!r && body >= 0)
		r = length_field(out, (uint64_t)body);
	return r ? r : buf_put(out, VIEW_LIT("\r\n"));
}

static bool kept_down(const struct http1_head *h, struct view name, unsigned flags)
{
	if (listed(name, hop, COUNT(hop)) || listed(name, response_drop, COUNT(response_drop)))
		return false;
	if ((flags & HEAD_BROKERED) && listed(name, response_brokered, COUNT(response_brokered)))
		return false;
	return !nominated(h, name);
}

int head_response(struct buf *out, const struct http1_head *h, unsigned flags, int64_t length, bool close)
{
	char text[32];

	snprintf(text, sizeof(text), "HTTP/1.1 %03u ", h->status % 1000u);
	int r = buf_puts(out, text);
	r = r ? r : buf_put(out, h->reason);
	r = r ? r : buf_put(out, VIEW_LIT("\r\n"));
	for (size_t i = 0; !r && i < h->n; i++)
		if (kept_down(h, h->h[i].name, flags))
			r = field(out, h->h[i].name, h->h[i].value);
	if (!r && length >= 0)
		r = length_field(out, (uint64_t)length);
	else if (!r && length == -1)
		r = buf_put(out, VIEW_LIT("Transfer-Encoding: chunked\r\n"));
	if (!r && close)
		r = buf_put(out, VIEW_LIT("Connection: close\r\n"));
	return r || length == -3 ? r : buf_put(out, VIEW_LIT("\r\n"));
}

int head_finish(struct buf *out, size_t length)
{
	int r = length_field(out, length);

	return r ? r : buf_put(out, VIEW_LIT("\r\n"));
}

static const char *reason_of(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} table[] = {{200, "OK"}, {202, "Accepted"}, {400, "Bad Request"}, {404, "Not Found"}, {405, "Method Not Allowed"},
	    {408, "Request Timeout"}, {411, "Length Required"}, {413, "Content Too Large"}, {415, "Unsupported Media Type"},
	    {421, "Misdirected Request"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
	    {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};

	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].status == status)
			return table[i].reason;
	return "Error";
}

int head_own(struct buf *out, unsigned status, size_t n, bool close)
{
	int r = buf_printf(out, "HTTP/1.1 %u %s\r\n", status, reason_of(status));

	if (!r && status == 405)
		r = buf_puts(out, "Allow: POST\r\n");
	if (!r && n)
		r = buf_puts(out, "Content-Type: application/json\r\n");
	r = r ? r : buf_puts(out, "Cache-Control: no-store\r\n");
	r = r ? r : length_field(out, n);
	if (!r && close)
		r = buf_puts(out, "Connection: close\r\n");
	return r ? r : buf_puts(out, "\r\n");
}

int head_own_events(struct buf *out, bool close)
{
	int r = buf_puts(out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
	                      "Transfer-Encoding: chunked\r\n");

	if (!r && close)
		r = buf_puts(out, "Connection: close\r\n");
	return r ? r : buf_puts(out, "\r\n");
}

bool head_nominates(const struct http1_head *h)
{
	static const char *const never[] = {"host", "authorization", "content-type", "content-length", "content-encoding",
	    "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"};

	for (size_t i = 0; i < COUNT(never); i++)
		if (nominated(h, view_str(never[i])))
			return true;
	return false;
}
