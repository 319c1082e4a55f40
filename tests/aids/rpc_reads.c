/*
 * rpc_reads.c - what two readers make of a request's body: the gate's, and jansson, in which of two equal keys the last one counts.
 * Standard input: frames of a length (4 bytes, little endian) and that many bytes.  Standard output: a line a frame, "GATE JANSSON", each
 * "-" for a body that it does not take for a request, or METHOD:NAME in hexadecimal; NAME is params.name, and empty when there is none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/jsonrpc.h"

/* Both name their types alike; jansson's are not needed here. */
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>

enum { NODES = 65536, BODY_MAX = 4 << 20 };

static void hex(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const uint8_t *)p)[i]);
}

static void say(const void *method, size_t m, const void *name, size_t n)
{
	hex(method, m);
	putchar(':');
	hex(name, n);
}

static void gate(struct view body)
{
	static struct json_node nodes[NODES];
	static struct json_doc doc;
	static struct rpc rpc;

	if (json_scan(&doc, body, nodes, NODES, NULL) || rpc_read(&doc, &rpc) || rpc.kind == RPC_RESPONSE)
		putchar('-');
	else
		say(rpc.method.p, rpc.method.n, rpc.tool.p, rpc.is_call ? rpc.tool.n : 0);
}

static void jansson(struct view body)
{
	json_t *o = json_loadb((const char *)body.p, body.n, JSON_ALLOW_NUL, NULL), *method = json_object_get(o, "method");
	json_t *name = json_object_get(json_object_get(o, "params"), "name");

	if (!json_string_value(method))
		putchar('-');
	else
		say(json_string_value(method), json_string_length(method), json_string_value(name), json_string_length(name));
	json_decref(o);
}

int main(void)
{
	static uint8_t body[BODY_MAX];
	uint32_t n;

	while (fread(&n, sizeof(n), 1, stdin) == 1) {
		if (n > BODY_MAX || fread(body, 1, n, stdin) != n)
			return 2;
		gate(view_of(body, n));
		putchar(' ');
		jansson(view_of(body, n));
		putchar('\n');
	}
	return ferror(stdin) != 0;
}
