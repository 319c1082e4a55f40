/*
 * words.h - the JSON-RPC messages that the gate itself says.
 * Floor: gate.      Source: docs/WIRE.md "how to deny".      Pure: each appends one message to ${out}.
 * ${id} is the raw token of the request; empty becomes null.
 */
#ifndef GATE_WORDS_H
#define GATE_WORDS_H

#include "base/buf.h"
#include "policy/pol.h"

enum { /* JSON-RPC codes */
	WORDS_PARSE = -32700,
	WORDS_REQUEST = -32600,
	WORDS_METHOD = -32601,
	WORDS_PARAMS = -32602,
	WORDS_INTERNAL = -32603,
	WORDS_RESOURCE = -32002,
	WORDS_SESSION = -32001, /* what clients know as "begin again" */
	WORDS_HEADERS = -32020,
};

enum { WORDS_CALL_ID = 40 };
/** words_call_id(ring, call, out): The id under which the audit knows a call. */
void words_call_id(uint64_t ring, uint64_t call, char out[WORDS_CALL_ID]);

/** words_error(out, id, code, text): An error answer. */
int words_error(struct buf *out, struct view id, int code, const char *text) __attribute__((warn_unused_result));

/** words_result(out, id, new_era, text): A tools/call result with isError, for the agent's model to read. */
int words_result(struct buf *out, struct view id, bool new_era, const char *text) __attribute__((warn_unused_result));

struct words_approval {
	const char *id;
	bool waiting; /* nobody has decided yet */
};

/** words_denied(out, id, new_era, d, call_id, a): The same for a decision, with machine-readable data in _meta.  ${a} may be NULL. */
int words_denied(struct buf *out, struct view id, bool new_era, const struct pol_decision *d, const char *call_id, const struct words_approval *a)
    __attribute__((warn_unused_result));

/** words_denial(out, cap, d, call_id, a): "Denied by policy: TEXT (rule R, audit id ID)"; "Not yet: ..." when it waits for an approval. */
void words_denial(char *out, size_t cap, const struct pol_decision *d, const char *call_id, const struct words_approval *a);

#endif
