/*
 * jsonrpc_fuzz.c - what rpc_read() accepts has the parts that it promises; what it refuses leaves no illegal id behind.
 */
#include <stdlib.h>

#include "base/err.h"
#include "codec/jsonrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 1 << 14 };

static struct json_node nodes[NODES];

#define CHECK(x) ((x) ? (void)0 : abort())

static void check_id(struct view id, struct view in)
{
	if (id.n == 0)
		return;
	CHECK(id.p >= in.p && id.p + id.n <= in.p + in.n);
	if (id.p[0] == '"')
		return;
	char text[32];
	CHECK(id.n < sizeof(text));
	memcpy(text, id.p, id.n);
	text[id.n] = 0;
	char *end;
	long long n = strtoll(text, &end, 10);
	CHECK(*end == 0 && n >= -9007199254740991 && n <= 9007199254740991);
}

/* ${v} is the unescaped text of ${n}. */
static void check_text(const struct json_doc *doc, const struct json_node *n, struct view v)
{
	CHECK(json_str_eq(doc, n, v));
}

static void check_message(const struct json_doc *doc, const struct rpc *m)
{
	const struct json_node *root = doc->node;
	CHECK(m->kind != RPC_NONE);
	if (m->kind == RPC_RESPONSE) {
		CHECK(m->id.n && !m->method.n && !m->result != !m->error);
		return;
	}
	CHECK((m->kind == RPC_REQUEST) == (m->id.n != 0));
	check_text(doc, json_get(doc, root, VIEW_LIT("method")), m->method);
	CHECK(m->params == json_get(doc, root, VIEW_LIT("params")));
	CHECK(m->meta == json_get(doc, m->params, VIEW_LIT("_meta")));
	CHECK(m->is_call == view_is(m->method, "tools/call"));
	if (m->is_call) {
		check_text(doc, json_get(doc, m->params, VIEW_LIT("name")), m->tool);
		CHECK(!m->arguments || m->arguments->type == JSON_OBJECT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc;
	struct rpc m;
	struct view in = view_of(data, size);
	if (json_scan(&doc, in, nodes, NODES, NULL) != 0)
		return 0;
	int r = rpc_read(&doc, &m);
	check_id(m.id, in);
	if (r == 0)
		check_message(&doc, &m);
	else
		CHECK(r == -ERR_BATCH || r == -ERR_MALFORMED || r == -ERR_AMBIGUOUS || r == -ERR_TOO_LONG);
	return 0;
}
