/*
 * jsonrpc.c - see jsonrpc.h.
 * Floor: codec.      Source: JSON-RPC 2.0; docs/WIRE.md "strict profile".
 * The envelope is always walked to its end, so that a refusal can name the id wherever it stands; the worst finding wins:
 * ambiguity over bad shape.
 */
#include "base/err.h"
#include "codec/json_internal.h"
#include "codec/jsonrpc.h"

enum {
	ID_MAX = 256,    /* bytes of a string id, unescaped */
	ID_DIGITS = 16,  /* of 2^53-1 */
	FOLDED_MAX = 64, /* no known key folds to more */
};

enum key { K_JSONRPC, K_ID, K_METHOD, K_PARAMS, K_RESULT, K_ERROR, K_COUNT };

static const struct view envelope[K_COUNT + 1] = {
	[K_JSONRPC] = VIEW_LIT("jsonrpc"), [K_ID] = VIEW_LIT("id"),         [K_METHOD] = VIEW_LIT("method"),
	[K_PARAMS] = VIEW_LIT("params"),   [K_RESULT] = VIEW_LIT("result"), [K_ERROR] = VIEW_LIT("error"),
};

enum param { P_NAME, P_ARGUMENTS, P_META, P_URI, P_COUNT };

/* Known in params; the first few are read here, the others only protected from look-alikes.  An empty view ends a table. */
static const struct view params_keys[] = {
	[P_NAME] = VIEW_LIT("name"),   [P_ARGUMENTS] = VIEW_LIT("arguments"),
	[P_META] = VIEW_LIT("_meta"),  [P_URI] = VIEW_LIT("uri"),
	VIEW_LIT("cursor"),            VIEW_LIT("protocolVersion"),
	VIEW_LIT("capabilities"),      VIEW_LIT("clientInfo"),
	VIEW_LIT("requestState"),      VIEW_LIT("inputResponses"),
	VIEW_LIT("taskId"),            VIEW_LIT("task"),
	{NULL, 0},
};

static const struct view meta_keys[] = {
	VIEW_LIT("io.modelcontextprotocol/protocolVersion"),
	VIEW_LIT("io.modelcontextprotocol/clientCapabilities"),
	VIEW_LIT("io.modelcontextprotocol/clientInfo"),
	VIEW_LIT("io.modelcontextprotocol/logLevel"),
	VIEW_LIT("io.modelcontextprotocol/subscriptionId"),
	VIEW_LIT("io.modelcontextprotocol/related-task"),
	VIEW_LIT("progressToken"), VIEW_LIT("traceparent"), VIEW_LIT("tracestate"), VIEW_LIT("baggage"),
	{NULL, 0},
};

static inline uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/*
 * Fold ${key}: ASCII letters to lower case; the letters outside ASCII that some library maps to an ASCII letter (U+017F long s, U+212A
 * Kelvin, U+0130 and U+0131, the two Turkish i) to that letter.  NUL needs no care: the scanner lets none into a key.
 * The length, or -1 when it is longer than any known key.
 */
static int fold(const struct json_doc *doc, const struct json_node *n, uint8_t out[FOLDED_MAX])
{
	static const struct { char seq[4]; uint8_t n, to; } odd[] = {
		{"\xc5\xbf", 2, 's'}, {"\xe2\x84\xaa", 3, 'k'}, {"\xc4\xb0", 2, 'i'}, {"\xc4\xb1", 2, 'i'},
	};
	struct view raw = json_key_view(doc, n);
	struct json_bytes it = {.p = raw.p, .end = raw.p + raw.n};
	int len = 0;
	for (int c; (c = json_bytes_next(&it)) >= 0;) {
		if (len == FOLDED_MAX)
			return -1;
		out[len++] = lower((uint8_t)c);
		for (size_t i = 0; c >= 0x80 && i < sizeof(odd) / sizeof(*odd); i++)
			if (len >= odd[i].n && memcmp(out + len - odd[i].n, odd[i].seq, odd[i].n) == 0) {
				len -= odd[i].n;
				out[len++] = odd[i].to;
			}
	}
	return len;
}

/* Which of ${names} the key of ${n} is; -1: none, and none that it could be taken for; -ERR_AMBIGUOUS. */
static int which(const struct json_doc *doc, const struct json_node *n, const struct view *names)
{
	for (int i = 0; names[i].n; i++)
		if (json_key_eq(doc, n, names[i]))
			return i;
	uint8_t folded[FOLDED_MAX];
	int len = fold(doc, n, folded);
	if (len < 0)
		return -1;
	for (int i = 0; names[i].n; i++)
		if (view_ieq(names[i], view_of(folded, (size_t)len)))
			return -ERR_AMBIGUOUS;
	return -1;
}

static bool id_integer(struct view v)
{
	static const char top[] = "9007199254740991";
	struct view d = v.p[0] == '-' ? view_skip(v, 1) : v;
	for (size_t i = 0; i < d.n; i++)
		if (d.p[i] < '0' || d.p[i] > '9')
			return false;
	if (d.n != v.n && view_is(d, "0"))
		return false;
	return d.n < ID_DIGITS || (d.n == ID_DIGITS && memcmp(d.p, top, ID_DIGITS) <= 0);
}

static int read_id(const struct json_doc *doc, const struct json_node *n, struct rpc *out)
{
	uint8_t text[ID_MAX];
	if (n->type == JSON_STRING ? json_str(doc, n, text, sizeof(text)) < 0
				   : n->type != JSON_NUMBER || !id_integer(json_raw(doc, n)))
		return -ERR_MALFORMED;
	out->id = json_raw(doc, n);
	return 0;
}

/* The unescaped text of string ${n}: in place when it can be, else in scratch. */
static int text(const struct json_doc *doc, const struct json_node *n, struct rpc *out, struct view *v)
{
	if (!n || n->type != JSON_STRING)
		return -ERR_MALFORMED;
	if (json_plain(doc, n, v))
		return 0;
	int len = json_str(doc, n, out->scratch + out->used, sizeof(out->scratch) - out->used);
	if (len < 0)
		return len;
	*v = view_of(out->scratch + out->used, (size_t)len);
	out->used += (uint16_t)len;
	return 0;
}

/* As text(), for what records carry whole: bounded also when it needs no scratch. */
static int name(const struct json_doc *doc, const struct json_node *n, struct rpc *out, struct view *v)
{
	int r = text(doc, n, out, v);
	return r ? r : v->n > sizeof(out->scratch) ? -ERR_TOO_LONG : 0;
}

static int read_meta(const struct json_doc *doc, const struct json_node *meta, struct rpc *out)
{
	if (meta->type != JSON_OBJECT)
		return -ERR_MALFORMED;
	out->meta = meta;
	for (const struct json_node *n = json_first(doc, meta); n; n = json_next(doc, meta, n))
		if (which(doc, n, meta_keys) == -ERR_AMBIGUOUS)
			return -ERR_AMBIGUOUS;
	return 0;
}

/* The look-alike check and, by enum param, the members that are read. */
static int walk_params(const struct json_doc *doc, struct rpc *out, const struct json_node *at[P_COUNT])
{
	for (const struct json_node *n = json_first(doc, out->params); n; n = json_next(doc, out->params, n)) {
		int k = which(doc, n, params_keys);
		if (k == -ERR_AMBIGUOUS)
			return k;
		if (k >= 0 && k < P_COUNT)
			at[k] = n;
	}
	return at[P_META] ? read_meta(doc, at[P_META], out) : 0;
}

static int read_call(const struct json_doc *doc, const struct json_node *const at[P_COUNT], struct rpc *out)
{
	const struct json_node *args = at[P_ARGUMENTS];
	out->is_call = true;
	if (args && args->type != JSON_NULL) {
		if (args->type != JSON_OBJECT)
			return -ERR_MALFORMED;
		out->arguments = args;
	}
	return name(doc, at[P_NAME], out, &out->tool);
}

static int read_params(const struct json_doc *doc, const struct json_node *params, struct rpc *out)
{
	/* A revision that removed a method answers it by name alone: there the target may be absent. */
	static const struct { struct view method; enum param key; bool needed; } targets[] = {
		{VIEW_LIT("prompts/get"), P_NAME, true},
		{VIEW_LIT("resources/read"), P_URI, true},
		{VIEW_LIT("resources/subscribe"), P_URI, false},
		{VIEW_LIT("resources/unsubscribe"), P_URI, false},
	};
	const struct json_node *at[P_COUNT] = {NULL};

	if (params) {
		if (params->type != JSON_OBJECT)
			return -ERR_MALFORMED;
		out->params = params;
		int r = walk_params(doc, out, at);
		if (r)
			return r;
	}
	if (view_is(out->method, "tools/call"))
		return read_call(doc, at, out);
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (view_eq(out->method, targets[i].method) && (targets[i].needed || at[targets[i].key]))
			return text(doc, at[targets[i].key], out, &out->target);
	return 0;
}

static int read_response(const struct json_node *const at[K_COUNT], struct rpc *out)
{
	const struct json_node *result = at[K_RESULT], *error = at[K_ERROR];
	if (at[K_PARAMS] || !at[K_ID] || !result == !error)
		return -ERR_MALFORMED;
	if ((result ? result : error)->type != JSON_OBJECT)
		return -ERR_MALFORMED;
	out->result = result;
	out->error = error;
	out->kind = RPC_RESPONSE;
	return 0;
}

static int read_request(const struct json_doc *doc, const struct json_node *const at[K_COUNT], struct rpc *out)
{
	if (at[K_RESULT] || at[K_ERROR])
		return -ERR_MALFORMED;
	int r = name(doc, at[K_METHOD], out, &out->method);
	if (r)
		return r;
	if (out->method.n == 0)
		return -ERR_MALFORMED;
	out->kind = at[K_ID] ? RPC_REQUEST : RPC_NOTIFICATION;
	return read_params(doc, at[K_PARAMS], out);
}

int rpc_read(const struct json_doc *doc, struct rpc *out)
{
	const struct json_node *root = doc->node, *at[K_COUNT] = {NULL};
	int r = 0;

	memset(out, 0, offsetof(struct rpc, scratch));
	out->used = 0;
	if (doc->n == 0)
		return -ERR_MALFORMED;
	if (root->type == JSON_ARRAY)
		return -ERR_BATCH;
	if (root->type != JSON_OBJECT)
		return -ERR_MALFORMED;
	for (const struct json_node *n = json_first(doc, root); n; n = json_next(doc, root, n)) {
		int k = which(doc, n, envelope);
		if (k >= 0)
			at[k] = n;
		else if (r != -ERR_AMBIGUOUS)
			r = k == -1 ? -ERR_MALFORMED : k;
	}
	int bad_id = at[K_ID] ? read_id(doc, at[K_ID], out) : 0;
	if (r || (r = bad_id))
		return r;
	if (!json_str_eq(doc, at[K_JSONRPC], VIEW_LIT("2.0")))
		return -ERR_MALFORMED;
	return at[K_METHOD] ? read_request(doc, at, out) : read_response(at, out);
}
