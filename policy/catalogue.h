/*
 * catalogue.h - the risk class of a tool, from what its server says about it.
 * Floor: policy (uses codec, base).  No I/O, no clock, no globals, no allocation but in catalogue_hash().
 * Source: docs/CATALOGUE.md.      Any input is legal to pass.
 *
 * The name decides first; description, input schema and annotations can only raise what it says.  A tool of which nothing is known
 * counts as Execute.  All that a server writes is a claim: a server that lies about its tools gets the class of its lie.
 */
#ifndef POLICY_CATALOGUE_H
#define POLICY_CATALOGUE_H

#include "base/view.h"

/* codec/json.h, which a program that also uses jansson cannot include */
struct json_doc;
struct json_node;

/* In order of severity.  The zero value is "not known" and counts as Execute. */
enum risk { RISK_UNKNOWN = 0, RISK_READ, RISK_WRITE, RISK_EXECUTE, RISK_DESTRUCTIVE, RISK_FINANCIAL, RISK_COUNT };

#define CATALOGUE_METHOD "callgate-1" /* changes whenever a rule or a word does */
enum { CATALOGUE_EVIDENCE = 256, CATALOGUE_HASH = 32 };

struct catalogue_tool {
	struct view server, name, description; /* UTF-8, unescaped; server and description may be empty */
	const struct json_doc *doc;            /* of the next two; may be NULL with them */
	const struct json_node *schema, *annotations;
};

struct catalogue_class {
	enum risk risk;      /* never RISK_UNKNOWN: Execute then, and known is false */
	bool known;
	unsigned confidence; /* of 100 */
	char evidence[CATALOGUE_EVIDENCE]; /* what decided, for people; printable ASCII */
};

/** catalogue_classify(t, out): Always gives a class. */
void catalogue_classify(const struct catalogue_tool *t, struct catalogue_class *out);

/** catalogue_name(r): "Read", "Write", "Execute", "Destructive", "Financial"; "Execute" for RISK_UNKNOWN. */
const char *catalogue_name(enum risk r);
/** catalogue_risk(name): The class of that name, in any case, or RISK_UNKNOWN. */
enum risk catalogue_risk(struct view name);

/**
 * catalogue_hash(doc, tool, out):
 * SHA-256 over a whole definition, whatever the order of its members, white space and escapes.  Its "_meta" is left out: it is not
 * shown to a model.  0 or -ENOMEM.
 */
int catalogue_hash(const struct json_doc *doc, const struct json_node *tool, uint8_t out[CATALOGUE_HASH])
    __attribute__((warn_unused_result));

#endif
