/* headers.c - see headers.h. */
#include "base/err.h"
#include "gate/headers.h"

enum { VALUE_MAX = 2048 };

static int digit64(uint8_t c)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(abc, c) : NULL;

	return at ? (int)(at - abc) : -1;
}

int headers_base64(struct view v, uint8_t *out, size_t cap)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;

	while (v.n && v.p[v.n - 1] == '=')
		v.n--;
	for (size_t i = 0; i < v.n; i++) {
		int d = digit64(v.p[i]);
		if (d < 0)
			return -1;
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (n == cap)
			return -1;
		out[n++] = (uint8_t)(acc >> bits);
	}
	return bits >= 6 || (acc & ((1u << bits) - 1)) ? -1 : (int)n;
}

/* Does header value ${v}, which may be in the base64 marker, say ${want}? */
static bool says(struct view v, struct view want)
{
	static const char open[] = "=?base64?", close[] = "?=";
	size_t no = sizeof(open) - 1, nc = sizeof(close) - 1;
	uint8_t text[VALUE_MAX];

	if (v.n < no + nc || !view_starts(v, VIEW_LIT("=?base64?")) || !view_eq(view_skip(v, v.n - nc), VIEW_LIT("?=")))
		return view_eq(v, want);
	int n = headers_base64(view_of(v.p + no, v.n - no - nc), text, sizeof(text));
	return n >= 0 && view_eq(view_of(text, (size_t)n), want);
}

static bool wants_name(struct view method)
{
	static const char *const names[] = {"tools/call", "prompts/get", "resources/read"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(method, names[i]))
			return true;
	return false;
}

/* Revisions are dates, so their order is that of their bytes. */
static bool is_new(struct view version)
{
	static const char first[] = "2026-07-28";

	return version.n == sizeof(first) - 1 && memcmp(version.p, first, version.n) >= 0;
}

const char *headers_agree(const struct http1_head *h, const struct json_doc *doc, const struct rpc *m, bool *new_era)
{
	struct view header = http1_get(h, "mcp-protocol-version", NULL), body = {0};
	const struct json_node *v =
	    m->meta ? json_get(doc, m->meta, VIEW_LIT("io.modelcontextprotocol/protocolVersion")) : NULL;

	*new_era = false;
	if (m->kind != RPC_REQUEST && m->kind != RPC_NOTIFICATION)
		return NULL;
	if (v && !json_plain(doc, v, &body))
		return "the protocol version in _meta is not plain text";
	if (!v && !is_new(header))
		return NULL;
	*new_era = is_new(v ? body : header);
	if (!*new_era)
		return NULL;
	/* A server of the new era must refuse a difference itself; one of the old era would not look.  So it is refused here. */
	if (v && !view_eq(header, body))
		return "MCP-Protocol-Version differs from the body";
	if (!says(http1_get(h, "mcp-method", NULL), m->method))
		return "Mcp-Method differs from the body";
	if (wants_name(m->method) && !says(http1_get(h, "mcp-name", NULL), m->is_call ? m->tool : m->target))
		return "Mcp-Name differs from the body";
	return NULL;
}
