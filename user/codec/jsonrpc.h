/*
 * jsonrpc.h - one JSON-RPC message of MCP, read under the strict profile.
 * Floor: codec.      Source: JSON-RPC 2.0; MCP 2024-11-05 to 2026-07-28; docs/WIRE.md "strict profile".
 */
#ifndef CODEC_JSONRPC_H
#define CODEC_JSONRPC_H

#include "codec/json.h"

enum rpc_kind { RPC_NONE, RPC_REQUEST, RPC_NOTIFICATION, RPC_RESPONSE };

struct rpc {
	enum rpc_kind kind;
	struct view id;     /* raw token, echoed byte for byte; empty when absent */
	struct view method; /* unescaped: points into the input, or into scratch */
	const struct json_node *params; /* NULL when absent */
	const struct json_node *meta;   /* params._meta, or NULL */
	/* tools/call */
	bool is_call;
	struct view tool;                  /* unescaped name; may be empty */
	const struct json_node *arguments; /* object, or NULL when absent or null */
	/* prompts/get and resources/read|subscribe: params.name or params.uri, unescaped; else empty */
	struct view target;
	const struct json_node *result, *error; /* of a response */
	uint8_t scratch[2048]; /* unescaped method, tool, target when they held escapes */
	uint16_t used;
};

/**
 * rpc_read(doc, out):
 * Read the scanned document of a client's POST.  0, or -ERR_BATCH (top-level array), -ERR_MALFORMED (envelope, id, params,
 * name or arguments of the wrong shape), -ERR_AMBIGUOUS (a key that folds to a known one: ASCII case, U+017F, U+212A, U+0130,
 * U+0131; json_scan() has refused NUL), -ERR_TOO_LONG (a method or tool name that would not fit scratch, a target with escapes that
 * does not).  On failure out->id is still set when it was legal, and kind, method and is_call as far as they were read, so
 * that the refusal can name them.
 */
int rpc_read(const struct json_doc *doc, struct rpc *out) __attribute__((warn_unused_result));

#endif
